"""Panel 1 as rows: providers, their pools of accounts, and what is left of each. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import tzinfo

from trunkline.domain.limits import LimitUse
from trunkline.domain.snapshot import AccountView, ProviderView, Snapshot
from trunkline.tui import format as fmt
from trunkline.tui.account_sentences import age, limit_sentence, used_words
from trunkline.tui.account_standing import (
    TAKEN_OUT,
    Standing,
    account_standing,
    state_cell,
    until_cell,
    until_words,
)
from trunkline.tui.cells import Cell, Column, Row, Tone
from trunkline.tui.limit_words import block_sentence, block_words, forecast_cell

BAR_CELLS = 7

# What goes first where there is little room is what the detail below the list says too.
COLUMNS = (
    Column("account", 14, flex=1, most=28),
    Column("state", 5),
    Column("left", BAR_CELLS + 6),
    Column("window", 9, drop=2),
    Column("lasts", 0, drop=3, most=11),
    Column("resets", 10, drop=1, most=13),
    Column("p50", 6, drop=3, right=True),
    Column("cost", 8, drop=4, right=True),
    Column("first", 6, drop=5, right=True),
    Column("today", 6, drop=6, right=True),
    Column("age", 8, drop=7, right=True),
    Column("used", 20, drop=8, most=48),
)


def account_rows(
    snapshot: Snapshot, now_ms: int, *, zone: tzinfo | None = None, folded: Collection[str] = ()
) -> tuple[Row, ...]:
    """One row an account; a provider with several has one of its own above them, which `folded` closes."""
    rows: list[Row] = []
    for provider in snapshot.providers:
        if len(provider.accounts) == 1:
            account = provider.accounts[0]
            rows.append(account_row(provider, account, f"{provider.id}/{account.id}", now_ms, zone))
            continue
        is_folded = provider.id in folded
        rows.append(_provider_row(provider, is_folded, now_ms, zone))
        if not is_folded:
            rows += [
                account_row(provider, account, f"  {account.id}", now_ms, zone)
                for account in provider.accounts
            ]
    return tuple(rows)


def _provider_row(provider: ProviderView, folded: bool, now_ms: int, zone: tzinfo | None) -> Row:
    standings = [account_standing(provider, account, now_ms) for account in provider.accounts]
    ready, total = sum(standing.serves for standing in standings), len(standings)
    tone = Tone.DIM if ready == total else Tone.WARN if ready else Tone.BAD
    what, resets = Cell(f"{ready} of {total} ready", tone), ""
    if provider.block is not None and provider.block.holds_at(now_ms):
        what = Cell(block_words(provider.block, provider.billing), Tone.BAD)
        resets = until_cell(standings[0], now_ms, zone)
    elif not ready:
        back = [standing for standing in standings if standing.until_ms is not None]
        soonest = min(back, key=lambda standing: standing.until_ms or 0, default=None)
        resets = "" if soonest is None else until_cell(soonest, now_ms, zone)
    return Row(
        provider.id,
        (
            Cell(f"{'▸' if folded else '▾'} {fmt.one_line(provider.id)}", Tone.ACCENT),
            state_cell(provider.status, provider.health),
            what,
            Cell(_best(standings) if folded else "", Tone.DIM),
            Cell(""),
            Cell(resets),
            Cell(fmt.duration(provider.latency.p50_ms), Tone.DIM),
            Cell(fmt.money_sum(provider.counts.cost), Tone.DIM),
            Cell(fmt.duration(provider.latency.first_token_p50_ms), Tone.DIM),
            Cell(fmt.compact(provider.counts.total), Tone.DIM),
            Cell(""),
            Cell(""),
        ),
    )


def _best(standings: list[Standing]) -> str:
    """What the fullest of the accounts that say it has left, `max 95 %`: folded, a pool hides its accounts' bars."""
    shares = [standing.limit.share_left for standing in standings if standing.limit is not None]
    return f"max {fmt.percent(max(shares))}" if shares else ""


def account_row(
    provider: ProviderView, account: AccountView, name: str, now_ms: int, zone: tzinfo | None
) -> Row:
    key, title = f"{account.provider}/{account.id}", Cell(name.replace("\n", " "))
    standing = account_standing(provider, account, now_ms)
    if account.set_aside:
        return Row(key, (title, NO_STATE, Cell(TAKEN_OUT, Tone.WARN)))
    is_in_use = account.enabled and account.has_key
    use = standing.limit
    return Row(
        key,
        (
            title,
            state_cell(account.status, account.health) if is_in_use else NO_STATE,
            *_allowance(standing, now_ms, zone, is_in_use=is_in_use),
            Cell(fmt.duration(account.latency.p50_ms)),
            Cell(fmt.money_sum(account.counts.cost)),
            Cell(fmt.duration(account.latency.first_token_p50_ms)),
            Cell(fmt.compact(account.counts.total)),
            Cell("" if use is None else age(use.as_of_ms, now_ms), Tone.DIM),
            Cell("" if use is None else used_words(use), Tone.DIM),
        ),
    )


NO_STATE = Cell(f"·{fmt.UNKNOWN:>4}", Tone.DIM)


def _allowance(
    standing: Standing, now_ms: int, zone: tzinfo | None, *, is_in_use: bool
) -> tuple[Cell, Cell, Cell, Cell]:
    """What is left, of what window, when it is used up where that comes first, and when it is back. A refusal outranks
    every percentage."""
    use = standing.limit
    if use is None:
        until = until_cell(standing, now_ms, zone) if is_in_use else ""
        return Cell(standing.words, standing.tone), Cell(""), Cell(""), Cell(until)
    share = use.share_left
    return (
        Cell(f"{fmt.bar(share, BAR_CELLS)} {fmt.percent(share):>5}", standing.tone),
        Cell(window_cell(use)),
        forecast_cell(use if standing.serves else None, now_ms, zone),
        Cell(fmt.reset_in(use.resets_at_ms, now_ms, zone)),
    )


def window_cell(use: LimitUse) -> str:
    """The window and whose figure it is: `day r`, `5h c`."""
    return f"{use.window} {use.source.value[0]}".replace("session:", "")


def account_detail(
    snapshot: Snapshot, key: str | None, now_ms: int, *, zone: tzinfo | None = None
) -> tuple[str, ...]:
    """The row `key` in full sentences, most important first."""
    for provider in snapshot.providers:
        if provider.id == key:
            return _provider_detail(provider, now_ms, zone)
        for account in provider.accounts:
            if f"{account.provider}/{account.id}" == key:
                return tuple(fmt.one_line(line) for line in _account_detail(provider, account, now_ms, zone))
    return ()


def _provider_detail(provider: ProviderView, now_ms: int, zone: tzinfo | None) -> tuple[str, ...]:
    counts = provider.counts
    billing = provider.billing.value.replace("_", " ")
    state = provider.status.value
    if provider.block is not None and provider.block.holds_at(now_ms):
        state = block_sentence(provider.block, provider.billing, now_ms, zone)
    return (
        fmt.one_line(f"{provider.id}: {state}, {billing}"),
        _ready_sentence(provider, now_ms, zone),
        f"{counts.success:,} answered, {counts.failed:,} failed, "
        f"{fmt.compact(counts.input_tokens)}→{fmt.compact(counts.output_tokens)} tok",
    )


def _ready_sentence(provider: ProviderView, now_ms: int, zone: tzinfo | None) -> str:
    """`1 of 3 accounts ready, the next again at 16:40, in 4 h`."""
    standings = [account_standing(provider, account, now_ms) for account in provider.accounts]
    ready = sum(standing.serves for standing in standings)
    back = [standing.until_ms for standing in standings if not standing.serves and standing.until_ms]
    soonest = f", the next {until_words(min(back), now_ms, zone)}" if back else ""
    return f"{ready} of {len(standings)} accounts ready{soonest}"


def _account_detail(
    provider: ProviderView, account: AccountView, now_ms: int, zone: tzinfo | None
) -> Iterator[str]:
    yield f"{account.provider}/{account.id}: {account_sentence(provider, account, now_ms, zone)}"
    for use in sorted(account.limits, key=lambda use: use.share_left):
        yield limit_sentence(use, now_ms, zone)
    if account.gone:
        yield f"not served to it any more: {', '.join(account.gone)}"
    counts = account.counts
    yield (
        f"{counts.success:,} answered, {counts.failed:,} failed, {account.in_flight} under way, "
        f"{account.billing.value.replace('_', ' ')}, key {account.key_ref}"
    )


def account_sentence(provider: ProviderView, account: AccountView, now_ms: int, zone: tzinfo | None) -> str:
    """How an account stands, in a sentence."""
    standing = account_standing(provider, account, now_ms)
    if account.set_aside:
        return TAKEN_OUT
    if not account.enabled:
        return "disabled in the configuration"
    if not account.has_key:
        return f"no key: {account.key_ref} is not set"
    if standing.block is not None:
        return block_sentence(standing.block, account.billing, now_ms, zone)
    use = standing.limit
    if use is not None and not standing.serves and use.resets_at_ms is not None:
        return f"{account.status.value}, {fmt.resets(use.resets_at_ms, now_ms, zone)}"
    return account.status.value
