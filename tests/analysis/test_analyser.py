"""From a request to a task: what decides, what is inherited, what the asker's hints override."""

from __future__ import annotations

import pytest

from trunkline.analysis import Followed, analyse, classify
from trunkline.domain.carried import Carried
from trunkline.domain.messages import (
    AnswerSchema,
    ChatRequest,
    Hints,
    ImagePart,
    Message,
    ResponseFormat,
    Role,
    TextPart,
    ToolChoice,
    ToolResultPart,
    ToolSpec,
    ToolUse,
)
from trunkline.domain.preferences import Thresholds
from trunkline.domain.routes import Capability
from trunkline.domain.tasks import Origin, OriginKind, Priority, Task, Tier

CHAT = Origin(OriginKind.CHAT)
GATEWAY = Origin(OriginKind.GATEWAY, "agent-7")
HARD_CODING = Followed("coding", Tier.T3, 0.8)


def ask(
    text: str,
    *,
    previous: Followed | None = None,
    system: str | None = None,
    before: tuple[str, ...] = (),
    **fields: object,
) -> Task:
    said = [Message.of(Role.USER, one) for one in (*before, text)]
    messages = (*((Message.of(Role.SYSTEM, system),) if system else ()), *said)
    request = ChatRequest(messages, **{"origin": CHAT, **fields})
    return analyse(
        request,
        thresholds=Thresholds(),
        task_priorities={"audit": Priority.HIGH, "documentation": Priority.LOW},
        previous=previous,
    )


@pytest.mark.parametrize(
    ("text", "task_type"),
    [
        ("Write a Python function that merges two sorted lists.", "coding"),
        (
            "Please fix the bug in this class:\n```python\nclass A:\n    def f(self): return self.x\n```",
            "coding",
        ),
        ("Audit this code for SQL injection and other vulnerabilities.", "audit"),
        ("Write the README section that explains how to install the tool.", "documentation"),
        ("Write a short story about a lighthouse keeper who finds a map.", "creative"),
        ("You are a medieval blacksmith. Describe your day.", "creative"),
        ("What is the capital of France?", "simple"),
        ("what's the weather in Oslo", "simple"),
        ("Which customers had the highest revenue last month? Give me the SQL.", "data_analysis"),
        (
            "Count the lines that contain ERROR in all .log files under /var/log on this linux server.",
            "operations",
        ),
        (
            "Tom had 12 apples, gave 5 to Ann and bought 8 more. How many apples does he have left?",
            "reasoning",
        ),
        ("Prove that the sum of two even integers is even.", "reasoning"),
        ("Delegate the next steps to the sub-agents and coordinate their status reports.", "orchestration"),
    ],
)
def test_types(text: str, task_type: str) -> None:
    assert ask(text).type == task_type


def test_few_signs_are_no_sure_judgement_and_never_a_simple_task() -> None:
    task = ask(
        "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore."
    )
    assert task.type_confidence < 0.5
    assert task.tier is not Tier.T1


def test_a_plain_question_is_a_small_one_and_a_design_a_large_one() -> None:
    assert ask("What is the capital of France?").tier is Tier.T1
    design = (
        "Design a distributed, production-ready architecture for our payments: compare the trade-offs of event "
        "sourcing and CRUD in depth, analyze security and scalability, and give a detailed migration strategy."
    )
    assert ask(design).tier is Tier.T3


def test_the_system_prompt_does_not_decide() -> None:
    plain = ask("What is the capital of France?")
    agent = ask(
        "What is the capital of France?", system="You are a senior Python engineer. Audit code. " * 50
    )
    assert (agent.type, agent.complexity) == (plain.type, plain.complexity)
    assert agent.input_tokens > plain.input_tokens


@pytest.mark.parametrize(
    "text", ["do it", "ok, go on", "yes please", "fix it", "now do that for the other file", "why?"]
)
def test_a_follow_up_inherits(text: str) -> None:
    task = ask(text, previous=HARD_CODING)
    assert (task.type, task.tier, task.complexity) == ("coding", Tier.T3, 0.8)


@pytest.mark.parametrize("tier", [Tier.T1, Tier.T2])
def test_a_follow_up_of_a_smaller_task_stays_as_small(tier: Tier) -> None:
    assert ask("go on", previous=Followed("coding", tier, 0.2)).tier is tier


def test_a_follow_up_whose_conversation_is_not_known_goes_by_what_was_asked_last() -> None:
    before = ("Prove that the sum of two even integers is even.", "ok", "go on")
    asked = ask(before[0])
    task = ask("yes please", before=before)
    assert (task.type, task.tier, task.complexity) == ("reasoning", asked.tier, asked.complexity)
    alone = ask("yes please")
    assert (alone.type, alone.tier) == ("simple", Tier.T1)


@pytest.mark.parametrize(
    ("text", "task_type"),
    [("next, write a poem about the sea", "creative"), ("please audit it for security", "audit")],
)
def test_a_follow_up_that_clearly_asks_for_other_work_is_that_and_never_a_simple_one(
    text: str, task_type: str
) -> None:
    task = ask(text, previous=HARD_CODING)
    assert (task.type, task.tier) == (task_type, Tier.T2)


def test_the_asker_s_word_goes_before_what_a_follow_up_inherits() -> None:
    def inherited(**hints: object) -> tuple[str, Tier]:
        task = ask("do it", previous=HARD_CODING, hints=Hints(**hints))  # type: ignore[arg-type]
        return task.type, task.tier

    assert inherited(task_type="coding") == ("coding", Tier.T3)
    assert inherited(task_type="creative") == ("creative", Tier.T2)
    assert inherited(tier=Tier.T1) == ("coding", Tier.T1)
    assert inherited(complexity=0.1) == ("coding", Tier.T1)


@pytest.mark.parametrize(
    "text", ["What is the capital of France?", "Write a poem about it, in iambic pentameter."]
)
def test_a_new_question_does_not_inherit(text: str) -> None:
    task = ask(text, previous=HARD_CODING)
    assert task.type != "coding"
    assert task.tier is not Tier.T3


def test_hints_win() -> None:
    task = ask("What is the capital of France?", hints=Hints(task_type="audit", complexity=0.9))
    assert (task.type, task.tier, task.complexity, task.hinted) == ("audit", Tier.T3, 0.9, True)
    assert task.type_confidence == 1.0
    tiered = ask("What is the capital of France?", hints=Hints(tier=Tier.T2))
    assert tiered.tier is Tier.T2
    assert 0.3 <= tiered.complexity <= 0.7


def test_priority_is_the_asker_s_else_the_task_type_s() -> None:
    hint = Hints(task_type="audit")
    assert ask("x", hints=hint).priority is Priority.HIGH
    assert ask("x", hints=hint, priority=Priority.LOW).priority is Priority.LOW
    assert ask("x", hints=Hints(task_type="coding")).priority is Priority.MEDIUM


def test_who_waits() -> None:
    assert ask("hello").interactive
    assert not ask("hello", origin=GATEWAY).interactive
    assert ask("hello", critical=True).critical


def test_needs() -> None:
    tool = ToolSpec("read_file", "Read a file", '{"type":"object"}')
    assert ask("hello").needs == ()
    assert ask("hello", tools=(tool,)).needs == (Capability.TOOLS,)
    assert ask("hello", response_format=ResponseFormat.JSON).needs == (Capability.JSON,)
    picture = Message(Role.USER, (TextPart("what is this"), ImagePart("https://x.invalid/a.png")))
    request = ChatRequest((picture,), CHAT)
    needs = (Capability.IMAGES, Capability.IMAGE_URLS)
    assert analyse(request, thresholds=Thresholds(), task_priorities={}).needs == needs
    inline = ChatRequest((Message(Role.USER, (ImagePart("data:image/png;base64,AA=="),)),), CHAT)
    assert analyse(inline, thresholds=Thresholds(), task_priorities={}).needs == (Capability.IMAGES,)
    shown = ToolResultPart("c", "", images=(ImagePart("https://x.invalid/a.png"),))
    within = ChatRequest((Message(Role.TOOL, (shown,)),), CHAT)
    assert analyse(within, thresholds=Thresholds(), task_priorities={}).needs == needs


def test_what_is_demanded_of_the_answer_is_carried() -> None:
    assert ask("hello").carried is None
    schema = ask("hello", response_format=ResponseFormat.JSON, answer_schema=AnswerSchema("{}"))
    assert (schema.needs, schema.carried) == ((Capability.JSON,), Carried(schema=True))
    forced = ask("hello", tool_choice=ToolChoice(ToolUse.NAMED, "look"))
    assert forced.carried == Carried(forced_call=True)
    assert ask("hello", tool_choice=ToolChoice(ToolUse.NONE)).carried is None


def test_tools_and_limits_count_in_the_estimates() -> None:
    tool = ToolSpec("read_file", "Read a file " * 40, '{"type":"object"}')
    assert ask("hello", tools=(tool,)).input_tokens > ask("hello").input_tokens + 50
    assert ask("Write a long story about the sea.", max_output_tokens=20).output_tokens == 20


def test_a_request_without_user_text_is_judged_unsure() -> None:
    request = ChatRequest((), CHAT)
    task = analyse(request, thresholds=Thresholds(), task_priorities={})
    assert task.type_confidence < 0.5
    assert task.tier is not Tier.T1


def test_only_the_ends_of_a_long_prompt_are_read() -> None:
    ends = ("Audit this for vulnerabilities.\n" + "x " * 1_000, "y " * 1_000)
    assert classify(ends[0] + "prove the theorem " * 50_000 + ends[1]).type == "audit"
