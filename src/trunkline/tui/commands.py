"""The chat's slash commands, once: parsing, completion and help are made from this list. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from trunkline.config.problems import suggestion
from trunkline.domain.snapshot import Snapshot
from trunkline.domain.tasks import TASK_TYPES
from trunkline.tui import format as fmt
from trunkline.tui.suggestions import Suggestions, rank


class Argument(StrEnum):
    """What a command takes after its name, and so what completes it."""

    NONE = "none"
    TASK = "task"
    MODE = "mode"
    ROUTE = "route"
    MODEL = "model"
    TEXT = "text"
    FORMAT = "format"


@dataclass(frozen=True, slots=True)
class SlashCommand:
    """`/name argument`; `required` says that it means nothing without the argument."""

    name: str
    argument: Argument
    help: str
    required: bool = False


COMMANDS: tuple[SlashCommand, ...] = (
    SlashCommand("task", Argument.TASK, "take this conversation for a task type; `auto`: as it is found"),
    SlashCommand("mode", Argument.MODE, "use another mode for everything; alone: the next"),
    SlashCommand("route", Argument.ROUTE, "keep this conversation on a route; alone: choose; `auto`: let go"),
    SlashCommand("model", Argument.MODEL, "keep this conversation on a model of anybody's; `auto`: let go"),
    SlashCommand("system", Argument.TEXT, "instructions for this conversation; alone: show; `none`: drop"),
    SlashCommand("retry", Argument.ROUTE, "ask again down a route; alone: on the runner-up"),
    SlashCommand("export", Argument.FORMAT, "write the conversation to a file: md or json, or a file's name"),
    SlashCommand("new", Argument.NONE, "begin a conversation"),
    SlashCommand("help", Argument.NONE, "what every key and command does"),
)


def command_named(name: str) -> SlashCommand | None:
    """The command of that name."""
    return next((command for command in COMMANDS if command.name == name), None)


@dataclass(frozen=True, slots=True)
class Given:
    """A command to be carried out: its name, and what followed, as it is known here."""

    name: str
    argument: str


@dataclass(frozen=True, slots=True)
class NotACommand:
    """A message; `text` is what is to be sent."""

    text: str


@dataclass(frozen=True, slots=True)
class Problem:
    """A command that cannot be carried out, and why."""

    text: str


Choices = Mapping[Argument, tuple[str, ...]]

AUTO = "auto"
FORMATS = ("md", "json")
_KINDS = {
    Argument.TASK: "task type",
    Argument.MODE: "mode",
    Argument.ROUTE: "route, account or provider",
    Argument.MODEL: "model",
}


def choices_of(snapshot: Snapshot | None) -> Choices:
    """What each argument may be. Without a snapshot only what is always there: nothing else can be refused yet."""
    if snapshot is None:
        return {Argument.FORMAT: FORMATS}
    parts = [route.split("/", 2) for route in snapshot.routes]
    providers = [provider.id for provider in snapshot.providers]
    accounts = [f"{provider.id}/{one.id}" for provider in snapshot.providers for one in provider.accounts]
    models = list(dict.fromkeys(model for _, _, model in parts))
    served = [f"{provider}/{model}" for provider, _, model in parts]
    return {
        Argument.TASK: (*(snapshot.task_types or TASK_TYPES), AUTO),
        Argument.MODE: snapshot.modes,
        Argument.ROUTE: tuple(
            dict.fromkeys((*providers, *accounts, *served, *snapshot.routes, *models, AUTO))
        ),
        Argument.MODEL: tuple(dict.fromkeys((*models, *served, AUTO))),
        Argument.FORMAT: FORMATS,
    }


def parse(text: str, choices: Choices) -> Given | NotACommand | Problem:
    """A text of the editor: `/name argument` is a command, `//text` a message that begins with a slash."""
    if not text.startswith("/"):
        return NotACommand(text)
    if text.startswith("//"):
        return NotACommand(text[1:])
    name = "".join(text[1:].split(None, 1)[:1]) if text[1:2].strip() else ""
    argument = text[1 + len(name) :].strip()
    command = command_named(name)
    if command is None:
        return _unknown(name)
    if command.required and not argument:
        return Problem(f"/{name} needs something after it: {command.help}")
    if command.argument is Argument.NONE and argument:
        return Problem(f"/{name} takes nothing after it")
    if command.argument is Argument.TEXT:
        return Given(name, argument)
    if "\n" in argument:
        return Problem(f"/{name} ends with its line; send the rest as a message")
    return _with_known(command, argument, _known(command, choices))


def _known(command: SlashCommand, choices: Choices) -> tuple[str, ...]:
    known = choices.get(command.argument, ())
    return tuple(one for one in known if one != AUTO) if command.name == "retry" else known


def as_typed(text: str) -> str:
    """How a message is written in the editor so that `parse` gives it back."""
    return f"/{text}" if text.startswith("/") else text


def _unknown(name: str) -> Problem:
    shown = fmt.fit(fmt.one_line(name), 24).rstrip()
    near = suggestion(name, [command.name for command in COMMANDS]).replace("'", "")
    return Problem(
        f"there is no command /{shown}. {near or '/help lists them.'} // begins a message with a slash"
    )


def _with_known(command: SlashCommand, argument: str, known: tuple[str, ...]) -> Given | Problem:
    """The argument as it is written here; free text where nothing is known or the command takes any."""
    if command.argument is Argument.TASK and argument == AUTO:
        return Given(command.name, "")
    if not argument or not known or command.argument not in _KINDS or argument in known:
        return Given(command.name, argument)
    plain = argument.lower().replace("-", "_")
    same = [one for one in known if one.lower().replace("-", "_") == plain]
    if len(same) == 1:
        return Given(command.name, same[0])
    kind, shown = _KINDS[command.argument], fmt.fit(fmt.one_line(argument), 32).rstrip()
    few = f"There are {', '.join(known)}." if len(known) <= 12 else ""
    return Problem(f"there is no {kind} {shown}. {suggestion(argument, known) or few}".rstrip())


def suggest_command(line: str, column: int, choices: Choices) -> Suggestions | None:
    """What could be typed at `column` of the first line: a command, or its argument."""
    if not line.startswith("/") or line.startswith("//") or column == 0:
        return None
    before = line[1:column]
    name, blank, _ = before.partition(" ")
    if not blank:
        end = len(line.split(" ", 1)[0])
        offered = [
            (f"/{one.name}{' ' if one.argument is not Argument.NONE else ''}", f"/{one.name}", one.help)
            for one in COMMANDS
        ]
        items = rank(before, offered)
        return Suggestions(0, end, line[:end], items) if items else None
    command = command_named(name)
    if command is None:
        return None
    start = len(line[:column]) - len(before[len(name) :].lstrip())
    typed = line[start:].rstrip()
    names = _known(command, choices)
    items = rank(
        line[start:column], [(one, one if one.isprintable() else fmt.one_line(one), "") for one in names]
    )
    return Suggestions(start, len(line), typed, items, eager=bool(typed)) if items else None


def command_help(text: str) -> str | None:
    """What the command that is being typed does; None where a message is being typed."""
    if not isinstance(parse(text.strip("\n"), {}), Given | Problem):
        return None
    command = command_named("".join(text[1:].split(None, 1)[:1]))
    return "" if command is None else f"/{command.name}: {command.help}"
