"""Accounts that nobody said belong together and that are refused as if they did.

Two accounts of one provider that are refused together, or one that is refused right after the other has used its
allowance up, are suspected of drawing on the same allowance. Each such event makes that surer; an answer to the one
while the other is out makes it much less sure, and time fades it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from trunkline.domain.routes import Catalogue
from trunkline.domain.snapshot import SharedAllowance
from trunkline.quota.breaker import DAY_MS, MINUTE_MS

SHOWN_FROM = 0.2
ACTED_ON_FROM = 0.6
GONE_BELOW = 0.05
TOGETHER_MS = 5_000
IDLE_MS = MINUTE_MS
SAME_RESET_MS = 1_500
HALF_LIFE_MS = 14 * DAY_MS
MOST_PAIRS = 1_000
_TOGETHER, _SAME_RESET, _WHILE_OUT, _IDLE = 0.2, 0.4, 0.3, 0.5
_CLEARED = 0.35
_NAMED = 0.98
_WHOLE_HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Suspicion:
    """That accounts `one` and `other` (in alphabetical order) of a provider share an allowance, as sure (0..1) as it
    was at `as_of_ms` (wall time)."""

    provider: str
    one: str
    other: str
    confidence: float
    evidence: str
    as_of_ms: int

    @property
    def pair(self) -> str:
        """The key under which it is kept."""
        return f"{self.provider}/{self.one}/{self.other}"

    def sure_at(self, now_ms: int) -> float:
        """How sure it still is: half as sure every fortnight in which nothing bears it out."""
        age_ms = max(0, now_ms - self.as_of_ms)
        return float(self.confidence * 0.5 ** (age_ms / HALF_LIFE_MS))


@dataclass(frozen=True, slots=True)
class Refusal:
    """That calls of a model (None: of the whole account) were refused for want of allowance at `at_ms`, and until
    when; `first_after_ms` is how long the account had answered nothing before it."""

    account: str
    model: str | None
    at_ms: int
    until_ms: int | None
    first_after_ms: float
    organisation: str | None = None


class Suspicions:
    """Every suspicion of one process, those of others taken in. `changed` collects what is to be kept, until taken."""

    def __init__(self) -> None:
        self.changed: dict[str, Suspicion] = {}
        self._of: dict[tuple[str, str], dict[str, Suspicion]] = {}
        self._stated: dict[tuple[str, str], str | None] = {}

    def use_config(self, catalogue: Catalogue) -> None:
        """Work with another configuration: what is said of organisations there is not suspected."""
        self._stated = {
            (provider.id, account.id): account.organisation
            for provider in catalogue.providers
            for account in provider.accounts
        }

    def restore(self, kept: Iterable[Suspicion]) -> None:
        """Take in what is kept, by this process and others; of a pair the later word stands."""
        for one in kept:
            known = self._of.get((one.provider, one.one), {}).get(one.other)
            if known is None or known.as_of_ms < one.as_of_ms:
                self._put(one)

    def take_changes(self) -> tuple[Suspicion, ...]:
        """What is new or changed since this was last asked."""
        changed = tuple(self.changed.values())
        self.changed.clear()
        return changed

    def partners(self, provider: str, account: str, now_ms: int, least: float) -> list[SharedAllowance]:
        """The accounts suspected of sharing with this one, at least that sure, surest first."""
        known = self._of.get((provider, account))
        if not known:
            return []
        sure = [(partner, one.sure_at(now_ms), one.evidence) for partner, one in known.items()]
        sure = [one for one in sure if one[1] >= least and self._may_share(provider, account, one[0])]
        sure.sort(key=lambda one: (-one[1], one[0]))
        return [SharedAllowance(partner, round(sureness, 2), why) for partner, sureness, why in sure]

    def shown(self, provider: str, account: str, now_ms: int) -> tuple[SharedAllowance, ...]:
        """What panels show of an account."""
        return tuple(self.partners(provider, account, now_ms, SHOWN_FROM))

    def refused_both(self, provider: str, earlier: Refusal, later: Refusal) -> None:
        """Two accounts were refused, the one while the other was still out or a moment after it."""
        if not self._may_share(provider, earlier.account, later.account):
            return
        known = self._known(provider, earlier.account, later.account)
        if earlier.organisation is not None and later.organisation is not None:
            self._named(provider, earlier, later, known)
            return
        weight, why = _told_by(earlier, later)
        of_one_event = known is not None and later.at_ms - known.as_of_ms < 2 * TOGETHER_MS
        if weight == 0 or (of_one_event and known is not None and known.confidence > 0.1):
            return
        before = 0.0 if known is None else known.sure_at(later.at_ms)
        self._say(provider, earlier.account, later.account, before + (1 - before) * weight, why, later.at_ms)

    def _named(self, provider: str, earlier: Refusal, later: Refusal, known: Suspicion | None) -> None:
        """Both refusals name their organisation: that settles it."""
        is_one = earlier.organisation == later.organisation
        sureness = _NAMED if is_one else 0.0
        if (0.0 if known is None else known.confidence) != sureness:
            named = "one organisation" if is_one else "different organisations"
            why = f"the refusals of {earlier.account} and {later.account} name {named}"
            self._say(provider, earlier.account, later.account, sureness, why, later.at_ms)

    def answered(
        self, provider: str, account: str, began_ms: int, out_since: Callable[[str], int | None]
    ) -> None:
        """A call that began then was answered by `account`; `out_since` says since when (ms) another account has been
        refused for want of the same allowance, None where it is not."""
        known = self._of.get((provider, account))
        for partner, one in tuple(known.items()) if known else ():
            since_ms = out_since(partner)
            if since_ms is not None and since_ms <= began_ms and one.confidence >= GONE_BELOW:
                why = f"{account} answered while {partner} was out"
                self._say(provider, account, partner, one.sure_at(began_ms) * _CLEARED, why, began_ms)

    def _say(self, provider: str, one: str, other: str, sureness: float, why: str, now_ms: int) -> None:
        one, other = sorted((one, other))
        said = Suspicion(provider, one, other, sureness if sureness >= GONE_BELOW else 0.0, why, now_ms)
        known = self._known(provider, one, other)
        if (
            known is not None and known.as_of_ms >= now_ms
        ):  # the clock was set back; the newer word must win anywhere
            said = replace(said, as_of_ms=known.as_of_ms + 1)
        self._put(said)
        self.changed[said.pair] = said

    def _put(self, said: Suspicion) -> None:
        for one, other in ((said.one, said.other), (said.other, said.one)):
            known = self._of.setdefault((said.provider, one), {})
            known[other] = said
            if len(known) > MOST_PAIRS:
                del known[min(known, key=lambda partner: known[partner].confidence)]

    def _known(self, provider: str, one: str, other: str) -> Suspicion | None:
        return self._of.get((provider, one), {}).get(other)

    def _may_share(self, provider: str, one: str, other: str) -> bool:
        """Whether that is open: both are configured and not both said to be of an organisation."""
        if one == other or (provider, one) not in self._stated or (provider, other) not in self._stated:
            return False
        return self._stated[provider, one] is None or self._stated[provider, other] is None


def _told_by(earlier: Refusal, later: Refusal) -> tuple[float, str]:
    """How much two refusals say for a shared allowance (0..1), and the sentence for it."""
    apart_ms = later.at_ms - earlier.at_ms
    names = f"{earlier.account} and {later.account}"
    weight, why = 0.0, ""
    if apart_ms <= TOGETHER_MS:
        weight, why = _TOGETHER, f"{names} were refused within {max(1, -(-apart_ms // 1000))} s of each other"
    if later.first_after_ms > IDLE_MS > earlier.first_after_ms:
        weight = _IDLE if apart_ms <= IDLE_MS else _WHILE_OUT
        first = f"{later.account} was refused on its first call in a while"
        why = f"{first}, after {earlier.account} had used the allowance up"
    if weight and _same_moment(earlier.until_ms, later.until_ms):
        weight = max(weight, _SAME_RESET) + 0.1
        why = f"{why}, with the same reset"
    return weight, why


def _same_moment(one_ms: int | None, other_ms: int | None) -> bool:
    """Whether two stated resets are one. On the hour they may well be two: that is when calendar windows renew."""
    if one_ms is None or other_ms is None or abs(one_ms - other_ms) > SAME_RESET_MS:
        return False
    return all(min(at % _WHOLE_HOUR_MS, -at % _WHOLE_HOUR_MS) > SAME_RESET_MS for at in (one_ms, other_ms))
