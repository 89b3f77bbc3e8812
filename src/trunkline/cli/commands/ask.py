"""`trunkline ask`: one answer on stdout, its receipt on stderr."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import click

from trunkline.cli.countdown import Countdown
from trunkline.cli.kept import report_kept
from trunkline.cli.local import look_first
from trunkline.cli.opening import settings_of
from trunkline.cli.output import local_time, print_json, say
from trunkline.cli.receipts import receipt_line, rejection_lines
from trunkline.cli.request import prompt_text, request_from
from trunkline.cli.shapes import answer_json
from trunkline.domain.clock import SystemClock
from trunkline.domain.decisions import NoRoute
from trunkline.domain.events import (
    AttemptStarted,
    BusBody,
    Cancelled,
    Decided,
    Held,
    Parked,
    RequestBody,
    Rerouted,
    Restarted,
    Seam,
    TextDelta,
    Waiting,
)
from trunkline.domain.messages import ChatRequest
from trunkline.domain.receipts import Outcome
from trunkline.domain.text import strip_controls
from trunkline.domain.wording import fault_sentence
from trunkline.engine.api import Answer
from trunkline.engine.engine import Engine
from trunkline.engine.logs import start_logging


@click.command("ask")
@click.argument("prompt", nargs=-1)
@click.option("--task", "task_type", help="Task type, instead of the analyser's guess.")
@click.option("--priority", type=click.Choice(["high", "medium", "low"]), help="How urgent it is.")
@click.option("--route", help="Pin to a provider, account, model or route.")
@click.option("--model", help="Pin to a model, whoever serves it.")
@click.option("--system", help="A system prompt.")
@click.option(
    "--park", is_flag=True, help="Keep it while nobody can answer, and wait; Ctrl-C leaves it kept."
)
@click.option("--no-wait", is_flag=True, help="With --park: once it is kept, do not wait.")
@click.option("--over-budget", is_flag=True, help="Send it even over the token budget of its task.")
@click.option("--max-tokens", type=click.IntRange(min=1), help="Longest answer, in tokens.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON: the text, whether it is whole, the receipt."
)
@click.option("--quiet", "-q", is_flag=True, help="No receipt on stderr.")
@click.pass_context
def ask_command(
    ctx: click.Context,
    prompt: tuple[str, ...],
    task_type: str | None,
    priority: str | None,
    route: str | None,
    model: str | None,
    system: str | None,
    max_tokens: int | None,
    park: bool,
    no_wait: bool,
    over_budget: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Ask PROMPT (- reads stdin): the answer on stdout, the receipt on stderr.

    In a terminal the answer appears as it comes; in a pipe when it is over, because an answer that breaks off may
    have to begin anew elsewhere.
    """
    if no_wait and not park:
        raise click.UsageError("--no-wait goes with --park")
    text = prompt_text(prompt)
    settings = settings_of("ask")
    look_first(settings.places)
    log = start_logging(settings.places.log_dir, "ask")
    try:
        engine = Engine.open(settings)
        try:
            request = request_from(
                engine.generation.config,
                text,
                task_type=task_type,
                priority=priority,
                route=route,
                model=model,
                system=system,
                max_output_tokens=max_tokens,
            )
            asked = replace(request, park=park, over_budget_ok=over_budget)
            if not (as_json or quiet):
                asked = _confirmed(engine, asked)
        except (click.UsageError, click.Abort):
            engine.close_now()
            raise
        printer = _Printer(live=not as_json and sys.stdout.isatty(), quiet=quiet, no_wait=no_wait)
        answer, signalled = asyncio.run(_ask(engine, asked, printer))
    finally:
        log.stop()
    if printer.left_kept:
        report_kept(settings.places, answer.receipt.request_id, as_json=as_json)
        ctx.exit(0 if no_wait else 1)
    _give(answer, printer, as_json=as_json, quiet=quiet)
    if signalled is not None:
        ctx.exit(128 + signalled)
    ctx.exit(0 if answer.receipt.outcome is Outcome.ANSWERED else 1)


def _confirmed(engine: Engine, request: ChatRequest) -> ChatRequest:
    """Where a person sits at the terminal: `request`, with leave to be over its token budget if that was given."""
    over = engine.preview_now(request).over_budget if sys.stdin.isatty() and sys.stderr.isatty() else None
    if over is None:
        return request
    question = (
        f"about {over.expected_tokens:,} tokens with the answer, over the {over.budget_tokens:,} of {over.setting}; "
        "send it anyway?"
    )
    return replace(request, over_budget_ok=click.confirm(question, err=True))


async def _ask(engine: Engine, request: ChatRequest, printer: _Printer) -> tuple[Answer, int | None]:
    """The answer, and the signal that stopped it if one did. What is kept when a signal comes, and what is kept and not
    waited for, is left to other processes."""
    with _hearing_signals() as stopper:
        async with engine:
            handle = engine.submit(request)
            stopper.stops(lambda: engine.stop_running() if printer.kept else handle.cancel())
            async for event in handle.events():
                printer.show(event.body)
                if printer.leaves:
                    engine.stop_running()
            answer = await handle.answer()
    printer.end()
    stopped_by = stopper.received[0] if stopper.received else None
    return answer, stopped_by if answer.receipt.outcome is Outcome.CANCELLED else None


class _Stopper:
    """Stops a request on the first signal; `received` lists them all."""

    def __init__(self) -> None:
        self.received: list[int] = []
        self._stop: Callable[[], None] | None = None

    def stops(self, stop: Callable[[], None]) -> None:
        """This is what a signal does."""
        self._stop = stop
        if self.received:
            stop()

    def hear(self, number: int) -> None:
        """A signal has come."""
        self.received.append(number)
        if self._stop is not None:
            self._stop()


@contextlib.contextmanager
def _hearing_signals() -> Iterator[_Stopper]:
    """Signals go to a stopper until the end, that of the engine included: a second one must not break off what the
    first one made us settle."""
    stopper = _Stopper()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in signals:
        loop.add_signal_handler(number, stopper.hear, number)
    try:
        yield stopper
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


class _Printer:
    """Writes the answer as it comes where `live`, and on stderr what happens to it on the way. `no_route` is the last
    decision when that was that nobody can serve. `kept`: it waits in the store now; `left_kept`: and is left there.
    `no_wait`: what is kept is not waited for."""

    def __init__(self, *, live: bool, quiet: bool, no_wait: bool = False) -> None:
        self.live = live
        self.no_route: NoRoute | None = None
        self.kept = self.left_kept = False
        self._countdown = Countdown(shown=not quiet)
        self._quiet = quiet
        self._no_wait = no_wait
        self._at_line_start = True

    @property
    def leaves(self) -> bool:
        """It is kept, and that is the end of it here."""
        return self.kept and self._no_wait

    def show(self, body: RequestBody | BusBody) -> None:
        """Show one event."""
        match body:
            case TextDelta() if self.live:
                self.write(body.text)
            case Decided():
                self.no_route = body.decision if isinstance(body.decision, NoRoute) else None
            case Rerouted():
                why = "its allowance would not take the request"
                if body.fault is not None:
                    why = fault_sentence(body.fault, SystemClock().wall_ms(), None)
                self._note(f"↪ {body.from_route} → {body.to_route}: {why}")
            case Waiting():
                self._note(f"… {body.route} asks to wait until {local_time(body.until_ms)}")
            case Parked():
                self.kept = body.kept
                until = "somebody is free" if body.until_ms is None else local_time(body.until_ms)
                waiting = "" if self.leaves else f"; waiting until {until}"
                self._wait(f"nobody can answer now{waiting}", body.until_ms)
            case Held():
                self.kept = body.kept
                self._wait(f"held back: {body.why}", body.until_ms)
            case AttemptStarted():
                self.kept = False
                self._countdown.end()
            case Cancelled():
                self.left_kept = body.kept
            case Seam():
                self._note(f"⋯ carried on by {body.route}")
            case Restarted():
                above = "; the text above does not count" if self.live else ""
                self._note(f"⟲ begun anew by {body.route}{above}")
            case _:
                pass

    def write(self, text: str) -> None:
        """Write some of the answer."""
        clean = strip_controls(text)
        if clean:
            click.echo(clean, nl=False)
            self._at_line_start = clean.endswith("\n")

    def _wait(self, text: str, until_ms: int | None) -> None:
        if self.leaves:
            self._note(f"… {text}")
            return
        kept = "; Ctrl-C leaves it in the queue" if self.kept else ""
        self._note(f"… {text}{kept}")
        self._countdown.begin(until_ms)

    def end(self) -> None:
        """Leave the cursor on a line of its own."""
        self._countdown.end()
        if not self._at_line_start:
            click.echo("")
            self._at_line_start = True

    def _note(self, text: str) -> None:
        if not self._quiet:
            self.end()
            say(text)


def _give(answer: Answer, printer: _Printer, *, as_json: bool, quiet: bool) -> None:
    """What is left to be said once it is over: the answer where it was not written as it came, and the receipt."""
    no_route = printer.no_route if answer.receipt.outcome is Outcome.FAILED else None
    if as_json:
        print_json(answer_json(answer, no_route, _now_ms()))
    elif not printer.live:
        printer.write(answer.text)
        printer.end()
    if not quiet:
        _report(answer, no_route)


def _report(answer: Answer, no_route: NoRoute | None) -> None:
    if no_route is not None:
        for line in rejection_lines(no_route.rejected, _now_ms()):
            say(f"  {line}")
    say(receipt_line(answer.receipt))
    for warning in answer.receipt.warnings:
        say(f"⚠ {warning}")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
