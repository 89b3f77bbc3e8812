"""`trunkline check` as a person and a script have it."""

from __future__ import annotations

import json
import os
import pty
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from tests.cli.conftest import KEYS, LIMIT_S, Cli

KEY = "sk-check-canary-77aa01"
RESULT_KEYS = {
    "provider", "account", "answers", "checked_at", "took_ms", "fault", "models", "missing", "balance", "limits",
    "shares", "notes", "hint", "reported_at",
}  # fmt: skip
PROVIDER = """
[providers.{name}]
protocol = "openai"
base_url = "{url}/v1"
accounts = [{{ id = "main", key = "env:{variable}" }}]
quirks = {{ self_report = "{report}" }}
[providers.{name}.models."m"]
context = 1000
"""


@contextmanager
def serving(answers: dict[str, tuple[int, Any]], released: threading.Event | None = None) -> Iterator[str]:
    """The address of a server that answers these paths; with `released` only once that is set."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if released is not None:
                released.wait(LIMIT_S)
            status, body = answers.get(self.path, (404, {"error": {"message": "no such route"}}))
            raw = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        if released is not None:
            released.set()
        server.shutdown()
        thread.join()
        server.server_close()


def configured(empty: Cli, name: str, url: str, report: str = "none") -> Cli:
    """A home with one provider at that address, beside those it has."""
    variable = f"{name.upper()}_KEY"
    with (empty.home / "providers.toml").open("a") as file:
        file.write(PROVIDER.format(name=name, url=url, variable=variable, report=report))
    empty.environment[variable] = KEY
    return empty


MODELS = (200, {"data": [{"id": "m", "context_length": 4096}]})


def test_all_that_answer_are_said_to_and_the_exit_code_is_0(cli: Cli) -> None:
    done = cli.run("check", "pool")
    assert done.returncode == 0
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [row[:3] for row in rows[1:]] == [["●", "pool/a", "answers"], ["●", "pool/b", "answers"]]
    assert [row[-2] for row in rows[1:]] == ["2", "2"]
    assert done.stderr == ""
    assert "\x1b" not in done.stdout


def test_the_json_of_one_account(cli: Cli) -> None:
    [result] = cli.json("check", "pool/b")
    assert result.keys() >= RESULT_KEYS
    assert (result["provider"], result["account"], result["answers"]) == ("pool", "b", True)
    assert {model["id"] for model in result["models"]} == {"small", "endless"}
    assert (result["fault"], result["hint"], result["balance"], result["missing"]) == (None, None, None, [])
    assert result["checked_at"].endswith("Z")
    assert result["took_ms"] > 0


def test_a_rejected_key_is_exit_code_1_with_what_to_do_and_is_seen_by_the_next_command(cli: Cli) -> None:
    cli.environment["KEY_B"] = KEY
    done = cli.quick("check", "pool")
    assert done.exit_code == 1
    assert "● " in done.stdout
    assert "✕ " in done.stdout
    assert "no answer" in done.stdout
    assert "pool/b: → 127.0.0.1 rejects the key at env:KEY_B: put a valid one there" in done.stdout
    assert KEY not in done.output
    [result] = cli.json("check", "pool/b", code=1)
    assert (result["fault"]["kind"], result["fault"]["status"]) == ("auth", 401)
    blocked = {one["id"]: one["block"] for one in cli.json("status")["providers"][-1]["accounts"]}
    assert blocked["b"]["kind"] == "auth"
    cli.environment["KEY_B"] = KEYS["KEY_B"]
    assert cli.quick("check", "pool/b").exit_code == 0


@pytest.mark.parametrize(
    ("wrong", "meant"), [("pol", "'pool'"), ("pool/bb", "'pool/b'"), ("opnai", "'openai'")]
)
def test_an_unknown_name_is_exit_code_2_with_what_may_be_meant(cli: Cli, wrong: str, meant: str) -> None:
    done = cli.run("check", wrong)
    assert done.returncode == 2
    assert f"Did you mean {meant}" in done.stderr
    assert done.stdout == ""


def test_with_nothing_configured_it_says_what_to_set(empty: Cli) -> None:
    done = empty.quick("check", "zai")
    assert done.exit_code == 1
    assert "→ set ZAI_API_KEY" in done.stdout
    [result] = empty.json("check", "zai", code=1)
    assert (result["account"], result["answers"], result["fault"]["code"]) == (None, False, "no_key")


def test_a_balance_the_limits_and_when_they_renew(empty: Cli) -> None:
    resets_ms = round((time.time() + 3 * 3600 + 30) * 1000)
    limit = {"type": "TOKENS_LIMIT", "unit": 3, "number": 5, "percentage": 42, "nextResetTime": resets_ms}
    day = {"limit": 50, "used": 20, "remaining": 30}
    key = {"limit": 20, "limit_remaining": 5, "limit_reset": "monthly", "free_model_daily_requests": day}
    answers: dict[str, tuple[int, Any]] = {
        "/v1/models": MODELS,
        "/api/monitor/usage/quota/limit": (200, {"code": 200, "success": True, "data": {"limits": [limit]}}),
        "/v1/key": (200, {"data": key}),
        "/v1/credits": (200, {"data": {"total_credits": 20, "total_usage": 7.5}}),
    }
    with serving(answers) as url:
        home = configured(configured(empty, "plan", url, "zai"), "router", url, "openrouter")
        said = home.quick("check").stdout
        by_name = {one["provider"]: one for one in home.json("check")}
        quota = home.json("quota")
    assert "12.50 USD" in said
    assert "cost / month" in said
    assert "$5.00" in said
    assert "requests / day · *:free" in said
    plan_line = next(line for line in said.splitlines() if "tokens / session:5h" in line)
    assert "58 %" in plan_line
    assert "in 3 h 0 m" in plan_line
    assert by_name["router"]["balance"] == {"amount": 12.5, "currency": "USD"}
    assert [one["remaining"] for one in by_name["router"]["limits"]] == [5.0, 30]
    assert by_name["plan"]["shares"][0]["used_percent"] == 42
    assert {(one["account"], one["metric"], one["used"]) for one in quota} == {
        ("router/main", "cost", 15.0), ("router/main", "requests", 20), ("plan/main", "share", 420_000),
    }  # fmt: skip


def test_a_balance_that_is_not_told_now_is_shown_with_its_age(empty: Cli) -> None:
    answers = {"/v1/models": MODELS, "/user/balance": (200, {
        "is_available": True, "balance_infos": [{"currency": "USD", "total_balance": "12.50"}],
    })}  # fmt: skip
    with serving(answers) as url:
        home = configured(empty, "deep", url, "deepseek")
        assert home.json("status")["providers"][-1]["accounts"][0]["balance"] is None
        [before] = home.json("check", "deep")
        answers["/user/balance"] = (500, {})
        said = home.quick("check", "deep").stdout
        [now] = home.json("check", "deep")
        account = home.json("status")["providers"][-1]["accounts"][0]
        line = next(line for line in home.quick("status").stdout.splitlines() if "deep/main" in line)
    assert re.search(r"12\.50 USD, \d+ m?s? ?.*ago", said)
    assert before["balance"] == now["balance"] == account["balance"] == {"amount": 12.5, "currency": "USD"}
    assert before["reported_at"] == now["reported_at"] == account["reported_at"] == before["checked_at"]
    assert "12.50 USD left, as told" in line


def test_what_a_provider_says_is_fit_for_a_terminal_and_holds_no_key(empty: Cli) -> None:
    odd = {"error": {"message": f"\x1b[2J\x1b]0;owned\x07 bad key {KEY}", "code": "invalid_api_key"}}
    with serving({"/v1/models": (401, odd)}) as url:
        done = configured(empty, "odd", url).run("check")
    assert done.returncode == 1
    assert "it says: bad key •••" in done.stdout
    assert "\x1b" not in done.stdout
    assert KEY not in done.stdout + done.stderr


def test_a_slow_account_ends_in_the_time_given(empty: Cli) -> None:
    released = threading.Event()
    with serving({"/v1/models": MODELS}, released) as slow_url, serving({"/v1/models": MODELS}) as url:
        home = configured(configured(empty, "slow", slow_url), "quick", url)
        results = {one["provider"]: one for one in home.json("check", "--timeout", "0.3", code=1)}
    assert results["slow"]["fault"]["code"] == "total_timeout"
    assert "--timeout" in results["slow"]["hint"]
    assert results["quick"]["answers"]


@pytest.mark.parametrize("wrong", ["0", "-1", "soon", "1e9"])
def test_a_time_that_is_none_is_bad_usage(empty: Cli, wrong: str) -> None:
    assert empty.quick("check", "--timeout", wrong).exit_code == 2


def test_progress_is_on_a_terminal_only_and_leaves_nothing_behind(cli: Cli) -> None:
    ours, its = pty.openpty()
    process = cli.start("check", "pool", stderr=its)
    os.close(its)
    out, _ = process.communicate(timeout=LIMIT_S)
    seen = b""
    try:
        while chunk := os.read(ours, 65536):
            seen += chunk
    except OSError:  # the other side is closed
        pass
    os.close(ours)
    assert process.returncode == 0
    assert "2 done" in seen.decode()
    assert seen.endswith(b"\r\x1b[K")
    assert "checking" not in out
