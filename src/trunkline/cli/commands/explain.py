"""`trunkline explain`: who would answer and why, without a call."""

from __future__ import annotations

import os
import time
from dataclasses import replace

import click

from trunkline.cli.local import look_first
from trunkline.cli.opening import idle_engine
from trunkline.cli.output import dollars, print_json, print_table
from trunkline.cli.receipts import rejection_lines
from trunkline.cli.request import prompt_text, request_from
from trunkline.cli.shapes import preview_json
from trunkline.config.places import find_places
from trunkline.domain.decisions import Decision
from trunkline.domain.tasks import Origin, OriginKind, Task
from trunkline.engine.api import Preview
from trunkline.routing import short_reason


@click.command("explain")
@click.argument("prompt", nargs=-1)
@click.option("--task", "task_type", help="Task type, instead of the analyser's guess.")
@click.option("--priority", type=click.Choice(["high", "medium", "low"]), help="How urgent it is.")
@click.option("--route", help="Pin to a provider, account, model or route.")
@click.option("--model", help="Pin to a model, whoever serves it.")
@click.option(
    "--agent", is_flag=True, help="As an agent or a job asks it, for whom nobody waits: it may be held back."
)
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
    as_json: bool,
) -> None:
    """Who would answer PROMPT (- reads stdin) and why; no call is made."""
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


def _counted(task: Task) -> str:
    return "" if task.counted is None else f" ({task.counted.words})"


def _print(preview: Preview, now_ms: int) -> None:
    task, decision = preview.task, preview.decision
    click.echo(
        f"task      {task.type} ({task.type_confidence:.0%} sure), complexity {task.complexity:.2f} "
        f"({task.tier.value}), about {task.input_tokens:,} tokens in{_counted(task)} and {task.output_tokens:,} "
        "out"
    )
    if preview.held is not None:
        click.echo(f"held      {preview.held.why}; once it goes, as things are now:")
    if preview.over_budget is not None:
        over = preview.over_budget
        click.echo(
            f"refused   about {over.expected_tokens:,} tokens with the answer, over the {over.budget_tokens:,} of "
            f"{over.setting}; with --over-budget:"
        )
    if isinstance(decision, Decision):
        click.echo(f"answers   {decision.route.id}")
        click.echo(f"why       {short_reason(decision)}")
        click.echo("")
        rows = [
            [
                f"{place}",
                ranked.route.id,
                f"{ranked.score:.3f}",
                dollars(ranked.cost_pico),
                " ".join(f"{name} {getattr(ranked.terms, name):.2f}" for name in ranked.terms.__slots__),
            ]
            for place, ranked in enumerate(decision.ranking, 1)
        ]
        print_table(("", "route", "score", "cost", "terms"), rows)
    else:
        click.echo("answers   nobody")
    if decision.rejected:
        click.echo("")
        for line in rejection_lines(decision.rejected, now_ms):
            click.echo(f"not  {line}")
