"""`set --alias`: names of one's own for lists of models."""

from __future__ import annotations

import pytest
from tests.cli.conftest import Cli

from trunkline.domain.errors import ConfigError

REFUSED = (
    (("--alias", "main", "--models", "pool/smal"), "Did you mean 'pool/small'"),
    (("--alias", "main"), "no alias 'main' yet"),
    (("--alias", "main", "--task", "coding", "--models", "pool/small"), "say what it is for"),
    (("--alias", "main", "--priority", "low"), "say what it is for"),
    (("--task", "coding", "--models", "pool/small"), "say what it is for"),
    (("--models", "pool/small"), "say what it is for"),
    (("--alias", "main", "--remove", "--strategy", "order"), "exclude each other"),
)


def test_an_alias_is_made_changed_and_taken_out_with_the_comments_kept(cli: Cli) -> None:
    file = cli.home / "preferences.toml"
    file.write_text('# mine\nmode = "balanced" # stays\n')
    made = cli.json("set", "--alias", "main", "--models", "pool/small, pool/b/endless", "--strategy", "score")
    assert (made["models"], made["strategy"], made["changed"]) == (
        ["pool/small", "pool/b/endless"],
        "score",
        True,
    )
    assert '+[aliases.main]\n+models = ["pool/small", "pool/b/endless"]\n+strategy = "score"' in made["diff"]
    file.write_text(file.read_text().replace("[aliases.main]", "# for agents\n[aliases.main]"))
    assert cli.json("set", "--alias", "main", "--strategy", "order")["models"] == [
        "pool/small",
        "pool/b/endless",
    ]
    assert not cli.json("set", "--alias", "main", "--strategy", "order")["changed"]
    for kept in ("# mine", "# stays", "# for agents", 'strategy = "order"'):
        assert kept in file.read_text()
    gone = cli.json("set", "--alias", "main", "--models", "")
    assert (gone["models"], gone["changed"]) == (None, True)
    assert "aliases.main" not in file.read_text()
    assert "# stays" in file.read_text()


def test_remove_takes_one_out_and_leaves_the_others(cli: Cli) -> None:
    for name in ("one", "two"):
        cli.json("set", "--alias", name, "--models", "pool/small")
    assert "-[aliases.one]" in cli.quick("set", "--alias", "one", "--remove").stdout
    assert cli.quick("set", "--alias", "two").stdout.split()[-3:] == ["two", "order", "pool/small"]
    assert "so already" in cli.quick("set", "--alias", "one", "--remove").stderr


def test_what_makes_no_sense_is_refused_and_nothing_is_written(cli: Cli) -> None:
    for arguments, said in REFUSED:
        done = cli.quick("set", *arguments)
        assert (done.exit_code, done.stdout) == (2, ""), arguments
        assert said in done.stderr
    with pytest.raises(ConfigError, match="'coding' is a task type"):
        cli.quick("set", "--alias", "coding", "--models", "pool/small")
    assert not (cli.home / "preferences.toml").exists()


def test_an_alias_that_breaks_the_file_can_be_taken_out(cli: Cli) -> None:
    file = cli.home / "preferences.toml"
    file.write_text('[aliases.coding]\nmodels = ["pool/small"]\n')
    with pytest.raises(ConfigError, match=r"aliases\.coding"):
        cli.quick("list")
    assert cli.json("set", "--alias", "coding", "--remove")["changed"]
    assert cli.json("list")
