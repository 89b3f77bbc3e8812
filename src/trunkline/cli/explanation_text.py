"""A decision in words on stdout: who answers, why, who else could, and who could not."""

from __future__ import annotations

import shutil
import sys
from textwrap import wrap

import click

from trunkline.cli.output import dollars, print_table
from trunkline.cli.receipts import rejection_lines
from trunkline.domain.decisions import Ranked, Terms
from trunkline.domain.tasks import Task
from trunkline.domain.text import strip_controls
from trunkline.routing import Explanation, likely_words, standing_words

_LABEL = 9
_LEAST_ROOM = 20


def print_explanation(explanation: Explanation, now_ms: int) -> None:
    """All but the task."""
    decision = explanation.decision
    say_labelled("answers", "nobody" if decision is None else decision.route.id)
    for label, said in explanation.reasons:
        say_labelled(label, said)
    if explanation.ranking:
        click.echo("")
        rows = [
            [*_row(place, ranked), "" if decision is None else standing_words(ranked, decision)]
            for place, ranked in enumerate(explanation.ranking, 1)
        ]
        print_table(("", "route", "score", "cost", ""), rows)
        click.echo("")
        terms = [_terms(place, ranked.terms) for place, ranked in enumerate(explanation.ranking, 1)]
        print_table(("", *Terms.__slots__), terms)
    if explanation.rejected:
        click.echo("")
        for line in rejection_lines([one for one, _ in explanation.rejected], now_ms):
            _say_hanging("not  ", line)


def say_labelled(label: str, said: str) -> None:
    """A line with what it is about."""
    _say_hanging(f"{label:{_LABEL}} ", said)


def _say_hanging(start: str, said: str) -> None:
    """On a terminal a long sentence goes on under its own beginning, broken between words."""
    lines = [strip_controls(said)]
    if sys.stdout.isatty():
        room = max(_LEAST_ROOM, shutil.get_terminal_size().columns - len(start))
        lines = wrap(lines[0], room, break_long_words=False, break_on_hyphens=False) or lines
    click.echo(start + f"\n{' ' * len(start)}".join(lines))


def task_words(task: Task) -> str:
    """What was made of the prompt, and how sure that is."""
    sure = "as the asker said" if task.hinted else likely_words(task)
    counted = "" if task.counted is None else f" ({task.counted.words})"
    return (
        f"{task.type} ({sure}), complexity {task.complexity:.2f} ({task.tier.value}), "
        f"up to {task.input_tokens:,} tokens in{counted}, about {task.output_tokens:,} out"
    )


def _row(place: int, ranked: Ranked) -> list[str]:
    return [
        f"{place}",
        ranked.route.id,
        f"{ranked.score:.3f}",
        dollars(ranked.cost_pico),
    ]


def _terms(place: int, terms: Terms) -> list[str]:
    """What a score is made of, under the place of its route: names of routes are too long to stand here again."""
    figures = (getattr(terms, name) for name in Terms.__slots__)
    return [f"{place}", *("–" if figure is None else f"{figure:.2f}" for figure in figures)]
