"""The chat's slash commands, once: parsing, completion and help are made from this list. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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
    SlashCommand(
        "task", Argument.TASK, "take this conversation for a task type; without one, as it is found"
    ),
    SlashCommand("mode", Argument.MODE, "use another mode for everything; without one, the next"),
    SlashCommand(
        "route", Argument.ROUTE, "keep this conversation on a route; without one, choose; `auto`: let go"
    ),
    SlashCommand(
        "model", Argument.MODEL, "keep this conversation on a model, whoever serves it; `auto`: let go"
    ),
    SlashCommand(
        "system", Argument.TEXT, "instructions for this conversation; without text, show them; `none`: drop"
    ),
    SlashCommand("retry", Argument.ROUTE, "ask again: on the runner-up, or down the route given"),
    SlashCommand("export", Argument.FORMAT, "write the conversation to a file: md or json, or a file's name"),
    SlashCommand("new", Argument.NONE, "begin a conversation"),
    SlashCommand("help", Argument.NONE, "what every key and command does"),
)


def command_named(name: str) -> SlashCommand | None:
    """The command of that name."""
    return next((command for command in COMMANDS if command.name == name), None)
