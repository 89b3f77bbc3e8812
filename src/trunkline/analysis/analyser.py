"""From a request to a task."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from trunkline.analysis.carried import carried_by
from trunkline.analysis.classify import Guess, classify
from trunkline.analysis.followup import Followed, inherited, is_follow_up
from trunkline.analysis.prompt import CountingPlan, count_prompt
from trunkline.analysis.spoken import spoken
from trunkline.analysis.tokens import TokenCounter
from trunkline.domain.carried import Carried
from trunkline.domain.counting import PromptCount, Tokenizer
from trunkline.domain.learned import AnswerLength, AnswerLengths
from trunkline.domain.messages import ChatRequest, ResponseFormat, Role, ToolCallPart, ToolUse
from trunkline.domain.preferences import Thresholds
from trunkline.domain.routes import Capability
from trunkline.domain.tasks import EMBEDDINGS, CountSource, Priority, Task, Tier

_UNSURE = 0.5
_TIERS = tuple(Tier)
# Types that are less likely are not kept with a task.
_WORTH_MENTIONING = 0.05


def analyse(
    request: ChatRequest,
    *,
    thresholds: Thresholds,
    task_priorities: Mapping[str, Priority],
    role_priorities: Mapping[tuple[str, Tier], Priority] = MappingProxyType({}),
    previous: Followed | None = None,
    answer_lengths: AnswerLengths = MappingProxyType({}),
    counter: TokenCounter | None = None,
    plan: CountingPlan | None = None,
) -> Task:
    """What `request` is, judged by its last user message; hints win over every judgement.

    The asker's priority goes before that of the role, which is a task type at a tier, and this before the task type's.
    `previous` is what the conversation's last turn was, whose type and tier a follow-up ("do it") inherits; where that
    is not known it is judged by the last message that is none. `answer_lengths` says how long answers were here.
    `counter` remembers counts between calls; without one every text is estimated. `plan` is what the models at hand are
    counted by. Work is bounded: what is long and was not counted before is estimated.
    """
    if request.embeds is not None:
        return _to_embed(request, thresholds, counter, plan)
    hints = request.hints
    guess, least = _judged(request, previous, thresholds)
    task_type = hints.task_type or guess.safe_type
    complexity = _complexity(request, guess, thresholds)
    tier = hints.tier or tier_of(complexity, thresholds)
    if least is not None and hints.tier is None and hints.complexity is None:
        tier = max(tier, least, key=_TIERS.index)
    counted = count_prompt(request, plan or CountingPlan(), TokenCounter() if counter is None else counter)
    usual = role_priorities.get((task_type, tier)) or task_priorities.get(task_type, Priority.MEDIUM)
    priority = request.priority or usual
    return Task(
        type=task_type,
        type_confidence=1.0 if hints.task_type else guess.probabilities.get(task_type, guess.confidence),
        complexity=complexity,
        tier=tier,
        input_tokens=_usual_tokens(counted, thresholds.estimate_margin),
        output_tokens=_output_tokens(request, task_type, complexity, answer_lengths.get((task_type, tier))),
        priority=priority,
        interactive=request.origin.interactive,
        critical=request.critical or request.origin.interactive or priority is Priority.HIGH,
        needs=_needs(request),
        count_source=_source(counted),
        hinted=hints.task_type is not None,
        counted=counted,
        carried=_carried(request),
        likely=() if hints.task_type else _likely(guess),
    )


def _to_embed(
    request: ChatRequest, thresholds: Thresholds, counter: TokenCounter | None, plan: CountingPlan | None
) -> Task:
    """Texts to embed: nothing of them is judged, and nothing is said in answer."""
    counted = count_prompt(request, plan or CountingPlan(), TokenCounter() if counter is None else counter)
    priority = request.priority or Priority.MEDIUM
    return Task(
        type=EMBEDDINGS,
        type_confidence=1.0,
        complexity=0.0,
        tier=Tier.T1,
        input_tokens=_usual_tokens(counted, thresholds.estimate_margin),
        output_tokens=0,
        priority=priority,
        interactive=request.origin.interactive,
        critical=request.critical or request.origin.interactive or priority is Priority.HIGH,
        needs=(Capability.EMBEDDINGS,),
        count_source=_source(counted),
        hinted=True,
        counted=counted,
    )


def _likely(guess: Guess) -> tuple[tuple[str, float], ...]:
    shares = sorted(guess.probabilities.items(), key=lambda one: one[1], reverse=True)
    return tuple(one for one in shares if one[1] >= _WORTH_MENTIONING)


def _judged(
    request: ChatRequest, previous: Followed | None, thresholds: Thresholds
) -> tuple[Guess, Tier | None]:
    """What the last user message asks for, and the tier that it is not under because of what it follows. A follow-up
    that asks for something else (as its words or the asker's hint say) never is a simple one: it speaks of what
    went before."""
    last = next(_spoken(request), None) or next(_texts(request), "")
    guess = classify(last)
    if not is_follow_up(last):
        return guess, None
    followed = previous or _followed(_spoken(request), thresholds)
    if followed is None:
        return guess, None
    found = inherited(guess, followed)
    if found is not None and request.hints.task_type in (None, followed.type):
        return found, followed.tier
    least = max(guess.complexity, thresholds.tier_simple_below)
    return replace(found or guess, complexity=least), None


def _texts(request: ChatRequest) -> Iterator[str]:
    """What the user's messages say, the latest first."""
    return (
        message.text for message in reversed(request.messages) if message.role is Role.USER and message.text
    )


def _spoken(request: ChatRequest) -> Iterator[str]:
    """The same without what agents put around it."""
    return (said for text in _texts(request) if (said := spoken(text)))


def _followed(said: Iterable[str], thresholds: Thresholds) -> Followed | None:
    """What the user's messages, the latest first, ask for in the last one that is no follow-up; None where all are."""
    asking = next((text for text in said if not is_follow_up(text)), None)
    if asking is None:
        return None
    guess = classify(asking)
    complexity = _safe_complexity(guess, thresholds)
    return Followed(guess.safe_type, tier_of(complexity, thresholds), complexity)


def _complexity(request: ChatRequest, guess: Guess, thresholds: Thresholds) -> float:
    """The asker's, else one inside the tier that the asker named, else the judged one."""
    hints = request.hints
    if hints.complexity is not None:
        return min(1.0, max(0.0, hints.complexity))
    if hints.tier is not None:
        return complexity_of(hints.tier, thresholds)
    return guess.complexity if hints.task_type is not None else _safe_complexity(guess, thresholds)


def _safe_complexity(guess: Guess, thresholds: Thresholds) -> float:
    """An unsure judgement never makes a task a simple one."""
    unsure = guess.confidence < _UNSURE
    return max(guess.complexity, thresholds.tier_simple_below) if unsure else guess.complexity


def complexity_of(tier: Tier, thresholds: Thresholds) -> float:
    """One inside `tier`, of which no more is known."""
    low, high = thresholds.tier_simple_below, thresholds.tier_complex_above
    return {Tier.T1: low / 2, Tier.T2: (low + high) / 2, Tier.T3: (1 + high) / 2}[tier]


def tier_of(complexity: float, thresholds: Thresholds) -> Tier:
    """The tier of a task, where nobody named one."""
    if complexity < thresholds.tier_simple_below:
        return Tier.T1
    return Tier.T3 if complexity > thresholds.tier_complex_above else Tier.T2


def _usual_tokens(counted: PromptCount, margin: float) -> int:
    """The upper end for a model of which nothing was learned, whichever counts most."""
    return math.ceil(max(one.tokens for one in counted.totals) * margin)


def _source(counted: PromptCount) -> CountSource:
    estimated = any(one.tokenizer is Tokenizer.ESTIMATE for one in counted.totals)
    return CountSource.ESTIMATE if estimated else CountSource.TOKENIZER


_OUTPUT_TOKENS = {
    "simple": 120,
    "operations": 350,
    "orchestration": 250,
    "data_analysis": 600,
    "reasoning": 700,
    "coding": 800,
    "creative": 900,
    "documentation": 900,
    "audit": 1_000,
}


# The answers that the figure above counts for beside those that were seen.
_SHIPPED_WEIGHT = 10.0


def _output_tokens(request: ChatRequest, task_type: str, complexity: float, seen: AnswerLength | None) -> int:
    """A typical answer of that type, from half to one and a half times as long with complexity, and the nearer to those
    seen the more these are."""
    shipped = _OUTPUT_TOKENS.get(task_type, 600) * (0.5 + complexity)
    seen = seen or AnswerLength()
    typical = round((shipped * _SHIPPED_WEIGHT + seen.tokens) / (_SHIPPED_WEIGHT + seen.weight))
    if request.max_output_tokens is not None:
        return min(typical, request.max_output_tokens)
    return typical


def _carried(request: ChatRequest) -> Carried | None:
    choice = request.tool_choice
    forced = choice is not None and choice.use in (ToolUse.REQUIRED, ToolUse.NAMED)
    return carried_by(request.messages, schema=request.answer_schema is not None, forced_call=forced)


def _needs(request: ChatRequest) -> tuple[Capability, ...]:
    parts = [part for message in request.messages for part in message.parts]
    needs = []
    if request.tools or any(isinstance(part, ToolCallPart) for part in parts):
        needs.append(Capability.TOOLS)
    images = [image for message in request.messages for image in message.images]
    if images:
        needs.append(Capability.IMAGES)
    if any(not image.url.startswith("data:") for image in images):
        needs.append(Capability.IMAGE_URLS)
    if request.response_format is ResponseFormat.JSON or request.answer_schema is not None:
        needs.append(Capability.JSON)
    return tuple(needs)
