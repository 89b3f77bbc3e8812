"""`trunkline queue`: what is kept until somebody can serve it; orders about it, and running it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import replace

import click

from trunkline.cli.kept import (
    QUEUE_RUN,
    Owners,
    id_length,
    item_json,
    item_of,
    kept_items,
    when,
    who_goes_on,
)
from trunkline.cli.opening import idle_engine, settings_of
from trunkline.cli.output import local_time, print_json, print_table, say
from trunkline.cli.receipts import receipt_line
from trunkline.cli.shapes import receipt_json
from trunkline.cli.terminal import ending_signal
from trunkline.domain.errors import StoreError
from trunkline.domain.events import Answered, Cancelled, Failed
from trunkline.domain.receipts import Receipt
from trunkline.engine.engine import Engine
from trunkline.engine.logs import start_logging
from trunkline.engine.settings import EngineSettings
from trunkline.store.upkeep import DEAD_AFTER_MS

_LOOK_S = 0.5
_IN_DOUBT = (
    "… the rest is run by another process: waiting to see whether that lives; if not, it goes on here "
    f"{DEAD_AFTER_MS // 1000} s after its last sign of life"
)


_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group("queue", invoke_without_command=True)
@_JSON
@click.pass_context
def queue_command(ctx: click.Context, as_json: bool) -> None:
    """What is kept until somebody can serve it: why, for whom, until when.

    ID is the beginning of a request's id, as long as it is the only one that begins so.
    """
    if ctx.invoked_subcommand is not None:
        return
    places = settings_of("queue").places
    items = kept_items(places)
    if as_json:
        print_json({"queue": [item_json(item) for item in items]})
        return
    if not items:
        say("nothing is kept")
        return
    now_ms, shown = _now_ms(), id_length(items)
    rows = [
        [
            item.request_id[:shown],
            str(item.origin),
            f"{item.task_type} ({item.priority})",
            item.why,
            when(item.until_ms, now_ms),
            local_time(item.deadline_at_ms),
            item.process or "nobody",
            item.title,
        ]
        for item in items
    ]
    print_table(("id", "for", "task", "why", "until", "deadline", "run by", "asked"), rows)
    if any(item.process is None for item in items):
        say(f"what nobody runs: {who_goes_on(places)}")


@queue_command.command("promote")
@click.argument("beginning", metavar="ID")
@_JSON
def promote_command(beginning: str, as_json: bool) -> None:
    """Try request ID at once, and let it go before all others."""
    _order(beginning, Engine.promote, "is tried at once", as_json=as_json)


@queue_command.command("move")
@click.argument("beginning", metavar="ID")
@click.argument("places", type=int, metavar="N")
@_JSON
def move_command(beginning: str, places: int, as_json: bool) -> None:
    """Have request ID go N places later, or earlier (`-- -2`)."""
    said = f"goes {abs(places)} {'earlier' if places < 0 else 'later'}"
    _order(beginning, lambda engine, request_id: engine.move(request_id, places), said, as_json=as_json)


@queue_command.command("cancel")
@click.argument("beginning", metavar="ID")
@_JSON
def cancel_command(beginning: str, as_json: bool) -> None:
    """Cancel request ID, whichever process runs it.

    Nothing of it stays in the queue.
    """
    _order(beginning, Engine.drop, "is cancelled", as_json=as_json)


def _order(beginning: str, order: Callable[[Engine, str], None], said: str, *, as_json: bool) -> None:
    """Give an order about the one request whose id begins so, and say that it is written; as JSON with the queue as it
    is then. Raises UsageError."""
    with idle_engine("queue") as engine:
        places = engine.loaded.places
        request_id = item_of(kept_items(places), beginning).request_id
        order(engine, request_id)
    if as_json:
        queue = [item_json(item) for item in kept_items(places)]
        print_json({"request_id": request_id, "order": said, "queue": queue})
    else:
        say(f"{request_id} {said}")


@queue_command.command("run")
@_JSON
@click.pass_context
def run_command(ctx: click.Context, as_json: bool) -> None:
    """Run what is kept and no other process runs.

    It ends when nothing is left, or at Ctrl-C.
    """
    settings = replace(settings_of(QUEUE_RUN), long_lived=True)
    log = start_logging(settings.places.log_dir, "queue")
    over: list[Receipt] = []
    try:
        signalled = asyncio.run(_run(settings, over))
    finally:
        log.stop()
    left = kept_items(settings.places)
    others = sum(item.process is not None for item in left)
    if as_json:
        done = [receipt_json(receipt) for receipt in over]
        print_json({"done": done, "kept": len(left), "run_by_others": others})
    else:
        say(f"{len(left)} still kept, {others} of them run by other processes" if left else "nothing is kept")
    ctx.exit(0 if signalled is None else 128 + signalled)


async def _run(settings: EngineSettings, over: list[Receipt]) -> int | None:
    """Run what is kept, adding the receipt of each that is over to `over`; gives the signal that ended it early, if one
    did."""
    signalled = ending_signal(asyncio.get_running_loop())
    owners = Owners(settings.places)
    async with Engine.open(settings) as engine:
        telling = asyncio.create_task(_tell(engine, over))
        shown = ""
        while not signalled.done() and (line := await _unfinished(engine, owners)):
            if line != shown:
                shown = line
                say(line)
            await asyncio.wait((signalled,), timeout=_LOOK_S)
        telling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await telling
    return signalled.result() if signalled.done() else None


async def _unfinished(engine: Engine, owners: Owners) -> str:
    """What is still waited for; empty where nothing is."""
    try:
        in_doubt = owners.in_doubt()  # before it is looked what the dead have left
        if await engine.look_after_kept():
            return _progress(engine)
    except StoreError:  # somebody else's lock: it is asked again
        return _progress(engine)
    return _IN_DOUBT if in_doubt else ""


def _progress(engine: Engine) -> str:
    waiting = [item for item in engine.snapshot().queue if item.process == QUEUE_RUN]
    until_ms = min((item.until_ms for item in waiting if item.until_ms is not None), default=None)
    if not waiting:
        return "… the last are being asked"
    moment = f"the next can go at {local_time(until_ms)}" if until_ms is not None else "nobody can say when"
    return f"… {len(waiting)} wait; {moment}"


async def _tell(engine: Engine, over: list[Receipt]) -> None:
    """A line on stderr for each request that is over, and its receipt into `over`."""
    async for event in engine.subscribe():
        match event.body:
            case Answered(receipt) | Failed(receipt) | Cancelled(receipt, kept=False):
                over.append(receipt)
                say(f"{event.request_id}: {receipt_line(receipt)}")
            case _:
                pass


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
