"""`ask` and `explain` against simulated providers."""

from __future__ import annotations

import io
import json
import os
import pty
import signal
import sys

import click
import pytest
from tests.cli.conftest import LIMIT_S, Cli, until

from trunkline.cli.request import prompt_text

RECEIPT_KEYS = {"route", "reason", "attempts", "tokens", "cost_usd", "ms", "first_token_ms"}
TASK_KEYS = {"type", "confidence", "complexity", "tier", "input_tokens", "output_tokens"}
DECISION_KEYS = {"route", "provider", "model", "account", "reason", "confidence", "rule"}


def test_ask_gives_the_answer_on_stdout_and_its_receipt_on_stderr(cli: Cli) -> None:
    done = cli.run("ask", "say", "hello")
    assert done.returncode == 0
    assert len(done.stdout) > 20
    assert done.stdout.endswith("\n")
    assert done.stderr.count("\n") == 1
    assert "pool/a/small" in done.stderr
    assert "→" in done.stderr
    assert "$0.0000" in done.stderr


def test_ask_json_keeps_its_contract(cli: Cli) -> None:
    answer = cli.json("ask", "say hello", "--model", "small")
    assert answer["text"]
    assert answer["complete"] is True
    receipt = answer["receipt"]
    assert receipt.keys() >= RECEIPT_KEYS
    assert receipt["route"] == "pool/a/small"
    assert receipt["reason"] == "pin"
    assert [{key: call[key] for key in ("route", "outcome")} for call in receipt["attempts"]] == [
        {"route": "pool/a/small", "outcome": "ok"}
    ]
    assert receipt["attempts"][0]["ms"] > 0
    assert receipt["tokens"]["input"] > 0
    assert receipt["tokens"]["output"] > 0
    expected = (receipt["tokens"]["input"] * 0.1 + receipt["tokens"]["output"] * 0.4) / 1_000_000
    assert abs(receipt["cost_usd"] - expected) < 1e-12
    assert 0 < receipt["first_token_ms"] <= receipt["ms"]


def test_a_rejected_key_is_gone_around_and_said(cli: Cli) -> None:
    cli.environment["KEY_A"] = "sim-pool-not-this-one"
    done = cli.run("ask", "hello")
    assert done.returncode == 0
    assert "↪ pool/a/small → pool/b/small" in done.stderr
    assert "sim-pool-not-this-one" not in done.stderr + done.stdout
    status = cli.json("status")
    pool = next(provider for provider in status["providers"] if provider["id"] == "pool")
    assert {account["id"]: account["status"] for account in pool["accounts"]} == {
        "a": "down",
        "b": "healthy",
    }


def test_when_nobody_can_serve_it_says_who_and_why(cli: Cli) -> None:
    cli.environment = {"KEY_A": "sim-pool-x", "KEY_B": "sim-pool-y"}
    answer = cli.json("ask", "hello", code=1)
    assert answer["text"] == ""
    assert answer["complete"] is False
    assert answer["decision"] is None
    assert {one["route"] for one in answer["rejected"]} >= {"pool/a/*", "pool/b/*"}
    assert all({"route", "code", "why"} <= one.keys() for one in answer["rejected"])
    assert answer["receipt"]["outcome"] == "failed"
    assert [call["outcome"] for call in answer["receipt"]["attempts"]] == ["refused", "refused"]
    cli.environment = {}
    done = cli.run("ask", "hello")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "no key at env:KEY_A" in done.stderr
    assert done.stderr.count("no account at anthropic") == 1


def test_explain_json_keeps_its_contract_and_calls_nobody(cli: Cli) -> None:
    before = len(cli.requests())
    preview = json.loads(cli.run("explain", "merge two", "sorted lists", "--task", "coding", "--json").stdout)
    assert preview.keys() >= {"task", "decision", "ranking", "rejected"}
    assert preview["task"].keys() >= TASK_KEYS
    assert preview["task"]["type"] == "coding"
    assert preview["decision"].keys() >= DECISION_KEYS
    assert preview["decision"]["route"] == preview["ranking"][0]["route"]
    for ranked in preview["ranking"]:
        assert ranked.keys() >= {"route", "score", "terms", "cost_usd"}
        assert all(value is None or 0 <= value <= 1 for value in ranked["terms"].values())
    assert {"route", "code", "why"} <= preview["rejected"][0].keys()
    assert len(cli.requests()) == before


def test_explain_without_an_account_is_not_served(empty: Cli) -> None:
    preview = empty.json("explain", "hello", code=1)
    assert preview["decision"] is None
    assert preview["ranking"] == []
    assert {one["code"] for one in preview["rejected"]} == {"no_key"}
    done = empty.quick("explain", "hello")
    assert done.exit_code == 1
    assert "answers   nobody" in done.stdout
    assert done.stdout.count("no account") == 1


def test_a_dash_or_a_pipe_reads_stdin(cli: Cli) -> None:
    by_dash = cli.run("explain", "-", "--json", stdin="Übersetze das, bitte. " * 50)
    by_pipe = cli.run("explain", "--json", stdin="Übersetze das, bitte. " * 50)
    assert json.loads(by_dash.stdout)["task"] == json.loads(by_pipe.stdout)["task"]
    assert json.loads(by_dash.stdout)["task"]["input_tokens"] > 100
    nothing = cli.run("ask", "-", stdin=" \n")
    assert (nothing.returncode, nothing.stdout) == (2, "")
    assert "the prompt is empty" in nothing.stderr


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "hello".encode("utf-16")])
def test_what_is_no_text_is_asked_of_nobody(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    with pytest.raises(click.UsageError, match="no text in UTF-8"):
        prompt_text(("-",))


def test_a_prompt_that_is_no_utf8_is_asked_all_the_same(cli: Cli) -> None:
    assert cli.json("ask", os.fsdecode(b"caf\xe9 hello"))["complete"] is True


def test_ctrl_c_keeps_what_has_come(cli: Cli) -> None:
    ours, its = pty.openpty()
    try:
        process = cli.start("ask", "--model", "endless", "tell me everything", stdout=its)
        os.close(its)
        seen = os.read(ours, 1024).decode()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=LIMIT_S)
    finally:
        os.close(ours)
    assert process.returncode == 130
    assert seen.strip()
    assert "Traceback" not in err
    assert err.startswith("stopped · pool/a/endless")


def test_sigterm_in_a_pipe_prints_what_has_come_as_unfinished(cli: Cli) -> None:
    before = len(cli.requests())
    process = cli.start("ask", "--model", "endless", "tell me everything", "--json")
    until(lambda: len(cli.requests()) > before, "request at the simulator")
    process.terminate()
    out, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 143, err
    answer = json.loads(out)
    assert answer["complete"] is False
    assert answer["receipt"]["outcome"] == "cancelled"
    newest = cli.json("log")[0]
    assert (newest["outcome"], newest["routes"]) == ("cancelled", ["pool/a/endless"])


LONG = "Write a poem about every one of these words, please. " * 600


def test_over_its_token_budget_it_is_not_sent_unless_somebody_says_so(cli: Cli) -> None:
    (cli.home / "preferences.toml").write_text("[tasks.creative]\nbudget_tokens = 2000\n")
    refused = cli.run("ask", "--task", "creative", "-", stdin=LONG)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "over the 2,000 that creative may take" in refused.stderr
    shown = cli.json("explain", "--task", "creative", LONG)
    assert shown["over_budget"]["budget_tokens"] == 2_000
    assert "refused   about" in cli.quick("explain", "--task", "creative", LONG).stdout


def test_at_a_terminal_it_asks_whether_to_send_what_is_over_its_token_budget(cli: Cli) -> None:
    (cli.home / "preferences.toml").write_text("[tasks.creative]\nbudget_tokens = 2000\n")
    ours, its = pty.openpty()
    process = cli.start("ask", "--task", "creative", LONG, stdin=its, stderr=its)
    os.close(its)
    os.write(ours, b"y\n")
    out, _ = process.communicate(timeout=LIMIT_S)
    os.close(ours)
    assert process.returncode == 0
    assert out
