"""Names of the user's own for lists of models, changed in preferences.toml."""

from __future__ import annotations

import os
from collections.abc import Sequence

import click

from trunkline.cli.output import print_json, print_table, say
from trunkline.cli.request import require_known_name, require_known_route
from trunkline.config.desk import ConfigDesk, Edit
from trunkline.config.files import dotted
from trunkline.config.load import Loaded
from trunkline.config.places import find_places
from trunkline.domain.preferences import ModelAlias

_TABLE = "aliases"


def change_alias(
    name: str, models: Sequence[str] | None, strategy: str | None, *, remove: bool, as_json: bool
) -> None:
    """Make an alias, change what is named of it, take it out (`remove`, or no `models` in a list), or, where nothing is
    named, say how it stands. Raises UsageError and ConfigError; the file is then as it was."""
    if remove and (models or strategy):
        raise click.UsageError("--remove and what the name stands for exclude each other")
    desk = ConfigDesk(find_places(os.environ), os.environ)
    # What is wrong with an alias must not be in the way of mending it or taking it out.
    loaded = desk.read_past_errors()
    for one in models or ():
        require_known_route(loaded.config.catalogue, one)
    plan = desk.plan(loaded, _edits(loaded, name, models, strategy, remove=remove or models == []))
    desk.save(plan)
    alias = desk.read().config.preferences.alias(name)
    if as_json:
        print_json({**_json(name, alias), "changed": bool(plan.diff), "diff": plan.diff})
    elif plan.diff:
        click.echo(plan.diff, nl=False)
    elif models is None and strategy is None and not remove and alias is not None:
        print_table(("name", "strategy", "models"), [[alias.name, alias.strategy, ", ".join(alias.models)]])
    else:
        say("it was so already")


def _edits(
    loaded: Loaded, name: str, models: Sequence[str] | None, strategy: str | None, *, remove: bool
) -> list[Edit]:
    if remove:
        return [Edit(dotted((_TABLE, name)), None)]
    stated = loaded.preferences_layers[-1].data.get(_TABLE, {})
    if models is None and name not in stated:
        known = [one.name for one in loaded.config.preferences.aliases]
        if known and strategy is None:
            require_known_name("alias", name, known)
        raise click.UsageError(f"there is no alias {name!r} yet; --models A,B says who answers under it")
    given = {"models": None if models is None else list(models), "strategy": strategy}
    return [Edit(dotted((_TABLE, name, key)), value) for key, value in given.items() if value is not None]


def _json(name: str, alias: ModelAlias | None) -> dict[str, object]:
    return {
        "alias": name,
        "models": None if alias is None else list(alias.models),
        "strategy": None if alias is None else alias.strategy,
    }
