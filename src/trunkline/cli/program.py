"""The `trunkline` program: its commands by name, and what every way out of it means."""

from __future__ import annotations

import gc
import importlib
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from trunkline import __version__
from trunkline.domain.errors import ConfigError, StoreError, TrunklineError

# Command -> module under cli.commands and a line for `--help`; the module is imported when the command is called.
_COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "The control centre on simulated providers and agents; nothing to configure."),
    "ask": ("ask", "One answer on stdout, its receipt on stderr."),
    "explain": ("explain", "Who would answer and why; no call is made."),
    "status": ("status", "Every provider and account: state, quota, money, latency."),
    "list": ("listing", "Providers, accounts and models that can be asked, and what is missing."),
    "quota": ("status", "What is left of every limit, and when it renews."),
    "log": ("log", "The routing log, newest first."),
    "monitor": ("monitor", "The control centre, watching only: what other processes do."),
    "switch": ("control", "Send everything down one route, account, provider or model."),
    "reset": ("control", "Back to automatic: no pin, no pause, every breaker closed."),
    "pause": ("control", "Start no request that is not critical."),
    "resume": ("control", "Start requests again."),
    "override": ("override", "Emergency: this route for everything, the rest waits; `off` undoes it."),
    "crisis": ("crisis", "The crises there were, and what each came to."),
    "mode": ("control", "Show the modes, or use another."),
    "queue": ("queue", "What is kept until somebody can serve it; promote, move, cancel or run it."),
    "tokens": ("tokens", "The gateway's tokens: create, list, revoke."),
    "prefer": ("prefer", "Who is asked, in order: for a task type, or where no list applies."),
    "set": ("prefer", "How one task type is routed, or which models a name of yours stands for."),
    "config": ("config", "Read and write settings."),
    "setup": ("setup", "What was found here, what it gives, and the mode to begin with."),
    "check": ("check", "Does it answer: the cheapest free call to each account, and what it told."),
    "drill": ("drill", "Faults run against your own routes, impersonated here: who would serve."),
    "serve": ("serve", "The local gateway: agents change a base URL and nothing else."),
    "feedback": ("quality", "Say that an answer was good or bad: the last one, or that of a request."),
    "quality": ("quality", "What experience says of models, by kind of task; `reset` forgets it."),
    "free": ("free", "Mark as available again what is blocked, in every process."),
    "doctor": ("doctor", "What was found, what is missing, what each would add."),
}
# Run like the others, and left out of `--help`: for who works on Trunkline.
_UNLISTED: dict[str, tuple[str, str]] = {"evaluate": ("evaluate", "The analyser over labelled prompts.")}

OK, NOT_SERVED, BAD_USAGE = 0, 1, 2


class LazyGroup(click.Group):
    """Knows its commands by name and imports one only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        with _reader_may_leave():  # `--help` is printed here
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        with _reader_may_leave():
            return super().invoke(ctx)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in _COMMANDS | _UNLISTED and not args[0].startswith("-"):
            from trunkline.config.problems import suggestion

            ctx.fail(f"There is no command {args[0]!r}. {suggestion(args[0], _COMMANDS)}".rstrip())
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = (_COMMANDS | _UNLISTED).get(cmd_name)
        if found is None:
            return None
        gc.disable()  # nothing made while importing is garbage: a twentieth of a quick command's time
        try:
            module = importlib.import_module(f"trunkline.cli.commands.{found[0]}")
        finally:
            gc.freeze()
            gc.enable()
        command = getattr(module, f"{cmd_name}_command")
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in _COMMANDS.items()])


@contextmanager
def _reader_may_leave() -> Iterator[None]:
    """When whoever reads our output has had enough, nothing is left to say to it, at exit neither."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise click.exceptions.Exit(OK) from None


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="trunkline")
@click.pass_context
def program(ctx: click.Context) -> None:
    """One place for all your LLM accounts: each message goes to the account that should answer it.

    Without a command the control centre opens.
    """
    if ctx.invoked_subcommand is None:
        from trunkline.cli.commands.deck import open_deck

        ctx.exit(open_deck())


def run() -> None:
    """Run the program and leave with its exit code: 0 ok, 1 could not be served, 2 bad usage or configuration, and
    128 and a signal's number when it was stopped by one."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a character that the terminal lacks is no reason to fail
    try:
        code = program.main(standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("stopped", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(BAD_USAGE)
    except ConfigError as error:
        from trunkline.cli.mending import way_out

        click.echo(f"trunkline: {error}\n{way_out(error)}".rstrip(), err=True)
        sys.exit(BAD_USAGE)
    except StoreError as error:
        click.echo(f"trunkline: {error}", err=True)
        sys.exit(BAD_USAGE)
    except TrunklineError as error:
        click.echo(f"trunkline: {error}", err=True)
        sys.exit(NOT_SERVED)
    sys.exit(code if isinstance(code, int) else OK)
