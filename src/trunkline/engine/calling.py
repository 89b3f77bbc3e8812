"""One upstream call of a request: followed, settled, and what it tells passed on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from trunkline.domain.events import AttemptStarted
from trunkline.domain.faults import FaultCode
from trunkline.domain.routes import Route
from trunkline.domain.tasks import Task
from trunkline.engine.accounting import Books
from trunkline.engine.answer import AnswerSoFar
from trunkline.engine.attempt import CallFollower
from trunkline.engine.core import EngineCore
from trunkline.engine.generation import Generation
from trunkline.engine.own_faults import deadline_fault
from trunkline.engine.receipt import Course
from trunkline.engine.request_time import RequestTime
from trunkline.engine.rerouting import Rerouting
from trunkline.engine.ticket import Ticket
from trunkline.engine.upstream import upstream_call
from trunkline.quota.ledger import Reservation


class Calling:
    """The calls of one request, one after another. Each sets or clears the fault of its course. What they teach is
    taken in by `learn`: before anything else is decided for the request, but only after its answer is out."""

    def __init__(
        self,
        core: EngineCore,
        ticket: Ticket,
        course: Course,
        books: Books,
        answer: AnswerSoFar,
        rerouting: Rerouting,
        time: RequestTime,
    ) -> None:
        self._core = core
        self._ticket = ticket
        self._course = course
        self._books = books
        self._answer = answer
        self._rerouting = rerouting
        self._time = time
        self._lessons: list[Callable[[], None]] = []

    async def call(
        self,
        route: Route,
        booked: Reservation,
        task: Task,
        generation: Generation,
        can_go_elsewhere: Callable[[], bool],
    ) -> None:
        """One call down `route`, on which the task is `task`, from `AttemptStarted` to its settled booking.
        `can_go_elsewhere` says whether somebody else could carry its answer on now."""
        core, course = self._core, self._course
        self._rerouting.announce(route, course.fault)
        continuation = self._answer.carry_on(generation.model(route), route)
        record = self._books.open_call(route, booked, task)
        upstream = upstream_call(
            core,
            generation,
            self._ticket,
            course,
            task,
            route,
            continuation,
            remaining_ms=self._time.remaining_ms,
        )
        self._answer.emit(AttemptStarted(record.number, route, upstream.request.left_out))
        began_at_ms = core.clock.wall_ms()
        core.changed = True
        follower = CallFollower(
            record,
            core.clock,
            self._answer.emit,
            lambda: core.lessons.replied(route, began_at_ms),
            continuation,
            can_go_elsewhere,
            self._answer.room,
        )
        await follower.follow(core.transport.call(upstream))
        attempt = self._books.close_call()
        self._rerouting.called(route)
        course.finish, course.served_model = record.finish, record.served_model
        if record.readings:
            self._lessons.append(partial(core.lessons.limits_read, route, record.readings))
        if record.anchor_missed:
            self._answer.bar_continuation(route)
        course.fault = record.fault
        in_short_time = upstream.limits.total_ms < generation.config.preferences.call_limits.total_ms
        if record.fault is not None and record.fault.code == FaultCode.TOTAL_TIMEOUT and in_short_time:
            course.fault = deadline_fault(None)
        if course.fault is None and attempt is not None:
            self._lessons.append(partial(core.lessons.call_succeeded, attempt))
            if continuation is None:
                self._lessons.append(partial(core.lessons.prompt_read, task, attempt, generation))
            course.warn(core.lessons.window_read(self._ticket.request, task, attempt, generation))

    def learn(self) -> None:
        """Take in what the calls taught since it was taken in last."""
        lessons, self._lessons = self._lessons, []
        for lesson in lessons:
            lesson()
