"""`trunkline evaluate`: the analyser over labelled prompts."""

from __future__ import annotations

import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import click

from trunkline.analysis import classify, estimate_tokens
from trunkline.analysis.evaluation import Judged, type_report
from trunkline.analysis.value import SIGNALS, Valued, value_reports
from trunkline.cli.evaluation_text import evaluation_json, print_types, print_value
from trunkline.cli.labelled import BadLine, LabelledRow, ValueRow, opened, rows
from trunkline.cli.output import print_json, say
from trunkline.domain.tasks import SIMPLE, TASK_TYPES

_TOLD_EVERY = 500
_MOST_NAMED = 10
_LONGEST_LABEL = 40
_STOPPED = 130


@dataclass(slots=True)
class _Judgements:
    """What was read and judged so far. `unknown` are labels that no judgement can be, with how many prompts have each;
    these prompts are not judged."""

    judged: list[Judged] = field(default_factory=list)
    valued: list[Valued] = field(default_factory=list)
    took_ms: list[float] = field(default_factory=list)
    unknown: Counter[str] = field(default_factory=Counter)
    bad: int = 0

    @property
    def read(self) -> int:
        """Lines that were read."""
        return len(self.took_ms) + self.unknown.total() + self.bad

    def judge(self, row: LabelledRow | ValueRow) -> None:
        """Judge one prompt, by nothing but its text."""
        if isinstance(row, LabelledRow) and row.task_type not in TASK_TYPES:
            self.unknown[row.task_type] += 1
            return
        started_ns = time.perf_counter_ns()
        guess = classify(row.text)
        self.took_ms.append((time.perf_counter_ns() - started_ns) / 1e6)
        if isinstance(row, LabelledRow):
            simple = guess.safe_type == SIMPLE
            self.judged.append(Judged(row.task_type, guess.type, guess.confidence, row.source, simple))
        else:
            figures = (row.weak_quality, row.strong_quality, row.weak_usd, row.strong_usd)
            tokens = estimate_tokens(row.text)
            self.valued.append(Valued(row.id, row.source, guess.complexity, tokens, *figures))

    def ms(self) -> tuple[float, float]:
        """The median and the 95th percentile of a prompt."""
        ordered = sorted(self.took_ms)
        return ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.95)]


@click.command("evaluate")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def evaluate_command(ctx: click.Context, file: Path, as_json: bool) -> None:
    """How right the analyser is about the prompts of FILE (.jsonl or .jsonl.gz).

    A line has `text` and `task_type`, and best `id` and `source`; or instead of the type `weak`, `strong` and `models`
    with the quality (0 to 1) and cost_usd of each, and then it is told what it saves to send only some prompts to the
    strong model, beside doing so at random. A prompt whose label is no task type of Trunkline is counted and left out.

    Of prompts that the shipped model was trained on, these figures say nothing of others.
    """
    so_far = _Judgements()
    stopped = False
    classify("")  # reading the model is no prompt's time
    try:
        _read(file, so_far)
    except KeyboardInterrupt:
        stopped = True
        say(f"stopped after {so_far.read:,} lines; what there is:")
    except (OSError, EOFError) as error:
        say(f"trunkline: {file}: {getattr(error, 'strerror', None) or error}")
        if not so_far.took_ms:
            ctx.exit(2)
        say(f"what there is of its first {so_far.read:,} lines:")
    if so_far.bad > _MOST_NAMED:
        say(f"{so_far.bad:,} lines are no labelled prompts")
    if so_far.unknown:
        say(_unknown_text(so_far.unknown))
    if not so_far.took_ms and so_far.unknown:
        say(f"trunkline: {file}: no label is a task type; these are: {', '.join(TASK_TYPES)}")
        ctx.exit(_STOPPED if stopped else 2)
    if not so_far.took_ms:
        say(f"trunkline: {file}: no line has `text` with `task_type`, or with `weak`, `strong` and `models`")
        ctx.exit(_STOPPED if stopped else 2)
    _print(so_far, as_json=as_json)
    ctx.exit(_STOPPED if stopped else 0)


def _read(file: Path, so_far: _Judgements) -> None:
    on_screen = sys.stderr.isatty()
    with opened(file) as lines:
        for row in rows(lines):
            if isinstance(row, BadLine):
                so_far.bad += 1
                if so_far.bad <= _MOST_NAMED:
                    say(f"line {row.number}: {row.why}")
                continue
            so_far.judge(row)
            if so_far.read % _TOLD_EVERY == 0:
                click.echo(f"{so_far.read:,} read{chr(13) if on_screen else chr(10)}", err=True, nl=False)


def _unknown_text(unknown: Counter[str]) -> str:
    """How many prompts were left out, and the commonest of their labels."""
    named = ", ".join(f"{label[:_LONGEST_LABEL]} {n:,}" for label, n in unknown.most_common(_MOST_NAMED))
    more = ", …" if len(unknown) > _MOST_NAMED else ""
    total = unknown.total()
    return f"{total:,} left out, for labels that are no task types: {named}{more}"


def _print(so_far: _Judgements, *, as_json: bool) -> None:
    types, ms = type_report(so_far.judged), so_far.ms()
    value = {name: value_reports(so_far.valued, signal) for name, signal in SIGNALS.items() if so_far.valued}
    if as_json:
        print_json(evaluation_json(types, value, ms, so_far.bad, so_far.unknown.total()))
        return
    if types is not None:
        print_types(types)
        click.echo("")
    if value:
        print_value(value)
        click.echo("")
    click.echo(f"a prompt takes {ms[0]:.3f} ms, 95 of 100 at most {ms[1]:.3f} ms")
