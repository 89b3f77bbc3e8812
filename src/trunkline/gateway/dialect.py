"""The seam between what a client speaks and the engine: JSON in, a `ChatRequest` out; the answer in, bytes out.

One package per client protocol implements `Dialect`. It opens no socket, asks no engine and reads no clock: the
server feeds it. Which model was meant, whose conversation it is and who may ask are not its business either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from trunkline.domain.errors import TrunklineError
from trunkline.domain.events import ThinkingDelta, ToolCallDelta
from trunkline.domain.messages import ChatRequest, Message
from trunkline.domain.money import Usage
from trunkline.domain.receipts import FinishReason
from trunkline.domain.routes import Route
from trunkline.domain.tasks import Origin


class UnreadableError(TrunklineError):
    """A request that cannot be taken as it is. `param` is the path of the field at fault (`messages.0.content`), None
    where it is the whole."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class ProblemKind(StrEnum):
    """What went wrong, as far as a client's reaction depends on it."""

    BAD_REQUEST = "bad_request"
    CONTEXT = "context"
    CONTENT = "content"
    UNAUTHORISED = "unauthorised"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    WRONG_METHOD = "wrong_method"
    TOO_LARGE = "too_large"
    LIMIT = "limit"
    """An allowance is used up, of all accounts that could serve or of the client's own token."""
    BILLING = "billing"
    BUSY = "busy"
    """The gateway's own queue is full."""
    UPSTREAM = "upstream"
    OVERLOADED = "overloaded"
    TIMEOUT = "timeout"
    INTERNAL = "internal"


STATUSES: Mapping[ProblemKind, int] = {
    ProblemKind.BAD_REQUEST: 400,
    ProblemKind.CONTEXT: 400,
    ProblemKind.CONTENT: 400,
    ProblemKind.UNAUTHORISED: 401,
    ProblemKind.FORBIDDEN: 403,
    ProblemKind.NOT_FOUND: 404,
    ProblemKind.WRONG_METHOD: 405,
    ProblemKind.TOO_LARGE: 413,
    ProblemKind.LIMIT: 429,
    ProblemKind.BILLING: 402,
    ProblemKind.BUSY: 429,
    ProblemKind.UPSTREAM: 502,
    ProblemKind.OVERLOADED: 503,
    ProblemKind.TIMEOUT: 504,
    ProblemKind.INTERNAL: 500,
}
"""The status of each, where a dialect has no other of its own."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What the client is told instead of an answer, or of the rest of one. `message` is a sentence, `code` a word for
    programs (a provider's own where it gave one), `param` the field at fault. `retry_after_ms` is how long to wait
    before it may help to ask again, None where nobody can say."""

    kind: ProblemKind
    message: str
    code: str | None = None
    param: str | None = None
    retry_after_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Carried:
    """What of the reasoning in an answer its client has a place for and brings back by itself: reasoning that is
    `signed` or `unsigned`, the signatures of `calls`."""

    signed: bool = False
    unsigned: bool = False
    calls: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client asks, read. `model` is the name it used (see `naming`), `fallbacks` are further ones in order.
    `said` are the hints in the body's metadata, text by lower-case name; `conversation_key` is what marks the requests
    of one conversation, where the protocol has such a thing. `ignored` are fields that are left out whoever answers,
    by name: only such as may be missing without harm. `shape` is what the dialect itself needs again to write the
    answer (whether usage was wanted in the stream, say). `carried` is what need not be kept for the client."""

    chat: ChatRequest
    model: str
    fallbacks: tuple[str, ...] = ()
    said: Mapping[str, str] = field(default_factory=dict)
    conversation_key: str | None = None
    ignored: tuple[str, ...] = ()
    shape: Any = None
    carried: Carried = Carried()


@dataclass(frozen=True, slots=True)
class AnswerHead:
    """What is known when an answer begins. `request_id` is Trunkline's; `model` is what answers, as
    `provider/model`; `input_tokens` is an estimate."""

    request_id: str
    model: str
    created_at_ms: int
    input_tokens: int


@dataclass(frozen=True, slots=True)
class WholeAnswer:
    """An answer that is over. Its `message` is the assistant's, in the order in which it was said; the thinking in it
    names its provider and model."""

    head: AnswerHead
    message: Message
    finish: FinishReason
    usage: Usage


class AnswerStream(Protocol):
    """Writes one streamed answer in the exact order of events that the protocol documents. Every method gives the
    bytes to send, empty where there is nothing; `end` or `fail` comes last, and once."""

    def begin(self) -> bytes:
        """The head, before anything else."""
        ...

    def carried_on(self, head: AnswerHead) -> None:
        """Somebody else goes on with the answer: `head` names who, where the protocol can say so once it has begun."""
        ...

    def text(self, text: str) -> bytes:
        """More of the answer's text."""
        ...

    def thinking(self, delta: ThinkingDelta, route: Route) -> bytes:
        """More of the reasoning of the model of `route`."""
        ...

    def tool_call(self, call: ToolCallDelta, route: Route) -> bytes:
        """One whole call."""
        ...

    def idle(self) -> bytes:
        """Something that keeps the connection alive and means nothing; empty where the protocol knows no such thing."""
        ...

    def end(self, finish: FinishReason, usage: Usage) -> bytes:
        """The answer is whole, or was stopped for `finish`."""
        ...

    def fail(self, problem: Problem) -> bytes:
        """The rest will not come: the protocol's error event, so that nobody takes what came for the whole."""
        ...


class Dialect(Protocol):
    """One client protocol."""

    @property
    def name(self) -> str:
        """`openai`, `responses`, `anthropic` or `gemini`."""
        ...

    def read(
        self, body: Mapping[str, Any], origin: Origin, *, model: str | None = None, stream: bool | None = None
    ) -> Asked:
        """What `body` asks; `model` and `stream` where the path says them. Raises UnreadableError for what is not a
        request of this protocol, and for what nobody here can do and whose absence would do harm (several answers at
        once, a tool that only the provider itself runs)."""
        ...

    def whole(self, asked: Asked, answer: WholeAnswer) -> bytes:
        """The body of a whole answer, status 200."""
        ...

    def stream(self, asked: Asked, head: AnswerHead) -> AnswerStream:
        """A writer for one streamed answer."""
        ...

    def status(self, problem: Problem) -> int:
        """The HTTP status of a problem."""
        ...

    def problem(self, problem: Problem, request_id: str) -> bytes:
        """The body of an error."""
        ...
