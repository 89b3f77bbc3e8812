"""A conversation made shorter: what Codex asks a provider for that it takes for OpenAI."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from tests.support.openai_clients import HEAD, ORIGIN, ROUTE, USAGE, events_in

from trunkline.domain.events import ThinkingDelta, ToolCallDelta
from trunkline.domain.messages import Message, Role, ThinkingPart, ToolChoice, ToolUse
from trunkline.domain.receipts import FinishReason
from trunkline.gateway.dialect import Asked, UnreadableError, WholeAnswer
from trunkline.gateway.responses.dialect import ResponsesDialect
from trunkline.gateway.responses.summaries import SUMMARISE

DIALECT = ResponsesDialect()
HI, DONE = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "It is done."}
RUN = {"type": "function", "name": "run", "parameters": {"type": "object"}}
SUMMARY = "The user said hello; “ö” was done."


def asked(*items: Any) -> Asked:
    body = {"model": "auto", "input": [HI, DONE, *items], "tools": [RUN], "stream": True}
    return DIALECT.read(body, ORIGIN)


WANTED = asked({"type": "compaction_trigger"})


def streamed(*texts: str, finish: FinishReason = FinishReason.STOP) -> list[tuple[str, dict[str, Any]]]:
    stream = DIALECT.stream(WANTED, HEAD)
    written = stream.begin() + stream.thinking(ThinkingDelta("Hm.", "sig"), ROUTE)
    written += b"".join(map(stream.text, texts)) + stream.tool_call(ToolCallDelta(0, "c", "run", "{}"), ROUTE)
    return events_in(written + stream.end(finish, USAGE))


def whole(text: str, finish: FinishReason = FinishReason.STOP) -> Any:
    parts = (ThinkingPart("Hm.", "anthropic", "sig"), *Message.of(Role.ASSISTANT, text).parts)
    answer = WholeAnswer(HEAD, Message(Role.ASSISTANT, parts), finish, USAGE)
    return orjson.loads(DIALECT.whole(WANTED, answer))


def test_the_trigger_asks_whoever_answers_for_a_summary_and_for_no_call() -> None:
    assert WANTED.chat.messages[-1] == Message.of(Role.USER, SUMMARISE)
    # The tools stay: without them nothing of the conversation would be met in its provider's cache.
    assert [tool.name for tool in WANTED.chat.tools] == ["run"]
    assert WANTED.chat.tool_choice == ToolChoice(ToolUse.NONE)
    assert asked().chat.tool_choice is None


def test_the_answer_is_one_item_and_comes_back_as_words() -> None:
    events = streamed(SUMMARY[:9], SUMMARY[9:])
    assert [name for name, _ in events] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.output_item.done",
        "response.completed",
    ]
    told = events[-1][1]["response"]
    (item,) = told["output"]
    assert (told["status"], item["type"], events[3][1]["item"]) == ("completed", "compaction", item)
    assert whole(SUMMARY)["output"] == [item]

    found = DIALECT.read({"model": "auto", "input": [HI, item, HI]}, ORIGIN)
    assert [message.role for message in found.chat.messages] == [Role.USER] * 3
    assert found.chat.messages[1].text.endswith(SUMMARY)
    assert found.ignored == ()


@pytest.mark.parametrize(("text", "finish"), [("", FinishReason.STOP), (SUMMARY, FinishReason.LENGTH)])
def test_what_is_no_whole_summary_is_not_told_as_one(text: str, finish: FinishReason) -> None:
    assert [name for name, _ in streamed(text, finish=finish)][2:] == ["error", "response.failed"]
    assert (whole(text, finish)["status"], whole(text, finish)["output"]) == ("incomplete", [])


def test_a_summary_of_somebody_else_is_refused_with_what_to_do() -> None:
    theirs = {"type": "compaction", "id": "cmp_1", "encrypted_content": "gAAAAB"}
    with pytest.raises(UnreadableError, match="begin another one") as refused:
        asked(theirs)
    assert refused.value.param == "input.2.encrypted_content"
