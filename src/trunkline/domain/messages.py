"""What is asked: messages, and the request that carries them through the engine."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from trunkline.domain.tasks import Origin, Priority, Tier


class Role(StrEnum):
    """Who speaks."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


@dataclass(frozen=True, slots=True)
class TextPart:
    """Plain text."""

    text: str


@dataclass(frozen=True, slots=True)
class ImagePart:
    """An image by URL (a `data:` URL where it is inline)."""

    url: str


@dataclass(frozen=True, slots=True)
class ThinkingPart:
    """Reasoning as its provider gave it, kept aside for that provider and stripped for every other.

    `signature` is whatever the provider wants back unchanged with it (Anthropic's signature, Gemini's thought
    signature, OpenRouter's `reasoning_details` as JSON); where `redacted`, it is all there is. `model` is the one
    that thought it, None where that does not matter.
    """

    text: str
    provider: str
    signature: str | None = None
    model: str | None = None
    redacted: bool = False


@dataclass(frozen=True, slots=True)
class ToolCallPart:
    """A call the model wants made; `arguments` is JSON text. `signature` goes back unchanged to the `provider`
    that sent it (Gemini's thought signature) and to no other."""

    call_id: str
    name: str
    arguments: str
    signature: str | None = None
    provider: str | None = None


@dataclass(frozen=True, slots=True)
class ToolResultPart:
    """What a tool call gave; `is_error` where the tool failed. `images` came with the text."""

    call_id: str
    text: str
    is_error: bool = False
    images: tuple[ImagePart, ...] = ()


Part = TextPart | ImagePart | ThinkingPart | ToolCallPart | ToolResultPart


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation."""

    role: Role
    parts: tuple[Part, ...]

    @classmethod
    def of(cls, role: Role, text: str) -> Message:
        """A message of one piece of text."""
        return cls(role, (TextPart(text),))

    @property
    def text(self) -> str:
        """Its text parts joined."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def images(self) -> tuple[ImagePart, ...]:
        """Its images, with those that came with the results of tools."""
        found: list[ImagePart] = []
        for part in self.parts:
            if isinstance(part, ImagePart):
                found.append(part)
            elif isinstance(part, ToolResultPart):
                found += part.images
        return tuple(found)


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool the model may call; `schema` is the JSON schema of its arguments, as text."""

    name: str
    description: str
    schema: str


class ToolUse(StrEnum):
    """Whether the model calls a tool: as it likes, never, at least one, or the one that is named."""

    AUTO = "auto"
    NONE = "none"
    REQUIRED = "required"
    NAMED = "named"


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """What is wanted of the tools of a request. `name` is the tool that must be called where `use` is NAMED.
    `parallel` says whether one answer may call several; None leaves that to the provider."""

    use: ToolUse = ToolUse.AUTO
    name: str | None = None
    parallel: bool | None = None


class ResponseFormat(StrEnum):
    """What form the answer must have."""

    TEXT = "text"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class AnswerSchema:
    """The JSON schema, as text, that the answer must fit. `strict` is whether the provider is to enforce it, None
    where the asker did not say."""

    schema: str
    name: str = "answer"
    description: str = ""
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is drawn, beside the temperature; None leaves each to the provider."""

    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None


@dataclass(frozen=True, slots=True)
class NativeField:
    """A field of a request that only the providers of one `protocol` know: sent to them as it came, left out for all
    others. `value` is its JSON as text."""

    protocol: str
    name: str
    value: str


class Effort(StrEnum):
    """How long the model should think before it answers."""

    NONE = "none"
    MINIMAL = "minimal"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    MAX = "max"


@dataclass(frozen=True, slots=True)
class Hints:
    """What the asker says of the request; a hint wins over the analyser."""

    task_type: str | None = None
    complexity: float | None = None
    tier: Tier | None = None


@dataclass(frozen=True, slots=True)
class Redo:
    """The answer that a request is to replace: that of the request `request_id`, whose task was taken for `tier` and
    which `route` (its id) answered, each None where it is not known. `elsewhere`: the asker chose who answers now."""

    request_id: str
    tier: Tier | None = None
    route: str | None = None
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class EmbeddingAsk:
    """Texts of which vectors are wanted, one for each, with so many `dimensions` (None: as many as the model has).
    `task_type` is what the vectors are for, in Google's words (`RETRIEVAL_QUERY`), and `titles` those of the texts, as
    many or none: both make other vectors where a provider knows them."""

    inputs: tuple[str, ...]
    dimensions: int | None = None
    task_type: str | None = None
    titles: tuple[str | None, ...] = ()

    def parts(self, most: int) -> tuple[EmbeddingAsk, ...]:
        """The same in asks of at most so many texts, in their order."""
        if len(self.inputs) <= most:
            return (self,)
        return tuple(
            replace(self, inputs=self.inputs[at : at + most], titles=self.titles[at : at + most])
            for at in range(0, len(self.inputs), most)
        )


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A request as a face (chat, ask, gateway, job) hands it to the engine.

    `route` pins this message to a route, account, provider or model (see `Catalogue.select`). `prefer` is an
    ordered list the asker states. `budget_pico` caps the cost, `deadline_at_ms` (wall time) the time. `effort`
    None leaves thinking as the model has it. `stream` says whether the asker reads the answer as it comes; an engine
    asks providers for a stream either way. `park` says that it may be kept until somebody can serve it, however long
    that is and whatever becomes of this process; without it, it fails when nobody can in time. `over_budget_ok` says
    that it may take more tokens than its task is given. `redo` is the answer that this one is to replace, where there
    is one.

    Nobody but `only` (selectors; empty: anybody) may answer. `answer_schema` goes with a `response_format` of JSON.
    `append_only`: what the asker was shown cannot be taken back, so that a cut answer is carried on or fails, and never
    begins anew. `paced`: it takes its turn in the lane of its priority; without it, it goes as soon as it may.
    `keeps_words`: what is said in a conversation is kept with it, for whoever does not keep it himself.

    Where it `embeds`, vectors are wanted and no answer, and there are no messages.
    """

    messages: tuple[Message, ...]
    origin: Origin
    request_id: str | None = None
    conversation_id: str | None = None
    turn_id: str | None = None
    hints: Hints = field(default_factory=Hints)
    priority: Priority | None = None
    critical: bool = False
    route: str | None = None
    prefer: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()
    deadline_at_ms: int | None = None
    budget_pico: int | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    stop: tuple[str, ...] = ()
    tools: tuple[ToolSpec, ...] = ()
    response_format: ResponseFormat = ResponseFormat.TEXT
    effort: Effort | None = None
    stream: bool = True
    park: bool = False
    over_budget_ok: bool = False
    redo: Redo | None = None
    only: tuple[str, ...] = ()
    tool_choice: ToolChoice | None = None
    answer_schema: AnswerSchema | None = None
    sampling: Sampling = field(default_factory=Sampling)
    native: tuple[NativeField, ...] = ()
    append_only: bool = False
    paced: bool = True
    keeps_words: bool = True
    embeds: EmbeddingAsk | None = None
