from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from trunkline.analysis import Guess, classify
from trunkline.cli import labelled
from trunkline.cli.commands import evaluate
from trunkline.cli.commands.evaluate import evaluate_command

CODE = {
    "id": "1",
    "text": "Write a Python function that merges two lists.",
    "task_type": "coding",
    "source": "own",
}
POEM = {"id": "2", "text": "Write a poem about the sea.", "task_type": "creative", "source": "own"}
HELLO = {"id": "3", "text": "hello", "task_type": "simple", "source": "other"}


def run(*args: str) -> Result:
    return CliRunner().invoke(evaluate_command, list(args))


def written(path: Path, *lines: dict[str, Any] | str) -> str:
    text = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return str(path)


def valued(n: int) -> dict[str, Any]:
    models = {"w": {"quality": n % 2, "cost_usd": 0.001}, "s": {"quality": 1.0, "cost_usd": 0.1}}
    return {
        "id": f"v{n}",
        "text": f"What is {n} + {n}?",
        "source": "set:a",
        "weak": "w",
        "strong": "s",
        "models": models,
    }


@pytest.mark.parametrize("name", ["p.jsonl", "p.jsonl.gz"])
def test_labelled_prompts_are_judged(tmp_path: Path, name: str) -> None:
    found = run(written(tmp_path / name, CODE, POEM, "", HELLO), "--json")
    assert found.exit_code == 0
    shape = json.loads(found.stdout)
    assert {
        "n",
        "accuracy",
        "macro_f1",
        "by_type",
        "by_source",
        "simple",
        "coverage",
        "ms_per_prompt",
    } <= set(shape)
    assert shape["n"] == 3
    assert shape["accuracy"] == 1.0
    assert shape["by_source"]["other"] == {"n": 1, "accuracy": 1.0}
    assert shape["simple"] == {"precision": 1.0, "recall": 1.0, "false_simple_rate": 0.0}
    assert shape["coverage"][0] == {"confidence": 0.0, "share": 1.0, "accuracy": 1.0}
    assert shape["ms_per_prompt"]["p50"] > 0
    assert shape["value"] == {}


def test_costs_are_weighed_against_random_choice(tmp_path: Path) -> None:
    path = written(tmp_path / "v.jsonl", *map(valued, range(60)))
    shape = json.loads(run(path, "--json").stdout)
    assert shape["accuracy"] is None
    assert set(shape["value"]) == {"complexity", "complexity_per_token"}
    figures = shape["value"]["complexity"]["set"]
    assert {"frozen", "random_same_share", "random_same_quality", "at_quality", "curve"} <= set(figures)
    assert figures["frozen"]["quality"] > figures["weak_quality"]
    text = run(path).stdout
    assert "at 95% of the strong model's quality saving" in text
    assert "at random saving" in text


def test_a_person_is_shown_tables(tmp_path: Path) -> None:
    found = run(written(tmp_path / "p.jsonl", CODE, POEM, HELLO))
    assert found.exit_code == 0
    assert "3 prompts: accuracy 1.000" in found.stdout
    assert "expected calibration error" in found.stdout


def test_bad_lines_are_named_and_the_rest_counts(tmp_path: Path) -> None:
    no_cost = valued(1) | {"models": {"w": {"quality": 1.0}, "s": {"quality": 1.0, "cost_usd": 1}}}
    bad = [
        "{",
        {"text": "no label"},
        {"task_type": "coding"},
        "[1]",
        '{"text": 3, "task_type": "x"}',
        no_cost,
    ]
    found = run(written(tmp_path / "p.jsonl", *bad, CODE), "--json")
    assert found.exit_code == 0
    assert json.loads(found.stdout)["n"] == 1
    assert json.loads(found.stdout)["bad_lines"] == 6
    assert [line.partition(":")[0] for line in found.stderr.splitlines()] == [
        f"line {n}" for n in range(1, 7)
    ]
    assert "line 2: without task_type" in found.stderr


def test_prompts_with_labels_that_are_no_task_types_are_counted_and_left_out(tmp_path: Path) -> None:
    odd = [
        CODE | {"task_type": kind, "source": "odd"} for kind in ("billing", "Coding", "billing", "x\x1b[2J")
    ]
    path = written(tmp_path / "p.jsonl", CODE, *odd, HELLO)
    found = run(path, "--json")
    shape = json.loads(found.stdout)
    assert (shape["n"], shape["accuracy"], shape["unknown_labels"], shape["bad_lines"]) == (2, 1.0, 4, 0)
    assert "odd" not in shape["by_source"]
    assert "4 left out, for labels that are no task types: billing 2, Coding 1" in found.stderr
    assert "\x1b" not in found.stderr
    assert "2 prompts: accuracy 1.000" in run(path).stdout
    assert json.loads(run(written(tmp_path / "q.jsonl", CODE), "--json").stdout)["unknown_labels"] == 0


def test_a_file_of_which_no_label_is_a_task_type_is_refused_by_name(tmp_path: Path) -> None:
    lines = [CODE | {"task_type": f"kind{n}"} for n in range(12)]
    found = run(written(tmp_path / "p.jsonl", *lines), "--json")
    assert (found.exit_code, found.stdout) == (2, "")
    assert "12 left out" in found.stderr
    assert ", …" in found.stderr
    assert "no label is a task type; these are: coding, reasoning" in found.stderr


def test_where_no_line_is_good_nothing_is_claimed(tmp_path: Path) -> None:
    found = run(written(tmp_path / "p.jsonl", *(["nonsense"] * 30)))
    assert found.exit_code == 2
    assert found.stdout == ""
    assert found.stderr.count("not JSON") == 10
    assert "30 lines are no labelled prompts" in found.stderr
    assert run(str(tmp_path / "missing.jsonl")).exit_code == 2
    assert run(written(tmp_path / "empty.jsonl")).exit_code == 2


def test_of_a_packed_file_that_ends_too_soon_there_is_what_could_be_read(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl.gz"
    lines = "".join(
        json.dumps(CODE | {"id": n, "text": f"{CODE['text']} {n * 7919}"}) + "\n" for n in range(3_000)
    )
    path.write_bytes(gzip.compress(lines.encode())[:-4_000])
    found = run(str(path), "--json")
    assert found.exit_code == 0
    assert 0 < json.loads(found.stdout)["n"] < 3_000
    assert "what there is of its first" in found.stderr


def test_a_line_longer_than_any_prompt_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labelled, "_LONGEST_LINE", 300)
    found = run(written(tmp_path / "p.jsonl", CODE | {"text": "x" * 1_000}, HELLO), "--json")
    assert json.loads(found.stdout)["n"] == 1
    assert "line 1: longer than any prompt" in found.stderr


def test_stopped_half_way_it_says_what_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopping(text: str) -> Guess:
        if text == HELLO["text"]:
            raise KeyboardInterrupt
        return classify(text)

    monkeypatch.setattr(evaluate, "classify", stopping)
    found = run(written(tmp_path / "p.jsonl", CODE, POEM, HELLO), "--json")
    assert found.exit_code == 130
    assert json.loads(found.stdout)["n"] == 2
    assert "stopped after 2 lines" in found.stderr


def test_reading_the_model_is_not_counted_as_the_first_prompts_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ns, loads_ns = [0], [50_000_000]

    def slow_at_first(text: str) -> Guess:
        now_ns[0] += 1_000_000 + (loads_ns.pop() if loads_ns else 0)
        return classify(text)

    monkeypatch.setattr(evaluate, "classify", slow_at_first)
    monkeypatch.setattr(evaluate.time, "perf_counter_ns", lambda: now_ns[0])
    found = run(written(tmp_path / "p.jsonl", CODE, POEM), "--json")
    assert json.loads(found.stdout)["ms_per_prompt"] == {"p50": 1.0, "p95": 1.0}


def test_the_daily_help_does_not_name_it() -> None:
    from trunkline.cli.program import program

    assert "evaluate" not in CliRunner().invoke(program, ["--help"]).output
    assert CliRunner().invoke(program, ["evaluate", "--help"]).exit_code == 0
