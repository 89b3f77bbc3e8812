"""`trunkline serve` as a real process: what it prints, whom it serves, how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from tests.cli.conftest import LIMIT_S, Cli, until

ASKED = {"model": "auto", "messages": [{"role": "user", "content": "Who owns the queue?"}]}


@contextmanager
def serving(cli: Cli, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A gateway on a free port, and the first line that it prints."""
    process = cli.start("serve", "--port", "0", *options)
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate(timeout=LIMIT_S)


def ask(base_url: str, token: str) -> tuple[int, Any]:
    """Status and body of a chat completion."""
    headers = {"authorization": f"Bearer {token}"}
    reply = httpx.post(f"{base_url}/v1/chat/completions", json=ASKED, headers=headers, timeout=LIMIT_S)
    return reply.status_code, reply.json()


def test_an_agent_is_served_under_its_tokens_name_until_that_is_revoked(cli: Cli) -> None:
    token = cli.json("tokens", "create", "agent-7")["token"]

    with serving(cli, "--quiet") as (process, base_url):
        status, answer = ask(base_url, token)
        logged = until(lambda: cli.json("log"), "line in the log")
        cli.quick("tokens", "revoke", "agent-7")
        until(lambda: ask(base_url, token)[0] == 401, "refusal of a revoked token", 5)
        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate(timeout=LIMIT_S)

    assert (status, answer["model"]) == (200, "pool/small")
    assert (logged[0]["origin"], logged[0]["outcome"]) == ("agent-7", "answered")
    assert (process.returncode, complaints) == (0, "")


def test_the_first_start_makes_a_token_and_shows_it_once(cli: Cli) -> None:
    with serving(cli, "--json") as (process, first):
        assert process.stdout is not None
        told = first
        while not told.rstrip().endswith("}") or told.count("{") != told.count("}"):
            told += process.stdout.readline()
        shown = json.loads(told)
        assert ask(shown["base_url"], shown["token"])[0] == 200
    assert set(shown["clients"]) == {"openai", "claude-code", "codex", "gemini", "gemini-cli", "openclaw"}
    assert any(shown["token"] in line for line in shown["clients"]["openai"]["lines"])

    with serving(cli) as (_, again):
        assert "was made" not in again
        assert "trunkline tokens list" in again


def test_an_address_that_is_taken_or_open_to_others_is_refused_with_the_way_out(cli: Cli) -> None:
    cli.json("tokens", "create", "agent-7")
    with serving(cli, "--quiet") as (_, base_url):
        taken = cli.run("serve", "--port", base_url.rpartition(":")[2])
    assert (taken.returncode, taken.stdout) == (2, "")
    assert "--port takes another" in taken.stderr

    outside = cli.run("serve", "--host", "0.0.0.0", "--port", "0")
    assert (outside.returncode, outside.stdout) == (2, "")
    assert "allow_remote = true" in outside.stderr


def test_with_nobody_to_ask_it_says_what_would_help_and_a_quiet_start_still_shows_its_token(
    empty: Cli,
) -> None:
    with serving(empty, "--quiet") as (process, base_url):
        assert process.stdout is not None
        status, told = ask(base_url, process.stdout.readline().strip())

    assert status == 503
    assert "trunkline doctor" in told["error"]["message"]
