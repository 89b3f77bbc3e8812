from __future__ import annotations

from dataclasses import replace

from trunkline.domain.messages import ChatRequest, Message, Role
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.gateway.conversation import Runs, place_of
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


def test_what_the_system_says_amid_a_conversation_begins_no_other() -> None:
    asked = _asked("Count the files.", "There are 7.", "And folders?")
    remark = Message.of(Role.SYSTEM, "A file was changed.")
    grown = replace(asked, chat=replace(asked.chat, messages=(*asked.chat.messages, remark)))

    assert place_of(grown, {}, "t").conversation_id == place_of(asked, {}, "t").conversation_id


def test_a_session_taken_up_again_is_the_same_though_its_system_prompt_ends_otherwise() -> None:
    """Claude Code describes the folder there, as it is when the program starts."""
    head = "You are an agent. " * 80

    def where(system: str, key: str | None) -> str:
        return place_of(
            replace(_asked("Count the files.", system=system), conversation_key=key), {}, "t"
        ).conversation_id

    assert where(f"{head}(clean)", "s") == where(f"{head}?? a.txt", "s")
    assert where(f"{head}(clean)", "s") != where(f"Titles only. {head}", "s")
    assert where(f"{head}(clean)", None) != where(f"{head}?? a.txt", None)


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


def test_sessions_that_begin_alike_are_told_apart_by_the_header_that_names_them() -> None:
    asked = _asked("Count the files.")
    places = [place_of(asked, {"x-session-id": session}, "t") for session in ("ses_1", "ses_2", "ses_1")]

    assert places[0] == places[2]
    assert places[0].conversation_id != places[1].conversation_id


def test_a_job_that_begins_the_same_way_every_hour_is_another_conversation_each_time() -> None:
    """But not where only its first request is asked again."""
    runs, begun = Runs(), _asked("Look after the queue.")
    gone_on = _asked("Look after the queue.", "What is in it?", "Nothing.")

    def where(asked: Asked, now_ms: int) -> str:
        return runs.placed(place_of(asked, {}, "t"), asked.chat, now_ms).conversation_id

    first = [where(begun, 1), where(begun, 2), where(gone_on, 3)]
    second = [where(begun, 3_600_000), where(begun, 3_600_001), where(gone_on, 3_600_002)]

    assert len(set(first)) == len(set(second)) == 1
    assert first[0] != second[0]


def test_runs_of_what_a_client_names_itself_are_not_guessed() -> None:
    runs, header = Runs(), {"x-trunkline-conversation": "c-1"}
    longer, begun = _asked("A", "B", "C"), _asked("A")
    found = {runs.placed(place_of(one, header, "t"), one.chat, 1).conversation_id for one in (longer, begun)}

    assert len(found) == 1
