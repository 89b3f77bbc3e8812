"""The stage of one fault: an engine, the simulator's switches, and what was seen of the requests that were asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, cast

from trunkline.cli.drill.control import SimulatorControl
from trunkline.cli.drill.results import NotApplicableError
from trunkline.domain.decisions import Decision
from trunkline.domain.events import Alert, BreakerChanged, Event, Parked, Restarted, Seam, Waiting
from trunkline.domain.messages import ChatRequest, Hints, Message, Role
from trunkline.domain.preferences import Preferences
from trunkline.domain.receipts import AttemptOutcome, Outcome, Receipt
from trunkline.domain.routes import Catalogue, ModelSpec, Route
from trunkline.domain.state import Block
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.engine.engine import Engine
from trunkline.simulator.answers import answer_text
from trunkline.simulator.impersonation import usable_accounts

PROMPT = "Explain in a few sentences why a queue keeps its order when several workers read from it."
_LONGEST_CHARS = 4_000
# What happened during a request is on the bus, and is read from there by another task.
_NEWS_S = 0.01
PERSON = Origin(OriginKind.ASK, "drill")
AGENT = Origin(OriginKind.GATEWAY, "drill")


@dataclass(frozen=True)
class Asked:
    """One request that is over: its text, its receipt and what its events said."""

    text: str
    receipt: Receipt
    events: tuple[Event, ...]

    @property
    def served(self) -> bool:
        """It has an answer, whole."""
        return self.receipt.outcome is Outcome.ANSWERED and self.receipt.complete

    @property
    def calls(self) -> tuple[Route, ...]:
        """The routes that were called, in order."""
        return tuple(
            attempt.route for attempt in self.receipt.attempts if attempt.outcome is not AttemptOutcome.SHORT
        )

    @property
    def seams(self) -> tuple[Seam, ...]:
        """Where another route carried a cut answer on."""
        return tuple(event.body for event in self.events if isinstance(event.body, Seam))

    @property
    def waited(self) -> bool:
        """It waited for somebody to be free again."""
        return any(isinstance(event.body, Waiting | Parked) for event in self.events)

    @property
    def restarted(self) -> bool:
        """Its answer was begun anew."""
        return any(isinstance(event.body, Restarted) for event in self.events)

    @property
    def wasted(self) -> int:
        """Calls that gave nothing to the answer; one that was cut and carried on gave its part."""
        useful = 1 + len(self.seams) if self.receipt.outcome is Outcome.ANSWERED else 0
        return max(0, len(self.calls) - useful)

    @property
    def failover_ms(self) -> float | None:
        """The longest time from a refusal's last byte to the next call's first."""
        known = [a.failover_ms for a in self.receipt.attempts if a.failover_ms is not None]
        return max(known, default=None)


@dataclass
class Stage:
    """Where one fault is played. `target` is the route that the engine would choose for the drill's question; `asked`
    are the requests so far, `blocks` the blocks that were opened, the latest of each target, `alerts` what was told:
    cause and text."""

    engine: Engine
    control: SimulatorControl
    task_type: str | None
    asked: list[Asked] = field(default_factory=list)
    blocks: dict[str, Block] = field(default_factory=dict)
    alerts: list[tuple[str, str]] = field(default_factory=list)
    target: Route = field(init=False)

    async def find_target(self, **fields: Any) -> Route:
        """Ask who would answer. Raises NotApplicableError where nobody would."""
        found = await self.chosen(**fields)
        if found is None:
            raise NotApplicableError("nobody here can answer such a request even when all is well")
        self.target = found
        return found

    def request(self, prompt: str = PROMPT, **fields: Any) -> ChatRequest:
        """A person's request, as most faults ask it."""
        fields.setdefault("origin", PERSON)
        fields.setdefault("hints", Hints(task_type=self.task_type))
        return ChatRequest((Message.of(Role.USER, prompt),), **fields)

    async def decision(self, **fields: Any) -> Decision | None:
        """What would be decided now; None where nobody can serve."""
        decision = (await self.engine.preview(self.request(**fields))).decision
        return decision if isinstance(decision, Decision) else None

    async def chosen(self, **fields: Any) -> Route | None:
        """Who would answer now."""
        decision = await self.decision(**fields)
        return None if decision is None else decision.route

    async def alternative(self, *avoided: str) -> Route | None:
        """Who would answer without these accounts, providers or routes, the target's account where none is named."""
        return await self.chosen(avoid=avoided or (f"{self.target.provider}/{self.target.account}",))

    async def ask(self, **fields: Any) -> Asked:
        """Ask, and read to the end."""
        handle = self.engine.submit(self.request(**fields))
        events: list[Event] = []
        async with aclosing(cast("AsyncGenerator[Event, None]", handle.events())) as following:
            async for event in following:
                events.append(event)
        answer = await handle.answer()
        await asyncio.sleep(_NEWS_S)
        asked = Asked(answer.text, answer.receipt, tuple(events))
        self.asked.append(asked)
        return asked

    async def arm(self, kind: str, at: Route | None = None, **rule: Any) -> None:
        """Put a fault in force, at one route where that is given."""
        where = {} if at is None else {"provider": at.provider, "account": at.account, "model": at.model}
        await self.control.arm({"kind": kind, **where, **rule})

    async def recover_after(self, after_ms: float) -> None:
        """All is well again, in a while."""
        await asyncio.sleep(after_ms / 1000)
        await self.control.disarm()

    async def note_news(self) -> None:
        """Keep the latest block of every target, and alerts, until cancelled."""
        async for event in self.engine.subscribe():
            if isinstance(event.body, BreakerChanged) and event.body.block is not None:
                self.blocks[event.body.target] = event.body.block
            elif isinstance(event.body, Alert):
                self.alerts.append((event.body.cause, event.body.text))

    # -- the configuration --------------------------------------------------------------------------------------

    @property
    def catalogue(self) -> Catalogue:
        """What exists."""
        return self.engine.loaded.config.catalogue

    @property
    def preferences(self) -> Preferences:
        """What is preferred, with times scaled down."""
        return self.engine.loaded.config.preferences

    def model(self, route: Route) -> ModelSpec:
        """The model of a route."""
        found = self.catalogue.model(route.provider, route.model)
        if found is None:
            raise LookupError(f"{route} is not in the catalogue")
        return found

    def routes(self) -> Iterable[Route]:
        """Every route that can be asked."""
        for provider in self.catalogue.providers:
            for account in usable_accounts(provider):
                for model in provider.models:
                    yield Route(provider.id, account.id, model.id)

    def all_but(self, *kept: Route) -> tuple[str, ...]:
        """What a request avoids so that only these routes are left."""
        return tuple(route.id for route in self.routes() if route not in kept)

    def block_over(self, route: Route) -> Block | None:
        """The block that keeps requests from a route, as it was opened."""
        targets = (route.provider, f"{route.provider}/{route.account}", route.id)
        return next((self.blocks[target] for target in targets if target in self.blocks), None)


def is_whole(asked: Asked, prompt: str = PROMPT) -> bool:
    """Whether the text is what the simulator says to `prompt`, from its beginning, nothing lost or doubled; every
    simulated model says the same."""
    text = asked.text.rstrip()
    return bool(text) and answer_text(prompt, _LONGEST_CHARS).startswith(text)
