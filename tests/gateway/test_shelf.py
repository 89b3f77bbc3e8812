from __future__ import annotations

from dataclasses import replace

from trunkline.domain.messages import Message, Role, TextPart, ThinkingPart, ToolCallPart
from trunkline.gateway.shelf import Shelf

THOUGHT = ThinkingPart("Oslo is a city.", "anthropic", "sig", "claude")
CALL = ToolCallPart("call_1", "get_weather", '{"city": "Oslo"}', "call-sig", "google")


def _turn(*parts: object) -> Message:
    return Message(Role.ASSISTANT, parts)  # type: ignore[arg-type]


def _as_sent_back(*calls: ToolCallPart) -> Message:
    return _turn(TextPart("Let me look."), *(replace(call, signature=None, provider=None) for call in calls))


def test_a_turn_that_called_tools_gets_its_thinking_and_signatures_back() -> None:
    shelf = Shelf()
    shelf.keep(_turn(THOUGHT, TextPart("Let me look."), CALL))
    asked = (Message.of(Role.USER, "Weather?"), _as_sent_back(CALL))

    restored = shelf.restored(asked)

    assert restored == (asked[0], _turn(THOUGHT, TextPart("Let me look."), CALL))


def test_what_its_client_carried_itself_is_not_touched() -> None:
    shelf = Shelf()
    shelf.keep(_turn(THOUGHT, CALL))
    own = replace(THOUGHT, text="as the client has it")

    assert shelf.restored((_turn(own, CALL),)) == (_turn(own, CALL),)
    assert shelf.restored((_turn(own, replace(CALL, signature=None, provider=None)),)) == (_turn(own, CALL),)


def test_turns_without_calls_and_calls_without_thinking_are_not_kept() -> None:
    shelf = Shelf()
    bare = replace(CALL, signature=None)
    shelf.keep(_turn(THOUGHT, TextPart("No tool was needed.")))
    shelf.keep(_turn(bare))

    assert shelf.restored((_as_sent_back(bare),)) == (_as_sent_back(bare),)


def test_only_the_latest_are_kept() -> None:
    shelf = Shelf()
    long = replace(THOUGHT, text="x" * 9_000_000)
    first, second = replace(CALL, call_id="call_a"), replace(CALL, call_id="call_b")
    shelf.keep(_turn(long, first))
    shelf.keep(_turn(long, second))

    assert shelf.restored((_as_sent_back(first),)) == (_as_sent_back(first),)
    assert shelf.restored((_as_sent_back(second),))[0].parts[0] == long
