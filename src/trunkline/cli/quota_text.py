"""Limits and refusals as text on stdout, for `trunkline quota`."""

from __future__ import annotations

from collections.abc import Iterator

import click

from trunkline.cli.output import dollars, local_time, print_table, say
from trunkline.domain.limits import LimitUse, Metric, WindowKind
from trunkline.domain.snapshot import AccountView, Snapshot
from trunkline.domain.state import Block
from trunkline.domain.text import strip_controls
from trunkline.domain.wording import plan_window, refusal_sentence, share_words

NOTHING_KNOWN = "no limit is known yet; limits are learned from replies, or set in providers.toml"


def print_limits(snapshot: Snapshot) -> None:
    """A row for every limit."""
    rows = [
        [
            name,
            _name(limit),
            _amount(limit, limit.left),
            _amount(limit, limit.amount),
            local_time(limit.resets_at_ms),
            _lasts_until(limit),
            _figure(limit),
        ]
        for name, account in _accounts(snapshot)
        for limit in account.limits
    ]
    if rows:
        print_table(("account", "limit", "left", "of", "resets", "lasts until", "figure"), rows)
    else:
        say(NOTHING_KNOWN)


def print_notes(snapshot: Snapshot, *, verbose: bool) -> None:
    """Who is refused and until when, what was absurd, who seems to share an allowance; `verbose`: what providers said
    to it and what each conclusion rests on."""
    for name, account in _accounts(snapshot):
        for note in _notes(account, snapshot.at_ms, verbose=verbose):
            click.echo(strip_controls(f"{name}: {note}"))


def _notes(account: AccountView, now_ms: int, *, verbose: bool) -> Iterator[str]:
    if account.block is not None:
        yield from _refusal(account.block, now_ms, verbose=verbose)
    for block in account.model_blocks:
        for note in _refusal(block, now_ms, verbose=verbose):
            yield f"{block.model}: {note}"
    for limit in account.limits:
        if limit.flaw:
            yield f"{_name(limit)}: {limit.flaw}"
    for one in account.shares_with:
        sure = f"({one.confidence:.0%} sure)"
        yield f"seems to share its allowance with {one.account} {sure}: {one.evidence}"


def _refusal(block: Block, now_ms: int, *, verbose: bool) -> Iterator[str]:
    yield refusal_sentence(block, now_ms, None)
    if block.flaw:
        yield f"its hint: {block.flaw}"
    if verbose and block.provider_text:
        yield f'the provider said: "{block.provider_text}"'
    if verbose and block.evidence:
        yield f"taken for {block.scope.value} ({block.confidence:.0%} sure): {block.evidence}"


def _accounts(snapshot: Snapshot) -> Iterator[tuple[str, AccountView]]:
    for provider in snapshot.providers:
        for account in provider.accounts:
            yield f"{provider.id}/{account.id}", account


def _name(limit: LimitUse) -> str:
    of_model = f" · {limit.model}" if limit.model else ""
    if limit.metric is Metric.SHARE:
        return f"{plan_window(limit.window)}{of_model}"
    return f"{limit.metric.value} / {limit.window}{of_model}"


def _figure(limit: LimitUse) -> str:
    """Whose figure it is, how far it is believed where that is not wholly, and of when."""
    sure = f" {limit.confidence:.0%}" if limit.confidence < 1 else ""
    of_when = f", {local_time(limit.as_of_ms)}" if limit.as_of_ms else ""
    return f"{limit.source.value}{sure}{of_when}"


def _lasts_until(limit: LimitUse) -> str:
    """When it will be used up at the present rate; "reset" where it renews first."""
    expected = limit.forecast
    if expected is None:
        return "–"
    if expected.lasts_until_ms is not None:
        return local_time(expected.lasts_until_ms)
    renews_whole = limit.resets_at_ms is not None and limit.window.kind is not WindowKind.ROLLING
    return "its reset" if renews_whole else "–"


def _amount(limit: LimitUse, amount: int) -> str:
    if limit.metric is Metric.SHARE:
        return share_words(amount)
    return dollars(amount) if limit.metric is Metric.COST else f"{amount:,}"
