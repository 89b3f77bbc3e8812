"""What all requests of one engine share: the configuration in force, quota, the books, the wire, the news."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from trunkline.analysis import analyse, messages_tokens, most_tokens
from trunkline.domain.clock import Clock
from trunkline.domain.ids import IdSource
from trunkline.domain.input_tokens import input_tokens
from trunkline.domain.messages import ChatRequest
from trunkline.domain.queue import QueueItem
from trunkline.domain.routes import Route
from trunkline.domain.state import ConversationState, RoutingState
from trunkline.domain.tasks import OriginKind, Task
from trunkline.engine.account_reports import AccountReports
from trunkline.engine.bus import Bus
from trunkline.engine.control import Control, Standing
from trunkline.engine.conversation_lengths import ConversationLengths
from trunkline.engine.conversations import Conversations
from trunkline.engine.corrections import Corrections
from trunkline.engine.counting import Counting
from trunkline.engine.crisis_moves import CrisisMoves
from trunkline.engine.crisis_watch import CrisisWatch
from trunkline.engine.generation import Generation
from trunkline.engine.lanes import Lanes
from trunkline.engine.learning import Learning
from trunkline.engine.lessons import Lessons
from trunkline.engine.pacing import Pacing
from trunkline.engine.parking import ParkingLot
from trunkline.engine.quota_watch import QuotaWatch
from trunkline.engine.slots import Slots
from trunkline.engine.understanding import followed
from trunkline.engine.vocabularies import LoadVocabulary
from trunkline.engine.waiting_room import WaitingRoom
from trunkline.engine.warming import Warming
from trunkline.engine.window_watch import WindowWatch
from trunkline.providers.call import Transport
from trunkline.providers.protocol import WireProtocol
from trunkline.quota.ledger import Ledger
from trunkline.quota.scope import ScopeJudge
from trunkline.quota.tracker import QuotaTracker
from trunkline.routing.off_peak import is_quiet_hour, own_load
from trunkline.routing.token_budget import OverBudget, new_messages, over_budget
from trunkline.store.keep import ControlState
from trunkline.store.store import Store

_EVEN_DRAW = 0.5
# What a request is taken to last while nothing has been measured.
_EXPECTED_MS = 10_000.0


class EngineCore:
    """Shared by every `RequestRun` of an engine; belongs to one event loop."""

    def __init__(
        self,
        *,
        clock: Clock,
        ids: IdSource,
        draw: Callable[[], float],
        store: Store,
        generation: Generation,
        make_transport: Callable[[], Transport],
        process_name: str,
        load_vocabulary: LoadVocabulary | None = None,
    ) -> None:
        self.clock, self.ids, self.draw = clock, ids, draw
        self.store = store
        self.ledger: Ledger = store.ledger
        self.generation = generation
        thresholds = generation.config.preferences.thresholds
        self.tracker = QuotaTracker(generation.config.catalogue, store.ledger, thresholds)
        self.process_name = process_name
        self.scopes = ScopeJudge(generation.config.catalogue)
        self.waiting_room = WaitingRoom(clock)
        self.lanes = Lanes(
            clock,
            self.waiting_room,
            lambda: self.generation.config.preferences,
            lambda: self.tracker.expected_ms(_EXPECTED_MS),
            process_name,
        )
        self.slots = Slots(
            clock,
            self.waiting_room,
            self.tracker,
            store.ledger,
            lambda: self.generation.config.preferences.queue,
            draw,
            process_name,
            store.process_id,
        )
        self.parking = ParkingLot(self)
        self.crisis = CrisisWatch(self)
        self.crisis_moves = CrisisMoves(self)
        self.reports = AccountReports(self)
        self.quota_watch = QuotaWatch(self)
        self.pacing = Pacing(self)
        self.control = Control(ControlState())
        self.conversation_lengths = ConversationLengths(store)
        self.conversations = Conversations(store, clock, self.conversation_lengths)
        self.window_watch = WindowWatch()
        self.on_local_news: Callable[[], None] = lambda: None
        self.bus = Bus(clock)
        self.changed = True
        self.spent_day_pico = 0
        self.counting = Counting(clock, load_vocabulary)
        self.corrections = Corrections(store)
        self._make_transport = make_transport
        self._transport: Transport | None = None
        self.lessons = Lessons(self)
        self.learning = Learning(self)
        self.warming = Warming(self)

    # -- the wire -----------------------------------------------------------------------------------------------

    @property
    def transport(self) -> Transport:
        """Built with the first call: commands that make none never import an HTTP library."""
        if self._transport is None:
            self._transport = self._make_transport()
        return self._transport

    def protocol(self, name: str) -> WireProtocol:
        """The wire language of that name. Raises ValueError when there is none."""
        from trunkline.providers.registry import protocol_named

        return protocol_named(name)

    # -- inputs of a decision -----------------------------------------------------------------------------------

    def analyse(self, request: ChatRequest, generation: Generation) -> Task:
        """What is asked."""
        conversation = self.conversations.state(request.conversation_id)
        return analyse(
            request,
            thresholds=generation.config.preferences.thresholds,
            task_priorities=generation.task_priorities,
            role_priorities=generation.role_priorities,
            previous=None if conversation is None else followed(conversation, generation),
            answer_lengths=self.learning.lengths,
            counter=self.counting.counter,
            plan=generation.counting,
        )

    def on_route(self, task: Task, route: Route, generation: Generation) -> Task:
        """`task` as the model of `route` counts it: its `input_tokens` are that model's upper end."""
        model = generation.model(route)
        margin = generation.config.preferences.thresholds.estimate_margin
        tokens = input_tokens(
            task,
            provider=route.provider,
            model=route.model,
            tokenizer=model.tokenizer,
            rule=model.counting,
            factors=self.corrections.factors(margin),
            margin=margin,
        )
        return replace(task, input_tokens=tokens)

    def over_budget(self, request: ChatRequest, task: Task, generation: Generation) -> OverBudget | None:
        """What of `request` is more than may be sent without a word (cost rule 5); None where nothing is."""
        preferences = generation.config.preferences
        exempt = request.over_budget_ok or request.origin.kind is OriginKind.INTERNAL
        if exempt or not preferences.rules.token_budgets:
            return None
        new = new_messages(request.messages)
        most = most_tokens(new)
        if most is not None and over_budget(task, most, preferences) is None:
            return None
        return over_budget(task, messages_tokens(new, self.counting.counter), preferences)

    async def recall(self, conversation_id: str) -> bool:
        """Have that conversation go on as the store says it ran, where this process does not know; whether it did not.
        Raises StoreError."""
        return await self.conversations.restore(conversation_id, self.generation.config.catalogue)

    def standing(self, generation: Generation) -> Standing:
        """The orders in force."""
        return self.control.standing(
            generation.config.catalogue, generation.config.preferences.mode, self.clock.wall_ms()
        )

    def explore_draw(self, generation: Generation) -> float:
        """Whether a request is one of those that may try another route than the best: a random number 0..1, once for
        each; 1 where none is."""
        policy = generation.config.preferences.learning
        return self.draw() if policy.enabled and policy.explore_share > 0 else 1.0

    def routing_state(
        self, request: ChatRequest, generation: Generation, *, explore_draw: float = 1.0
    ) -> RoutingState:
        """The state as it is now; good until the next await."""
        conversation = self.conversations.state(request.conversation_id)
        return self._state_now(generation, conversation, self.draw(), explore_draw)

    def state_without_request(self, generation: Generation) -> RoutingState:
        """The state as it is now for a request of no conversation, always with the same luck; good until the next
        await."""
        return self._state_now(generation, None, _EVEN_DRAW)

    def _state_now(
        self,
        generation: Generation,
        conversation: ConversationState | None,
        draw: float,
        explore_draw: float = 1.0,
    ) -> RoutingState:
        standing, now_ms = self.standing(generation), self.clock.wall_ms()
        return self.tracker.routing_state(
            now_ms,
            mode=standing.mode,
            pin=standing.pin,
            conversation=conversation,
            spent_day_pico=self.spent_day_pico,
            draw=draw,
            crisis_steps=self.crisis.steps,
            override=standing.override,
            quality=self.learning.quality,
            off_peak=self._is_off_peak(generation, now_ms),
            explore_draw=explore_draw,
            token_factors=self.corrections.factors(generation.config.preferences.thresholds.estimate_margin),
        )

    def _is_off_peak(self, generation: Generation, now_ms: int) -> bool:
        """Whether cost rule 4 may fire; not looked into where it is off."""
        preferences = generation.config.preferences
        if not preferences.rules.off_peak_dearer:
            return False
        local = datetime.fromtimestamp(now_ms / 1000).astimezone()
        thresholds = preferences.thresholds
        return (
            is_quiet_hour(local, thresholds)
            and own_load(self.tracker.accounts(now_ms)) < thresholds.rule4_load_below
        )

    # -- waiting ------------------------------------------------------------------------------------------------

    def queue(self) -> tuple[QueueItem, ...]:
        """Everything that waits: here, and kept in the store by whomever."""
        here = self.waiting_room.items()
        known = {item.request_id for item in here}
        kept = (item for item in self.parking.kept if item.request_id not in known)
        return self.parking.in_order((*here, *kept))

    def rouse(self) -> None:
        """Have everybody who waits look again: something was freed, ordered or configured."""
        self.waiting_room.rouse()
        self.lanes.look_again()
        self.slots.look_again()

    # -- the end ------------------------------------------------------------------------------------------------

    async def aclose(self) -> None:
        """Close connections and end every subscription."""
        self.slots.close()
        await self.warming.aclose()
        if self._transport is not None:
            await self._transport.aclose()
        self.bus.close()
