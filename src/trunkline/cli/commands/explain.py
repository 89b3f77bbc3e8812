"""`trunkline explain`: who would answer and why, without a call; or who was chosen for a request of the past."""

from __future__ import annotations

import os
import time
from dataclasses import replace

import click

from trunkline.cli.decision_shapes import preview_json
from trunkline.cli.explanation_text import print_explanation, say_labelled, task_words
from trunkline.cli.local import look_first
from trunkline.cli.opening import idle_engine
from trunkline.cli.output import print_json
from trunkline.cli.past_decision import print_past
from trunkline.cli.request import prompt_text, request_from
from trunkline.config.places import find_places
from trunkline.domain.decisions import Decision
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.engine.api import Preview
from trunkline.routing import explained


@click.command("explain")
@click.argument("prompt", nargs=-1)
@click.option("--task", "task_type", help="Task type, instead of the analyser's guess.")
@click.option("--priority", type=click.Choice(["high", "medium", "low"]), help="How urgent it is.")
@click.option("--route", help="Pin to a provider, account, model or route.")
@click.option("--model", help="Pin to a model, whoever serves it.")
@click.option(
    "--agent", is_flag=True, help="As an agent or a job asks it, for whom nobody waits: it may be held back."
)
@click.option(
    "--request", "request_id", help="Why it was decided so for that request (or a beginning of its id)."
)
@click.option("--replay", "again", is_flag=True, help="With --request: decide it again from what was kept.")
@click.option("--as-now", is_flag=True, help="With --request: who would be chosen for it as things are now.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def explain_command(
    ctx: click.Context,
    prompt: tuple[str, ...],
    task_type: str | None,
    priority: str | None,
    route: str | None,
    model: str | None,
    agent: bool,
    request_id: str | None,
    again: bool,
    as_now: bool,
    as_json: bool,
) -> None:
    """Who would answer PROMPT (- reads stdin) and why; no call is made. With --request: why a past request went where
    it went, and with --replay whether the same comes out again."""
    if request_id is not None:
        if prompt or task_type or priority or route or model or agent:
            raise click.UsageError(
                "--request is about a request of the past: nothing else can be asked with it."
            )
        ctx.exit(print_past(request_id, again=again, as_now=as_now, as_json=as_json))
    if again or as_now:
        raise click.UsageError("--replay and --as-now need --request.")
    text = prompt_text(prompt)
    look_first(find_places(os.environ))
    with idle_engine("explain") as engine:
        request = request_from(
            engine.generation.config,
            text,
            task_type=task_type,
            priority=priority,
            route=route,
            model=model,
        )
        if agent:
            request = replace(request, origin=Origin(OriginKind.GATEWAY), critical=False)
        preview = engine.preview_now(request)
    now_ms = time.time_ns() // 1_000_000
    if as_json:
        print_json(preview_json(preview, now_ms))
    else:
        _print(preview, now_ms)
    ctx.exit(0 if isinstance(preview.decision, Decision) else 1)


def _print(preview: Preview, now_ms: int) -> None:
    say_labelled("task", task_words(preview.task))
    if preview.held is not None:
        say_labelled("held", f"{preview.held.why}; once it goes, as things are now:")
    if preview.over_budget is not None:
        over = preview.over_budget
        say_labelled(
            "refused",
            f"about {over.expected_tokens:,} tokens with the answer, over the {over.budget_tokens:,} of "
            f"{over.setting}; sent on purpose (ask --over-budget):",
        )
    print_explanation(explained(preview.task, preview.decision, now_ms), now_ms)
