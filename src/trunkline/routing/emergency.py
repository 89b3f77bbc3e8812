"""The emergency of a tier (policy.md): what is done while nobody good enough can serve, where others could.

Good enough is who a list for the work names, or who is under the tier's price ceiling; and, in either case, not below
the quality floor. It excludes nobody from what somebody waits for: the promise is that a request is answered while any
provider can serve. So a tier that pauses holds back only what may be kept and is not critical, only before anybody
was asked, and only while somebody good enough is known to come back in time.
"""

from __future__ import annotations

from collections.abc import Sequence

from trunkline.domain.decisions import USUAL, RejectionCode
from trunkline.domain.preferences import TierPolicy
from trunkline.routing.candidates import Scan
from trunkline.routing.options import Option
from trunkline.routing.profiles import BEHIND
from trunkline.routing.rejections import Refused

_COMES_BACK = frozenset({RejectionCode.LIMIT, RejectionCode.BREAKER_OPEN, RejectionCode.BUSY})


def emergency_of(scan: Scan, ranking: Sequence[Option]) -> TierPolicy | None:
    """The tier of the request where nobody of its `ranking` is good enough; None where somebody is, or where a person's
    word or a crisis says who answers."""
    if scan.only is not None or scan.crisis or not scan.preferences.rules.auto_routing:
        return None
    if any(option.behind <= USUAL for option in ranking):
        return None
    return scan.preferences.tier(scan.task.tier)


def emergency_options(scan: Scan, tier: TierPolicy) -> list[Option]:
    """The options of the best model that the tier's emergency names; none where it names none that can serve."""
    selector = scan.policy.config.catalogue.select(tier.emergency) if tier.emergency else None
    if selector is None:
        return []
    found = []
    for row in scan.policy.rows:
        if selector.provider in (None, row.provider) and selector.model in (None, row.model):
            options = scan.options(row) if scan.considered(row) else []
            if options := [one for one in options if selector.account in (None, one.route.account)]:
                found.append(options)
    return min(found, key=lambda options: min(option.key for option in options), default=[])


def pauses_until_ms(scan: Scan, tier: TierPolicy) -> int | None:
    """When somebody good enough should be back, where the request waits for that; None where it does not."""
    latest_ms = scan.ask.may_wait_until_ms
    if not tier.pauses or latest_ms is None or scan.task.critical or scan.ask.after is not None:
        return None
    now_ms = scan.state.now_ms
    resets = [
        refused.until_ms
        for basis in scan.profile.bases
        if basis[BEHIND] <= USUAL
        for route in basis[-1].routes
        if (refused := scan.rejections.of(route)) is not None and refused.code in _COMES_BACK
        if refused.until_ms is not None and now_ms < refused.until_ms <= latest_ms
    ]
    return min(resets, default=None)


def note_paused(scan: Scan, tier: TierPolicy, ranking: Sequence[Option]) -> None:
    """Say of those who could serve why they are not asked."""
    rule = (("rule", f"tiers.{tier.tier.value}.emergency"),)
    for option in ranking:
        row = option.row
        scan.rejections.add(Refused(row.provider, None, row.model, RejectionCode.EXCLUDED, rule))
