"""What all requests of one engine share: the configuration in force, quota, the books, the wire, the news."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import replace

from trunkline.analysis import TokenCounter, analyse
from trunkline.domain.clock import Clock
from trunkline.domain.decisions import Decision
from trunkline.domain.events import (
    Alert,
    AlertLevel,
    Answered,
    BreakerChanged,
    Cancelled,
    Ending,
    LimitLearned,
)
from trunkline.domain.faults import Fault, FaultCode, FaultKind
from trunkline.domain.ids import IdSource
from trunkline.domain.limits import LimitReading
from trunkline.domain.messages import ChatRequest, Role
from trunkline.domain.money import Price
from trunkline.domain.queue import QueueItem
from trunkline.domain.receipts import Attempt
from trunkline.domain.routes import LocalServer, Route
from trunkline.domain.state import Block, ConversationState, RoutingState
from trunkline.domain.tasks import Task
from trunkline.engine import reach
from trunkline.engine.account_reports import AccountReports
from trunkline.engine.blame import mark_of_blame, still_means
from trunkline.engine.bus import Bus
from trunkline.engine.control import Control, Standing
from trunkline.engine.conversations import Conversations
from trunkline.engine.crisis_moves import CrisisMoves
from trunkline.engine.crisis_watch import CrisisWatch
from trunkline.engine.eventlog import EventLog
from trunkline.engine.generation import Generation
from trunkline.engine.lanes import Lanes
from trunkline.engine.pacing import Pacing
from trunkline.engine.parking import ParkingLot
from trunkline.engine.quota_watch import QuotaWatch
from trunkline.engine.slots import Slots
from trunkline.engine.waiting_room import WaitingRoom
from trunkline.engine.window_watch import WindowWatch
from trunkline.providers.call import Transport
from trunkline.providers.protocol import WireProtocol
from trunkline.quota.ledger import Ledger
from trunkline.quota.scope import ScopeJudge
from trunkline.quota.tracker import QuotaTracker
from trunkline.store import keep
from trunkline.store.chats import StoredMessage
from trunkline.store.keep import ControlState
from trunkline.store.records import StoredRequest
from trunkline.store.store import Store

_log = logging.getLogger(__name__)

_WARM_AGAIN_AFTER_MS = 20_000.0
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
    ) -> None:
        self.clock = clock
        self.ids = ids
        self.draw = draw
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
        )
        self.parking = ParkingLot(self)
        self.crisis = CrisisWatch(self)
        self.crisis_moves = CrisisMoves(self)
        self.reports = AccountReports(self)
        self.quota_watch = QuotaWatch(self)
        self.pacing = Pacing(self)
        self.control = Control(ControlState())
        self.conversations = Conversations()
        self.window_watch = WindowWatch()
        self.on_local_news: Callable[[], None] = lambda: None
        self.bus = Bus(clock)
        self.changed = True
        self.spent_day_pico = 0
        self._token_counter = TokenCounter()
        self._make_transport = make_transport
        self._transport: Transport | None = None
        self._warmed_mono_ms: dict[str, float] = {}
        self._warming: set[asyncio.Task[None]] = set()

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

    def keep_warm(self, decision: Decision, state: RoutingState, generation: Generation) -> None:
        """Have a connection to the runner-up's host ready while the chosen account nears a limit or is on trial.
        `state` is what was decided on."""
        runner_up = decision.runner_up
        warn_at = generation.config.preferences.thresholds.warn_at
        if runner_up is None or not _may_refuse(decision.route, state, warn_at):
            return
        account = generation.account(runner_up.route)
        base_url = account.base_url or generation.provider(runner_up.route).base_url
        now_ms = self.clock.mono_ms()
        if now_ms - self._warmed_mono_ms.get(base_url, -_WARM_AGAIN_AFTER_MS) < _WARM_AGAIN_AFTER_MS:
            return
        self._warmed_mono_ms[base_url] = now_ms
        warming = asyncio.get_running_loop().create_task(self.transport.warm(base_url))
        self._warming.add(warming)
        warming.add_done_callback(self._warming.discard)

    # -- inputs of a decision -----------------------------------------------------------------------------------

    def analyse(self, request: ChatRequest, generation: Generation) -> Task:
        """What is asked."""
        conversation = self.conversations.state(request.conversation_id)
        return analyse(
            request,
            thresholds=generation.config.preferences.thresholds,
            task_priorities=generation.task_priorities,
            previous_type=conversation.task_type if conversation is not None else None,
            counter=self._token_counter,
        )

    def standing(self, generation: Generation) -> Standing:
        """The orders in force."""
        return self.control.standing(
            generation.config.catalogue, generation.config.preferences.mode, self.clock.wall_ms()
        )

    def routing_state(self, request: ChatRequest, generation: Generation) -> RoutingState:
        """The state as it is now; good until the next await."""
        conversation = self.conversations.state(request.conversation_id)
        return self._state_now(generation, conversation, self.draw())

    def state_without_request(self, generation: Generation) -> RoutingState:
        """The state as it is now for a request of no conversation, always with the same luck; good until the next
        await."""
        return self._state_now(generation, None, _EVEN_DRAW)

    def _state_now(
        self, generation: Generation, conversation: ConversationState | None, draw: float
    ) -> RoutingState:
        standing = self.standing(generation)
        return self.tracker.routing_state(
            self.clock.wall_ms(),
            mode=standing.mode,
            pin=standing.pin,
            conversation=conversation,
            spent_day_pico=self.spent_day_pico,
            draw=draw,
            crisis_steps=self.crisis.steps,
            override=standing.override,
        )

    @staticmethod
    def default_price(generation: Generation) -> Price:
        """The price of the user's default model, the reference of every claim of a saving."""
        return generation.policy.reference_price

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

    # -- what calls teach ---------------------------------------------------------------------------------------

    def replied(self, route: Route, began_at_ms: int) -> None:
        """The reply of a call that began then has begun: whatever was on trial there has passed it."""
        reach.answered(self, route, began_at_ms, self.clock.wall_ms())
        for target in self.tracker.responded(route, self.clock.wall_ms()):
            self.unblocked(target)

    def call_succeeded(self, attempt: Attempt) -> None:
        """A call gave a whole answer."""
        duration_ms = attempt.ended_ms - attempt.started_ms
        first_token_ms = (
            None if attempt.first_token_ms is None else attempt.first_token_ms - attempt.started_ms
        )
        freed = self.tracker.succeeded(
            attempt.route,
            self.clock.wall_ms(),
            total_ms=duration_ms,
            first_token_ms=first_token_ms,
            tokens_per_s=_tokens_per_s(attempt, duration_ms, first_token_ms),
        )
        reach.keep_disproved(self, self.clock.wall_ms())
        for target in freed:
            self.unblocked(target)

    def window_read(
        self, request: ChatRequest, task: Task, attempt: Attempt, generation: Generation
    ) -> str | None:
        """What a whole answer of a local server tells of the window it has given the model; a warning where it cut
        the prompt."""
        provider, model = generation.provider(attempt.route), generation.model(attempt.route)
        news = self.window_watch.first_call(provider, model)
        warning = self.window_watch.check(
            request,
            provider,
            model,
            estimate_tokens=task.input_tokens,
            reported_tokens=attempt.usage.input_tokens if attempt.usage is not None else None,
            now_ms=self.clock.wall_ms(),
        )
        if news or warning:
            self.on_local_news()
        return warning

    def limits_read(self, route: Route, readings: tuple[LimitReading, ...]) -> None:
        """A reply said something of limits."""
        if not readings:
            return
        now_ms = self.clock.wall_ms()
        for reading in self.tracker.learn(route, readings, now_ms):
            self.store.save_reading(route.provider, route.account, route.model, reading, now_ms)
            self.bus.publish(LimitLearned(route.provider, route.account, reading))

    def fault_seen(self, route: Route, fault: Fault) -> None:
        """A call failed for good: block what it concerns, keep that, and say it once."""
        self.limits_read(route, fault.readings)
        if fault.kind is FaultKind.NETWORK and self._is_local(route):
            self.on_local_news()
        fault, blocks = reach.refused(self, route, fault, self.clock.wall_ms())
        for block in blocks:
            self.store.save_block(replace(block, key_mark=self._mark_of_blame(block)))
            if block.code != FaultCode.MODEL_GONE:  # which its alert says better
                self.bus.publish(BreakerChanged(block.target, block))
            if block.failures == 1 or block.until_ms is None:
                self.bus.publish(_alert_of(block, fault, self._successor(route)))
        self.changed = True

    def _successor(self, route: Route) -> str | None:
        """The model that takes the place of that of `route`, if the catalogue knows one."""
        catalogue = self.generation.config.catalogue
        model, provider = catalogue.model(route.provider, route.model), catalogue.provider(route.provider)
        if model is not None and model.successor is not None:
            return model.successor
        retired = provider.retired if provider is not None else ()
        return next((one.successor for one in retired if one.id == route.model), None)

    def _is_local(self, route: Route) -> bool:
        provider = self.generation.config.catalogue.provider(route.provider)
        return provider is not None and provider.quirks.local_server is not LocalServer.NONE

    def kept_blocks(self, stored: Iterable[Block]) -> tuple[Block, ...]:
        """Those of the stored blocks that mean something here: not what another key of an account is to blame for."""
        catalogue, keys = self.generation.config.catalogue, self.generation.keys
        return tuple(block for block in stored if still_means(block, catalogue, keys))

    def _mark_of_blame(self, block: Block) -> str | None:
        return mark_of_blame(block, self.generation.config.catalogue, self.generation.keys)

    def heal(self, blocks: Iterable[Block]) -> None:
        """What these blocks are there for was disproved without a call: free their targets."""
        for target in self.tracker.heal([block.target for block in blocks]):
            self.unblocked(target)

    def checked(self, target: str, until_ms: int | None, asked_at_ms: int) -> None:
        """The account endpoint, asked at `asked_at_ms`, says that what a target is blocked for is used up until
        `until_ms`, or is not (None): then one request may try."""
        block = self.tracker.checked(target, until_ms, asked_at_ms)
        if block is None:
            return
        kept = replace(block, key_mark=self._mark_of_blame(block))
        self.store.post(lambda connection: keep.revise_block(connection, kept))
        self.changed = True
        if until_ms is not None:
            self.bus.publish(BreakerChanged(target, block))
        self.rouse()

    def unblocked(self, target: str) -> None:
        """A target is free again: forget its block everywhere, and tell."""
        self.store.clear_block(target)
        self.bus.publish(BreakerChanged(target, None))
        self.changed = True
        self.rouse()

    # -- the end of a request -----------------------------------------------------------------------------------

    def request_over(
        self, request: ChatRequest, ending: Ending, log: EventLog, generation: Generation
    ) -> None:
        """Record a finished request and tell everybody: whatever goes wrong with the one, nobody waits in vain."""
        try:
            if not (isinstance(ending, Cancelled) and ending.kept):
                self._keep(request, ending, log.text(), generation)
        except Exception:
            _log.exception("what became of a request could not be kept", extra={"request_id": log.request_id})
        self.changed = True
        self.waiting_room.leave(log.request_id)
        self.slots.leave(log.request_id)
        self.bus.forward(log.append(ending))

    def _keep(self, request: ChatRequest, ending: Ending, answer: str, generation: Generation) -> None:
        receipt = ending.receipt
        home = self.crisis_moves.over(receipt)
        if self.conversations.note(receipt, self.clock.wall_ms(), home=home) and receipt.conversation_id:
            self.crisis_moves.came_home(receipt.conversation_id)
        self.spent_day_pico += (receipt.cost_pico or 0) + receipt.waste_pico
        asked = _stored(request, generation.config.generation)
        message = self._answer_of(ending, answer) if request.conversation_id is not None and answer else None
        if self.parking.has(receipt.request_id):
            self.parking.end(receipt, asked, message)
            return
        self.store.record(receipt, request=asked)
        if message is not None and request.conversation_id is not None:
            self.store.keep_message(request.conversation_id, message)

    def keep_question(self, request: ChatRequest, request_id: str) -> None:
        """Keep what a person wrote as soon as it is asked, so that nothing that happens later can lose it."""
        asked = next((m for m in reversed(request.messages) if m.role is Role.USER), None)
        if request.conversation_id is None or asked is None:
            return
        self.store.save_message(
            request.conversation_id,
            request.turn_id or self.ids.new(),
            Role.USER,
            asked.text,
            request_id,
            at_ms=self.clock.wall_ms(),
        )

    def _answer_of(self, ending: Ending, answer: str) -> StoredMessage:
        return StoredMessage(
            self.ids.new(),
            Role.ASSISTANT,
            answer,
            ending.receipt.request_id,
            isinstance(ending, Answered) and ending.receipt.complete,
            self.clock.wall_ms(),
        )

    async def aclose(self) -> None:
        """Close connections and end every subscription."""
        warming = tuple(self._warming)
        for one in warming:
            one.cancel()
        await asyncio.gather(*warming, return_exceptions=True)
        if self._transport is not None:
            await self._transport.aclose()
        self.bus.close()


def _may_refuse(route: Route, state: RoutingState, warn_at: float) -> bool:
    account, known = state.accounts.get((route.provider, route.account)), state.routes.get(route)
    if account is None:
        return False
    if account.block is not None or (known is not None and known.block is not None):
        return True
    return any(1.0 - use.share_left > warn_at for use in account.limits if use.covers(route.model))


def _stored(request: ChatRequest, generation: str) -> StoredRequest:
    return StoredRequest(
        generation=generation,
        message_count=len(request.messages),
        tool_count=len(request.tools),
        stream=request.stream,
        pinned_to=request.route,
        prefer=request.prefer,
        avoid=request.avoid,
        max_output_tokens=request.max_output_tokens,
        budget_pico=request.budget_pico,
        deadline_at_ms=request.deadline_at_ms,
    )


def _tokens_per_s(attempt: Attempt, duration_ms: float, first_token_ms: float | None) -> float | None:
    output_tokens = attempt.usage.output_tokens if attempt.usage is not None else None
    if not output_tokens or first_token_ms is None or duration_ms <= first_token_ms:
        return None
    return output_tokens / (duration_ms - first_token_ms) * 1000


def _alert_of(block: Block, fault: Fault, successor: str | None) -> Alert:
    if fault.code == FaultCode.MODEL_GONE:
        instead = f"; {successor} takes its place" if successor is not None else ""
        text = f"{block.target}: no such model, or no longer, for this account; it is left out from now on{instead}"
        return Alert(AlertLevel.WARNING, f"block:{block.target}:{block.code}", text)
    needs_person = fault.kind in (FaultKind.AUTH, FaultKind.BILLING, FaultKind.ENTITLEMENT)
    level = AlertLevel.WARNING if needs_person else AlertLevel.NOTICE
    return Alert(level, f"block:{block.target}:{block.code}", f"{block.target}: {block.message}")
