"""What a whole prompt counts: its text by each tokenizer, what is not text by each provider's rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from trunkline.analysis.estimate import estimate_together
from trunkline.analysis.images import image_size, image_tokens
from trunkline.analysis.tokens import TokenCounter
from trunkline.domain.counting import Counted, CountingRule, PromptCount, Tokenizer
from trunkline.domain.messages import (
    ChatRequest,
    ImagePart,
    Message,
    Role,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from trunkline.domain.tasks import Origin, OriginKind

# Every message costs a few tokens of its own in every chat format, and so do a call and a tool.
MESSAGE_TOKENS = 4
_CALL_TOKENS = 8
_TOOL_TOKENS = 12
# A token is at least a byte, and a character at most four.
_MOST_OF_A_CHAR = 4
# The system prompt that the API adds where tools are given, as Anthropic documents it for Claude 4.
_TOOL_PROMPT = {CountingRule.ANTHROPIC: 346, CountingRule.ANTHROPIC_LARGE: 346}
# More than this is not counted on the event loop: at the slowest (CJK, 4.5 million characters a second) about 2 ms.
MOST_CHARS_AT_ONCE = 8_192


class Rereads(StrEnum):
    """Which thinking of earlier turns a provider reads again, and counts: none, only that since the user last spoke, or
    all."""

    NOTHING = "nothing"
    CURRENT = "current"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class CountingPlan:
    """What is to be counted for the models of one configuration: the pairs that occur, and what each provider does with
    thinking (`CURRENT` where it is not named)."""

    pairs: tuple[tuple[Tokenizer, CountingRule], ...] = ((Tokenizer.O200K, CountingRule.OPENAI),)
    rereads: tuple[tuple[str, Rereads], ...] = ()


def count_prompt(request: ChatRequest, plan: CountingPlan, counter: TokenCounter) -> PromptCount:
    """The whole prompt, in about 2 ms at most: where its text would take longer (see `is_ready`), it is estimated."""
    texts = list(prompt_texts(request))
    totals = {tokenizer: _text_tokens(texts, tokenizer, counter) for tokenizer in _tokenizers(plan)}
    parts = [part for message in request.messages for part in message.parts]
    images = [image_size(image.url) for message in request.messages for image in message.images]
    frame = MESSAGE_TOKENS * len(request.messages) + _TOOL_TOKENS * len(request.tools)
    frame += _CALL_TOKENS * sum(isinstance(part, ToolCallPart | ToolResultPart) for part in parts)
    counted = dict[tuple[Tokenizer, CountingRule], Counted]()
    for tokenizer, rule in plan.pairs:
        by, tokens = totals[tokenizer]
        tokens += frame + sum(image_tokens(size, rule) for size in images)
        tokens += _TOOL_PROMPT.get(rule, 0) if request.tools else 0
        counted.setdefault((by, rule), Counted(by, rule, tokens))
    return PromptCount(tuple(counted.values()), _thinking(request, plan))


def is_ready(request: ChatRequest, plan: CountingPlan, counter: TokenCounter) -> bool:
    """Whether `count_prompt` counts the whole text at once; otherwise `count_ahead` is to be called on a thread. Of
    texts to embed an estimate is enough: they come in large numbers, cost little, and need no room for an answer."""
    if request.embeds is not None:
        return True
    texts = list(prompt_texts(request))
    return all(_is_little(texts, _available(one, counter), counter) for one in _tokenizers(plan))


def count_ahead(
    request: ChatRequest, plan: CountingPlan, counter: TokenCounter, pause: Callable[[], None]
) -> None:
    """Count the prompt's text, however long that takes, so that `counter` knows it. `pause` is called about every
    millisecond: a thread that only computes keeps the others waiting for longer."""
    for tokenizer in _tokenizers(plan):
        by = _available(tokenizer, counter)
        for text in prompt_texts(request):
            if counter.known(text, by) is None:
                counter.tokens(text, by)
                pause()


def messages_tokens(messages: Sequence[Message], counter: TokenCounter) -> int:
    """What some of a conversation's messages count by OpenAI's rule, without thinking; no exact figure."""
    part_of = ChatRequest(tuple(messages), Origin(OriginKind.INTERNAL))
    return count_prompt(part_of, CountingPlan(), counter).totals[0].tokens


def most_tokens(messages: Sequence[Message]) -> int | None:
    """What `messages_tokens` of them is at most, without counting; None where an image is among them."""
    most = MESSAGE_TOKENS * len(messages)
    for message in messages:
        for part in message.parts:
            match part:
                case TextPart(text):
                    most += _MOST_OF_A_CHAR * len(text)
                case ToolResultPart(_, text):
                    most += _MOST_OF_A_CHAR * len(text) + _CALL_TOKENS
                case ToolCallPart(_, name, arguments):
                    most += _MOST_OF_A_CHAR * (len(name) + len(arguments)) + _CALL_TOKENS
                case ImagePart():
                    return None
                case ThinkingPart():
                    pass
    return most


def prompt_texts(request: ChatRequest) -> Iterator[str]:
    """Everything in it that is text, but thinking."""
    for message in request.messages:
        for part in message.parts:
            match part:
                case TextPart(text) | ToolResultPart(_, text):
                    yield text
                case ToolCallPart(_, name, arguments):
                    yield name
                    yield arguments
                case ImagePart() | ThinkingPart():
                    pass
    for tool in request.tools:
        yield tool.name
        yield tool.description
        yield tool.schema
    if request.answer_schema is not None:
        yield request.answer_schema.schema
    if request.embeds is not None:
        yield from request.embeds.inputs


def _tokenizers(plan: CountingPlan) -> Iterable[Tokenizer]:
    return dict.fromkeys(tokenizer for tokenizer, _ in plan.pairs)


def _available(tokenizer: Tokenizer, counter: TokenCounter) -> Tokenizer:
    return tokenizer if counter.has(tokenizer) else Tokenizer.ESTIMATE


def _is_little(texts: Sequence[str], tokenizer: Tokenizer, counter: TokenCounter) -> bool:
    return counter.work_chars(texts, tokenizer, most=MOST_CHARS_AT_ONCE) <= MOST_CHARS_AT_ONCE


def _text_tokens(texts: Sequence[str], tokenizer: Tokenizer, counter: TokenCounter) -> tuple[Tokenizer, int]:
    """By what it was counted, and the tokens."""
    for by in dict.fromkeys((_available(tokenizer, counter), Tokenizer.ESTIMATE)):
        if _is_little(texts, by, counter):
            return by, sum(counter.tokens(text, by) for text in texts)
    known = [(text, counter.known(text, Tokenizer.ESTIMATE)) for text in texts]
    rest = estimate_together([text for text, tokens in known if tokens is None])
    return Tokenizer.ESTIMATE, rest + sum(tokens or 0 for _, tokens in known)


def _thinking(request: ChatRequest, plan: CountingPlan) -> tuple[tuple[str, int], ...]:
    """What each provider's own thinking takes there, always as an estimate: it is seldom much, and often summarised."""
    rereads = dict(plan.rereads)
    asked = max((at for at, message in enumerate(request.messages) if message.role is Role.USER), default=-1)
    thought: dict[str, list[str]] = {}
    for at, message in enumerate(request.messages):
        for part in message.parts:
            if isinstance(part, ThinkingPart):
                reread = rereads.get(part.provider, Rereads.CURRENT)
                if reread is Rereads.ALL or (reread is Rereads.CURRENT and at > asked):
                    # What is redacted comes as base64 of what it takes.
                    text = part.signature or "" if part.redacted else part.text
                    thought.setdefault(part.provider, []).append(text)
    counted = ((provider, estimate_together(texts)) for provider, texts in thought.items())
    return tuple((provider, tokens) for provider, tokens in counted if tokens)
