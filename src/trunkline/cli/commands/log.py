"""`trunkline log`: the routing log."""

from __future__ import annotations

import click

from trunkline.cli.opening import idle_engine
from trunkline.cli.output import print_json, say
from trunkline.cli.receipts import print_receipt
from trunkline.cli.shapes import log_entry_json, receipt_json
from trunkline.cli.state_text import print_log
from trunkline.engine.engine import Engine

_MOST_LINES = 1_000


@click.command("log")
@click.argument("request_id", required=False)
@click.option(
    "--limit",
    "-n",
    default=20,
    show_default=True,
    type=click.IntRange(1, _MOST_LINES),
    help="How many lines.",
)
@click.option("--origin", help="Only requests of this origin (chat, ask, agent-7 …).")
@click.option("--account", help="Only requests that called this provider or provider/account.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def log_command(
    ctx: click.Context,
    request_id: str | None,
    limit: int,
    origin: str | None,
    account: str | None,
    as_json: bool,
) -> None:
    """The routing log, newest first; with REQUEST_ID (or its beginning) that request's whole receipt."""
    with idle_engine("log") as engine:
        if request_id is not None:
            receipt = engine.past.receipt(request_id)
            if receipt is None:
                say(_not_found(engine, request_id))
                ctx.exit(1)
            elif as_json:
                print_json(receipt_json(receipt))
            else:
                print_receipt(receipt)
            return
        provider, _, account_id = (account or "").partition("/")
        entries = engine.past.log(limit, origin=origin, provider=provider or None, account=account_id or None)
    if as_json:
        print_json([log_entry_json(entry) for entry in entries])
    elif not entries:
        say('nothing was asked yet; `trunkline ask "…"` asks something')
    else:
        print_log(entries)


def _not_found(engine: Engine, beginning: str) -> str:
    recent = engine.past.log(_MOST_LINES)
    if sum(entry.request_id.startswith(beginning) for entry in recent) > 1:
        return f"several requests begin with {beginning!r}; give more of it"
    return f"no request begins with {beginning!r}"
