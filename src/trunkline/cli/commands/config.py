"""`trunkline config`: read and write settings; comments and order of the user's files survive."""

from __future__ import annotations

import os

import click

from trunkline.cli.output import print_json, print_table, say
from trunkline.config.load import Loaded, load
from trunkline.config.places import find_places
from trunkline.config.settings import Setting, SourceKind, get_value, settings


@click.group("config")
def config_command() -> None:
    """Read and write settings."""


@config_command.command("get")
@click.argument("key", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def get_command(key: str | None, as_json: bool) -> None:
    """The value of KEY and where it comes from.

    Of the beginning of a name all that begin so, without KEY every setting.
    """
    loaded = _load()
    known = settings(loaded)
    under = [setting for setting in known if key is None or setting.key.startswith(f"{key}.")]
    found = under or [get_value(loaded, key or "")]
    if as_json:
        print_json([_json(setting) for setting in found] if under else _json(found[0]))
    elif under:
        print_table(
            ("setting", "from", "value"),
            [[s.key, _origin(s), _shown(s.current)] for s in found],
        )
    else:
        click.echo(_shown(found[0].current))


@config_command.command("set")
@click.argument("key")
@click.argument("value")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def set_command(key: str, value: str, as_json: bool) -> None:
    """Set KEY to VALUE in your own file. The whole configuration is tried before anything is written."""
    _change(key, value, as_json)


@config_command.command("unset")
@click.argument("key")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def unset_command(key: str, as_json: bool) -> None:
    """Take KEY out of your own file.

    The shipped value holds again.
    """
    _change(key, None, as_json)


def _change(key: str, value: str | None, as_json: bool) -> None:
    from trunkline.config.desk import ConfigDesk, set_value

    # What is wrong in the files must not be in the way of mending it.
    loaded = ConfigDesk(find_places(os.environ), os.environ).read_past_errors()
    diff = set_value(loaded, os.environ, key, value)
    if as_json:
        print_json({"key": key, "value": value, "changed": bool(diff), "diff": diff})
    elif diff:
        click.echo(diff, nl=False)
    else:
        say(f"{key} was so already")


def _load() -> Loaded:
    return load(find_places(os.environ), os.environ)


def _json(setting: Setting) -> dict[str, object]:
    return {
        "key": setting.key,
        "value": setting.current,
        "default": setting.default,
        "type": setting.type,
        "stated": setting.stated,
        "from": str(setting.source),
        "forced": setting.source.forced,
        "minimum": setting.bounds.minimum,
        "maximum": setting.bounds.maximum,
        "choices": list(setting.choices),
        "section": setting.section,
        "help": setting.help,
    }


def _origin(setting: Setting) -> str:
    words = {SourceKind.SHIPPED: "shipped", SourceKind.USER: "you"}
    return words.get(setting.source.kind, setting.source.variable)


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return "–" if value is None else str(value)
