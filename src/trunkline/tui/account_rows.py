"""Panel 1 as rows: providers, their pools of accounts, and what is left of each. Pure."""

from __future__ import annotations

from collections.abc import Collection
from datetime import tzinfo

from trunkline.domain.faults import FaultKind
from trunkline.domain.limits import FigureSource, LimitUse, Metric, WindowKind
from trunkline.domain.snapshot import AccountView, ProviderView, Snapshot, Status
from trunkline.domain.state import Block
from trunkline.tui import format as fmt
from trunkline.tui.cells import Cell, Column, Row, Tone

BAR_CELLS = 7

COLUMNS = (
    Column("account", 14, flex=3),
    Column("state", 5),
    Column("tightest", BAR_CELLS + 6),
    Column("window", 9),
    Column("resets", 10, flex=1),
    Column("p50", 6, drop=1, right=True),
    Column("cost", 8, drop=2, right=True),
)

_SHAPES = {
    Status.HEALTHY: ("●", Tone.GOOD),
    Status.WARNING: ("◐", Tone.WARN),
    Status.CRITICAL: ("◔", Tone.BAD),
    Status.EXHAUSTED: ("○", Tone.BAD),
    Status.DOWN: ("✕", Tone.BAD),
}

_SOURCE_WORDS = {
    FigureSource.REPORTED: "reported by the provider",
    FigureSource.CONFIGURED: "counted here against the configured limit",
    FigureSource.LEARNED: "counted here against a learned limit",
    FigureSource.ESTIMATED: "estimated",
}

_BLOCK_WORDS = {
    FaultKind.RATE_MINUTE: "limit hit",
    FaultKind.QUOTA_WINDOW: "quota hit",
    FaultKind.BILLING: "out of credit",
    FaultKind.ENTITLEMENT: "not in plan",
    FaultKind.OVERLOADED: "overloaded",
    FaultKind.AUTH: "key rejected",
    FaultKind.CONTEXT: "too long",
    FaultKind.CONTENT: "refused",
    FaultKind.BAD_REQUEST: "bad request",
    FaultKind.NETWORK: "unreachable",
}


def shape(status: Status) -> tuple[str, Tone]:
    """The sign of a status and its tone."""
    return _SHAPES[status]


def tightest(limits: tuple[LimitUse, ...]) -> LimitUse | None:
    """The limit with the smallest share left; of equals the one that takes longest to renew. A limit of nothing is
    no allowance to watch: it comes last."""
    return min(
        limits,
        key=lambda use: (use.amount <= 0, use.share_left, -(use.window.nominal_ms or 1 << 62), use.key),
        default=None,
    )


def account_rows(
    snapshot: Snapshot, now_ms: int, *, zone: tzinfo | None = None, folded: Collection[str] = ()
) -> tuple[Row, ...]:
    """One row an account; a provider with several has one of its own above them, which `folded` closes."""
    rows: list[Row] = []
    for provider in snapshot.providers:
        if len(provider.accounts) == 1:
            account = provider.accounts[0]
            rows.append(_account_row(provider, account, f"{provider.id}/{account.id}", now_ms, zone))
            continue
        is_folded = provider.id in folded
        rows.append(_provider_row(provider, is_folded, now_ms, zone))
        if not is_folded:
            rows += [
                _account_row(provider, account, f"  {account.id}", now_ms, zone)
                for account in provider.accounts
            ]
    return tuple(rows)


def _provider_row(provider: ProviderView, folded: bool, now_ms: int, zone: tzinfo | None) -> Row:
    usable = sum(_is_usable(account, now_ms) for account in provider.accounts)
    total = len(provider.accounts)
    held = provider.block if provider.block is not None and provider.block.holds_at(now_ms) else None
    ready = Cell(f"{usable} of {total} ready", Tone.DIM if usable == total else Tone.WARN)
    return Row(
        provider.id,
        (
            Cell(f"{'▸' if folded else '▾'} {fmt.one_line(provider.id)}", Tone.ACCENT),
            _state(provider.status, provider.health),
            ready if held is None else Cell(_BLOCK_WORDS[held.kind], Tone.BAD),
            Cell(""),
            Cell("" if held is None else fmt.reset_in(held.until_ms, now_ms, zone)),
            Cell(fmt.duration(provider.latency.p50_ms), Tone.DIM),
            Cell(fmt.money_sum(provider.counts.cost), Tone.DIM),
        ),
    )


def _is_usable(account: AccountView, now_ms: int) -> bool:
    blocked = account.block is not None and account.block.holds_at(now_ms)
    dead = account.status in (Status.EXHAUSTED, Status.DOWN)
    return account.enabled and account.has_key and not blocked and not dead


def _account_row(
    provider: ProviderView, account: AccountView, name: str, now_ms: int, zone: tzinfo | None
) -> Row:
    allowance, window, resets = _allowance(provider, account, now_ms, zone)
    return Row(
        f"{account.provider}/{account.id}",
        (
            Cell(name.replace("\n", " ")),
            _state(account.status, account.health),
            allowance,
            window,
            resets,
            Cell(fmt.duration(account.latency.p50_ms)),
            Cell(fmt.money_sum(account.counts.cost)),
        ),
    )


def _state(status: Status, health: int) -> Cell:
    sign, tone = shape(status)
    return Cell(f"{sign}{health:>4}", tone)


def _allowance(
    provider: ProviderView, account: AccountView, now_ms: int, zone: tzinfo | None
) -> tuple[Cell, Cell, Cell]:
    """What is left, of what window, and when it is back. A refusal outranks every percentage."""
    nothing = Cell("")
    if not account.enabled:
        return Cell("disabled", Tone.DIM), nothing, nothing
    if not account.has_key:
        return Cell("no key", Tone.WARN), nothing, nothing
    block = account.block or provider.block
    if block is not None and block.half_open:
        return Cell("trying again", Tone.WARN), nothing, nothing
    if block is not None and block.holds_at(now_ms):
        until = "until you act" if block.until_ms is None else fmt.reset_in(block.until_ms, now_ms, zone)
        return Cell(_BLOCK_WORDS[block.kind], Tone.BAD), nothing, Cell(until)
    use = tightest(account.limits)
    if use is None:
        return Cell("no limits", Tone.DIM), nothing, nothing
    share = use.share_left
    tone = Tone.BAD if share <= 0.05 else Tone.WARN if share <= 0.20 else Tone.GOOD
    return (
        Cell(f"{fmt.bar(share, BAR_CELLS)} {fmt.percent(share):>5}", tone),
        Cell(f"{use.window} {use.source.value[0]}".replace("session:", "")),
        Cell(fmt.reset_in(use.resets_at_ms, now_ms, zone)),
    )


def account_detail(
    snapshot: Snapshot, key: str | None, now_ms: int, *, zone: tzinfo | None = None
) -> tuple[str, ...]:
    """The row `key` in full sentences, most important first."""
    for provider in snapshot.providers:
        if provider.id == key:
            return _provider_detail(provider)
        for account in provider.accounts:
            if f"{account.provider}/{account.id}" == key:
                return _account_detail(provider, account, now_ms, zone)
    return ()


def _provider_detail(provider: ProviderView) -> tuple[str, ...]:
    counts = provider.counts
    billing = provider.billing.value.replace("_", " ")
    return (
        f"{provider.id}: {provider.status.value}, {len(provider.accounts)} accounts, {billing}",
        f"{counts.success:,} answered, {counts.failed:,} failed, "
        f"{fmt.compact(counts.input_tokens)}→{fmt.compact(counts.output_tokens)} tok",
    )


def _account_detail(
    provider: ProviderView, account: AccountView, now_ms: int, zone: tzinfo | None
) -> tuple[str, ...]:
    lines = [f"{account.provider}/{account.id}: {_sentence(provider, account, now_ms, zone)}"]
    lines += [_limit_sentence(use, now_ms) for use in sorted(account.limits, key=lambda use: use.share_left)]
    if account.gone:
        lines.append(f"not served to it any more: {', '.join(account.gone)}")
    counts = account.counts
    lines.append(
        f"{counts.success:,} answered, {counts.failed:,} failed, {account.in_flight} under way, "
        f"{account.billing.value.replace('_', ' ')}, key {account.key_ref}"
    )
    return tuple(fmt.one_line(line) for line in lines)


def _sentence(provider: ProviderView, account: AccountView, now_ms: int, zone: tzinfo | None) -> str:
    if not account.enabled:
        return "disabled in the configuration"
    if not account.has_key:
        return f"no key: {account.key_ref} is not set"
    block = account.block or provider.block
    if block is not None and (block.half_open or block.holds_at(now_ms)):
        return _block_sentence(block, now_ms, zone)
    return account.status.value


def _block_sentence(block: Block, now_ms: int, zone: tzinfo | None) -> str:
    if block.half_open:
        return f"was refused ({block.code}); the next request tries it again"
    until = (
        "until you act" if block.until_ms is None else f"until {fmt.reset_in(block.until_ms, now_ms, zone)}"
    )
    return f"{_BLOCK_WORDS[block.kind]} {until}: {block.message or block.code}"


def _limit_sentence(use: LimitUse, now_ms: int) -> str:
    if use.metric is Metric.COST:
        figures = f"{fmt.money(use.used)} of {fmt.money(use.amount)}"
    else:
        figures = f"{use.used:,} of {use.amount:,} {use.metric.value.replace('_', ' ')}"
    per = "" if use.window.kind is WindowKind.BALANCE else f" per {use.window}"
    of_model = f" of {use.model}" if use.model else ""
    age = fmt.countdown(now_ms - use.as_of_ms)
    return f"{figures}{per}{of_model} used, {_SOURCE_WORDS[use.source]}, {age} old"
