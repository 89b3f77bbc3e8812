"""`prefer`, `set`, `setup` and where `config get` says a value comes from."""

from __future__ import annotations

import json

import pytest
from tests.cli.conftest import KEYS, Cli


def test_prefer_writes_the_list_and_says_how_it_stands(cli: Cli) -> None:
    done = cli.json("prefer", "pool/b", "pool/small, openai")
    assert (done["key"], done["prefer"], done["changed"], done["task"]) == (
        "default",
        ["pool/b", "pool/small", "openai"],
        True,
        None,
    )
    assert '+default = ["pool/b", "pool/small", "openai"]' in done["diff"]
    listed = cli.quick("prefer")
    assert listed.stdout.splitlines() == ["pool/b", "pool/small", "openai"]
    assert "default: your file, line 2" in listed.stderr
    assert not cli.json("prefer", "pool/b", "pool/small", "openai")["changed"]


def test_prefer_for_a_task_type_decides_and_is_taken_back(cli: Cli) -> None:
    shipped = cli.json("prefer", "--task", "coding")
    assert shipped["from"] == "shipped"
    cli.json("prefer", "--task", "coding", "pool/b")
    assert cli.json("explain", "--task", "coding", "merge two lists")["decision"]["account"] == "b"
    back = cli.json("prefer", "--task", "coding", "--shipped")
    assert (back["prefer"], back["changed"]) == (shipped["prefer"], True)


def test_set_changes_what_is_named_and_nothing_else(cli: Cli) -> None:
    done = cli.json("set", "--task", "audit", "--preferred", "pool/a", "pool/b", "--priority", "low")
    assert done["prefer"] == ["pool/a", "pool/b"]
    text = (cli.home / "preferences.toml").read_text()
    assert '[tasks.audit]\nprefer = ["pool/a", "pool/b"]\npriority = "low"\n' in text
    cli.json("set", "--task", "audit", "--quality-floor", "0.25", "--budget-tokens", "9000")
    got = {one["key"]: one["value"] for one in cli.json("config", "get", "tasks.audit")}
    assert (got["tasks.audit.priority"], got["tasks.audit.quality_floor"]) == ("low", 0.25)
    assert got["tasks.audit.budget_tokens"] == 9000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("prefer", "--task", "codin", "pool"), "Did you mean 'coding'"),
        (("prefer", "poool"), "Did you mean 'pool'"),
        (("prefer", "--shipped", "pool"), "exclude each other"),
        (("set", "--task", "audit"), "say what to set"),
        (("set", "--task", "audit", "pool"), "begins with --preferred"),
        (("set", "--task", "audit", "--priority", "urgent"), "'high', 'medium', 'low'"),
    ],
)
def test_what_cannot_be_preferred_is_refused(cli: Cli, arguments: tuple[str, ...], said: str) -> None:
    done = cli.quick(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr
    assert not (cli.home / "preferences.toml").exists()


def test_config_get_says_when_the_environment_decides(cli: Cli) -> None:
    cli.environment["TRUNKLINE_ROUTE_CODING"] = "pool/small"
    found = cli.json("config", "get", "tasks.coding.prefer")
    assert (found["from"], found["forced"]) == ("environment TRUNKLINE_ROUTE_CODING", ["pool/small"])
    assert "asks pool/small instead" in cli.quick("prefer", "--task", "coding").stderr
    assert "TRUNKLINE_ROUTE_CODING" in cli.quick("config", "get", "tasks.coding").stdout


def test_setup_in_a_pipe_says_what_there_is_and_what_is_missing(cli: Cli) -> None:
    found = cli.json("setup")
    accounts = {account["address"]: account for account in found["accounts"]}
    assert accounts["pool/a"]["source"] == "KEY_A"
    assert accounts["pool/a"]["models"] == ["small", "endless"]
    assert (found["usable"], found["mode"]) == (True, "balanced")
    missing = {one["provider"]: one for one in found["missing"]}
    assert missing["openai"]["remedy"] == "OPENAI_API_KEY"
    done = cli.quick("setup")
    assert done.exit_code == 0
    for part in ("● pool/a", "KEY_A", "500 requests / 60s", "OPENAI_API_KEY", "* balanced"):
        assert part in done.stdout
    assert not any(key in done.stdout + json.dumps(found) for key in KEYS.values())


def test_setup_with_nothing(empty: Cli) -> None:
    done = empty.quick("setup")
    assert done.exit_code == 0
    assert "Nobody can be asked yet" in done.stdout
    assert "TRUNKLINE_LOCAL_SERVERS is off" in done.stdout
    assert empty.json("setup")["usable"] is False
