"""`trunkline check`: do the accounts answer, asked with calls that cost nothing."""

from __future__ import annotations

import asyncio
import sys
import time

import click

from trunkline.cli.check_shapes import check_json
from trunkline.cli.missing import missing_lines
from trunkline.cli.opening import settings_of
from trunkline.cli.output import balance_text, dollars, local_time, print_json, print_table, say, span
from trunkline.config.load import missing_keys
from trunkline.domain.checks import AccountReport, AllowanceShare, CheckResult
from trunkline.domain.limits import LimitReading, Metric
from trunkline.domain.snapshot import AccountView
from trunkline.domain.text import strip_controls
from trunkline.domain.wording import plan_window, share_words
from trunkline.engine.engine import Engine
from trunkline.engine.logs import start_logging

_NAMED = 8

Told = dict[str, AccountView]


@click.command("check")
@click.argument("account", required=False, metavar="[PROVIDER[/ACCOUNT]]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0.1, max=600),
    default=8.0,
    show_default=True,
    metavar="S",
    help="Seconds that each account has.",
)
@click.pass_context
def check_command(ctx: click.Context, account: str | None, as_json: bool, timeout_s: float) -> None:
    """Does it answer: the cheapest free call to every account, or to those of a provider, or to one.

    Says what was learned: the models it lists, its balance, its limits. Exit code 1 if any does not answer.
    """
    settings = settings_of("check")
    log = start_logging(settings.places.log_dir, "check")
    try:
        engine = Engine.open(settings)
        missing = missing_keys(engine.loaded)
        results, told = asyncio.run(_check(engine, account, round(timeout_s * 1000)))
    finally:
        log.stop()
    if as_json:
        print_json([check_json(result, told.get(name_of(result))) for result in results])
    elif results:
        _print(results, told)
    if not results:
        say("no account is configured; set a key, and run this again:")
        for line in missing_lines(missing, None):
            say(line)
    ctx.exit(0 if results and all(result.fault is None for result in results) else 1)


async def _check(
    engine: Engine, account: str | None, timeout_ms: int
) -> tuple[tuple[CheckResult, ...], Told]:
    """The results, and what each account told last, now or before."""
    progress = _Progress()
    try:
        results = await engine.check(account, timeout_ms=timeout_ms, on_result=progress.show)
        views = (account for provider in engine.snapshot().providers for account in provider.accounts)
        return results, {f"{view.provider}/{view.id}": view for view in views}
    finally:
        progress.end()
        await engine.aclose()


class _Progress:
    """A line on stderr that says who has answered, where stderr is a terminal."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._done = 0
        if self._live:
            click.echo("checking …", err=True, nl=False)

    def show(self, result: CheckResult) -> None:
        """An account is done."""
        self._done += 1
        if self._live:
            click.echo(f"\r\x1b[Kchecking … {self._done} done, {name_of(result)} last", err=True, nl=False)

    def end(self) -> None:
        """Leave nothing behind."""
        if self._live:
            click.echo("\r\x1b[K", err=True, nl=False)


def name_of(result: CheckResult) -> str:
    """`provider/account`, or the provider that has none."""
    return f"{result.provider}/{result.account}" if result.account else result.provider


def _print(results: tuple[CheckResult, ...], told: Told) -> None:
    print_table(
        ("", "account", "", "took", "models", "balance", ""),
        [
            [
                "●" if result.fault is None else "✕",
                name_of(result),
                "answers" if result.fault is None else "no answer",
                span(result.took_ms) if result.took_ms else "–",
                "–" if result.models is None else f"{len(result.models)}",
                _balance(result, told.get(name_of(result))),
                result.fault.message if result.fault is not None else "",
            ]
            for result in results
        ],
    )
    limits = [[name_of(one), *_reading(reading)] for one in results for reading in one.readings]
    limits += [[name_of(one), *_share(share)] for one in results for share in _report(one).shares]
    if limits:
        click.echo("")
        print_table(("account", "limit", "left", "of", "resets"), limits)
    lines = [line for result in results for line in _remarks(result)]
    if lines:
        click.echo("")
    for line in lines:
        click.echo(strip_controls(line))


def _report(result: CheckResult) -> AccountReport:
    return result.report or AccountReport()


def _remarks(result: CheckResult) -> list[str]:
    """What has no column, a line each."""
    said = list(_report(result).notes)
    if result.missing:
        more = f" and {len(result.missing) - _NAMED} more" if len(result.missing) > _NAMED else ""
        said.append(f"does not list {', '.join(result.missing[:_NAMED])}{more}")
    if result.fault is not None and result.fault.provider_text:
        said.append(f"it says: {result.fault.provider_text}")
    if result.hint:
        said.append(f"→ {result.hint}")
    return [f"{name_of(result)}: {one}" for one in said]


def _reading(reading: LimitReading) -> list[str]:
    of = f" · {reading.model}" if reading.model else ""
    is_share = reading.metric is Metric.SHARE
    return [
        f"{plan_window(reading.window)}{of}"
        if is_share
        else f"{reading.metric.value} / {reading.window}{of}",
        _amount(reading, reading.remaining),
        _amount(reading, reading.amount),
        _resets(reading.resets_at_ms),
    ]


def _share(share: AllowanceShare) -> list[str]:
    window = f" / {share.window}" if share.window is not None else ""
    left = f"{max(0.0, 100 - share.used_percent):g} %"
    return [f"{share.name}{window}", left, "not told", _resets(share.resets_at_ms)]


def _amount(reading: LimitReading, amount: int | None) -> str:
    if amount is None:
        return "not told"
    if reading.metric is Metric.SHARE:
        return share_words(amount)
    return dollars(amount) if reading.metric is Metric.COST else f"{amount:,}"


def _resets(at_ms: int | None) -> str:
    if at_ms is None:
        return "–"
    left_ms = at_ms - time.time() * 1000
    return f"{local_time(at_ms)}, in {span(left_ms)}" if left_ms > 0 else local_time(at_ms)


def _balance(result: CheckResult, told: AccountView | None) -> str:
    """The balance, with its age where it was not told just now."""
    if result.report is not None and result.report.balance is not None:
        return balance_text(result.report.balance)
    if told is None or told.report is None or told.report.balance is None or told.reported_at_ms is None:
        return "–"
    age_ms = max(0.0, result.checked_at_ms - told.reported_at_ms)
    return f"{balance_text(told.report.balance)}, {span(age_ms)} ago"
