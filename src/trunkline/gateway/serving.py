"""One request of a client from its body to its answer: what was asked goes to the engine, what comes of it back in the
client's own words. Knows no HTTP: the server gives headers and body, and takes bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from itertools import count
from typing import Any

from trunkline.domain.clock import Clock
from trunkline.domain.decisions import Decision
from trunkline.domain.events import (
    Answered,
    AttemptStarted,
    Body,
    Cancelled,
    Decided,
    Embedded,
    Ending,
    Failed,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
)
from trunkline.domain.messages import Hints, Message, ToolCallPart
from trunkline.domain.money import Usage, usd
from trunkline.domain.receipts import FinishReason, Receipt
from trunkline.domain.routes import Route
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.engine.engine import Engine
from trunkline.engine.requests import Handle
from trunkline.engine.transcript import answer_message
from trunkline.gateway.agents import name_of, told
from trunkline.gateway.conversation import Runs, place_of
from trunkline.gateway.dialect import (
    AnswerHead,
    AnswerStream,
    Asked,
    Carried,
    Dialect,
    Problem,
    WholeAnswer,
)
from trunkline.gateway.embeddings import checked
from trunkline.gateway.guard import Client
from trunkline.gateway.hints import hints_of
from trunkline.gateway.naming import Names, NotNamedError, allowed
from trunkline.gateway.problems import cut_problem, problem_of
from trunkline.gateway.shelf import own_id
from trunkline.gateway.thinking import Thinking

# A stream in which nothing came for so long gets a sign of life.
_IDLE_S = 15.0
_WRITTEN_OFF_LOOP_BYTES = 500_000
# What is cancelled has ended long before.
_ENDS_WITHIN_S = 2.0


VectorsBody = Callable[[Any, str, Sequence[bytes], Usage], bytes]
"""Writes vectors for a client: the shape of what it asked, the model that gave them, the vectors, what was used."""


class RefusedError(Exception):
    """The client is told of a problem instead of an answer."""

    def __init__(self, problem: Problem, ending: Ending | None = None) -> None:
        super().__init__(problem.message)
        self.problem = problem
        self.ending = ending


@dataclass(slots=True)
class Course:
    """What is known of a request under way; its headers are made from it. `owner` is the id of the token that it came
    with, empty where there was none; `carried` is what its client brings back by itself. `bodies` are the events that
    make its answer's message: all of a whole one, of a streamed one what may have to be restored later."""

    request_id: str
    owner: str = ""
    carried: Carried = field(default_factory=Carried)
    handle: Handle | None = None
    route: Route | None = None
    reason: str = ""
    decided_pico: int | None = None
    input_tokens: int = 0
    left_out: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    bodies: list[Body] = field(default_factory=list)
    spoke: bool = False
    ending: Ending | None = None

    def note(self, body: Body) -> None:
        """Take in one event."""
        match body:
            case Decided(task, decision):
                self.input_tokens = task.input_tokens
                if isinstance(decision, Decision):
                    self.reason = decision.reason.value
                    self.decided_pico = decision.ranking[0].cost_pico if decision.ranking else None
            case AttemptStarted(_, route, left_out):
                self.route, self.left_out = route, left_out
            case Answered() | Failed() | Cancelled():
                self.ending = body

    @property
    def estimate_pico(self) -> int | None:
        """What it should cost, from when that is known: before anything of it is answered too."""
        if not self.reason and self.handle is not None:
            for event in self.handle.so_far():
                self.note(event.body)
        return self.decided_pico

    def headers(self) -> dict[str, str]:
        """`x-trunkline-*`: who answers and why, what it should cost, and what of the request could not be told."""
        estimate = usd(self.estimate_pico)
        unsaid = dict.fromkeys((*self.ignored, *self.left_out))
        found = {
            "x-trunkline-request": self.request_id,
            "x-trunkline-route": str(self.route or ""),
            "x-trunkline-reason": self.reason,
            "x-trunkline-estimate-usd": "" if estimate is None else f"{estimate:.6f}",
            "x-trunkline-left-out": ", ".join(unsaid),
        }
        return {name: value for name, value in found.items() if value}


class Service:
    """The engine behind the gateway's doors. `zone` is that of the sentences that clients read; a stream in which
    nothing came for `idle_s` is given a sign of life, where its protocol knows one."""

    def __init__(
        self, engine: Engine, clock: Clock, *, zone: tzinfo | None = None, idle_s: float = _IDLE_S
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._idle_s = idle_s
        self._zone = zone or datetime.now().astimezone().tzinfo
        self._thinking = Thinking(engine.store, clock)
        self._runs = Runs()
        self._names: tuple[str, Names] | None = None

    @property
    def engine(self) -> Engine:
        """The engine behind it."""
        return self._engine

    def names(self) -> Names:
        """The model names of the configuration in force."""
        config = self._engine.generation.config
        if self._names is None or self._names[0] != config.generation:
            unknown_is_auto = config.preferences.gateway.unknown_is_auto
            self._names = config.generation, Names(config, unknown_is_auto=unknown_is_auto)
        return self._names[1]

    # -- what is asked ----------------------------------------------------------------------------------------------

    async def recalled(self, asked: Asked, client: Client) -> Asked:
        """`asked` with the thinking that was kept aside for its client. Waits for nothing unless calls of this gateway
        come back that this process knows nothing of."""
        messages = await self._thinking.restored(asked.chat.messages, client.token_id or "")
        if messages is asked.chat.messages:
            return asked
        return replace(asked, chat=replace(asked.chat, messages=messages))

    def placed(
        self,
        asked: Asked,
        headers: Mapping[str, str],
        client: Client,
        *,
        left_pico: int | None = None,
        is_asked: bool = True,
    ) -> Asked:
        """`asked` as the engine is to be asked it: by the names, hints and rights that go with it. `headers` by
        lower-case name; `left_pico` is what its client may still spend, None: as much as it likes. What is only
        counted and not `is_asked` is no turn of its conversation. Raises UnreadableError and NotNamedError."""
        config = self._engine.generation.config
        names = self.names()
        said = hints_of(headers, asked.said, names.task_types)
        try:
            named = names.resolve(asked.model, asked.fallbacks)
        except NotNamedError as error:
            raise NotNamedError(told(error.problem, headers)) from error
        if asked.chat.embeds is not None:
            named = checked(named, asked.model, config.catalogue)
        models = allowed(named.models, client.models, config.catalogue)
        pin = models[0] if len(models) == 1 else None
        place = None if asked.chat.embeds is not None else place_of(asked, headers, client.token_id or "")
        if place is not None and is_asked:
            place = self._runs.placed(place, asked.chat, self._clock.wall_ms())
        priority = said.priority or client.priority
        chat = replace(
            asked.chat,
            origin=Origin(OriginKind.GATEWAY, said.origin or name_of(client, headers)),
            hints=Hints(
                task_type=said.task_type or named.hints.task_type,
                tier=said.tier or named.hints.tier,
            ),
            route=pin,
            prefer=models if pin is None and named.ordered else (),
            only=models if pin is None else (),
            avoid=said.avoid,
            conversation_id=None if place is None else place.conversation_id,
            turn_id=None if place is None else place.turn_id,
            priority=priority,
            paced=priority is not None,
            deadline_at_ms=None if said.within_ms is None else self._clock.wall_ms() + said.within_ms,
            budget_pico=min((one for one in (said.budget_pico, left_pico) if one is not None), default=None),
            over_budget_ok=said.over_budget_ok,
            append_only=asked.chat.stream,
            keeps_words=False,
        )
        return replace(asked, chat=chat)

    # -- what is answered -------------------------------------------------------------------------------------------

    async def whole(self, dialect: Dialect, asked: Asked, course: Course) -> bytes:
        """The body of the whole answer. Raises RefusedError where there is none; cancelled with its caller."""
        receipt = await self._answered(asked, course)
        message = _own_ids(answer_message(course.bodies), course.request_id)
        self._keep(message, course)
        finish = receipt.finish or FinishReason.STOP
        return dialect.whole(asked, WholeAnswer(self._head(course), message, finish, receipt.usage))

    async def embeddings(self, body: VectorsBody, asked: Asked, course: Course) -> bytes:
        """The vectors that are asked for, as `body` writes them. Raises RefusedError where there are none; cancelled
        with its caller."""
        receipt = await self._answered(asked, course)
        vectors = next(body.vectors for body in reversed(course.bodies) if isinstance(body, Embedded))
        written = (asked.shape, self._head(course).model, vectors, receipt.usage)
        if sum(map(len, vectors)) > _WRITTEN_OFF_LOOP_BYTES:
            return await asyncio.to_thread(body, *written)
        return body(*written)

    async def _answered(self, asked: Asked, course: Course) -> Receipt:
        """Follow a request to its whole answer. Raises RefusedError where there is none."""
        handle = self._submit(asked, course)
        try:
            await handle.ended()
            course.bodies += [event.body for event in handle.so_far()]
            for body in course.bodies:
                course.note(body)
            receipt = _receipt(course)
            if not isinstance(course.ending, Answered):
                raise RefusedError(problem_of(receipt, self._clock.wall_ms(), self._zone), course.ending)
            return receipt
        finally:
            await _left(handle, course)

    async def stream(self, dialect: Dialect, asked: Asked, course: Course) -> AsyncGenerator[bytes, None]:
        """The pieces of a streamed answer, the first of them only when it has begun. Raises RefusedError where it never
        does; once it has, what goes wrong is told in the stream. Closing it cancels the request."""
        handle = self._submit(asked, course)
        writer: AnswerStream | None = None
        begun_at_ms = 0
        try:
            await handle.begun()
            async for bodies in _batches(handle, self._idle_s):
                out = bytearray()
                if not bodies and writer is not None:
                    out += writer.idle()
                for body in bodies:
                    course.note(body)
                    if (
                        isinstance(body, TextDelta | ThinkingDelta | ToolCallDelta | Answered)
                        and writer is None
                    ):
                        begun_at_ms = self._clock.wall_ms()
                        writer = dialect.stream(asked, self._head(course, begun_at_ms))
                        out += writer.begin()
                    if isinstance(body, AttemptStarted):
                        course.bodies.append(body)
                        if writer is not None:
                            writer.carried_on(self._head(course, begun_at_ms))
                    if out and isinstance(body, Failed | Cancelled):
                        yield bytes(out)  # see `GeminiStream.fail`
                        out.clear()
                    if writer is not None and course.route is not None:
                        out += self._written(writer, body, course, course.route)
                if out:
                    yield bytes(out)
            if writer is None:
                problem = problem_of(_receipt(course), self._clock.wall_ms(), self._zone)
                raise RefusedError(problem, course.ending)
        finally:
            await _left(handle, course)

    def _written(self, writer: AnswerStream, body: Body, course: Course, route: Route) -> bytes:
        """What one event comes to in the stream; what may have to be restored later is noted."""
        match body:
            case TextDelta(text):
                if not course.spoke:
                    course.bodies.append(body)
                course.spoke = True
                return writer.text(text)
            case ThinkingDelta():
                course.bodies.append(body)
                return writer.thinking(body, route)
            case ToolCallDelta():
                calls = sum(isinstance(one, ToolCallDelta) for one in course.bodies)
                call = replace(body, call_id=own_id(course.request_id, calls))
                course.bodies.append(call)
                return writer.tool_call(call, route)
            case Answered(receipt):
                self._keep(answer_message(course.bodies), course)
                return writer.end(receipt.finish or FinishReason.STOP, receipt.usage)
            case Failed(receipt) | Cancelled(receipt):
                return writer.fail(cut_problem(receipt, self._clock.wall_ms(), self._zone))
            case _:
                return b""

    async def count_tokens(self, asked: Asked) -> int:
        """About how many tokens the request has, by the counter of whoever would answer it."""
        preview = await self._engine.preview(asked.chat)
        return preview.task.input_tokens

    def _keep(self, turn: Message, course: Course) -> None:
        catalogue = self._engine.generation.config.catalogue
        self._thinking.keep(turn, course.owner, course.request_id, catalogue, course.carried)

    def _submit(self, asked: Asked, course: Course) -> Handle:
        course.ignored, course.carried = asked.ignored, asked.carried
        course.handle = self._engine.submit(replace(asked.chat, request_id=course.request_id))
        return course.handle

    def _head(self, course: Course, begun_at_ms: int | None = None) -> AnswerHead:
        route = course.route
        model = "" if route is None else f"{route.provider}/{route.model}"
        begun_at_ms = self._clock.wall_ms() if begun_at_ms is None else begun_at_ms
        return AnswerHead(course.request_id, model, begun_at_ms, course.input_tokens)


async def _batches(handle: Handle, idle_s: float) -> AsyncIterator[list[Body]]:
    """A request's events as they come, several at once where they came at once; none where nothing came for
    `idle_s`."""
    position = 0
    while True:
        try:
            async with asyncio.timeout(idle_s):
                batch = await handle.beyond(position)
        except TimeoutError:
            yield []
            continue
        if not batch:
            return
        position = batch[-1].seq + 1
        yield [event.body for event in batch]


async def _left(handle: Handle, course: Course) -> None:
    """End what may still be under way, and learn what it came to: its client is to be charged that."""
    handle.cancel()
    if course.ending is None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_ENDS_WITHIN_S):
                course.ending = Cancelled((await handle.answer()).receipt)


def _receipt(course: Course) -> Receipt:
    if course.ending is None:
        raise RuntimeError("a request's events end with its ending")
    return course.ending.receipt


def _own_ids(message: Message, request_id: str) -> Message:
    if not any(isinstance(part, ToolCallPart) for part in message.parts):
        return message
    numbers = count()
    parts = tuple(
        replace(part, call_id=own_id(request_id, next(numbers))) if isinstance(part, ToolCallPart) else part
        for part in message.parts
    )
    return replace(message, parts=parts)
