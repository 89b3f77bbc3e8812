"""Collects why routes may not answer, and says it in as few entries as possible."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from trunkline.domain.decisions import Rejection, RejectionCode
from trunkline.domain.faults import FaultKind
from trunkline.domain.routes import Route
from trunkline.routing.policy import CompiledPolicy

Facts = tuple[tuple[str, str | int | float | None], ...]

NOT_ASKED_FOR = "only the models that were asked for"
"""The rule that keeps out who is not among those that a request names."""

ONLY_EMBEDS: Facts = (("gives", "embeddings"),)
"""Of a model that gives vectors, where an answer is wanted."""

# Who is exhausted, and until when, is said account by account.
_SAID_BY_ACCOUNT = (
    RejectionCode.LIMIT,
    RejectionCode.BUSY,
    RejectionCode.BREAKER_OPEN,
    RejectionCode.FAILED,
)
# Which model of which account is gone, since when and what took its place, is said one by one.
_SAID_BY_ROUTE = (RejectionCode.RETIRED,)


class Refused(NamedTuple):
    """Routes that may not answer: `account` or `model` None stands for all of the provider's."""

    provider: str
    account: str | None
    model: str | None
    code: RejectionCode
    facts: Facts = ()
    until_ms: int | None = None


class Rejections:
    """The rejections of one decision, which `embeds` or wants an answer; `add` is cheap, `grouped` is called once."""

    def __init__(self, policy: CompiledPolicy, *, embeds: bool = False) -> None:
        self._policy = policy
        self._embeds = embeds
        self._found: dict[tuple[str, str | None, str | None], Refused] = {}

    def add(self, refused: Refused) -> None:
        """Take note; the first reason given for a route is the one that counts."""
        self._found.setdefault(refused[:3], refused)

    def of(self, route: Route) -> Refused | None:
        """What was noted against an account of `route`, or against all of its provider's."""
        provider, account, model = route.provider, route.account, route.model
        keys = ((provider, account, model), (provider, account, None), (provider, None, None))
        return next((self._found[key] for key in keys if key in self._found), None)

    def is_limited(self, route: Route) -> bool:
        """Whether `route` was noted as out of allowance, by its limits or by a refusal."""
        refused = self.of(route)
        if refused is None:
            return False
        kind = dict(refused.facts).get("kind")
        limit_kinds = [kind.value for kind in FaultKind if kind.is_limit]
        return refused.code is RejectionCode.LIMIT or kind in limit_kinds

    def grouped(self) -> tuple[Rejection, ...]:
        """All of them and the static ones, sorted by route. What every model of an account shares is said as
        `provider/account/*`, what all of a provider shares as `provider/*`."""
        by_route = [refused for refused in self._found.values() if refused.account and refused.model]
        single = [refused for refused in by_route if refused.code in _SAID_BY_ROUTE]
        routes = [refused for refused in by_route if refused.code not in _SAID_BY_ROUTE]
        models = [refused for refused in self._found.values() if not refused.account]
        accounts = [refused for refused in self._found.values() if not refused.model and refused.account]
        pools = self._policy.pools
        routes, widened = _join(routes, lambda r: (r.provider, r.account), self._models)
        accounts += widened
        models, whole = _join(models, lambda r: (r.provider, None), self._models)
        plain = [refused for refused in accounts if refused.code not in _SAID_BY_ACCOUNT]
        said = [refused for refused in accounts if refused.code in _SAID_BY_ACCOUNT]
        plain, widest = _join(
            plain, lambda r: (r.provider, None), lambda r: max(2, len(pools[r.provider].members))
        )
        found = (*single, *routes, *models, *whole, *plain, *said, *widest)
        rejections = (*self._policy.rejected, *map(self._rejection, found))
        return tuple(sorted(rejections, key=lambda rejection: (rejection.route, rejection.code)))

    def _models(self, refused: Refused) -> int:
        """How many models of the provider are looked at: of those that give no answers nobody wants any."""
        pool = self._policy.pools[refused.provider]
        looked_at_all = self._embeds or refused.facts == ONLY_EMBEDS or not pool.answering
        return pool.models if looked_at_all else pool.answering

    def _rejection(self, refused: Refused) -> Rejection:
        pool = self._policy.pools[refused.provider]
        accounts, models = len(pool.members), pool.models
        account, model = refused.account, refused.model
        if accounts == 1 and (model is not None or models == 1):
            account = pool.members[0].id
        if models == 1 and account is not None:
            model = next(row.model for row in self._policy.rows if row.provider == refused.provider)
        if model is not None:
            route = f"{refused.provider}/{account or '*'}/{model}"
        else:
            route = f"{refused.provider}/*" if account is None else f"{refused.provider}/{account}/*"
        count = (1 if refused.account is not None else accounts) * (
            1 if refused.model is not None else models
        )
        return Rejection(route, refused.code, refused.facts, refused.until_ms, count)


def _join(
    found: Sequence[Refused],
    scope_of: Callable[[Refused], tuple[str, str | None]],
    whole_size: Callable[[Refused], int],
) -> tuple[list[Refused], list[Refused]]:
    """Those that stay as they are, and those that stand for a whole scope in which all share a code."""
    groups: dict[tuple[tuple[str, str | None], RejectionCode], list[Refused]] = {}
    for refused in found:
        groups.setdefault((scope_of(refused), refused.code), []).append(refused)
    kept: list[Refused] = []
    joined: list[Refused] = []
    for ((provider, account), code), members in groups.items():
        if len(members) < whole_size(members[0]):
            kept.extend(members)
            continue
        until_ms = min((r.until_ms for r in members if r.until_ms is not None), default=None)
        joined.append(Refused(provider, account, None, code, members[0].facts, until_ms))
    return kept, joined
