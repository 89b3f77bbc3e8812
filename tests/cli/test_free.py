"""`trunkline free`: a person says that what is blocked is available again."""

from __future__ import annotations

from typing import Any

from tests.cli.conftest import KEYS, Cli


def block(cli: Cli, account: str) -> Any:
    """The block of an account of the pool, as `status` has it."""
    accounts = {one["id"]: one for one in cli.json("status")["providers"][-1]["accounts"]}
    return accounts[account]["block"]


def test_what_is_blocked_is_available_again_for_every_command(cli: Cli) -> None:
    cli.environment["KEY_B"] = "sk-wrong"
    assert cli.quick("check", "pool/b").exit_code == 1
    assert block(cli, "b")["kind"] == "auth"
    assert cli.json("free", "pool/b") == {"target": "pool/b", "freed": ["pool/b"]}
    assert block(cli, "b") is None
    assert cli.json("free", "pool/b") == {"target": "pool/b", "freed": []}
    cli.environment["KEY_B"] = KEYS["KEY_B"]


def test_a_name_that_means_nothing_is_exit_code_2(cli: Cli) -> None:
    done = cli.run("free", "pool/nobody")
    assert done.returncode == 2
    assert "pool/nobody" in done.stderr
    assert done.stdout == ""
