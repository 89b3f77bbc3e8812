"""`trunkline prefer` and `trunkline set`: who is asked, in order, how a task type is routed, and names for lists."""

from __future__ import annotations

import os
from collections.abc import Sequence

import click

from trunkline.cli.aliases import change_alias
from trunkline.cli.output import print_json, say
from trunkline.cli.request import require_known_route, require_known_task
from trunkline.config.desk import ConfigDesk, Edit
from trunkline.config.files import dotted
from trunkline.config.places import find_places
from trunkline.config.settings import Setting, get_value
from trunkline.domain.preferences import AliasStrategy
from trunkline.domain.tasks import Priority


@click.command("prefer")
@click.option("--task", help="The task type that it is for; without it, where no other list applies.")
@click.option("--shipped", is_flag=True, help="Take your own list out, so that the shipped one holds again.")
@click.argument("routes", nargs=-1, metavar="[P]...")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def prefer_command(task: str | None, shipped: bool, routes: tuple[str, ...], as_json: bool) -> None:
    """Ask P first, then the next P: providers, accounts or models. Without P the list as it is."""
    if shipped and routes:
        raise click.UsageError("--shipped and a list exclude each other")
    _change(task, {"prefer": None if shipped else _names(routes)} if routes or shipped else {}, as_json)


@click.command("set")
@click.option("--task", help="The task type that it is for.")
@click.option(
    "--preferred", "routes", multiple=True, metavar="P", help="Who is asked; more P may follow, in order."
)
@click.option(
    "--priority", type=click.Choice([one.value for one in Priority]), help="How soon it is let through."
)
@click.option("--budget-tokens", type=click.IntRange(min=1), help="Tokens that such a task may take.")
@click.option("--quality-floor", type=click.FloatRange(0, 1), help="Least quality of a model, 0 to 1.")
@click.option("--alias", metavar="NAME", help="A name that clients of the gateway may give as their model.")
@click.option("--models", metavar="A,B", help="Who may answer under that name, in order; empty takes it out.")
@click.option(
    "--strategy",
    type=click.Choice([one.value for one in AliasStrategy]),
    help="How one of them is chosen: the first that can serve, or the best by the score.",
)
@click.option("--remove", is_flag=True, help="Take the name out.")
@click.argument("more", nargs=-1, metavar="[P]...")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def set_command(
    task: str | None,
    routes: tuple[str, ...],
    priority: str | None,
    budget_tokens: int | None,
    quality_floor: float | None,
    alias: str | None,
    models: str | None,
    strategy: str | None,
    remove: bool,
    more: tuple[str, ...],
    as_json: bool,
) -> None:
    """Say how tasks of one type are routed, or what one name of your own stands for. What is not named stays as it
    is."""
    if more and not routes:
        raise click.UsageError("a list begins with --preferred")
    given: dict[str, object] = {
        "prefer": _names((*routes, *more)) or None,
        "priority": priority,
        "budget_tokens": budget_tokens,
        "quality_floor": quality_floor,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    for_alias = models is not None or strategy is not None or remove
    if (task is None) == (alias is None) or (changes and alias) or (for_alias and task):
        raise click.UsageError(
            "say what it is for: --task with --preferred, --priority, --budget-tokens or --quality-floor, "
            "or --alias with --models, --strategy or --remove"
        )
    if alias is not None:
        listed = None if models is None else _names([models])
        change_alias(alias, listed, strategy, remove=remove, as_json=as_json)
    elif changes:
        _change(task, changes, as_json)
    else:
        raise click.UsageError("say what to set: --preferred, --priority, --budget-tokens or --quality-floor")


def _names(texts: Sequence[str]) -> list[str]:
    """Names given one by one or with commas between them."""
    return [name.strip() for text in texts for name in text.split(",") if name.strip()]


def _change(task: str | None, changes: dict[str, object], as_json: bool) -> None:
    """Write what is to change of a task type, or of the list where no other applies; then say how it stands."""
    desk = ConfigDesk(find_places(os.environ), os.environ)
    loaded = desk.read()
    if task is not None:
        require_known_task(loaded.config, task)
    wanted = changes.get("prefer")
    for name in wanted if isinstance(wanted, list) else ():
        require_known_route(loaded.config.catalogue, name)
    plan = desk.plan(loaded, [Edit(_key(task, name), value) for name, value in changes.items()])
    desk.save(plan)
    setting = get_value(desk.read(), _key(task, "prefer"))
    if as_json:
        print_json(_json(task, setting, plan.diff))
    elif plan.diff:
        click.echo(plan.diff, nl=False)
    elif changes:
        say("it was so already")
    else:
        _print(setting)


def _key(task: str | None, name: str) -> str:
    return "default" if task is None else dotted(("tasks", task, name))


def _json(task: str | None, setting: Setting, diff: str) -> dict[str, object]:
    return {
        "task": task,
        "key": setting.key,
        "prefer": setting.current or [],
        "from": str(setting.source),
        "changed": bool(diff),
        "diff": diff,
    }


def _print(setting: Setting) -> None:
    for name in setting.current if isinstance(setting.current, list) else ():
        click.echo(name)
    forced = setting.source.forced
    say(
        f"{setting.key}: {setting.source}"
        + (f" asks {forced[0]} instead" if isinstance(forced, list) else "")
    )
