"""One request from its arrival to its ending: decide, reserve, call, and again elsewhere until it is served."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from functools import partial

from trunkline.domain.decisions import Decision, NoRoute
from trunkline.domain.errors import StoreError
from trunkline.domain.events import (
    Answered,
    Cancelled,
    Decided,
    Ending,
    Failed,
    Queued,
    Waiting,
)
from trunkline.domain.faults import Fault, FaultKind
from trunkline.domain.messages import ChatRequest
from trunkline.domain.queue import HeldFor, QueueItem
from trunkline.domain.receipts import FinishReason, Outcome
from trunkline.domain.routes import Route
from trunkline.engine.accounting import Books
from trunkline.engine.admission import Admission
from trunkline.engine.answer import AnswerSoFar
from trunkline.engine.calling import Calling
from trunkline.engine.choice import Choice
from trunkline.engine.core import EngineCore
from trunkline.engine.endings import Endings
from trunkline.engine.eventlog import EventLog
from trunkline.engine.failover import Situation, Step, is_passing, next_step, quick_retry_delay_ms
from trunkline.engine.keeping import keep_question
from trunkline.engine.own_faults import (
    ANCHOR_MISSED,
    DEADLINE,
    books_fault,
    deadline_fault,
    internal_fault,
    nobody_fault,
    over_budget_fault,
)
from trunkline.engine.patience import Patience
from trunkline.engine.receipt import Course
from trunkline.engine.request_time import RequestTime
from trunkline.engine.rerouting import Rerouting
from trunkline.engine.slowing import Slowing
from trunkline.engine.ticket import Ticket
from trunkline.engine.understanding import counted, recalled
from trunkline.engine.upgrading import Upgrading
from trunkline.quota.ledger import Shortage
from trunkline.store.parking import KeptRequest

_log = logging.getLogger(__name__)

# A shortage costs a trip to the ledger but no call; so many in a row mean that something else is wrong.
_MAX_SHORTAGES = 200
_TRY_AGAIN_MS = 20.0
_REST_MS = 1_000
_OF_THE_REQUEST = frozenset({FaultKind.CONTENT, FaultKind.BAD_REQUEST, FaultKind.CONTEXT})
_MOST_DOUBLINGS = 6
_NOT_BEGUN = "its process ended before it was asked"


class _TakenOverError(Exception):
    """Another process, which took this one for dead, runs the request."""


class _LeftToOthersError(Exception):
    """A kept request that nobody whom this process knows could ever serve."""


class RequestRun:
    """Runs one request, or goes on with a `kept` one. `serve` never raises and always ends the log with exactly one
    ending."""

    def __init__(
        self, core: EngineCore, request: ChatRequest, log: EventLog, kept: KeptRequest | None = None
    ) -> None:
        self._core = core
        self._clock = core.clock
        self._generation = core.generation
        self._preferences = core.generation.config.preferences
        self._request = request
        self._log = log
        self._answer = AnswerSoFar(log, append_only=request.append_only)
        now_ms = core.clock.wall_ms()
        self._is_new = kept is None
        started_at_ms = now_ms if kept is None else min(now_ms, kept.since_ms)
        self._books = Books(
            core.ledger,
            core.tracker,
            core.clock,
            core.generation,
            log.request_id,
            origin=str(request.origin),
            asked_output_tokens=request.max_output_tokens,
            age_ms=now_ms - started_at_ms,
            earlier=() if kept is None else kept.attempts,
        )
        self._time = RequestTime(core.clock, request)
        self._upgrading = Upgrading(request)
        task = self._upgrading.begin(core.analyse(request, core.generation), self._preferences.rules)
        self._ticket = Ticket(
            log.request_id,
            request,
            task,
            started_at_ms,
            attempts=tuple(self._books.attempts),
            returns=0 if kept is None else kept.returns,
        )
        self._patience = Patience(core, self._ticket, self._answer.emit)
        self._leaving = False
        self._slowing = Slowing(core, self._ticket, self._answer.emit)
        self._choice = Choice(core, request, self._books)
        self._rerouting = Rerouting(self._answer, self._books)
        self._course = Course(task, upgrade=self._upgrading.done)
        self._choice.replace_answer(request.redo, self._upgrading.done, core.generation)
        self._calling = Calling(
            core, self._ticket, self._course, self._books, self._answer, self._rerouting, self._time
        )
        self._endings = Endings(
            core, self._ticket, self._course, self._books, self._answer, self._calling, log
        )
        self._crowded = False

    async def serve(self) -> None:
        """Run to the ending."""
        ending: Ending
        if self._is_new:
            keep_question(self._core, self._request, self._log.request_id)
        try:
            outcome = await self._serve()
            receipt = self._endings.receipt(outcome, self._generation)
            ending = Answered(receipt) if outcome is Outcome.ANSWERED else Failed(receipt)
        except asyncio.CancelledError:
            self._books.close_call(cancelled=True)
            ending = self._stopped()
        except _TakenOverError:
            self._core.parking.forget(self._log.request_id)
            ending = Cancelled(self._endings.receipt(Outcome.CANCELLED, self._generation), kept=True)
        except _LeftToOthersError:
            self._core.parking.leave_to_others(*self._as_kept(), self._generation)
            ending = Cancelled(self._endings.receipt(Outcome.CANCELLED, self._generation), kept=True)
        except StoreError as error:
            self._books.close_call()
            self._course.fault = books_fault(str(error))
            ending = Failed(self._endings.receipt(Outcome.FAILED, self._generation))
        except Exception:
            # A bug of our own must neither lose the request without a word nor leave a reservation.
            _log.exception("a request failed inside the engine", extra={"request_id": self._log.request_id})
            self._books.close_call()
            self._course.fault = internal_fault()
            ending = Failed(self._endings.receipt(Outcome.FAILED, self._generation))
        self._endings.end(ending, self._generation)

    def cancelled_unstarted(self) -> None:
        """End the log of a run that was cancelled before its first step."""
        self._endings.end(self._stopped(), self._generation)

    def leave(self) -> None:
        """The engine closes, and this run is cancelled next: what is kept, or may be and has asked nobody yet, is left
        to whoever comes."""
        self._leaving = True

    def _stopped(self) -> Cancelled:
        """The ending of a run that was cancelled."""
        core, ticket = self._core, self._ticket
        self._course.finish = FinishReason.CANCELLED
        receipt = self._endings.receipt(Outcome.CANCELLED, self._generation)
        untouched = ticket.request.park and not self._books.attempts
        kept = self._leaving and (core.parking.has(ticket.request_id) or untouched)
        if kept:
            core.parking.let_go(*self._as_kept())
        return Cancelled(receipt, kept)

    def _as_kept(self) -> tuple[Ticket, QueueItem]:
        """What is left of this request to other processes."""
        attempts, returns = tuple(self._books.attempts), self._patience.returns
        ticket = replace(self._ticket, attempts=attempts, returns=returns)
        return ticket, ticket.item(HeldFor.LANE, _NOT_BEGUN, until_ms=None, process=None, kept=True)

    def _held_output(self, usual_tokens: int) -> int | None:
        return self._core.crisis_moves.held_output(self._ticket, usual_tokens)

    async def _serve(self) -> Outcome:
        self._answer.emit(Queued(self._course.task.priority.value))
        excess = self._core.over_budget(self._request, self._course.task, self._generation)
        if self._is_new and excess is not None:
            self._course.fault = over_budget_fault(excess)
            return Outcome.FAILED
        if not await Admission(self._core, self._ticket, self._answer.emit).admit():
            self._course.fault = deadline_fault(None, waited_for=self._core.parking.why(self._log.request_id))
            return Outcome.FAILED
        core, course, generation = self._core, self._course, self._generation
        course.task = await counted(core, self._request, course.task, generation)
        course.task = await recalled(core, self._request, course.task, generation)
        await self._go_on()
        # Time is allowed from here on: a pause is a person's doing, and no message is lost to it.
        self._time.allow(self._preferences.thresholds)
        same_route: Route | None = None
        shortages = 0
        while True:
            if same_route is not None and self._core.slots.is_full(same_route):
                same_route = None
            route = same_route or await self._next_route()
            if route is None:
                return Outcome.FAILED
            number = self._core.slots.take(self._log.request_id, route)
            try:
                task = self._core.on_route(self._course.task, route, self._generation)
                booked = await self._books.reserve(
                    route, task, self._core.ids.new(), held_output=self._held_output
                )
                if isinstance(booked, Shortage):
                    self._core.tracker.give_back(route)
                    same_route = None
                    self._rerouting.short(route)
                    shortages += 1
                    if shortages > _MAX_SHORTAGES:
                        self._course.fault = self._course.fault or nobody_fault(NoRoute(()), None)
                        return Outcome.FAILED
                    continue
                may_leave = partial(self._can_go_elsewhere, route)
                await self._calling.call(route, booked, task, self._generation, may_leave)
                self._crowded = self._core.slots.learn(route, number, self._course.fault)
                if self._crowded:
                    self._books.spare(route)
            except BaseException:
                self._core.tracker.give_back(route)
                raise
            finally:
                self._core.slots.give(route)
            fault = self._course.fault
            if fault is None:
                return Outcome.ANSWERED
            self._calling.learn()
            step = self._step_after(fault, route)
            same_route = route if step is Step.RETRY_SAME else None
            if not await self._prepare(step, fault, route) and not await self._rests(fault):
                return Outcome.FAILED

    # -- choosing -----------------------------------------------------------------------------------------------

    async def _next_route(self) -> Route | None:
        """The route to call next, waiting where waiting is right; None when nobody can serve in time."""
        course = self._course
        while self._has_time():
            decision = self._choice.decide_again(course.task, self._generation)
            for_slot = isinstance(decision, NoRoute) and self._core.slots.would_help(decision)
            if course.decision is None and not for_slot:
                self._answer.emit(Decided(course.task, decision))
            if isinstance(decision, NoRoute):
                if not await self._wait_for_somebody(decision):
                    return None
                continue
            if await self._slowing.put_off(decision, self._preferences.thresholds, self._time.deadline_at_ms):
                continue
            forced = self._choice.is_forced
            if self._core.tracker.try_half_open(decision.route, self._clock.wall_ms(), forced=forced):
                course.decision, course.inputs = decision, self._choice.inputs
                self._core.tracker.picked(decision.route)
                self._core.warming.keep_warm(decision, self._choice.state, self._generation)
                self._core.crisis_moves.decided(self._ticket, decision)
                return decision.route
            await self._clock.sleep(_TRY_AGAIN_MS)
        return None

    def _has_time(self) -> bool:
        if self._time.is_left(self._preferences.thresholds):
            return True
        self._course.fault = deadline_fault(self._course.fault)
        return False

    async def _wait_for_somebody(self, no_route: NoRoute) -> bool:
        """Nobody can serve now: wait where that is right; False when it is not."""
        slots, course = self._core.slots, self._course
        if slots.would_help(no_route):
            await slots.wait(self._ticket, no_route, self._answer.emit, self._time.deadline_at_ms)
            return True
        slots.decline(self._log.request_id)
        if self._books.calls:
            self._patience.turned_away(tuple(self._books.attempts))
        if not await self._patience.for_somebody(no_route, self._time.deadline_at_ms):
            if self._patience.in_vain and self._core.parking.has(self._log.request_id):
                raise _LeftToOthersError
            if course.decision is not None:
                self._answer.emit(Decided(course.task, no_route))
            fault = self._patience.fault or nobody_fault(no_route, course.fault)
            course.fault = self._core.crisis.blamed(fault)
            course.no_route = no_route
            if course.decision is None:
                course.inputs = self._choice.inputs
            return False
        await self._go_on()
        return True

    async def _rests(self, fault: Fault) -> bool:
        """Whether a request that may be kept has rested, after all its attempts failed in passing or took too long, and
        goes on."""
        spent = self._books.calls >= self._preferences.thresholds.max_attempts
        late = self._time.is_over
        if not (self._request.park and (spent or late) and is_passing(fault)):
            return False
        decision = self._choice.decide(self._course.task, self._generation)
        if isinstance(decision, Decision):  # there are others still, but calls are bounded: after a moment
            decision = NoRoute(decision.rejected, self._clock.wall_ms() + _REST_MS)
        return await self._wait_for_somebody(decision)

    async def _go_on(self) -> None:
        """After a wait: with all attempts again, and, where it may have been long, under the configuration of now.
        Raises _TakenOverError where another process has the request by now."""
        if not await self._core.parking.still_ours(self._log.request_id):
            raise _TakenOverError
        if not self._request.park:
            return
        self._generation = self._core.generation
        self._preferences = self._generation.config.preferences
        self._time.allow(self._preferences.thresholds)
        self._books.begin_anew(self._generation)
        self._choice.begin_anew()
        self._rerouting.begin_anew()

    def _can_go_elsewhere(self, route: Route) -> bool:
        """Whether somebody beside `route` could carry the answer on now, within the calls that are allowed."""
        if self._books.calls + 1 >= self._preferences.thresholds.max_attempts:
            return False
        return self._choice.has_another(self._course.task, self._generation, (route,))

    # -- after a fault ------------------------------------------------------------------------------------------

    def _step_after(self, fault: Fault, route: Route) -> Step:
        thresholds = self._preferences.thresholds
        out_of_time = self._time.is_over
        if out_of_time or self._books.calls >= thresholds.max_attempts:
            return Step.STOP
        if fault.code == ANCHOR_MISSED:
            return Step.NEXT_ROUTE if self._request.append_only else Step.RETRY_SAME
        ranking = self._course.decision.ranking if self._course.decision is not None else ()
        situation = Situation(
            tries_here=sum(called.provider == route.provider for called in self._books.called),
            text_shown=self._answer.text_chars > 0,
            first_choice=bool(ranking) and ranking[0].route == route and ranking[0].order == 0,
            now_ms=self._clock.wall_ms(),
            deadline_at_ms=self._time.deadline_at_ms,
            may_upgrade=self._upgrading.may_follow(fault, self._preferences.rules)
            and self._choice.has_another_model(self._course.task, route, self._generation),
        )
        return next_step(fault, situation, thresholds, self._preferences.rules)

    async def _put_off(self, fault: Fault) -> bool:
        """Every attempt was in vain: a request that may be kept begins anew, later each time, unless the fault is its
        own or part of the answer is out; False when it is over."""
        queue, thresholds = self._preferences.queue, self._preferences.thresholds
        all_made = self._books.calls >= thresholds.max_attempts
        if not self._request.park or not all_made or fault.kind in _OF_THE_REQUEST or self._answer.text_chars:
            return False
        self._choice.forgive()
        if fault.kind.is_limit and fault.usable_at_ms is not None:
            return False  # whoever refused said until when: `_rests` knows that better
        later_ms = queue.recheck_ms * 2 ** min(self._patience.returns, _MOST_DOUBLINGS)
        return await self._wait_for_somebody(NoRoute((), self._clock.wall_ms() + later_ms))

    async def _prepare(self, step: Step, fault: Fault, route: Route) -> bool:
        """Take one step; False when the request is over."""
        if step is Step.RETRY_SAME:
            if fault.code != ANCHOR_MISSED:
                await self._clock.sleep(quick_retry_delay_ms(self._core.draw()))
            return True
        if fault.code == ANCHOR_MISSED:
            self._choice.never_again(route)
        if fault.code in (DEADLINE, ANCHOR_MISSED) or self._crowded:
            self._core.tracker.give_back(route)
            self._core.lessons.limits_read(route, fault.readings)
        else:
            self._core.lessons.fault_seen(route, fault)
        if step is Step.STOP:
            return await self._put_off(fault)
        self._choice.left = None if step in (Step.WAIT, Step.UPGRADE) else route
        if step is Step.WAIT and fault.usable_at_ms is not None:
            self._answer.emit(Waiting(fault.usable_at_ms, route, fault))
            await self._clock.sleep(max(0, fault.usable_at_ms - self._clock.wall_ms()) + 1)
            return True
        if step is Step.LARGER_WINDOW:
            too_small_tokens = self._generation.model(route).context_tokens
            task = self._course.task
            least = max(task.least_input_tokens, too_small_tokens)
            self._course.task = replace(
                task, input_tokens=max(task.input_tokens, least), least_input_tokens=least
            )
        if step is Step.UPGRADE:
            self._upgrading.after(fault, self._course, len(self._books.attempts))
            self._rerouting.raised(self._upgrading.done)
            self._choice.leave_model(route.provider, route.model, self._generation)
        self._choice.rule_out(route, fault, self._generation)
        return True
