"""What training is made of, as far as it needs neither the data nor numpy."""

from __future__ import annotations

import re
import struct
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from zlib import crc32

import pytest

from trunkline.analysis.features import Features, lexicon
from trunkline.analysis.model import read_model
from trunkline.analysis.training.data import (
    CHOOSING,
    OWN,
    REPORTING,
    Row,
    balanced_weights,
    family_of,
    weak_spot_rows,
    weak_spots,
)
from trunkline.analysis.training.examples import own_examples
from trunkline.domain.tasks import TASK_TYPES


def model_file(words: dict[str, list[int]], signs: dict[str, list[int]], temperature: float = 1.0) -> bytes:
    """A file with these weights, all scales 1 and all intercepts 0."""
    parts = [struct.pack("<4sIIIf", b"TKM1", len(TASK_TYPES), len(words), len(signs), temperature)]
    for table in (words, signs):
        rows = sorted((crc32(name.encode()), row) for name, row in table.items())
        parts.append(struct.pack(f"<{len(rows)}I", *(key for key, _ in rows)))
        parts.append(struct.pack("<10f", *[1.0] * 10))
        parts += [struct.pack("10b", *row) for _, row in rows]
    return b"".join([*parts, struct.pack("<10f", *[0.0] * 10)])


def test_weights_are_read_and_summed() -> None:
    model = read_model(model_file({"ua": [4, *[0] * 8, 0]}, {"q": [0, 3, *[0] * 7, 1], "1": [0] * 10}))
    shares, complexity = model.judge(Features(["ua", "unknown"], ["q", "1"], 0.5))
    assert shares[0] / shares[1] == pytest.approx(2.718281828 ** (4 * 0.5 - 3), rel=1e-6)
    assert sum(shares) == pytest.approx(1)
    assert complexity == 1.0
    assert read_model(model_file({}, {})).judge(Features(["ua"], ["q"], 1.0)).probabilities == (1 / 9,) * 9


def test_a_higher_temperature_is_less_sure() -> None:
    weights = {"ua": [4, *[0] * 9]}
    sure, less = (
        read_model(model_file(weights, {}, heat)).judge(Features(["ua"], [], 1.0)).probabilities
        for heat in (1, 2)
    )
    assert sure[0] > less[0] > sure[1]


def test_own_examples_are_the_same_every_time_and_of_every_type() -> None:
    examples = own_examples()
    assert examples == own_examples()
    assert examples != own_examples(seed=8)
    counts = Counter(example.type for example in examples)
    assert set(counts) == set(TASK_TYPES)
    assert min(counts.values()) > 200
    assert len({example.text for example in examples}) == len(examples)
    assert not [
        example.text for example in examples if any(mark in example.text for mark in ("{:", "«", "<code>"))
    ]


def test_every_family_is_held_out_once_in_each_grouping() -> None:
    for grouping in (CHOOSING, REPORTING):
        families = [family for fold in grouping for family in fold]
        assert len(families) == len(set(families))
    assert {f for fold in CHOOSING for f in fold} == {f for fold in REPORTING for f in fold}
    assert family_of("mmlu:formal_logic") == "mmlu logic"
    assert family_of("clinc150_oos") == family_of("clinc150") == "clinc"


def test_a_large_source_counts_less_per_row_and_more_in_all() -> None:
    row = Row(Features(["ua"], ["q"], 1.0), "coding", "large", "A", 0.5, False)
    rows = [*[replace(row, family="large")] * 100, *[replace(row, family="small")] * 4]
    weights = balanced_weights(rows)
    assert sum(weights) / len(weights) == pytest.approx(1)
    assert weights[0] < weights[-1]
    assert sum(weights[:100]) == pytest.approx(5 * sum(weights[100:]))


def test_our_own_examples_count_more_than_a_source_of_their_size() -> None:
    row = Row(Features(["ua"], ["q"], 1.0), "coding", "source", "A", 0.5, False)
    weights = balanced_weights([*[row] * 10, *[replace(row, family=OWN)] * 10])
    assert weights[-1] == pytest.approx(3 * weights[0])


def words_of(text: str) -> tuple[str, ...]:
    """The words of `text` without numbers, or its characters where it has none."""
    return tuple(re.findall(r"[^\W\d_]+", text.lower())) or tuple(text)


def test_what_is_measured_on_was_never_an_example_to_learn_from() -> None:
    """By their words, so that another case, number or mark at the end hides nothing."""
    measured = weak_spots()
    assert len(measured) > 150
    assert {kind for _, kind, _ in measured} == set(TASK_TYPES)
    learned = {words_of(example.text) for example in own_examples()}
    assert not [text for _, _, text in measured if words_of(text) in learned]


def test_line_breaks_of_a_measured_prompt_are_read() -> None:
    traces = [row for row in weak_spot_rows() if row.family == "trace"]
    assert traces
    assert all("ktrace" in row.features.signs for row in traces)


def test_the_lexicon_says_groups_of_words_in_seven_languages() -> None:
    known = lexicon()
    for word in ("write", "schreibe", "escribe", "escreva", "写", "rédige", "書いて"):
        assert "v_write" in known[word]


def test_judging_loads_neither_numpy_nor_the_training() -> None:
    code = "import sys; from trunkline.analysis import classify; classify('hello'); print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    ).stdout.split()
    assert not {"numpy", "scipy", "sklearn", "trunkline.analysis.training"} & set(loaded)
