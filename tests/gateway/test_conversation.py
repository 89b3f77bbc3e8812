from __future__ import annotations

from dataclasses import replace

from trunkline.domain.messages import ChatRequest, Message, Role
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.gateway.conversation import place_of
from trunkline.gateway.dialect import Asked


def _asked(*texts: str, system: str = "You are an agent.") -> Asked:
    roles = (Role.USER, Role.ASSISTANT)
    messages = [Message.of(roles[number % 2], text) for number, text in enumerate(texts)]
    chat = ChatRequest((Message.of(Role.SYSTEM, system), *messages), Origin(OriginKind.GATEWAY))
    return Asked(chat, "auto")


def test_a_conversation_keeps_its_identity_while_it_grows_and_each_turn_has_its_own() -> None:
    first = place_of(_asked("Count the files."), {}, "t")
    second = place_of(_asked("Count the files.", "There are 7.", "And folders?"), {}, "t")
    again = place_of(_asked("Count the files."), {}, "t")

    assert first.conversation_id == second.conversation_id
    assert first.turn_id != second.turn_id
    assert first == again


def test_other_beginnings_and_other_tokens_are_other_conversations() -> None:
    places = {
        place_of(_asked("Count the files."), {}, "t").conversation_id,
        place_of(_asked("Count the folders."), {}, "t").conversation_id,
        place_of(_asked("Count the files.", system="You are another."), {}, "t").conversation_id,
        place_of(_asked("Count the files."), {}, "u").conversation_id,
    }

    assert len(places) == 4


def test_the_clients_own_word_goes_before_a_guess() -> None:
    asked = _asked("Count the files.")
    other = _asked("Something else.")

    def same(one: Asked, headers: dict[str, str] | None = None) -> str:
        return place_of(one, headers or {}, "t").conversation_id

    header = {"x-trunkline-conversation": "c-1"}
    assert same(asked, header) == same(other, header)
    assert same(replace(asked, said={"session_id": "s"})) == same(replace(other, said={"session_id": "s"}))
    assert same(replace(asked, conversation_key="k")) == same(replace(asked, conversation_key="k"))
    assert same(replace(asked, conversation_key="k")) != same(replace(asked, conversation_key="l"))
    assert same(replace(asked, conversation_key="k")) != same(replace(other, conversation_key="k"))
    assert same(replace(asked, conversation_key="k"), header) == same(other, header)
