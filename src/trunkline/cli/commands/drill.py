"""`trunkline drill`: faults run against the user's own routes, which the simulator impersonates."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Sequence

import click

from trunkline.cli.drill.catalogue import CATALOGUE, NAMES
from trunkline.cli.drill.judging import Drill
from trunkline.cli.drill.play import played
from trunkline.cli.drill.results import FaultOutcome, FaultResult, Skipped
from trunkline.cli.drill.shapes import broken_hop, drill_json, row
from trunkline.cli.drill.world import DrillWorld, drill_world
from trunkline.cli.output import print_json, print_table, say
from trunkline.cli.request import require_known_name, require_known_task
from trunkline.cli.terminal import cleaning_up_on_signals, ending_signal
from trunkline.domain.text import strip_controls
from trunkline.engine.logs import start_logging

_WIDTHS = (1, max(len(name) for name in NAMES), 7, 40, 5, 6, 8, 8)
_HEADINGS = ("", "fault", "outcome", "served by", "calls", "wasted", "took", "failover")


@click.command("drill")
@click.argument("scenario", nargs=-1, metavar="[FAULT]...")
@click.option(
    "--list", "only_list", is_flag=True, help="Only say which faults there are and what is expected."
)
@click.option("--task", "task_type", help="Drill the routes of this task type.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def drill_command(
    ctx: click.Context, scenario: tuple[str, ...], only_list: bool, task_type: str | None, as_json: bool
) -> None:
    """Faults run against your own configuration: who would serve, after how many calls, how fast.

    Your providers are impersonated on this machine, with made-up keys and times scaled down: nothing is sent to any of
    them, nothing is spent. Without a FAULT the whole catalogue is run. With nothing configured the demo's routes are
    drilled. Exit code 1 if a fault was not met as it should be.
    """
    drills = _named(scenario)
    if only_list:
        _print_list(drills, as_json=as_json)
        return
    with cleaning_up_on_signals(), drill_world() as world:
        if task_type is not None:
            require_known_task(world.own.loaded.config, task_type)
        log = start_logging(world.home / "logs", "drill")
        try:
            report = _Report(world, as_json=as_json)
            signalled = asyncio.run(_run(world, drills, task_type, report))
        finally:
            log.stop()
    report.end()
    if signalled is not None:
        say("stopped early; what was not reached is not counted")
        ctx.exit(128 + signalled)
    ctx.exit(1 if report.failed else 0)


def _named(names: Sequence[str]) -> tuple[Drill, ...]:
    """The faults of these names, all where none is given. Raises UsageError."""
    for name in names:
        require_known_name("fault", name, tuple(NAMES))
    return tuple(NAMES[name] for name in dict.fromkeys(names)) if names else CATALOGUE


def _print_list(drills: Sequence[Drill], *, as_json: bool) -> None:
    if as_json:
        print_json([{"name": d.name, "happens": d.happens, "expected": d.expects} for d in drills])
    else:
        print_table(
            ("fault", "what happens", "what is expected"), [(d.name, d.happens, d.expects) for d in drills]
        )


async def _run(
    world: DrillWorld, drills: Sequence[Drill], task_type: str | None, report: _Report
) -> int | None:
    """Play them all; the signal that ended it early if one did."""
    loop = asyncio.get_running_loop()
    signalled = ending_signal(loop)

    async def play() -> None:
        report.begin()
        async with contextlib.aclosing(played(world, drills, task_type)) as results:
            async for result in results:
                report.add(result)

    work = loop.create_task(play())
    await asyncio.wait((work, signalled), return_when=asyncio.FIRST_COMPLETED)
    if work.done():
        await work
        return None
    work.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await work
    return signalled.result()


class _Report:
    """What is printed: lines as they come, or JSON at the end."""

    def __init__(self, world: DrillWorld, *, as_json: bool) -> None:
        self._demo = world.own.is_demo
        self._as_json = as_json
        self._live = sys.stderr.isatty()
        self._results: list[FaultResult] = []
        self._skipped: list[Skipped] = []

    @property
    def failed(self) -> int:
        """Faults that were not met as they should be."""
        return sum(1 for result in self._results if result.outcome is FaultOutcome.FAILED)

    def begin(self) -> None:
        """Say on which routes, and head the table."""
        if self._demo:
            say("nobody can be asked with your configuration: the demo's routes are drilled")
        if not self._as_json:
            self._line(_HEADINGS)

    def add(self, result: FaultResult | Skipped) -> None:
        """A fault is done."""
        if isinstance(result, Skipped):
            self._skipped.append(result)
        else:
            self._results.append(result)
        if self._as_json:
            if self._live:
                click.echo(f"\r\x1b[K{len(self._results)} done, {result.name} last", err=True, nl=False)
        elif isinstance(result, FaultResult):
            self._line(row(result))

    def end(self) -> None:
        """The sums, what failed and why, what does not apply and why."""
        if self._live and self._as_json:
            click.echo("\r\x1b[K", err=True, nl=False)
        if self._as_json:
            print_json(drill_json(self._results, self._skipped, demo=self._demo))
            return
        for result in self._results:
            if result.story:
                click.echo("")
                click.echo(f"{result.name}:")
                for line in result.story:
                    click.echo(strip_controls(f"  {line}"))
            if result.outcome is FaultOutcome.FAILED:
                click.echo("")
                for line in broken_hop(result):
                    click.echo(strip_controls(line))
        if self._skipped:
            click.echo("")
            for one in self._skipped:
                click.echo(strip_controls(f"not applicable: {one.name}: {one.why}"))
        for advice in dict.fromkeys(r.remedy for r in self._results if r.remedy and not r.problems):
            click.echo(strip_controls(f"to be safer: {advice}"))
        served = sum(1 for result in self._results if result.outcome is FaultOutcome.SERVED)
        refused = sum(1 for result in self._results if result.outcome is FaultOutcome.REFUSED)
        many = f"{len(self._results)} fault{'' if len(self._results) == 1 else 's'}"
        click.echo("")
        click.echo(
            f"{many}: {served} served, {refused} correctly refused, {self.failed} failed,"
            f" {len(self._skipped)} not applicable"
        )

    def _line(self, cells: Sequence[str]) -> None:
        padded = (
            strip_controls(cell).rjust(width) if place in (4, 5, 6, 7) else _cut(strip_controls(cell), width)
            for place, (cell, width) in enumerate(zip(cells, _WIDTHS, strict=True))
        )
        click.echo("  ".join(padded).rstrip())
        sys.stdout.flush()


def _cut(text: str, width: int) -> str:
    return (text if len(text) <= width else f"{text[: width - 1]}…").ljust(width)
