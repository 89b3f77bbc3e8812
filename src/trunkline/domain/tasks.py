"""What a request is, after analysis, and who asked."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from trunkline.domain.carried import Carried
from trunkline.domain.counting import PromptCount
from trunkline.domain.routes import Capability

# The task types that ship. The set is open: a user may add more in preferences.toml.
CODING = "coding"
REASONING = "reasoning"
CREATIVE = "creative"
SIMPLE = "simple"
AUDIT = "audit"
DATA_ANALYSIS = "data_analysis"
DOCUMENTATION = "documentation"
OPERATIONS = "operations"
ORCHESTRATION = "orchestration"
TASK_TYPES = (
    CODING,
    REASONING,
    CREATIVE,
    SIMPLE,
    AUDIT,
    DATA_ANALYSIS,
    DOCUMENTATION,
    OPERATIONS,
    ORCHESTRATION,
)
EMBEDDINGS = "embeddings"
"""The type of a request for embeddings: nobody is chosen by it, and nobody names it."""


class Tier(StrEnum):
    """Complexity in three steps."""

    T1 = "t1"
    T2 = "t2"
    T3 = "t3"


class Priority(StrEnum):
    """How soon a request is let through."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class OriginKind(StrEnum):
    """Which face asked."""

    CHAT = "chat"
    ASK = "ask"
    GATEWAY = "gateway"
    JOB = "job"
    BATCH = "batch"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Origin:
    """Who asked: a face, and a name such as `agent-7` where one was given."""

    kind: OriginKind
    name: str | None = None

    @property
    def interactive(self) -> bool:
        """A person is waiting."""
        return self.kind in (OriginKind.CHAT, OriginKind.ASK)

    def __str__(self) -> str:
        return self.name or self.kind.value


class CountSource(StrEnum):
    """How tokens were counted."""

    TOKENIZER = "tokenizer"
    ESTIMATE = "estimate"


@dataclass(frozen=True, slots=True)
class Task:
    """What a request is. `complexity` and `type_confidence` are 0..1; `input_tokens` is the upper end of the
    estimate for models of which nothing was learned, `counted` what it was made from. By that each model has its own
    upper end (see `domain.input_tokens`), used for context fit and reservations; it is never under
    `least_input_tokens`, which a refusal has taught. `hinted` says the type came from the asker. `carried` is what its
    messages hold beside words, None where there is nothing. `likely` are the types that its text speaks for, with their
    probabilities 0..1, the likeliest first, those left out that are not worth mentioning; empty where it was not
    judged by its text."""

    type: str
    type_confidence: float
    complexity: float
    tier: Tier
    input_tokens: int
    output_tokens: int
    priority: Priority
    interactive: bool = False
    critical: bool = False
    needs: tuple[Capability, ...] = ()
    count_source: CountSource = CountSource.ESTIMATE
    hinted: bool = False
    counted: PromptCount | None = None
    least_input_tokens: int = 0
    carried: Carried | None = None
    likely: tuple[tuple[str, float], ...] = ()
