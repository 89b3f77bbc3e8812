"""Bad usage, bad configuration, nothing configured, and pipes that close early: what is said, where, and the code."""

from __future__ import annotations

import os

import pytest
from tests.cli.conftest import Cli

NO_SUCH_KEY = "sk-proj-0123456789abcdefghijklmnop"


@pytest.mark.parametrize("group", [(), ("config",), ("queue",), ("quality",)])
def test_no_list_of_commands_is_cut_in_the_middle_of_a_sentence(cli: Cli, group: tuple[str, ...]) -> None:
    shown = cli.quick(*group, "--help").stdout
    listed = shown.partition("Commands:\n")[2].splitlines()
    assert listed
    assert not [line for line in listed if line.endswith("...")]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("explain", "--route", "pool/a/smal", "hi"), "Did you mean 'pool/a/small'"),
        (("explain", "--model", "smal", "hi"), "Did you mean 'small'"),
        (("explain", "--task", "codin", "hi"), "Did you mean 'coding'"),
        (("explain", "--route", "pool", "--model", "small", "hi"), "exclude each other"),
        (("switch", "poool"), "Did you mean 'pool'"),
        (("mode", "balance"), "Did you mean 'balanced'"),
        (("statsu",), "There is no command 'statsu'. Did you mean 'status'"),
        (("demo", "--json"), "go with --headless"),
    ],
)
def test_bad_usage_says_what_was_meant(cli: Cli, arguments: tuple[str, ...], said: str) -> None:
    done = cli.quick(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr


def test_ask_refuses_an_unknown_route_before_it_asks(cli: Cli) -> None:
    done = cli.run("ask", "--route", "pool/a/smal", "hi")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Did you mean 'pool/a/small'" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("config", "get", "budget.dayly"), "expected the name of a setting"),
        (("config", "set", "mode", "cheapest"), "expected one of balanced,"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused(cli: Cli, arguments: tuple[str, ...], said: str) -> None:
    done = cli.run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_a_task_type_of_the_users_own_is_known(cli: Cli) -> None:
    (cli.home / "preferences.toml").write_text('[tasks.triage]\npriority = "low"\n')
    task = cli.json("explain", "sort these", "--task", "triage")["task"]
    assert (task["type"], task["priority"]) == ("triage", "low")


def test_broken_preferences_are_named_by_file_key_and_value(cli: Cli) -> None:
    file = cli.home / "preferences.toml"
    file.write_text('# mine\n[thresholds]\npatience_s = "soon"\n')
    done = cli.run("status")
    assert (done.returncode, done.stdout) == (2, "")
    for part in (f"{file}:3", "thresholds.patience_s", "'soon'", "expected a number"):
        assert part in done.stderr
    assert "`trunkline config unset thresholds.patience_s`" in done.stderr


@pytest.mark.parametrize("mend", [("set", "thresholds.patience_s", "4"), ("unset", "thresholds.patience_s")])
def test_a_wrong_value_is_mended_by_the_command_that_the_complaint_names(
    cli: Cli, mend: tuple[str, ...]
) -> None:
    file = cli.home / "preferences.toml"
    file.write_text('# mine\nmode = "cost_first"\n[thresholds]\npatience_s = "soon"\n')
    other = cli.run("config", "set", "mode", "balanced")
    assert (other.returncode, other.stdout) == (2, "")
    assert "thresholds.patience_s" in other.stderr
    assert cli.quick("config", *mend).exit_code == 0
    assert cli.json("status")["mode"] == "cost_first"
    assert file.read_text().startswith('# mine\nmode = "cost_first"\n')


def test_a_syntax_error_says_what_is_open(cli: Cli) -> None:
    (cli.home / "preferences.toml").write_text('mode = "balanced\n')
    done = cli.run("status")
    assert done.returncode == 2
    assert "preferences.toml:1: expected TOML (a text lacks its closing quote)" in done.stderr


def test_a_plain_key_is_refused_and_not_repeated(cli: Cli) -> None:
    file = cli.home / "providers.toml"
    file.write_text(file.read_text().replace("env:KEY_A", NO_SUCH_KEY))
    for command in (("ask", "hi"), ("doctor",)):
        done = cli.run(*command)
        assert done.returncode == 2
        assert NO_SUCH_KEY not in done.stdout + done.stderr
        assert 'write key = "env:POOL_API_KEY"' in done.stderr
        assert "config unset" not in done.stderr, "it would take out more than what is wrong"


def test_plain_trunkline_in_a_pipe_with_nothing_says_what_would_work(empty: Cli) -> None:
    done = empty.run()
    assert (done.returncode, done.stdout) == (2, "")
    for part in ("OPENAI_API_KEY", "OPENROUTER_API_KEY", "ollama", "trunkline demo"):
        assert part in done.stderr


def test_plain_trunkline_in_a_pipe_with_an_account_says_what_to_use(cli: Cli) -> None:
    done = cli.run()
    assert (done.returncode, done.stdout) == (2, "")
    assert "needs a terminal" in done.stderr
    assert "trunkline ask" in done.stderr


def test_the_demo_without_a_terminal_says_so(empty: Cli) -> None:
    done = empty.run("demo")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--headless" in done.stderr


def test_doctor_in_an_empty_home(empty: Cli) -> None:
    found = empty.json("doctor")
    missing = {one["provider"]: one for one in found["missing"]}
    assert missing["openai"]["variables"] == ["OPENAI_API_KEY"]
    assert missing["openai"]["adds"]
    assert missing["ollama"]["local"] is True
    assert missing["ollama"]["found"] is False
    assert found["accounts"] == []
    assert found["store"]["problem"] is None
    done = empty.quick("doctor")
    assert done.exit_code == 0
    assert "No account is configured." in done.stdout
    assert "openai: set OPENAI_API_KEY for" in done.stdout
    assert str(empty.home / "providers.toml") in done.stdout


def test_doctor_names_an_account_without_a_model(empty: Cli) -> None:
    (empty.home / "providers.toml").write_text(
        '[providers.mine]\nprotocol = "openai"\nbase_url = "http://127.0.0.1:9/v1"\nkey = "none"\n'
    )
    done = empty.quick("doctor")
    assert "mine: no model is named" in done.stdout


def test_a_store_that_cannot_be_used_is_bad_configuration(empty: Cli) -> None:
    (empty.home / "trunkline.db").mkdir()
    done = empty.run("status")
    assert (done.returncode, done.stdout) == (2, "")
    assert "trunkline.db" in done.stderr
    assert empty.quick("doctor").exit_code == 2


@pytest.mark.parametrize("arguments", [("config", "get"), ("--help",), ("ask", "--model", "small", "hello")])
def test_a_reader_that_has_gone_is_no_failure(cli: Cli, arguments: tuple[str, ...]) -> None:
    ours, its = os.pipe()
    os.close(ours)
    process = cli.start(*arguments, stdout=its)
    os.close(its)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in err
    assert "Broken" not in err


def test_a_terminal_that_lacks_a_character_is_no_failure(cli: Cli) -> None:
    cli.environment["PYTHONIOENCODING"] = "ascii"
    assert "automatic" in cli.run("status").stdout
    assert cli.run("ask", "hello").returncode == 0
