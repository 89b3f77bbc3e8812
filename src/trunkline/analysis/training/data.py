"""The labelled prompts as rows to learn from: their families of sources, weights, and features."""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from trunkline.analysis.asking import asking_part
from trunkline.analysis.classify import ends_of
from trunkline.analysis.features import Features, features_of
from trunkline.analysis.training.examples import own_examples

OWN = "own"
# How much a label of each tier counts: A its source's own, B mapped from a title, C joined from a small pool.
_TIER_WEIGHT = {"A": 1.0, "B": 0.7, "C": 1.0}
# How often our own examples count, for types and for complexity; what was tried stands in REPORT.md.
_OWN_TYPES, _OWN_LEVELS = 3.0, 6.0
# Complexity of our own examples whose line says none.
_TYPICAL = {
    "simple": 0.12, "orchestration": 0.3, "operations": 0.45, "data_analysis": 0.45, "documentation": 0.45,
    "coding": 0.48, "reasoning": 0.5, "creative": 0.5, "audit": 0.55,
}  # fmt: skip

# Two groupings of the families into held-out folds: hyper-parameters are chosen on the first, figures of the report
# come from the second.
CHOOSING = (
    ("agentbench_os_train", "gpteacher_codegen", "nq_open", "da_bench", "writingbench", "cyberseceval_malware",
     "bbh", "commits a"),
    ("sysadmin_skills", "cyberseceval_code", "clinc", "wikitablequestions+table", "gpteacher_roleplay", "gsm8k_train",
     "cyberseceval_threat_intel", "mmlu logic"),
    ("composed_A+cyberseceval_code", "mmlu misc", "mmlu mathematics", "defog_sql_eval", "arena_hard_v2"),
    ("davila7", "prompts_chat", "commits b", "agentbench_dbbench", "agentbench_kg", "qwen_math"),
)  # fmt: skip
REPORTING = (
    ("sysadmin_skills", "gpteacher_codegen", "mmlu misc", "defog_sql_eval", "writingbench",
     "cyberseceval_threat_intel", "qwen_math", "commits b"),
    ("davila7", "cyberseceval_code", "nq_open", "agentbench_dbbench", "gpteacher_roleplay", "mmlu mathematics",
     "cyberseceval_malware"),
    ("composed_A+cyberseceval_code", "clinc", "bbh", "da_bench", "prompts_chat", "agentbench_os_train"),
    ("arena_hard_v2", "commits a", "wikitablequestions+table", "agentbench_kg", "gsm8k_train", "mmlu logic"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One prompt. `difficulty` is 0..1, said `per_row` or once for a whole source; `family` are sources that are held
    out together."""

    features: Features
    type: str
    family: str
    tier: str
    difficulty: float
    per_row: bool


def family_of(source: str) -> str:
    """The family of a source: near relatives are never split between training and test."""
    name, _, part = source.partition(":")
    if name == "mmlu":
        return {"miscellaneous": "mmlu misc", "formal_logic": "mmlu logic"}.get(part, "mmlu mathematics")
    if name == "commit_subjects":
        return "commits a" if part in ("BlockRunAI", "Textualize", "github", "musistudio") else "commits b"
    if name in ("cyberseceval_frr", "cyberseceval_instruct"):
        return "cyberseceval_code"
    for stem in ("clinc", "davila7"):
        if name.startswith(stem):
            return stem
    return name


def read_features(text: str) -> Features:
    """The features that the run time would see."""
    return features_of(asking_part(ends_of(text)))


def labelled_rows(path: Path) -> list[Row]:
    """The rows of a prompts.jsonl.gz (fields as in the data set's README)."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    return [
        Row(
            read_features(record["text"]),
            record["task_type"],
            family_of(record["source"]),
            record["label_tier"],
            record["difficulty"],
            record["difficulty_basis"] == "per_row",
        )
        for record in records
    ]


def natural_rows(path: Path) -> list[Row]:
    """The rows of a value.jsonl.gz that natural.txt labels; of unknown difficulty."""
    lines = files("trunkline.analysis.training").joinpath("natural.txt").read_text("utf-8").splitlines()
    types = dict(line.split() for line in lines if not line.startswith("#"))
    with gzip.open(path, "rt", encoding="utf-8") as found:
        records = [json.loads(line) for line in found]
    return [
        Row(read_features(record["text"]), types[record["id"]], record["source"], "A", 0.5, False)
        for record in records
        if record["id"] in types
    ]


def weak_spots() -> list[tuple[str, str, str]]:
    """Group, type and text of each prompt of weak_spots.txt."""
    lines = files("trunkline.analysis.training").joinpath("weak_spots.txt").read_text("utf-8").splitlines()
    parts = [line.split(" ", 2) for line in lines if line and not line.startswith("#")]
    return [(group, kind, text.replace("\\n", "\n").replace("\\t", "\t")) for group, kind, text in parts]


def weak_spot_rows() -> list[Row]:
    """The prompts of weak_spots.txt, of unknown difficulty; their group is their family. Nothing is trained on them."""
    return [Row(read_features(text), kind, group, "A", 0.5, False) for group, kind, text in weak_spots()]


def own_rows() -> list[Row]:
    """Rows of our own examples."""
    return [
        Row(
            read_features(example.text),
            example.type,
            OWN,
            "A",
            _TYPICAL[example.type] if example.complexity is None else example.complexity,
            example.complexity is not None,
        )
        for example in own_examples()
    ]


def balanced_weights(rows: Iterable[Row]) -> list[float]:
    """A weight per row, 1 on average: of each type a family counts as the square root of its number of rows, our own
    examples, which are of all genres, more often; and each type of all counts as its square root again."""
    rows = list(rows)
    groups = Counter((row.family, row.type) for row in rows)
    first = [
        _TIER_WEIGHT[row.tier]
        * groups[row.family, row.type] ** -0.5
        * (_OWN_TYPES if row.family == OWN else 1.0)
        for row in rows
    ]
    types: dict[str, float] = defaultdict(float)
    for row, weight in zip(rows, first, strict=True):
        types[row.type] += weight
    second = [weight * types[row.type] ** -0.5 for row, weight in zip(rows, first, strict=True)]
    mean = sum(second) / len(second)
    return [weight / mean for weight in second]


def complexity_weights(rows: Iterable[Row]) -> list[float]:
    """A weight per row, 1 on average, for learning complexity: families count nearly alike, our own levels most, since
    a source's one constant says more about the source than about its prompts."""
    rows = list(rows)
    families = Counter(row.family for row in rows)
    found = [families[row.family] ** -0.8 * (_OWN_LEVELS if row.family == OWN else 1.0) for row in rows]
    mean = sum(found) / len(found)
    return [weight / mean for weight in found]
