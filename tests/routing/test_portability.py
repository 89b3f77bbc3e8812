"""What a switch does to what a conversation holds is said beforehand as the encoders then do it."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from tests.support.clock import START_MS

from trunkline.analysis.carried import carried_by
from trunkline.domain.accepts import Accepts
from trunkline.domain.carried import Carried
from trunkline.domain.messages import (
    Message,
    Part,
    Role,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from trunkline.domain.routes import (
    AccountSpec,
    Billing,
    Capability,
    Catalogue,
    KeyRef,
    KeySource,
    ModelSpec,
    Prefill,
    ProviderSpec,
    Quirks,
    ReasoningEcho,
    ToolIds,
)
from trunkline.providers.portable import fitted
from trunkline.providers.protocol import CallContext
from trunkline.routing.portability import WHOLE, Load, portability

ALL = (Capability.TOOLS, Capability.IMAGES, Capability.IMAGE_URLS, Capability.JSON, Capability.THINKING)


def provider(name: str, quirks: Quirks | None = None, **model: object) -> ProviderSpec:
    fields = {"context_tokens": 100_000, "capabilities": ALL, **model}
    models = (ModelSpec(name, "m", **fields), ModelSpec(name, "n", **fields))  # type: ignore[arg-type]  # by name
    return ProviderSpec(name, "openai", "http://127.0.0.1", models=models, quirks=quirks or Quirks())


CATALOGUE = Catalogue(
    (
        provider("anthropic", Quirks(tool_ids=ToolIds.WORD)),
        provider("mistral", Quirks(tool_ids=ToolIds.NINE)),
        provider("kimi", Quirks(tool_ids=ToolIds.WORD, echo_reasoning=ReasoningEcho.CONTENT)),
        provider("minimax", Quirks(single_system_message=True, json_mode=False)),
        provider("fill", prefill=Prefill.ASSISTANT),
        provider("small", context_tokens=50_000),
        provider("plain", capabilities=()),
    )
)


def assistant(*parts: Part) -> Message:
    return Message(Role.ASSISTANT, parts)


def thinking(of: str, model: str | None = "m", signature: str | None = "s") -> ThinkingPart:
    return ThinkingPart("hm", of, signature, model)


def load(*messages: Message, **more: object) -> Load:
    return Load(carried_by(messages), **more)  # type: ignore[arg-type]  # by name


def told(one: Load, left: str, target: str):  # type: ignore[no-untyped-def]  # of the first models
    return portability(one, CATALOGUE, (left, "m"), (target, "m"))


def test_words_alone_go_anywhere_as_they_are() -> None:
    words = load(
        Message.of(Role.SYSTEM, "Be short."), assistant(TextPart("Yes.")), Message.of(Role.USER, "And?")
    )
    assert words.carried is None
    assert told(words, "anthropic", "mistral") == WHOLE


def test_signed_thinking_is_left_behind_by_turns_and_only_what_the_one_left_was_told() -> None:
    one = load(
        assistant(thinking("anthropic"), thinking("anthropic"), TextPart("1")),
        assistant(thinking("anthropic"), TextPart("2")),
        assistant(thinking("anthropic", signature=None), TextPart("3")),
        assistant(thinking("mistral"), TextPart("4")),
        Message.of(Role.USER, "And?"),
    )
    assert told(one, "anthropic", "kimi").left_behind == ("signed thinking of 2 turns", "thinking of 1 turn")
    assert told(one, "mistral", "kimi").left_behind == ("signed thinking of 1 turn",)
    assert portability(one, CATALOGUE, ("anthropic", "m"), ("anthropic", "n")).left_behind[0] == (
        "signed thinking of 2 turns"
    )
    assert portability(one, CATALOGUE, ("anthropic", "m"), ("anthropic", "m")) == WHOLE


def test_what_any_model_of_a_provider_reads_stays_with_it() -> None:
    one = load(assistant(thinking("kimi"), TextPart("1")), Message.of(Role.USER, "And?"))
    assert portability(one, CATALOGUE, ("kimi", "m"), ("kimi", "n")) == WHOLE


def test_tool_calls_are_mended_and_lose_their_signatures() -> None:
    call = ToolCallPart("a call", "look", "{}", signature="s", provider="anthropic")
    one = load(assistant(call), Message(Role.TOOL, (ToolResultPart("a call", "12"),)))
    assert told(one, "anthropic", "mistral").mended == ("ids of 1 tool call",)
    assert told(one, "mistral", "anthropic").mended == ()
    assert told(one, "anthropic", "kimi").mended == ("reasoning that must come with tool calls",)
    assert told(one, "anthropic", "mistral").left_behind == ("signatures of 1 tool call",)
    assert told(one, "mistral", "anthropic").left_behind == ()


def test_system_messages_and_json_are_mended() -> None:
    one = load(*[Message.of(Role.SYSTEM, "Be short.")] * 2, needs=(Capability.JSON,))
    assert told(one, "anthropic", "minimax").mended == (
        "2 system messages made one",
        "JSON asked for in words",
    )
    assert told(one, "minimax", "anthropic").mended == ()


def test_demands_that_are_told_in_words_are_mended() -> None:
    plain = ProviderSpec("words", "openai", "http://127.0.0.1", accepts=Accepts(("auto",), json_schema=False))
    worded = replace(plain, models=(ModelSpec("words", "m", 100_000, capabilities=ALL),))
    catalogue = Catalogue((*CATALOGUE.providers, worded))
    one = Load(carried_by((), schema=True, forced_call=True), needs=(Capability.JSON,))
    mended = portability(one, catalogue, ("mistral", "m"), ("words", "m")).mended
    assert mended == ("the answer's schema told in words", "a forced tool call asked for in words")
    assert portability(one, catalogue, ("words", "m"), ("mistral", "m")) == WHOLE
    assert portability(one, catalogue, ("mistral", "m"), ("minimax", "m")).mended == (
        "JSON asked for in words",
    )


def test_what_cannot_be_mended_forbids_the_switch() -> None:
    begun = load(Message.of(Role.USER, "A list:"), assistant(TextPart("1.")))
    assert told(begun, "fill", "anthropic").refused == ("an answer that is already begun",)
    assert told(begun, "anthropic", "mistral").refused == ()
    needs = Load(needs=(Capability.TOOLS, Capability.IMAGE_URLS), need_tokens=50_001)
    assert told(needs, "anthropic", "plain").refused == ("tools", "images by address")
    assert told(needs, "anthropic", "small").refused == ("50,001 tokens in a window of 50,000",)
    assert told(needs._replace(need_tokens=50_000), "anthropic", "small") == WHOLE


def test_a_model_that_is_gone_is_neither_moved_to_nor_missed() -> None:
    one = load(assistant(thinking("anthropic"), TextPart("1")))
    assert portability(one, CATALOGUE, ("gone", "m"), ("kimi", "m")).left_behind == ()
    assert portability(one, CATALOGUE, ("kimi", "m"), ("kimi", "gone")).refused


ACCOUNT = AccountSpec("any", "a", KeyRef(KeySource.NONE), Billing.CREDITS)
PARTS = {
    "own thinking": thinking("kimi"),
    "own thinking of another model": thinking("kimi", "n"),
    "own thinking of any model": thinking("anthropic", None),
    "another's thinking": thinking("anthropic"),
    "unsigned": thinking("mistral", signature=None),
}


@pytest.mark.parametrize(
    ("left", "target"), list(itertools.permutations(("anthropic", "mistral", "kimi"), 2))
)
@pytest.mark.parametrize("names", [(), *((name,) for name in PARTS), tuple(PARTS)], ids=", ".join)
def test_thinking_is_said_to_be_left_behind_if_and_only_if_the_encoders_drop_it(
    left: str, target: str, names: tuple[str, ...]
) -> None:
    messages = tuple(assistant(PARTS[name], TextPart(name)) for name in names)

    def kept(by: str) -> set[str]:
        spec = CATALOGUE.provider(by)
        assert spec is not None
        context = CallContext(spec, ACCOUNT, spec.models[0], START_MS)
        return {
            message.text
            for message in fitted(messages, context)
            if any(isinstance(part, ThinkingPart) for part in message.parts)
        }

    lost = len(kept(left) - kept(target))
    said = told(load(*messages), left, target).left_behind
    assert sum(int(words.split(" of ")[1].split()[0]) for words in said) == lost


def test_what_carries_nothing_but_one_system_message_is_nothing() -> None:
    assert carried_by([Message.of(Role.SYSTEM, "Be short."), Message.of(Role.USER, "Hello")]) is None
    assert carried_by([Message.of(Role.SYSTEM, "a"), Message.of(Role.SYSTEM, "b")]) == Carried(
        system_messages=2
    )
    assert replace(Carried(), begun=True) == carried_by([assistant(TextPart("1."))])
