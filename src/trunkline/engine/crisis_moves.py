"""What a crisis does to requests: each is written down with its home route, and with its return there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from trunkline.domain.crisis import CrisisMove, MoveKind
from trunkline.domain.decisions import Decision, Reason
from trunkline.domain.messages import ChatRequest
from trunkline.domain.queue import HeldFor
from trunkline.domain.receipts import Receipt
from trunkline.domain.routes import ModelSpec, Route
from trunkline.domain.tasks import Task
from trunkline.engine.asking import ask_of
from trunkline.engine.ticket import Ticket
from trunkline.routing.crisis_steps import may_shrink, shrunk_by, shrunk_output
from trunkline.routing.home import home_of
from trunkline.store import crises

if TYPE_CHECKING:
    from trunkline.engine.core import EngineCore

# Conversations that are away: as many as are remembered at all.
_MOST_AWAY = 1_000


class CrisisMoves:
    """Of the requests of one process. Every return is noted in the crisis that moved it, over by then or not."""

    def __init__(self, core: EngineCore) -> None:
        self._core = core
        self._parked: dict[str, str] = {}
        self._homes: dict[str, Route] = {}
        self._away: dict[str, list[tuple[str, str]]] = {}

    # -- held ---------------------------------------------------------------------------------------------------

    def held(self, ticket: Ticket, held_for: HeldFor) -> Ticket:
        """`ticket` with the route that it would have had; written down where a crisis holds it."""
        if ticket.home is None:
            home = self._home(ticket.request, ticket.task)
            ticket = replace(ticket, home=None if home is None else home.id)
        crisis = self._core.crisis.under_way
        if held_for is HeldFor.CRISIS and crisis is not None and ticket.request_id not in self._parked:
            self._parked[ticket.request_id] = crisis.id
            self._note(crisis.id, ticket, MoveKind.PARKED, ticket.home, None)
        return ticket

    def let_go(self, request_id: str) -> None:
        """What was held goes its way; where a crisis held it, it is back."""
        crisis_id = self._parked.pop(request_id, None)
        if crisis_id is not None:
            self._returned(crisis_id, request_id, MoveKind.PARKED)

    # -- moved --------------------------------------------------------------------------------------------------

    def decided(self, ticket: Ticket, decision: Decision) -> None:
        """A route was chosen; written down where a crisis chose it and it is not its home."""
        crisis, route = self._core.crisis.under_way, decision.route
        if crisis is None or decision.reason is not Reason.CRISIS or ticket.request_id in self._homes:
            return
        home = self._home(ticket.request, ticket.task)
        if home is None or home == route:
            return
        self._homes[ticket.request_id] = home
        self._note(crisis.id, ticket, MoveKind.MOVED, home.id, route.id)
        if (conversation_id := ticket.request.conversation_id) is not None:
            if len(self._away) >= _MOST_AWAY:
                del self._away[next(iter(self._away))]
            self._away.setdefault(conversation_id, []).append((crisis.id, ticket.request_id))

    def output_limit(
        self, ticket: Ticket, model: ModelSpec, usual_tokens: int | None
    ) -> tuple[int | None, str | None]:
        """The output limit of a call, in tokens, and a warning where a crisis makes it smaller than `usual_tokens`
        (None: the model's own)."""
        crisis, usual = self._core.crisis.under_way, usual_tokens or model.max_output_tokens
        held_to = self.held_output(ticket, usual)
        if crisis is None or held_to is None:
            return usual_tokens, None
        self._note(crisis.id, ticket, MoveKind.SHRUNK, None, None)
        return held_to, f"crisis: the answer was held to {held_to:,} tokens in place of {usual:,}"

    def held_output(self, ticket: Ticket, usual_tokens: int | None) -> int | None:
        """The output limit in tokens where a crisis makes it smaller than `usual_tokens`, else None."""
        core = self._core
        if core.crisis.under_way is None or usual_tokens is None:
            return None
        policy = core.generation.config.preferences.crisis
        held_by = shrunk_by(ticket.task, core.crisis.steps, policy, may_shrink(ticket.request))
        if held_by is None:
            return None
        held_to = shrunk_output(usual_tokens, held_by)
        return held_to if held_to < usual_tokens else None

    def over(self, receipt: Receipt) -> Route | None:
        """The request is over: the home of its conversation, where it was answered away from it by a crisis or by an
        override; None where it was not."""
        self._parked.pop(receipt.request_id, None)
        self._core.crisis.probes.over(receipt.request_id)
        home = self._homes.pop(receipt.request_id, None)
        if home is not None or receipt.route is None or receipt.decision is None:
            return home
        forced = receipt.decision.reason is Reason.OVERRIDE and "by" in dict(receipt.decision.facts)
        lost = self._core.crisis.lost
        if not forced and not lost:
            return None
        left = self._core.conversations.state(receipt.conversation_id)
        if left is None or receipt.route == left.route:
            return None
        return left.route if forced or left.route.provider in lost else None

    def came_home(self, conversation_id: str) -> None:
        """A conversation was answered on its home route again."""
        for crisis_id, request_id in self._away.pop(conversation_id, ()):
            self._returned(crisis_id, request_id, MoveKind.MOVED)

    # -- the store ----------------------------------------------------------------------------------------------

    def _home(self, request: ChatRequest, task: Task) -> Route | None:
        core, generation = self._core, self._core.generation
        ask = ask_of(request, task, generation)
        state = replace(core.routing_state(request, generation), override=None)
        return home_of(ask, generation.policy, state, core.crisis.lost)

    def _note(
        self, crisis_id: str, ticket: Ticket, kind: MoveKind, home: str | None, route: str | None
    ) -> None:
        move = CrisisMove(
            ticket.request_id,
            self._core.clock.wall_ms(),
            kind,
            home,
            route,
            str(ticket.request.origin),
            ticket.task.type,
        )
        self._core.store.post(lambda connection: crises.note(connection, crisis_id, move))
        self._core.crisis.noted = True

    def _returned(self, crisis_id: str, request_id: str, kind: MoveKind) -> None:
        at_ms = self._core.clock.wall_ms()
        self._core.store.post(
            lambda connection: crises.note_return(connection, crisis_id, request_id, kind, at_ms)
        )
        self._core.crisis.noted = True
