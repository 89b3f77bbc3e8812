"""Commands that show or change what is kept: each is read back by the next process."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import termios

from tests.cli.conftest import LIMIT_S, Cli

ACCOUNT_KEYS = {"id", "status", "health", "limits"}
TRAFFIC_KEYS = {"requests", "tokens", "cost_usd", "latency_ms", "errors"}
LIMIT_KEYS = {"metric", "window", "scope", "used", "amount", "resets_at", "source", "as_of"}


def test_status_json_keeps_its_contract(cli: Cli) -> None:
    cli.json("ask", "hello", "--model", "small")
    status = json.loads(cli.run("status", "--json").stdout)
    assert status.keys() >= {"mode", "current_route", "crisis", "providers"}
    assert status["mode"] == "balanced"
    assert status["current_route"] == "pool/a/small"
    pool = next(provider for provider in status["providers"] if provider["id"] == "pool")
    assert pool.keys() >= {"id", "status", "health", "billing", "accounts"}
    account = pool["accounts"][0]
    assert account.keys() >= ACCOUNT_KEYS | TRAFFIC_KEYS
    assert account["requests"] == {"total": 1, "success": 1, "failed": 0}
    assert account["tokens"]["input"] > 0
    assert account["cost_usd"]["spent"] > 0
    assert account["cost_usd"]["budget"] is None
    assert account["latency_ms"].keys() == {"avg", "p50", "p95", "p99"}
    assert account["latency_ms"]["p50"] > 0
    assert account["errors"] == {}
    limit = next(limit for limit in account["limits"] if limit["metric"] == "requests")
    assert limit.keys() >= LIMIT_KEYS
    assert (limit["amount"], limit["window"]) == (500, "60s")
    assert 1 <= limit["used"] < 500  # the simulator says so, and other tests ask there too
    assert limit["resets_at"].endswith("Z")


def test_status_and_list_and_quota_for_a_person(cli: Cli) -> None:
    cli.run("ask", "hello", "--model", "small")
    status = cli.quick("status").stdout
    assert "balanced · automatic" in status
    assert "1 answered" in status
    assert "pool/a" in status
    assert "500" in cli.quick("quota").stdout
    listed = cli.quick("list")
    assert "pool/b/endless" in listed.stdout
    assert "openai: set OPENAI_API_KEY" in listed.stderr
    routes = {one["route"]: one["usable"] for one in cli.json("list")["routes"]}
    assert routes == {f"pool/{account}/{model}": True for account in "ab" for model in ("small", "endless")}
    rows = cli.json("quota")
    assert {row["account"] for row in rows} == {"pool/a"}
    assert rows[0].keys() >= LIMIT_KEYS


def test_orders_hold_in_the_next_process_until_they_are_taken_back(cli: Cli) -> None:
    assert json.loads(cli.run("switch", "pool/b", "--json").stdout) == {
        "mode": "balanced",
        "pin": "pool/b",
        "paused": False,
    }
    assert cli.json("explain", "hello")["decision"]["route"].startswith("pool/b/")
    assert cli.quick("mode", "cost_first").stdout.count("* cost_first") == 1
    assert cli.quick("pause").exit_code == 0
    status = cli.json("status")
    assert (status["mode"], status["pin"], status["paused"]) == ("cost_first", "pool/b", True)
    assert "cost_first · pinned to pool/b · paused" in cli.quick("status").stdout
    assert cli.run("ask", "a person waits, so this is let through").returncode == 0
    assert cli.json("resume")["paused"] is False
    assert cli.json("reset") == {"mode": "balanced", "pin": None, "paused": False}
    assert cli.json("explain", "hello")["decision"]["account"] == "a"


def test_reset_forgets_a_blocked_account(cli: Cli) -> None:
    key = cli.environment["KEY_A"]
    cli.environment["KEY_A"] = "sim-pool-old"
    cli.run("ask", "hello")
    cli.environment["KEY_A"] = key
    cli.quick("reset")
    assert cli.json("explain", "hello")["decision"]["account"] == "a"


def test_the_log(cli: Cli) -> None:
    assert cli.json("log") == []
    nothing = cli.quick("log")
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    assert "nothing was asked yet" in nothing.stderr
    cli.run("ask", "hello", "--model", "small")
    cli.run("ask", "hello again", "--route", "pool/b/small")
    newest, oldest = cli.json("log")
    assert newest["routes"] == ["pool/b/small"]
    assert (oldest["outcome"], oldest["origin"]) == ("answered", "ask")
    assert [entry["request_id"] for entry in cli.json("log", "--account", "pool/a")] == [oldest["request_id"]]
    shown = cli.quick("log").stdout.splitlines()[1].split()[0]
    assert newest["request_id"].startswith(shown)
    receipt = cli.json("log", shown)
    assert receipt["request_id"] == newest["request_id"]
    assert receipt["route"] == "pool/b/small"
    sheet = cli.quick("log", shown)
    assert f"request   {newest['request_id']}" in sheet.stdout
    assert "you pinned pool/b/small" in sheet.stdout
    unknown = cli.quick("log", "zzz")
    assert (unknown.exit_code, unknown.stdout) == (1, "")
    assert "no request begins with 'zzz'" in unknown.stderr
    assert "several requests begin with '01'" in cli.quick("log", "01").stderr


def test_config_keeps_comments_and_order(cli: Cli) -> None:
    file = cli.home / "preferences.toml"
    file.write_text('# mine, do not touch\nmode = "balanced"  # for now\n\n[rules]\nprefer_free = false\n')
    before = file.read_text()
    changed = cli.quick("config", "set", "mode", "cost_first")
    assert changed.exit_code == 0
    assert '+mode = "cost_first"' in changed.stdout
    assert file.read_text() == before.replace('"balanced"', '"cost_first"')
    assert cli.quick("config", "get", "mode").stdout == "cost_first\n"
    assert cli.json("config", "get", "mode")["stated"] is True
    assert cli.json("status")["mode"] == "cost_first"
    again = cli.quick("config", "set", "mode", "cost_first")
    assert (again.exit_code, again.stdout) == (0, "")
    assert cli.json("config", "unset", "rules.prefer_free")["changed"] is True
    assert cli.quick("config", "get", "rules.prefer_free").stdout == "True\n"
    assert "# mine, do not touch" in file.read_text()
    providers = cli.home / "providers.toml"
    cli.quick("config", "set", "providers.pool.pool", "random")
    assert "[providers.pool]   # mine" in providers.read_text()
    assert 'pool = "random"' in providers.read_text()


def test_a_table_fits_the_terminal(cli: Cli) -> None:
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 72, 0, 0))
    process = cli.start("config", "get", stdout=its)
    os.close(its)
    seen = b""
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # the other side is closed
            break
        if not chunk:
            break
        seen += chunk
    os.close(ours)
    assert process.wait(LIMIT_S) == 0
    lines = seen.decode().splitlines()
    assert len(lines) > 20
    assert max(map(len, lines)) <= 72
    assert any("…" in line for line in lines)
