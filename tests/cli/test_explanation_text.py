"""A decision in words, as wide as the terminal that shows it."""

from __future__ import annotations

import os
import shutil
import sys

import pytest
from tests.support.clock import START_MS
from tests.support.routing import build_ask, build_config, build_state

from trunkline.cli.decision_shapes import explanation_json
from trunkline.cli.explanation_text import print_explanation, say_labelled
from trunkline.routing import compile_policy, decide, explained

LONG = "meta-llama/llama-3.3-70b-instruct:free"
CONFIG = build_config(
    {
        "providers": {
            "somewhere": {"models": {LONG: {"price": [1, 2], "quality": 0.6}}},
            "else": {"models": {LONG: {"price": [3, 9], "quality": 0.5, "context": 10}}},
            "third": {"models": {"m": {"price": [3, 9], "quality": 0.6}}},
        }
    }
)


def shown(capsys: pytest.CaptureFixture[str]) -> list[str]:
    ask = build_ask(CONFIG, {"type": "coding", "input_tokens": 1_000, "output_tokens": 500})
    decision = decide(ask, compile_policy(CONFIG), build_state(CONFIG, {}))
    print_explanation(explained(ask.task, decision, START_MS), START_MS)
    return capsys.readouterr().out.splitlines()


def on_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((columns, 24)))


def test_at_80_columns_every_term_of_every_route_can_be_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    on_terminal(monkeypatch, 80)
    lines = shown(capsys)
    assert max(map(len, lines)) <= 80
    heading = "   preference  quota  context  cost  quality  speed  health"
    terms = lines[lines.index(heading) + 1 :][:2]
    assert [len(line.split()) for line in terms] == [8, 8]
    assert not any("…" in line for line in terms)


def test_what_nobody_knows_of_a_model_is_a_dash_and_null(capsys: pytest.CaptureFixture[str]) -> None:
    config = build_config({"providers": {"new": {"models": {"m": {"price": [1, 2]}}}}})
    ask = build_ask(config, {"type": "coding", "input_tokens": 1_000, "output_tokens": 500})
    told = explained(ask.task, decide(ask, compile_policy(config), build_state(config, {})), START_MS)
    print_explanation(told, START_MS)
    terms = capsys.readouterr().out.splitlines()[-1].split()
    assert [place for place, word in enumerate(terms) if word == "–"] == [5, 6]
    said = explanation_json(told)["ranking"][0]["terms"]
    assert [name for name, value in said.items() if value is None] == ["quality", "speed"]


def test_a_long_sentence_goes_on_under_its_beginning_between_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    on_terminal(monkeypatch, 40)
    said = "cheaper than the others " * 4
    say_labelled("why", said)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 2
    assert max(map(len, lines)) <= 40
    assert all(line.startswith(" " * 10) for line in lines[1:])
    assert " ".join(line[10:] for line in lines) == said.strip()


def test_in_a_pipe_a_sentence_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    say_labelled("why", "cheaper " * 40)
    assert len(capsys.readouterr().out.splitlines()) == 1
