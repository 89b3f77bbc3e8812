"""A decision in words on stdout: who answers, why, who else could, and who could not."""

from __future__ import annotations

import click

from trunkline.cli.output import dollars, print_table
from trunkline.cli.receipts import rejection_lines
from trunkline.domain.decisions import Ranked
from trunkline.domain.tasks import Task
from trunkline.domain.text import strip_controls
from trunkline.routing import Explanation, likely_words, standing_words

_LABEL = 9


def print_explanation(explanation: Explanation, now_ms: int) -> None:
    """All but the task."""
    decision = explanation.decision
    say_labelled("answers", "nobody" if decision is None else decision.route.id)
    for label, said in explanation.reasons:
        say_labelled(label, said)
    if explanation.ranking:
        click.echo("")
        rows = [_row(place, ranked) for place, ranked in enumerate(explanation.ranking, 1)]
        print_table(("", "route", "score", "cost", "terms", ""), rows)
    if explanation.rejected:
        click.echo("")
        for line in rejection_lines([one for one, _ in explanation.rejected], now_ms):
            click.echo(f"not  {strip_controls(line)}")


def say_labelled(label: str, said: str) -> None:
    """A line with what it is about."""
    click.echo(f"{label:{_LABEL}} {strip_controls(said)}")


def task_words(task: Task) -> str:
    """What was made of the prompt, and how sure that is."""
    sure = "as the asker said" if task.hinted else likely_words(task)
    counted = "" if task.counted is None else f" ({task.counted.words})"
    return (
        f"{task.type} ({sure}), complexity {task.complexity:.2f} ({task.tier.value}), "
        f"about {task.input_tokens:,} tokens in{counted} and {task.output_tokens:,} out"
    )


def _row(place: int, ranked: Ranked) -> list[str]:
    return [
        f"{place}",
        ranked.route.id,
        f"{ranked.score:.3f}",
        dollars(ranked.cost_pico),
        " ".join(f"{name} {getattr(ranked.terms, name):.2f}" for name in ranked.terms.__slots__),
        standing_words(ranked),
    ]
