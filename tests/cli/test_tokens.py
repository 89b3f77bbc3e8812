"""`tokens create|list|revoke`."""

from __future__ import annotations

import sqlite3

import pytest
from tests.cli.conftest import Cli

from trunkline.store.gateway_tokens import hash_of

REFUSED = (
    (("create", "a b"), "60 letters"),
    (("create", ""), "60 letters"),
    (("create", "x" * 61), "60 letters"),
    (("create", "a", "--budget", "0"), "USD a day"),
    (("create", "a", "--budget", "-1"), "USD a day"),
    (("create", "a", "--budget", "five"), "USD a day"),
    (("create", "a", "--budget", "1e3"), "USD a day"),
    (("create", "a", "--rate", "0"), "requests a minute"),
    (("create", "a", "--rate", "1.5"), "requests a minute"),
    (("create", "a", "--rate", "3/hour"), "requests a minute"),
    (("create", "a", "--models", "pool/smal"), "Did you mean 'pool/small'"),
    (("create", "a", "--models", " , "), "at least one"),
    (("create", "there"), "already"),
    (("revoke", "ther"), "Did you mean 'there'"),
)


def test_a_token_is_shown_once_kept_by_its_hash_and_revoked(cli: Cli) -> None:
    limits = (
        "--budget",
        "2.50/day",
        "--rate",
        "30/min",
        "--models",
        "pool/small, pool/b",
        "--priority",
        "low",
    )
    made = cli.json("tokens", "create", "agent-7", *limits)
    text = made["token"]
    assert text.startswith("tl-")
    assert f"export OPENAI_API_KEY={text}" in made["clients"]["openai"]["lines"]
    (listed,) = cli.json("tokens", "list")["tokens"]
    assert listed["last_used"] is listed["revoked"] is None
    assert (listed["name"], listed["budget_usd_day"], listed["requests_per_minute"]) == ("agent-7", 2.5, 30)
    assert (listed["models"], listed["priority"]) == (["pool/small", "pool/b"], "low")
    assert listed["today"] == {"requests": 0, "cost_usd": 0.0, "unknown_costs": 0}
    shown = cli.quick("tokens", "list")
    for part in ("agent-7", "$2.50", "30", "pool/small, pool/b", "low", "$0.00"):
        assert part in shown.stdout
    connection = sqlite3.connect(cli.home / "trunkline.db")
    assert connection.execute("SELECT hash FROM gateway_token").fetchall() == [(hash_of(text),)]
    dump = "\n".join(connection.iterdump())
    connection.close()
    secrets = (text, text.removeprefix("tl-"))
    assert not any(secret in shown.stdout + shown.stderr + dump for secret in secrets)
    gone = cli.json("tokens", "revoke", "agent-7")
    assert (gone["name"], gone["id"]) == ("agent-7", listed["id"])
    assert cli.json("tokens", "list")["tokens"] == []
    (revoked,) = cli.json("tokens", "list", "--all")["tokens"]
    assert revoked["revoked"] == gone["revoked"]
    assert "revoked" in cli.quick("tokens", "list", "--all").stdout
    assert cli.quick("tokens", "create", "agent-7").exit_code == 0


def test_the_token_alone_is_on_stdout_and_what_to_paste_beside_it(cli: Cli) -> None:
    cli.json("config", "set", "gateway.port", "9001")
    done = cli.quick("tokens", "create", "claude")
    text = done.stdout.strip()
    assert len(text.split()) == 1
    for part in (
        "shown only now",
        "http://127.0.0.1:9001/v1",
        f"ANTHROPIC_AUTH_TOKEN={text}",
        "OpenClaw",
        '"t3"',
    ):
        assert part in done.stderr


def test_revoked_by_id(cli: Cli) -> None:
    made = cli.json("tokens", "create", "one")
    assert "one is revoked" in cli.quick("tokens", "revoke", made["id"]).stderr


def test_an_alias_may_be_all_that_a_token_may_ask(cli: Cli) -> None:
    cli.json("set", "--alias", "main", "--models", "pool/small")
    assert cli.json("tokens", "create", "a", "--models", "main")["models"] == ["main"]


def test_without_any_it_says_how_to_make_one(cli: Cli) -> None:
    done = cli.quick("tokens", "list")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "tokens create" in done.stderr
    assert not (cli.home / "trunkline.db").exists()


def test_what_cannot_be_is_refused_and_changes_nothing(cli: Cli) -> None:
    cli.json("tokens", "create", "there")
    for arguments, said in REFUSED:
        done = cli.quick("tokens", *arguments)
        assert (done.exit_code, done.stdout) == (2, ""), arguments
        assert said in done.stderr
    assert [one["name"] for one in cli.json("tokens", "list")["tokens"]] == ["there"]


@pytest.mark.parametrize("budget", ["5/day", "$5.00 USD"])
def test_a_budget_is_written_as_people_write_it(cli: Cli, budget: str) -> None:
    assert cli.json("tokens", "create", "a", "--budget", budget)["budget_usd_day"] == 5.0
