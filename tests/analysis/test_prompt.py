"""Whole prompts: what is text in them, and what is not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.analysis.test_images import PNG, url
from tests.support.token_samples import samples

from trunkline.analysis import (
    CountingPlan,
    Rereads,
    TokenCounter,
    analyse,
    count_ahead,
    is_ready,
    messages_tokens,
    most_tokens,
)
from trunkline.analysis.prompt import count_prompt
from trunkline.domain.counting import CountingRule, Tokenizer
from trunkline.domain.messages import (
    AnswerSchema,
    ChatRequest,
    ImagePart,
    Message,
    Role,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
    ToolSpec,
)
from trunkline.domain.preferences import Thresholds
from trunkline.domain.tasks import CountSource, Origin, OriginKind

O200K, CL100K, ESTIMATE = Tokenizer.O200K, Tokenizer.CL100K, Tokenizer.ESTIMATE
OPENAI, ANTHROPIC, GEMINI = CountingRule.OPENAI, CountingRule.ANTHROPIC, CountingRule.GEMINI
PROSE = samples()["prose"]


def words(text: str) -> int:
    return len(text.split())


def counter_with(*tokenizers: Tokenizer) -> TokenCounter:
    counter = TokenCounter()
    counter.use({one: (words if one is O200K else lambda text: 2 * words(text)) for one in tokenizers})
    return counter


def asked(*messages: Message, tools: tuple[ToolSpec, ...] = ()) -> ChatRequest:
    return ChatRequest(messages, Origin(OriginKind.GATEWAY), tools=tools)


def said(text: str, role: Role = Role.USER) -> Message:
    return Message.of(role, text)


def totals(
    request: ChatRequest, plan: CountingPlan, counter: TokenCounter
) -> dict[tuple[Tokenizer, CountingRule], int]:
    return {(one.tokenizer, one.rule): one.tokens for one in count_prompt(request, plan, counter).totals}


def test_each_model_finds_its_own_tokenizer() -> None:
    plan = CountingPlan(((O200K, OPENAI), (CL100K, OPENAI), (ESTIMATE, OPENAI)))
    counted = count_prompt(asked(said("one two three")), plan, counter_with(O200K, CL100K))
    assert counted.of(O200K, OPENAI, "p").tokens == 3 + 4
    assert counted.of(CL100K, OPENAI, "p").tokens == 6 + 4
    assert counted.of(ESTIMATE, OPENAI, "p").tokenizer is ESTIMATE
    assert not counted.is_same_for_all


def test_without_a_vocabulary_it_is_an_estimate_and_says_so() -> None:
    request = asked(said(PROSE))
    arguments = {"thresholds": Thresholds(), "task_priorities": {}}
    estimated = analyse(request, **arguments)
    assert estimated.count_source is CountSource.ESTIMATE
    assert estimated.counted is not None
    assert estimated.counted.of(O200K, OPENAI, "p").tokenizer is ESTIMATE
    counted = analyse(request, counter=counter_with(O200K), **arguments)
    assert counted.count_source is CountSource.TOKENIZER
    assert counted.input_tokens == pytest.approx(1.1 * (words(PROSE) + 4), abs=1)


def test_a_model_of_a_rule_that_was_not_counted_takes_the_most() -> None:
    counted = count_prompt(asked(said("one two")), CountingPlan(((O200K, GEMINI),)), counter_with(O200K))
    assert counted.of(CL100K, ANTHROPIC, "p").tokens == 6


def test_images_tools_and_calls_count_by_rule() -> None:
    plan = CountingPlan(((O200K, OPENAI), (O200K, ANTHROPIC), (O200K, GEMINI)))
    image = Message(Role.USER, (TextPart("what is this"), ImagePart(url(PNG))))
    plain, shown = asked(said("what is this")), asked(image)
    counter = counter_with(O200K)
    before, after = totals(plain, plan, counter), totals(shown, plan, counter)
    assert [after[key] - before[key] for key in before] == [85 + 2 * 170, 23 * 18, 4 * 258]
    tool = ToolSpec("look", "Look at it.", '{"type": "object"}')
    with_tool = totals(asked(said("what is this"), tools=(tool,)), plan, counter)
    text = words("look Look at it.") + words(tool.schema)
    assert with_tool[O200K, OPENAI] == before[O200K, OPENAI] + text + 12
    assert with_tool[O200K, ANTHROPIC] == with_tool[O200K, OPENAI] + 346
    called = asked(
        said("look"),
        Message(Role.ASSISTANT, (ToolCallPart("1", "look", '{"at": "it"}'),)),
        Message(Role.TOOL, (ToolResultPart("1", "it is a cat"),)),
    )
    assert totals(called, plan, counter)[O200K, OPENAI] == 3 * 4 + 2 * 8 + 1 + 1 + 2 + 4
    seen = replace(called.messages[-1].parts[0], images=(ImagePart(url(PNG)),))  # type: ignore[type-var]  # a result
    shown_by_tool = asked(*called.messages[:-1], Message(Role.TOOL, (seen,)))
    more = (
        totals(shown_by_tool, plan, counter)[O200K, ANTHROPIC]
        - totals(called, plan, counter)[O200K, ANTHROPIC]
    )
    assert more == 23 * 18


def test_the_schema_of_an_answer_counts() -> None:
    plan, counter = CountingPlan(((O200K, OPENAI),)), counter_with(O200K)
    plain = asked(said("where"))
    shaped = replace(plain, answer_schema=AnswerSchema('{"type": "object"}'))
    assert totals(shaped, plan, counter)[O200K, OPENAI] == totals(plain, plan, counter)[O200K, OPENAI] + 2


def test_thinking_counts_where_it_is_read_again() -> None:
    def thought(provider: str, *, redacted: bool = False) -> Message:
        part = ThinkingPart("" if redacted else PROSE, provider, PROSE * 2, redacted=redacted)
        return Message(Role.ASSISTANT, (part, TextPart("done")))

    plan = CountingPlan(rereads=(("all", Rereads.ALL), ("now", Rereads.CURRENT), ("none", Rereads.NOTHING)))
    turns = [message for name in ("all", "now", "none") for message in (said("go"), thought(name))]
    earlier = dict(count_prompt(asked(*turns, said("go on")), plan, counter_with(O200K)).thinking)
    assert earlier.keys() == {"all"}
    tool = Message(Role.TOOL, (ToolResultPart("1", "result"),))
    in_turn = asked(said("go"), *(thought(name) for name in ("all", "now", "none")), tool)
    counted = count_prompt(in_turn, plan, counter_with(O200K))
    assert dict(counted.thinking).keys() == {"all", "now"}
    assert counted.of(O200K, OPENAI, "now").tokens - counted.of(O200K, OPENAI, "none").tokens > 100
    hidden = dict(count_prompt(asked(thought("all", redacted=True)), plan, counter_with(O200K)).thinking)
    assert hidden["all"] > 1.5 * earlier["all"]


def test_a_long_prompt_is_estimated_until_a_thread_has_counted_it() -> None:
    plan, counter = CountingPlan(((O200K, OPENAI), (O200K, GEMINI))), counter_with(O200K)
    request = asked(*(said(f"{n} {PROSE * 20}") for n in range(30)))
    assert not is_ready(request, plan, counter)
    before = count_prompt(request, plan, counter)
    assert {one.tokenizer for one in before.totals} == {ESTIMATE}
    assert before.totals[0].tokens == pytest.approx(30 * 20 * 161, rel=0.1)
    count_ahead(request, plan, counter, lambda: None)
    assert is_ready(request, plan, counter)
    after = count_prompt(request, plan, counter)
    assert {one.tokenizer for one in after.totals} == {O200K}
    assert after.totals[0].tokens == 30 * (20 * words(PROSE) + 1 + 4) - 30 * 19
    longer = asked(*request.messages, said("and what now?"))
    assert is_ready(longer, plan, counter)
    assert count_prompt(longer, plan, counter).totals[0].tokens == after.totals[0].tokens + 3 + 4


def test_many_texts_are_estimated_with_the_work_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    monkeypatch.setattr("trunkline.analysis.estimate._Tally.read", lambda self, text: read.append(len(text)))
    request = asked(*(said(f"{n} {PROSE * 4}") for n in range(300)))
    count_prompt(request, CountingPlan(), TokenCounter())
    assert sum(read) <= 3_600


def test_some_of_a_conversation_counts_like_the_whole() -> None:
    messages = (said("one two"), said("three", Role.ASSISTANT))
    assert messages_tokens(messages, counter_with(O200K)) == 3 + 2 * 4
    assert messages_tokens((), counter_with(O200K)) == 0


def test_without_counting_no_text_is_taken_for_less_than_it_counts() -> None:
    """By the estimator, which may be wrong; of a vocabulary every token is a byte at least."""
    odd = ("", "a", "9", "A b", "aBcD eF1 2", "é ñ", "字", "かな漢字", "🙂🙃", "…¿?!\n\n", "їґ")
    for text in (*odd, *samples().values()):
        parts = (TextPart(text), ToolCallPart("c", text, text), ToolResultPart("c", text))
        messages = (said("Go"), Message(Role.TOOL, parts))
        most = most_tokens(messages)
        assert most == 4 * (2 + 4 * len(text)) + 2 * 8 + 2 * 4
        assert messages_tokens(messages, TokenCounter()) <= most, text[:20]


def test_of_an_image_nothing_is_known_without_counting() -> None:
    assert most_tokens((Message(Role.USER, (ImagePart(url(PNG)),)),)) is None
