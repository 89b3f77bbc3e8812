from __future__ import annotations

import re
from dataclasses import replace

import pytest

from trunkline.domain.messages import Message, Role, TextPart, ThinkingPart, ToolCallPart
from trunkline.gateway.shelf import Shelf, answered_request, kept_of, own_id, restored
from trunkline.store.kept_thinking import KeptTurn

REQUEST = "01KAGTKM0V9QZJ6G1X7C2R5T3N"
THOUGHT = ThinkingPart("Oslo is a city.", "anthropic", "sig", "claude")
CALL = ToolCallPart(own_id(REQUEST, 0), "get_weather", '{"city": "Oslo"}', "call-sig", "google")
KEPT = KeptTurn((THOUGHT,))


def _turn(*parts: object) -> Message:
    return Message(Role.ASSISTANT, parts)  # type: ignore[arg-type]


def _as_sent_back(*calls: ToolCallPart) -> Message:
    return _turn(TextPart("Let me look."), *(replace(call, signature=None, provider=None) for call in calls))


def _kept(*parts: object) -> KeptTurn:
    kept = kept_of(_turn(*parts))
    assert kept is not None
    return kept


def test_a_turn_that_called_tools_gets_its_thinking_and_signatures_back() -> None:
    whole = _turn(THOUGHT, TextPart("Let me look."), CALL)
    assert restored(_as_sent_back(CALL), _kept(*whole.parts)) == whole


def test_nothing_else_of_a_turn_is_kept() -> None:
    kept = _kept(THOUGHT, TextPart("Let me look."), CALL)
    assert "Let me look." not in repr(kept)
    assert CALL.name not in repr(kept)
    assert CALL.arguments not in repr(kept)


def test_what_its_client_carried_itself_is_not_touched() -> None:
    kept = _kept(THOUGHT, CALL)
    own = replace(THOUGHT, text="as the client has it")
    assert restored(_turn(own, CALL), kept) == _turn(own, CALL)
    assert restored(_turn(own, replace(CALL, signature=None, provider=None)), kept) == _turn(own, CALL)


def test_of_turns_without_calls_and_of_calls_without_thinking_nothing_is_kept() -> None:
    bare = replace(CALL, signature=None)
    assert kept_of(_turn(THOUGHT, TextPart("No tool was needed."))) is None
    assert kept_of(_turn(bare)) is None
    assert kept_of(_turn(TextPart("First words."), THOUGHT, bare)) is None


def test_a_turn_is_known_by_the_ids_of_its_calls() -> None:
    foreign = replace(CALL, call_id="call_9f2c41aa0b7d4e2f8a61c3d5_1")
    assert answered_request(_turn(TextPart("Let me look."), foreign, CALL)) == REQUEST
    assert answered_request(_turn(foreign)) is None
    for almost in (CALL.call_id + "x", CALL.call_id.upper(), f"call{REQUEST.lower()}", f"x{CALL.call_id}"):
        assert answered_request(_turn(replace(CALL, call_id=almost))) is None


@pytest.mark.parametrize("number", [0, 7, 123])
def test_an_id_of_ours_is_the_same_after_a_client_took_all_but_letters_and_digits_out_of_it(
    number: int,
) -> None:
    """OpenClaw does. OpenAI takes 40 characters and no more."""
    made = own_id(REQUEST, number)
    assert re.sub("[^a-zA-Z0-9]", "", made) == made
    assert len(made) <= 40
    assert answered_request(_turn(replace(CALL, call_id=made))) == REQUEST


def test_only_what_was_used_last_is_remembered() -> None:
    shelf, long = Shelf(), KeptTurn((replace(THOUGHT, text="x" * 6_000_000),))
    shelf.put("", "A", long, 1)
    shelf.put("", "B", long, 1)
    assert shelf.found("", "A") is not None
    shelf.put("", "C", long, 1)
    assert [shelf.knows("", one) for one in "ABC"] == [True, False, True]
    shelf.put("", "C", KEPT, 2)
    shelf.put("", "B", long, 1)
    assert [shelf.knows("", one) for one in "ABC"] == [True, True, True]


def test_many_turns_without_anything_crowd_nothing_out() -> None:
    shelf = Shelf()
    shelf.put("", "kept", KEPT, 1)
    for number in range(20_000):
        shelf.put_bare("", str(number))
    assert shelf.found("", "kept") is not None
    assert (shelf.knows("", "0"), shelf.knows("", "19999")) == (False, True)


def test_what_was_not_found_is_looked_for_once_more() -> None:
    shelf = Shelf()
    shelf.missed("me", "A")
    assert not shelf.knows("me", "A")
    shelf.missed("me", "A")
    assert shelf.knows("me", "A")
    assert not shelf.knows("you", "A")


def test_each_has_its_own() -> None:
    shelf = Shelf()
    shelf.put("me", "A", KEPT, 1)
    assert shelf.found("you", "A") is None
    assert not shelf.knows("you", "A")
