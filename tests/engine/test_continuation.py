from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.clock import FakeClock

from trunkline.domain.events import SeamKind, TextDelta
from trunkline.domain.messages import (
    AnswerSchema,
    ChatRequest,
    Message,
    ResponseFormat,
    Role,
    ToolChoice,
    ToolUse,
)
from trunkline.domain.routes import ModelSpec, Prefill, Route
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.engine.answer import AnswerSoFar
from trunkline.engine.continuation import AnchorMatcher, Continuation
from trunkline.engine.eventlog import EventLog

REQUEST = ChatRequest((Message.of(Role.USER, "Tell a story."),), Origin(OriginKind.CHAT))
SO_FAR = "Once upon a time a lighthouse keeper counted ships, and every evening wrote their names"


def test_a_model_that_takes_a_prefill_gets_one() -> None:
    carried = Continuation.for_model(Prefill.PREFIX, SO_FAR).apply(REQUEST)
    assert [message.role for message in carried.messages] == [Role.USER, Role.ASSISTANT]
    assert carried.messages[-1].text == SO_FAR


def test_white_space_at_the_end_is_neither_sent_nor_shown_twice() -> None:
    continuation = Continuation.for_model(Prefill.ASSISTANT, SO_FAR + " \n")
    assert continuation.apply(REQUEST).messages[-1].text == SO_FAR
    assert continuation.lost_space == " \n"


def test_a_model_that_does_not_is_asked_to_repeat_the_end() -> None:
    continuation = Continuation.for_model(Prefill.NONE, SO_FAR)
    carried = continuation.apply(REQUEST)
    assert continuation.kind is SeamKind.ANCHOR
    assert [message.role for message in carried.messages] == [Role.USER, Role.ASSISTANT, Role.USER]
    assert f"<anchor>\n{continuation.anchor}\n</anchor>" in carried.messages[-1].text
    assert SO_FAR.endswith(continuation.anchor)
    assert 30 <= len(continuation.anchor) <= 60


def test_the_rest_is_not_made_to_have_the_form_of_the_whole() -> None:
    schema = AnswerSchema('{"type":"object"}')
    asked = replace(
        REQUEST,
        response_format=ResponseFormat.JSON,
        answer_schema=schema,
        tool_choice=ToolChoice(ToolUse.REQUIRED, parallel=False),
    )
    for prefill in (Prefill.NONE, Prefill.PREFIX):
        carried = Continuation.for_model(prefill, '{"story": "Once').apply(asked)
        assert (carried.response_format, carried.answer_schema) == (ResponseFormat.TEXT, None)
        assert carried.tool_choice == ToolChoice(parallel=False)
    told = Continuation.for_model(Prefill.NONE, '{"story": "Once').apply(asked).messages[-1].text
    assert told.endswith('one JSON object and nothing else. It must fit this JSON schema:\n{"type":"object"}')


@given(cuts=st.lists(st.integers(1, 90), max_size=6), rest=st.text(max_size=40))
def test_the_anchor_is_cut_off_however_the_reply_is_split(cuts: list[int], rest: str) -> None:
    continuation = Continuation(SeamKind.ANCHOR, SO_FAR)
    reply = continuation.anchor + rest
    pieces, begin = [], 0
    for cut in cuts:
        pieces.append(reply[begin : begin + cut])
        begin += cut
    pieces.append(reply[begin:])
    matcher = AnchorMatcher(continuation)
    kept = [matcher.feed(piece) for piece in pieces]
    assert matcher.has_joined()
    assert "".join(piece or "" for piece in kept) == rest


@pytest.mark.parametrize("lead", ["\n", "  ", "<anchor>\n", "<anchor>"])
def test_what_models_put_before_the_anchor_is_forgiven(lead: str) -> None:
    continuation = Continuation(SeamKind.ANCHOR, SO_FAR)
    assert AnchorMatcher(continuation).feed(f"{lead}{continuation.anchor} in a book.") == " in a book."


def test_a_closing_tag_after_the_anchor_is_not_shown() -> None:
    continuation = Continuation(SeamKind.ANCHOR, SO_FAR)
    assert (
        AnchorMatcher(continuation).feed(f"<anchor>{continuation.anchor}</anchor> in a book.")
        == " in a book."
    )


def test_white_space_that_was_shown_is_not_shown_twice() -> None:
    continuation = Continuation(SeamKind.ANCHOR, SO_FAR + " ")
    assert AnchorMatcher(continuation).feed(continuation.anchor + " in a book.") == "in a book."


def test_a_reply_that_begins_otherwise_is_known_at_once() -> None:
    matcher = AnchorMatcher(Continuation(SeamKind.ANCHOR, SO_FAR))
    assert matcher.feed("Sure! Here is the rest") is None
    assert not matcher.has_joined()


def test_what_is_too_short_to_be_recognised_is_taken_back_and_begun_anew() -> None:
    log = EventLog("r", FakeClock())
    answer = AnswerSoFar(log)
    route, model = Route("p", "a", "m"), ModelSpec("p", "m", 1_000, prefill=Prefill.ASSISTANT)
    assert answer.carry_on(model, route) is None
    assert answer.restarts == 0
    answer.emit(TextDelta("Well, "))
    assert answer.carry_on(model, route) is None
    assert (answer.restarts, answer.text) == (1, "")
    answer.emit(TextDelta("A text that is long enough to be known again."))
    assert answer.carry_on(model, route) is not None
    answer.bar_continuation(route)
    assert answer.carry_on(model, route) is None
    assert (answer.restarts, answer.text) == (2, "")
