"""A model that its provider serves no more, as the commands show it."""

from __future__ import annotations

from tests.cli.conftest import Cli

VANISHED = """
[providers.pool.models."vanished"]
context = 32768
successor = "small"
"""


def test_it_is_listed_as_such_until_the_account_has_another_key(cli: Cli) -> None:
    providers = cli.home / "providers.toml"
    providers.write_text(providers.read_text() + VANISHED)
    assert all(route["usable"] for route in cli.json("list")["routes"] if route["route"].startswith("pool/"))
    done = cli.run("ask", "hello", "--route", "pool/a/vanished")
    assert done.returncode == 1
    said = next(line for line in cli.quick("list").stdout.splitlines() if "pool/a/vanished" in line)
    assert "not served to this account any more, since" in said
    assert said.endswith("; small takes its place")
    usable = {route["route"]: route["usable"] for route in cli.json("list")["routes"]}
    assert (usable["pool/a/vanished"], usable["pool/b/vanished"], usable["pool/a/small"]) == (
        False,
        True,
        True,
    )
    accounts = {one["id"]: one for one in cli.json("status")["providers"][-1]["accounts"]}
    assert (accounts["a"]["gone"], accounts["b"]["gone"]) == (["vanished"], [])
    cli.environment["KEY_A"] += "-other"
    assert all(route["usable"] for route in cli.json("list")["routes"] if route["route"].startswith("pool/"))


def test_a_store_that_cannot_be_read_does_not_keep_anything_from_being_listed(cli: Cli) -> None:
    (cli.home / "trunkline.db").write_bytes(b"this is no database" * 100)
    assert cli.quick("list").exit_code == 0
