"""`trunkline explain --request`: why a request of the past went where it went, and whether it would again."""

from __future__ import annotations

import time
from typing import Any

import click

from trunkline.cli.decision_shapes import explanation_json
from trunkline.cli.explanation_text import print_explanation, say_labelled, task_words
from trunkline.cli.opening import idle_engine
from trunkline.cli.output import iso, local_time, print_json, print_table, say
from trunkline.domain.decisions import Decision, NoRoute
from trunkline.domain.receipts import Receipt
from trunkline.engine.engine import Engine
from trunkline.engine.replay import CannotReplayError, Replay
from trunkline.routing import Explanation, explained

_MOST_DIFFERENCES = 20


def print_past(request_id: str, *, again: bool, as_now: bool, as_json: bool) -> int:
    """Print it; the exit code: 1 where there is no such request, where it cannot be decided again though that was asked
    for, or where another decision comes out."""
    with idle_engine("explain") as engine:
        receipt = engine.past.receipt(request_id)
        if receipt is None:
            say(
                f"no one request has an id that begins with {request_id!r}; `trunkline log --json` has the ids"
            )
            return 1
        try:
            made = engine.past.replay(receipt.request_id) if again or as_now else None
        except CannotReplayError as error:
            say(f"trunkline: {error}")
            return 1
        now_ms = time.time_ns() // 1_000_000
        later = _as_now(engine, made, now_ms) if as_now else None
    decided = receipt.decision or receipt.no_route
    then = None if decided is None else explained(receipt.task, decided, now_ms)
    replayed = made if again else None
    if as_json:
        print_json(_json(receipt, then, replayed, later))
    else:
        _print(receipt, then, now_ms)
        if replayed is not None:
            _print_replay(replayed)
        if later is not None:
            click.echo("\nas things are now:")
            print_explanation(later, now_ms)
    return 1 if replayed is not None and replayed.differences else 0


def _as_now(engine: Engine, made: Replay | None, now_ms: int) -> Explanation | None:
    if made is None:
        return None
    return explained(made.inputs.ask.task, engine.past.decide_as_now(made.inputs), now_ms)


def _json(
    receipt: Receipt, then: Explanation | None, replayed: Replay | None, later: Explanation | None
) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "request_id": receipt.request_id,
        "at": iso(receipt.started_at_ms),
        "outcome": receipt.outcome,
        **(explanation_json(then) if then is not None else {"decision": None, "ranking": [], "rejected": []}),
    }
    if replayed is not None:
        shape["replay"] = {
            "same": not replayed.differences,
            "route": _route(replayed.again),
            "after": [route.id for route in replayed.after],
            "note": _which(replayed),
            "differences": [
                {"where": one.where, "then": one.then, "now": one.now} for one in replayed.differences
            ],
        }
    if later is not None:
        shape["as_now"] = explanation_json(later)
    return shape


def _route(decision: Decision | NoRoute) -> str | None:
    return decision.route.id if isinstance(decision, Decision) else None


def _print(receipt: Receipt, then: Explanation | None, now_ms: int) -> None:
    say_labelled("request", receipt.request_id)
    say_labelled("asked", f"{local_time(receipt.started_at_ms)} by {receipt.origin}, {receipt.outcome.value}")
    say_labelled("task", task_words(receipt.task))
    if then is None:
        say_labelled("answers", "nobody: it was over before anybody was chosen")
    else:
        print_explanation(then, now_ms)


def _which(replayed: Replay) -> str | None:
    """Which of a request's decisions is made again, and which are not; None where there was but one."""
    said = []
    if replayed.after:
        failed = ", ".join(dict.fromkeys(route.id for route in replayed.after))
        said.append(
            f"this is the last decision of the request, made after {failed} could not answer; "
            "what was decided before is not kept"
        )
    if replayed.is_followed:
        said.append("that nobody else could answer after it was decided later, and is not made again")
    return "; ".join(said) or None


def _print_replay(replayed: Replay) -> None:
    click.echo("")
    which = _which(replayed)
    if which is not None:
        say_labelled("of", which)
    if not replayed.differences:
        say_labelled("replay", "the same decision, to the last bit of every score")
        return
    found = len(replayed.differences)
    say_labelled(
        "replay", f"another decision: {found} {'figure differs' if found == 1 else 'figures differ'}"
    )
    rows = [[one.where, one.then, one.now] for one in replayed.differences[:_MOST_DIFFERENCES]]
    print_table(("where", "then", "again"), rows)
