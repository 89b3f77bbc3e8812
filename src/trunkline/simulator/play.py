"""One exchange: what was asked, and how the reply will be played. Faults edit the play before it is sent."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from trunkline.simulator.allowance import Allowances
from trunkline.simulator.description import Account, Model, Provider
from trunkline.simulator.styles import Complaint, Wrong


class End(Enum):
    """How the connection ends: as it should, with a FIN in the middle, with a RST, or not at all."""

    WHOLE = "whole"
    DROP = "drop"
    RESET = "reset"
    HANG = "hang"


@dataclass(slots=True)
class Play:
    """A reply as it will go over the wire.

    A stream is head, chunks of text, tail (finish reason, usage) and terminator, each a whole event; `first_ms`
    passes after the head, `interval_ms` between chunks, `slow_interval_ms` from chunk `slow_after` on. A whole reply is
    one chunk. `silent` with `end` other than WHOLE: not even a status line is sent. `declared_bytes` is the
    Content-Length where it is not the true one.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    stream: bool = False
    head: Sequence[bytes] = ()
    chunks: Sequence[bytes] = ()
    tail: Sequence[bytes] = ()
    terminator: bytes = b""
    first_ms: float = 0.0
    interval_ms: float = 0.0
    slow_after: int | None = None
    slow_interval_ms: float = 0.0
    end: End = End.WHOLE
    silent: bool = False
    declared_bytes: int | None = None
    refused: bool = False
    output_tokens: int = 0

    @property
    def breaks(self) -> bool:
        """The connection is broken on purpose."""
        return self.end in (End.DROP, End.RESET)

    def refuse(self, status: int, body: bytes, content_type: str = "application/json") -> None:
        """Make it a whole reply with that status and body instead of an answer."""
        self.status, self.content_type, self.stream, self.refused = status, content_type, False, True
        self.head, self.chunks, self.tail, self.terminator = (), (body,), (), b""
        self.first_ms = self.interval_ms = 0.0
        self.output_tokens = 0

    def stop_after(self, chunks: int) -> None:
        """End after that many chunks, without a finish reason, usage or terminator; half of a whole reply."""
        if self.stream:
            share = min(1.0, chunks / len(self.chunks)) if self.chunks else 1.0
            self.chunks, self.tail, self.terminator = self.chunks[:chunks], (), b""
        else:
            body = b"".join(self.chunks)
            share, self.declared_bytes = 0.5, len(body)
            self.chunks = (body[: len(body) // 2],)
        self.output_tokens = round(self.output_tokens * share)


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call; `arguments` is JSON text."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a call gave, as it was sent back, with so many `images`; `name` of the tool where it is known."""

    call_id: str
    text: str
    name: str | None = None
    images: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as a protocol module read it. `begun` is the assistant text to carry on, `anchor` what to repeat.
    `wish` is what the user said last, with so many `images`; `tools` are offered, with the JSON schemas of their
    arguments where those are known; one of `must_call` is to be called, and no second where `one_call`. The answer is
    to fit `answer_schema`. `results` have just come back, `steps` rounds of calls were made since the user spoke.
    `cacheable` are the pieces of the prompt that a cache may keep; `marks_cache`: they were marked, and writing them is
    counted. `as_array`: a stream as one JSON array. Of the texts of `embeds` vectors are wanted and no answer, of so
    many `dimensions`, in base64 where it `packs` them; `vector_kinds` say of each what makes it another one."""

    model: str
    stream: bool
    prompt: str
    input_tokens: int
    begun: str | None = None
    anchor: str | None = None
    max_output_tokens: int | None = None
    json_answer: bool = False
    include_usage: bool = False
    wish: str = ""
    images: int = 0
    tools: tuple[str, ...] = ()
    schemas: Mapping[str, Any] = field(default_factory=dict)
    must_call: tuple[str, ...] = ()
    one_call: bool = False
    answer_schema: Mapping[str, Any] | None = None
    results: tuple[ToolResult, ...] = ()
    steps: int = 0
    thinks: bool = False
    shows_thinking: bool = True
    cacheable: tuple[str, ...] = ()
    marks_cache: bool = False
    as_array: bool = False
    embeds: tuple[str, ...] = ()
    dimensions: int | None = None
    packs: bool = False
    vector_kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens in and out: `input_tokens` with what was read from a cache and written to it, `output_tokens` with the
    reasoning."""

    input_tokens: int
    output_tokens: int
    cached: int = 0
    written: int = 0
    reasoning: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said: reasoning, text, calls. `finish` is stop, length, tool_calls or refused. `pieces` are the chunks
    of a stream's text where they are given."""

    text: str
    finish: str
    usage: Usage
    thinking: str = ""
    calls: tuple[Call, ...] = ()
    pieces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """What a path is for: `what` is chat, embed, count, models or model. `model` and `stream` are set where the path
    says them."""

    what: str
    model: str | None = None
    stream: bool | None = None
    as_array: bool = False


class ProtocolModule(Protocol):
    """What a wire language must offer; it never sees a socket. `strict` are the words of a description's `strict` that
    it knows; `malformed` is an event that is no JSON; `call_prefix` begins the ids of calls."""

    strict: frozenset[str]
    malformed: bytes
    call_prefix: str

    def key(self, headers: Mapping[str, str], query: Mapping[str, str]) -> str:
        """The credential of a request, empty where there is none."""
        ...

    def target(self, method: str, path: str, query: Mapping[str, str]) -> Target | None:
        """What a path below the provider's is for."""
        ...

    def check_headers(self, headers: Mapping[str, str]) -> Complaint | None:
        """What the provider has against the headers of an authorised request."""
        ...

    def read(self, body: Mapping[str, Any], target: Target, provider: Provider) -> Asked | Complaint:
        """What is asked, or what the provider has against it."""
        ...

    def play(self, exchange: Exchange, answer: Answer) -> Play:
        """The whole, faultless reply that says `answer`."""
        ...

    def error_event(self, exchange: Exchange, body: Any) -> bytes:
        """An error as it comes inside a stream."""
        ...

    def listing(self, provider: Provider, model: str | None) -> Any:
        """The reply to a question for the models, or for one of them; None where there is no such one."""
        ...

    def count(self, asked: Asked) -> Mapping[str, Any]:
        """The reply to a question for a prompt's length."""
        ...


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request with everything that decides its reply. `rng` depends on the seed, the model and the prompt and
    how often it was asked, so that the order of arrival changes nothing. `reused`: the connection has served before.
    `kept` are replies that are encoded once; `cached` and `written` tokens of the prompt met the provider's cache."""

    provider: Provider
    account: Account
    model: Model
    asked: Asked
    protocol: ProtocolModule
    allowances: Allowances
    rng: random.Random
    number: int
    wall_ms: int
    speed: float = 1.0
    reused: bool = False
    kept: dict[tuple[object, ...], Play] = field(default_factory=dict)
    cached: int = 0
    written: int = 0

    def complaint(self, wrong: Wrong, **facts: Any) -> Complaint:
        """A complaint about this request."""
        organisation = f"org-{self.account.organisation or self.account.id}"
        return Complaint(wrong, model=self.model.id, organisation=organisation, now_ms=self.wall_ms, **facts)
