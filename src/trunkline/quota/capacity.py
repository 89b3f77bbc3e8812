"""Whose capacity is out: judged by the routes that were refused for want of it, and answered, at the same time.

Capacity is the provider's and not the account's: two accounts refused for one model speak for all of them, three
refusals over several models for the provider. Memory is bounded by `MOST_REFUSED` a provider and its models.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from trunkline.domain.faults import Fault, FaultScope
from trunkline.domain.routes import Catalogue, Route
from trunkline.domain.state import Block
from trunkline.quota.verdicts import NAMED, Inferred, Narrowing, Verdict, for_more, is_disproved

MOST_REFUSED = 16
OVERLOADED_TOGETHER_MS = 10_000


@dataclass(slots=True)
class _Seen:
    """Of one provider: the routes refused lately, each with when and whether its model was named; and when each model
    last answered on any account."""

    refused: dict[Route, tuple[int, bool]] = field(default_factory=dict)
    answered: dict[str, int] = field(default_factory=dict)


class CapacityJudge:
    """Remembers what calls of late have shown of every provider's capacity. No clock and no I/O of its own."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}
        self._catalogue = Catalogue()

    def use_config(self, catalogue: Catalogue) -> None:
        """Work with another configuration; what was seen of providers that are still there stays."""
        self._catalogue = catalogue
        for name in [name for name in self._seen if catalogue.provider(name) is None]:
            del self._seen[name]

    def refused(self, fault: Fault, route: Route, now_ms: int) -> Verdict:
        """What `fault`, met on `route` for want of capacity, means for other routes."""
        provider = self._provider(route.provider)
        named = fault.confidence >= NAMED
        provider.refused.pop(route, None)
        provider.refused[route] = (now_ms, named)
        if len(provider.refused) > MOST_REFUSED:
            del provider.refused[next(iter(provider.refused))]
        since_ms = now_ms - OVERLOADED_TOGETHER_MS
        of_late = [(at, *seen) for at, seen in provider.refused.items() if seen[0] >= since_ms]
        if len(of_late) < 2 or fault.scope is not FaultScope.MODEL:
            return Verdict(fault)
        last_answer_ms = max(provider.answered.values(), default=-1)
        unnamed = [at for at, at_ms, is_named in of_late if not is_named and at_ms > last_answer_ms]
        if not named and len(unnamed) >= 3 and len({at.model for at in unnamed}) >= 2:
            why = f"{len(unnamed)} routes refused over several models, none answered"
            whole = for_more(fault, FaultScope.PROVIDER, 1 - 1 / len(unnamed), why, now_ms)
            return Verdict(fault, (Inferred(route, whole),))
        answered_ms = provider.answered.get(route.model, -1)
        accounts = {at.account for at, at_ms, _ in of_late if at.model == route.model and at_ms > answered_ms}
        if len(accounts) < 2:
            return Verdict(fault)
        why = f"{len(accounts)} accounts refused for {route.model}, none answered"
        alike = for_more(fault, FaultScope.MODEL, min(0.95, 1.15 - 1 / len(accounts)), why, now_ms)
        return Verdict(fault, tuple(Inferred(one, alike) for one in self._others(route, accounts)))

    def answered(
        self, route: Route, began_ms: int, block_of: Callable[[str], Block | None]
    ) -> list[Narrowing]:
        """A call down `route` that began then is being answered. `block_of` gives the block of a target. The blocks of
        the model on other accounts that this disproves: those that were only inferred from refusals before it
        began."""
        provider = self._provider(route.provider)
        provider.answered[route.model] = max(provider.answered.get(route.model, -1), began_ms)
        of_model = [
            at for at, (at_ms, _) in provider.refused.items() if at.model == route.model and at_ms <= began_ms
        ]
        if not of_model:
            return []
        for at in of_model:
            del provider.refused[at]
        why = f"{route.model} was answered on {route.account} meanwhile"
        found = [(one.id, block_of(one.id)) for one in self._others(route, {at.account for at in of_model})]
        return [
            Narrowing(target, (), why) for target, block in found if block and is_disproved(block, began_ms)
        ]

    def _others(self, route: Route, accounts: set[str]) -> list[Route]:
        provider = self._catalogue.provider(route.provider)
        known = provider.accounts if provider is not None else ()
        return [
            Route(route.provider, one.id, route.model)
            for one in known
            if one.enabled and one.has_key and one.id not in accounts
        ]

    def _provider(self, name: str) -> _Seen:
        return self._seen.setdefault(name, _Seen())
