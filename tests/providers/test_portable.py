"""A conversation that another provider began, as the next one is told it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.openai_wire import context_of

from trunkline.domain.messages import (
    ChatRequest,
    ImagePart,
    Message,
    Part,
    Role,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from trunkline.domain.routes import Quirks, ReasoningEcho, ToolIds
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.providers.portable import NO_RESULT, REMARK, fitted, tool_id, with_remarks
from trunkline.providers.protocol import CallContext
from trunkline.providers.registry import NAMES, protocol_named


def fit(*messages: Message, context: CallContext | None = None) -> list[Message]:
    return list(fitted(messages, context or context_of()))


def user(*parts: Part | str) -> Message:
    return Message(Role.USER, tuple(TextPart(part) if isinstance(part, str) else part for part in parts))


def assistant(*parts: Part | str) -> Message:
    return replace(user(*parts), role=Role.ASSISTANT)


def tool(*parts: Part) -> Message:
    return Message(Role.TOOL, parts)


def call(call_id: str, name: str = "f") -> ToolCallPart:
    return ToolCallPart(call_id, name, "{}")


def result(call_id: str, text: str) -> ToolResultPart:
    return ToolResultPart(call_id, text)


def test_results_for_one_call_are_joined_with_all_their_images() -> None:
    one, other = ImagePart("data:image/png;base64,AA=="), ImagePart("https://example.org/a.png")
    results = tool(ToolResultPart("1", "a", images=(one,)), ToolResultPart("1", "b", images=(other,)))
    joined = fit(user("?"), assistant(call("1")), results)[-1].parts
    assert joined == (ToolResultPart("1", "a\n\nb", images=(one, other)),)


def missing(call_id: str) -> ToolResultPart:
    return ToolResultPart(call_id, NO_RESULT, is_error=True)


PAIRS = [
    pytest.param(
        [assistant(call("1"), call("2")), tool(result("2", "b")), tool(result("1", "a"))],
        [assistant(call("1"), call("2")), tool(result("1", "a"), result("2", "b"))],
        id="results-one-by-one-in-the-order-of-the-calls"),
    pytest.param(
        [user(result("1", "a"), "and now?"), assistant(call("1"))],
        [user("and now?"), assistant(call("1")), tool(result("1", "a"))], id="a-result-before-its-call"),
    pytest.param(
        [assistant(call("1")), user("wait"), tool(result("1", "a"))],
        [assistant(call("1")), tool(result("1", "a")), user("wait")], id="the-user-spoke-in-between"),
    pytest.param(
        [assistant(call("1")), user(result("1", "a"), "go on")],
        [assistant(call("1")), tool(result("1", "a")), user("go on")], id="result-and-text-in-one-message"),
    pytest.param(
        [assistant(call("1")), assistant("one moment"), tool(result("1", "a"))],
        [assistant(call("1")), tool(result("1", "a")), assistant("one moment")], id="the-assistant-spoke-in-between"),
    pytest.param(
        [assistant(call("1")), tool(result("1", "a"), ImagePart("data:x")), user("?")],
        [assistant(call("1")), tool(result("1", "a")), user(ImagePart("data:x")), user("?")],
        id="an-image-from-a-tool"),
    pytest.param(
        [assistant(call("1"), call("2")), tool(result("1", "a"), TextPart("note")), tool(result("2", "b"))],
        [assistant(call("1"), call("2")), tool(result("1", "a"), result("2", "b")), user("note")],
        id="text-from-a-tool-between-two-results"),
    pytest.param(
        [assistant(call("1")), tool(result("1", "a"), result("1", "b"), result("1", "a"))],
        [assistant(call("1")), tool(result("1", "a\n\nb"))], id="several-results-for-one-call"),
    pytest.param([user("?"), assistant(call("1"))], [user("?"), assistant(call("1")), tool(missing("1"))],
                 id="a-call-at-the-very-end"),
    pytest.param([assistant("so:", call("1")), user("never mind")],
                 [assistant("so:", call("1")), tool(missing("1")), user("never mind")], id="a-call-without-a-result"),
    pytest.param([tool(result("9", "x")), user("?")], [user("?")], id="a-result-without-a-call"),
    pytest.param(
        [assistant(call("0")), tool(result("0", "a")), assistant(call("0")), tool(result("0", "b"))],
        [assistant(call("0")), tool(result("0", "a")), assistant(call("0_2")), tool(result("0_2", "b"))],
        id="an-id-that-comes-again-in-the-next-turn"),
    pytest.param(
        [assistant(call("0"), call("0")), tool(result("0", "a"), result("0", "b"))],
        [assistant(call("0"), call("0_2")), tool(result("0", "a"), result("0_2", "b"))],
        id="an-id-twice-in-one-message"),
    pytest.param(
        [assistant(call("0")), assistant(call("0")), tool(result("0", "b"), result("0", "a"))],
        [assistant(call("0")), tool(result("0", "a")), assistant(call("0_2")), tool(result("0_2", "b"))],
        id="the-latest-call-is-answered-first"),
    pytest.param(
        [assistant(call("1")), assistant(call("2")), tool(result("1", "a"), result("2", "b"))],
        [assistant(call("1")), tool(result("1", "a")), assistant(call("2")), tool(result("2", "b"))],
        id="two-turns-answered-together"),
    pytest.param([user(""), assistant("", call("1")), tool(result("1", ""))],
                 [assistant(call("1")), tool(result("1", ""))], id="parts-with-nothing-in-them"),
    pytest.param([user(call("1")), user("?")], [user("?")], id="nobody-else-makes-calls"),
]  # fmt: skip


@pytest.mark.parametrize(("told", "expected"), PAIRS)
def test_calls_and_results(told: list[Message], expected: list[Message]) -> None:
    assert fit(*told) == expected


OWN = ThinkingPart("hm", "p", "sig", "m")


@pytest.mark.parametrize(
    ("part", "echo", "kept"),
    [
        (OWN, ReasoningEcho.NONE, True),
        (replace(OWN, model=None), ReasoningEcho.NONE, True),
        (replace(OWN, model="other"), ReasoningEcho.NONE, False),
        (replace(OWN, model="other"), ReasoningEcho.DETAILS, False),
        (replace(OWN, model="other"), ReasoningEcho.CONTENT, True),
        (replace(OWN, provider="q"), ReasoningEcho.NONE, False),
        (replace(OWN, provider="q"), ReasoningEcho.CONTENT, False),
        (replace(OWN, provider="q", redacted=True), ReasoningEcho.NONE, False),
    ],
)
def test_trap_19_reasoning_stays_with_those_who_understand_it(
    part: ThinkingPart, echo: ReasoningEcho, kept: bool
) -> None:
    (message,) = fit(assistant(part, "Hi"), context=context_of(quirks=Quirks(echo_reasoning=echo)))
    assert message == (assistant(part, "Hi") if kept else assistant("Hi"))
    assert fit(user(part, "Hi")) == [user("Hi")]


def test_trap_9_a_calls_signature_goes_to_its_own_provider_alone() -> None:
    own = ToolCallPart("1", "f", "{}", "sig", "p")
    assert fit(assistant(own))[0] == assistant(own)
    assert fit(assistant(replace(own, provider="q")))[0] == assistant(
        replace(own, provider="q", signature=None)
    )


@pytest.mark.parametrize(
    ("call_id", "form", "fits"),
    [
        ("toolu_01-A", ToolIds.ANY, True), ("toolu_01-A", ToolIds.WORD, True), ("toolu_01-A", ToolIds.NINE, False),
        ("a b:ü", ToolIds.ANY, True), ("a b:ü", ToolIds.WORD, False), ("x" * 65, ToolIds.WORD, False),
        ("aB3456789", ToolIds.NINE, True), ("aB345678_", ToolIds.NINE, False), ("", ToolIds.ANY, False),
        ("", ToolIds.WORD, False), ("\ud800", ToolIds.WORD, False), ("aB3456789\n", ToolIds.NINE, False),
    ],
)  # fmt: skip
def test_an_id_in_the_form_that_is_taken(call_id: str, form: ToolIds, fits: bool) -> None:
    made = tool_id(call_id, form)
    assert (made == call_id) is fits
    assert made == tool_id(call_id, form) == tool_id(made, form)
    assert len(made) == 9 if form is ToolIds.NINE else 0 < len(made) <= 65


_IDS = st.sampled_from(["", "0", "1", "0_2", "call_1", "a b", "x" * 70])
_TEXTS = st.text(max_size=3)
_PARTS = st.one_of(
    st.builds(TextPart, _TEXTS),
    st.builds(ImagePart, st.just("data:x")),
    st.builds(
        ThinkingPart,
        _TEXTS,
        st.sampled_from(["p", "q"]),
        st.none() | _TEXTS,
        st.sampled_from([None, "m", "n"]),
    ),
    st.builds(
        ToolCallPart, _IDS, _TEXTS, st.just("{}"), st.none() | _TEXTS, st.sampled_from([None, "p", "q"])
    ),
    st.builds(ToolResultPart, _IDS, _TEXTS, st.booleans()),
)
_MESSAGES = st.lists(
    st.builds(Message, st.sampled_from(Role), st.lists(_PARTS, max_size=4).map(tuple)), max_size=7
)


def said(messages: list[Message]) -> list[tuple[Role, Part]]:
    """What anybody said, in order, with the role it is told under."""
    return [
        (Role.USER if message.role is Role.TOOL else message.role, part)
        for message in messages
        for part in message.parts
        if isinstance(part, ImagePart) or (isinstance(part, TextPart) and part.text)
    ]


@given(messages=_MESSAGES, form=st.sampled_from(ToolIds), echo=st.sampled_from(ReasoningEcho))
def test_any_conversation_comes_out_fit(messages: list[Message], form: ToolIds, echo: ReasoningEcho) -> None:
    context = context_of(quirks=Quirks(tool_ids=form, echo_reasoning=echo))
    fit_once = fit(*messages, context=context)
    assert said(fit_once) == said(messages)
    assert fit(*fit_once, context=context) == fit_once
    assert all(message.parts for message in fit_once)
    calls_made = [
        p.name for m in messages if m.role is Role.ASSISTANT for p in m.parts if isinstance(p, ToolCallPart)
    ]
    calls = [part for message in fit_once for part in message.parts if isinstance(part, ToolCallPart)]
    assert [part.name for part in calls] == calls_made
    assert len({part.call_id for part in calls}) == len(calls)
    assert all(tool_id(part.call_id, form) == part.call_id for part in calls)
    after = [*fit_once, None][1:]
    for message, following in zip(fit_once, after, strict=True):
        called = [part.call_id for part in message.parts if isinstance(part, ToolCallPart)]
        if called:
            assert following is not None
            assert following.role is Role.TOOL
            results = [part for part in following.parts if isinstance(part, ToolResultPart)]
            assert [part.call_id for part in results] == called
            assert len(results) == len(following.parts)
    assert sum(message.role is Role.TOOL for message in fit_once) == sum(
        any(isinstance(part, ToolCallPart) for part in message.parts) for message in fit_once
    )


@pytest.mark.parametrize("protocol", NAMES)
@given(messages=_MESSAGES, form=st.sampled_from(ToolIds), echo=st.sampled_from(ReasoningEcho))
def test_every_protocol_can_be_told_any_conversation(
    protocol: str, messages: list[Message], form: ToolIds, echo: ReasoningEcho
) -> None:
    context = context_of(quirks=Quirks(tool_ids=form, echo_reasoning=echo))
    context = replace(context, provider=replace(context.provider, protocol=protocol))
    request = ChatRequest(tuple(messages), Origin(OriginKind.CHAT))
    call = protocol_named(protocol).encode(request, context, max_output_tokens=None)
    told = json.dumps(json.loads(call.body), ensure_ascii=False)
    assert all(
        part.text in told for _, part in said(messages) if isinstance(part, TextPart) and part.text.isalnum()
    )


@given(texts=st.lists(_TEXTS, min_size=1, max_size=4))
def test_every_result_that_has_a_call_is_told(texts: list[str]) -> None:
    told = fit(assistant(call("1")), *(tool(result("1", text)) for text in texts))
    (answer,) = told[1].parts
    assert isinstance(answer, ToolResultPart)
    assert all(text in answer.text for text in texts)


def test_what_the_system_says_later_stays_in_its_place_so_that_the_beginning_stays_as_it_was() -> None:
    call = Message(Role.ASSISTANT, (ToolCallPart("c1", "look", "{}"),))
    result = Message(Role.TOOL, (ToolResultPart("c1", "seen"),))
    heads = (Message.of(Role.SYSTEM, "s"), Message.of(Role.USER, "Hi"))
    said = (*heads, call, result, Message.of(Role.SYSTEM, "the file changed"), Message.of(Role.USER, "Go"))
    remark = TextPart(REMARK.format(text="the file changed"))
    assert with_remarks(said) == (*heads, call, result, Message(Role.USER, (remark, TextPart("Go"))))
    assert with_remarks(said[:-1]) == (*heads, call, result, Message(Role.USER, (remark,)))
    # A conversation without any is the same object: nothing is done for it.
    plain = said[:4]
    assert with_remarks(plain) is plain
