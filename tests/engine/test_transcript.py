"""What a conversation keeps of an answer."""

from __future__ import annotations

from trunkline.domain.events import AttemptStarted, Restarted, TextDelta, ThinkingDelta, ToolCallDelta
from trunkline.domain.messages import Message, Role, TextPart, ThinkingPart, ToolCallPart
from trunkline.domain.routes import Route
from trunkline.engine.transcript import answer_message

ROUTE = Route("p", "a", "m")
OTHER = Route("q", "a", "n")


def assistant(*parts: object) -> Message:
    return Message(Role.ASSISTANT, parts)  # type: ignore[arg-type]


def test_pieces_are_joined_and_signatures_close_what_they_belong_to() -> None:
    bodies = [
        AttemptStarted(1, ROUTE),
        ThinkingDelta("let me "),
        ThinkingDelta("see"),
        ThinkingDelta("", "sig-1"),
        ThinkingDelta("more", "sig-2"),
        ThinkingDelta("", "opaque", redacted=True),
        TextDelta("I will "),
        TextDelta("look."),
        ToolCallDelta(0, "c1", "look", '{"at":1}', "sig-3"),
    ]
    assert answer_message(bodies) == assistant(
        ThinkingPart("let me see", "p", "sig-1", "m"),
        ThinkingPart("more", "p", "sig-2", "m"),
        ThinkingPart("", "p", "opaque", "m", redacted=True),
        TextPart("I will look."),
        ToolCallPart("c1", "look", '{"at":1}', "sig-3", "p"),
    )


def test_a_continued_answer_keeps_its_text_and_the_last_route_s_reasoning() -> None:
    bodies = [
        AttemptStarted(1, ROUTE),
        ThinkingDelta("hm", "sig"),
        TextDelta("one, two"),
        AttemptStarted(2, OTHER),
        ThinkingDelta("go on"),
        TextDelta(", three"),
    ]
    assert answer_message(bodies) == assistant(
        TextPart("one, two"), ThinkingPart("go on", "q", None, "n"), TextPart(", three")
    )


def test_a_restart_forgets_everything_before_it() -> None:
    bodies = [
        AttemptStarted(1, ROUTE),
        TextDelta("one"),
        AttemptStarted(2, OTHER),
        Restarted(OTHER),
        TextDelta("uno"),
    ]
    assert answer_message(bodies) == assistant(TextPart("uno"))


def test_nothing_said_is_an_empty_message() -> None:
    assert answer_message([AttemptStarted(1, ROUTE)]) == assistant()
