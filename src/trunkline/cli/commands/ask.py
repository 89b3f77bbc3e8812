"""`trunkline ask`: one answer on stdout, its receipt on stderr."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Iterator

import click

from trunkline.cli.opening import settings_of
from trunkline.cli.output import dollars, print_json, say, span
from trunkline.cli.request import prompt_text, request_from
from trunkline.cli.shapes import answer_json
from trunkline.domain.decisions import NoRoute
from trunkline.domain.events import Decided, Rerouted, Restarted, Seam, TextDelta, Waiting
from trunkline.domain.messages import ChatRequest
from trunkline.domain.money import Usage
from trunkline.domain.receipts import FinishReason, Outcome, Receipt
from trunkline.domain.text import strip_controls
from trunkline.engine.api import Answer
from trunkline.engine.engine import Engine, Handle
from trunkline.engine.logs import start_logging
from trunkline.routing import rejection_sentence, short_reason


@click.command("ask")
@click.argument("prompt")
@click.option("--task", "task_type", help="Task type, instead of the analyser's guess.")
@click.option("--priority", type=click.Choice(["high", "medium", "low"]), help="How urgent it is.")
@click.option("--route", help="Pin to a provider, account, model or route.")
@click.option("--model", help="Pin to a model, whoever serves it.")
@click.option("--system", help="A system prompt.")
@click.option("--max-tokens", type=click.IntRange(min=1), help="Longest answer, in tokens.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON: the text, whether it is whole, the receipt."
)
@click.option("--quiet", "-q", is_flag=True, help="No receipt on stderr.")
@click.pass_context
def ask_command(
    ctx: click.Context,
    prompt: str,
    task_type: str | None,
    priority: str | None,
    route: str | None,
    model: str | None,
    system: str | None,
    max_tokens: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Ask PROMPT (- reads stdin): the answer on stdout, the receipt on stderr."""
    text = prompt_text(prompt)
    settings = settings_of("ask")
    stop_logging = start_logging(settings.places.log_dir, "ask")
    try:
        engine = Engine.open(settings)
        request = request_from(
            engine.generation.config.catalogue,
            text,
            task_type=task_type,
            priority=priority,
            route=route,
            model=model,
            system=system,
            max_output_tokens=max_tokens,
        )
        answer = asyncio.run(_ask(engine, request, _Printer(silent=as_json, quiet=quiet)))
    finally:
        stop_logging()
    if as_json:
        print_json(answer_json(answer))
    elif not quiet:
        _print_receipt(answer.receipt)
    if answer.receipt.outcome is Outcome.CANCELLED:
        ctx.exit(130)
    ctx.exit(0 if answer.receipt.outcome is Outcome.ANSWERED else 1)


async def _ask(engine: Engine, request: ChatRequest, printer: _Printer) -> Answer:
    async with engine:
        handle = engine.submit(request)
        with _stopping(handle):
            async for event in handle.events():
                printer.show(event.body)
            answer = await handle.answer()
    printer.end()
    return answer


@contextlib.contextmanager
def _stopping(handle: Handle) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in signals:
        loop.add_signal_handler(number, handle.cancel)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


class _Printer:
    """Writes the answer as it comes, and on stderr what happens to it on the way."""

    def __init__(self, *, silent: bool, quiet: bool) -> None:
        self._silent = silent
        self._quiet = quiet
        self._at_line_start = True

    def show(self, body: object) -> None:
        """Show one event."""
        if isinstance(body, TextDelta) and not self._silent:
            text = strip_controls(body.text)
            sys.stdout.write(text)
            sys.stdout.flush()
            self._at_line_start = text.endswith("\n") if text else self._at_line_start
        elif isinstance(body, Rerouted):
            why = body.fault.message if body.fault else "its allowance would not take the request"
            self._note(f"↪ {body.from_route} → {body.to_route}: {why}")
        elif isinstance(body, Waiting):
            self._note(f"… waiting for {body.route}, as it asked")
        elif isinstance(body, Seam):
            self._note(f"⋯ carried on by {body.route}")
        elif isinstance(body, Restarted):
            self._note(f"⟲ begun anew by {body.route}; the text above does not count")
        elif isinstance(body, Decided) and isinstance(body.decision, NoRoute):
            self._note("nobody can answer this now:")
            for rejection in body.decision.rejected:
                self._note(f"  {rejection_sentence(rejection, 0)}")

    def end(self) -> None:
        """Leave the cursor on a line of its own."""
        if not self._at_line_start:
            sys.stdout.write("\n")
            sys.stdout.flush()
            self._at_line_start = True

    def _note(self, text: str) -> None:
        if self._quiet:
            return
        self.end()
        say(text)


def _print_receipt(receipt: Receipt) -> None:
    if receipt.outcome is not Outcome.ANSWERED:
        fault = receipt.fault
        said = f" ({fault.provider_text})" if fault and fault.provider_text else ""
        say(f"not answered: {fault.message if fault else receipt.outcome.value}{said}")
        return
    parts = (
        str(receipt.route),
        f"{span(receipt.first_token_ms)} first",
        span(receipt.total_ms),
        _tokens(receipt.usage),
        dollars(receipt.cost_pico),
        short_reason(receipt.decision) if receipt.decision else "",
        _whole(receipt),
    )
    say(" · ".join(part for part in parts if part))


def _tokens(usage: Usage) -> str:
    if usage.input_tokens is None or usage.output_tokens is None:
        return "tokens unknown"
    about = "≈" if usage.estimated else ""
    return f"{about}{usage.input_tokens:,}→{usage.output_tokens:,} tok"


def _whole(receipt: Receipt) -> str:
    if receipt.complete:
        return ""
    return "CUT at the output limit" if receipt.finish is FinishReason.LENGTH else "NOT WHOLE"
