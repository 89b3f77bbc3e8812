"""Everything about a provider or an account, as lines of text. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo

from trunkline.domain.checks import CheckResult
from trunkline.domain.faults import FaultKind, FaultScope
from trunkline.domain.limits import LimitScope, LimitUse, Metric, WindowKind
from trunkline.domain.routes import Billing
from trunkline.domain.snapshot import AccountView, Counts, Latency, ProviderView, SharedAllowance, Snapshot
from trunkline.domain.state import Block
from trunkline.domain.wording import plan_window
from trunkline.tui import format as fmt
from trunkline.tui.account_checks import check_lines, report_lines
from trunkline.tui.account_rows import COLUMNS, account_row, account_sentence
from trunkline.tui.account_sentences import SOURCE_WORDS, age, amount, window_words
from trunkline.tui.account_standing import find_account, shape, until_words
from trunkline.tui.cells import Cell, Column, Tone, longest_cells, share_width
from trunkline.tui.limit_words import BLOCK_WORDS, block_sentence, forecast_words, sureness
from trunkline.tui.lines import Line, Section, joined, labelled, paragraph

BAR_CELLS = 10
GONE = "This is not in the configuration any more. Esc goes back."
NOT_CHECKED = "Not asked yet whether it answers; t asks, for nothing."
ASKING = "Asking whether it answers …"
NO_LIMITS = "No limits are known of it: nothing is configured, and the provider has reported none."

_LIMIT_COLUMNS = (
    Column("", 16, flex=1),
    Column("", 19, right=True),
    Column("", BAR_CELLS, drop=1),
    Column("", 10, right=True),
)
_SCOPES = {
    LimitScope.ACCOUNT: "of the whole account",
    LimitScope.MODEL: "of each model by itself",
    LimitScope.ORGANISATION: "shared by the organisation's accounts",
}
_BLOCKED = {
    FaultScope.MODEL: "one model on this account",
    FaultScope.ACCOUNT: "this account",
    FaultScope.ORGANISATION: "every account of the organisation",
    FaultScope.PROVIDER: "the whole provider",
    FaultScope.REQUEST: "one request",
}


def fact_lines(
    snapshot: Snapshot,
    key: str,
    now_ms: int,
    zone: tzinfo | None,
    width: int,
    checks: tuple[CheckResult, ...] | None = None,
) -> tuple[Line, ...]:
    """Of `provider/account` or of a provider. `checks` is what asking it gave: None while that was not asked, empty
    while it is under way. What a person asked for comes first."""
    found = find_account(snapshot, key)
    if found is not None:
        sections = _of_account(*found, snapshot.since_ms, now_ms, zone, width)
    else:
        provider = next((one for one in snapshot.providers if one.id == key), None)
        if provider is None:
            return paragraph(GONE, width)
        sections = _of_provider(provider, snapshot.since_ms, now_ms, zone, width)
    answers = Section("Does it answer", _checked(checks, width, now_ms, zone))
    if checks is None:
        return joined((*sections, answers))
    return joined((sections[0], answers, *sections[1:]))


def _checked(
    checks: tuple[CheckResult, ...] | None, width: int, now_ms: int, zone: tzinfo | None
) -> tuple[Line, ...]:
    if not checks:
        return paragraph(NOT_CHECKED if checks is None else ASKING, width, Tone.DIM)
    return check_lines(checks, width, now_ms, zone)


def _of_account(
    provider: ProviderView, account: AccountView, since_ms: int, now_ms: int, zone: tzinfo | None, width: int
) -> tuple[Section, ...]:
    sign, tone = shape(account.status)
    blocks = [block for block in (account.block, provider.block) if block is not None]
    sentence = account.status.value if blocks else account_sentence(provider, account, now_ms, zone)
    if not sentence.startswith(account.status.value):
        sentence = f"{account.status.value}, {sentence}"
    key = account.key_ref if account.has_key else f"{account.key_ref} is not set"
    state = (
        *labelled("state", f"{sign} {sentence}", width, tone),
        *labelled("health", _health(account.health), width),
        *labelled("billing", account.billing.value.replace("_", " "), width),
        *labelled("key", key, width),
        *labelled("under way", _under_way(account), width),
        *(line for one in account.shares_with for line in _shared(account.provider, one, width)),
    )
    limits = [
        line
        for use in sorted(account.limits, key=lambda use: use.share_left)
        for line in _limit_lines(use, now_ms, zone, width)
    ]
    return (
        Section("", state),
        *(Section("Refused", _block_lines(block, account.billing, now_ms, zone, width)) for block in blocks),
        Section("Models refused", _models_refused(account, now_ms, zone, width)),
        Section("Limits", tuple(limits) or paragraph(NO_LIMITS, width, Tone.DIM)),
        Section("What its account endpoint tells", _report(account, now_ms, zone, width)),
        Section("Latency", _latency_lines(account.latency, width)),
        Section(f"Since {_since(since_ms, now_ms, zone)}", _count_lines(account.counts, width)),
        Section("Models not served to it any more", paragraph(", ".join(account.gone), width)),
    )


def _of_provider(
    provider: ProviderView, since_ms: int, now_ms: int, zone: tzinfo | None, width: int
) -> tuple[Section, ...]:
    sign, tone = shape(provider.status)
    state = (
        *labelled("state", f"{sign} {provider.status.value}", width, tone),
        *labelled("health", _health(provider.health), width),
        *labelled("billing", provider.billing.value.replace("_", " "), width),
    )
    blocked = (
        () if provider.block is None else _block_lines(provider.block, provider.billing, now_ms, zone, width)
    )
    return (
        Section("", state),
        Section("Refused", blocked),
        Section("Accounts", _compared(provider, now_ms, zone, width)),
        Section("Latency", _latency_lines(provider.latency, width)),
        Section(f"Since {_since(since_ms, now_ms, zone)}", _count_lines(provider.counts, width)),
    )


def _under_way(account: AccountView) -> str:
    calls = "1 call" if account.in_flight == 1 else f"{account.in_flight} calls"
    if account.concurrency is None:
        return calls
    return f"{calls} · takes {account.concurrency} at once, as its refusals taught"


def _shared(provider: str, suspected: SharedAllowance, width: int) -> tuple[Line, ...]:
    other = fmt.one_line(f"{provider}/{suspected.account}")
    sure = fmt.percent(suspected.confidence)
    said = f"seems to draw on the same allowance as {other}, {sure} sure: {fmt.one_line(suspected.evidence)}"
    return labelled("shares", said, width, Tone.WARN)


def _report(account: AccountView, now_ms: int, zone: tzinfo | None, width: int) -> tuple[Line, ...]:
    if account.report is None:
        return ()
    return report_lines(account.report, account.reported_at_ms, width, now_ms, zone)


def _health(health: int) -> str:
    return f"{health} of 100 · long limits, last 20 calls"


def _since(since_ms: int, now_ms: int, zone: tzinfo | None) -> str:
    """A moment in the past: its time, where it was not today with its date."""
    since, now = (datetime.fromtimestamp(at_ms / 1000, tz=zone) for at_ms in (since_ms, now_ms))
    day = "" if since.date() == now.date() else f"{since.day} {since:%b} "
    return f"{day}{since:%H:%M}"


# -- refusals and limits ------------------------------------------------------------------------------------------


def _block_lines(
    block: Block, billing: Billing, now_ms: int, zone: tzinfo | None, width: int
) -> tuple[Line, ...]:
    """What refuses calls, and everything that this rests on."""
    since = f"{_since(block.since_ms, now_ms, zone)}, {fmt.countdown(now_ms - block.since_ms)} ago"
    if block.holds_at(now_ms):
        ends = until_words(block.until_ms, now_ms, zone)
    elif block.half_open:
        ends = "on trial: one request may try it now"
    else:
        ends = "on trial: the next request tries it"
    return (
        *labelled("why", f"{block_sentence(block, billing, now_ms, zone)} ({block.code})", width, Tone.BAD),
        *(labelled("it said", f"“{block.provider_text}”", width) if block.provider_text else ()),
        *labelled("reaches", _BLOCKED[block.scope] + _doubt(block.confidence), width),
        *(labelled("because", block.evidence, width) if block.evidence else ()),
        *(labelled("beware", block.flaw, width, Tone.WARN) if block.flaw else ()),
        *labelled("since", since, width),
        *labelled("ends", ends, width),
        *labelled("failures", f"{block.failures} in a row", width),
    )


def _models_refused(account: AccountView, now_ms: int, zone: tzinfo | None, width: int) -> tuple[Line, ...]:
    """What refuses calls of single models, with the provider's words."""
    lines: list[Line] = []
    for block in account.model_blocks:
        said = f"{block.model}: {block_sentence(block, account.billing, now_ms, zone)}"
        lines += paragraph(said, width, Tone.BAD if block.holds_at(now_ms) else Tone.WARN)
        if block.provider_text:
            lines += paragraph(f"it said: “{block.provider_text}”", width, Tone.DIM, indent=2)
    return tuple(lines)


def _doubt(confidence: float) -> str:
    doubt = sureness(confidence)
    return f", {doubt}" if doubt else ""


def _limit_lines(use: LimitUse, now_ms: int, zone: tzinfo | None, width: int) -> tuple[Line, ...]:
    is_share = use.metric is Metric.SHARE
    what = use.metric.value.replace("_", " ")
    name = (
        f"the {plan_window(use.window)}"
        if is_share
        else f"{what}, balance"
        if use.window.kind is WindowKind.BALANCE
        else f"{what} per {window_words(use.window)}"
    )
    share = use.share_left
    tone = Tone.BAD if share <= 0.05 else Tone.WARN if share <= 0.20 else Tone.GOOD
    used = amount(use, use.used)
    cells = (
        Cell(name),
        Cell(f"{used} used" if is_share else f"{used} of {amount(use, use.amount)}"),
        Cell(fmt.bar(share, BAR_CELLS), tone),
        Cell(f"{fmt.percent(share)} left", tone),
    )
    resets = (
        "does not renew"
        if use.window.kind is WindowKind.BALANCE
        else fmt.resets(use.resets_at_ms, now_ms, zone)
        if use.resets_at_ms is not None
        else "resets some time after its first use"
    )
    whose = f"of the model {use.model}" if use.model else _SCOPES[use.scope]
    source = f"{SOURCE_WORDS[use.source]}, {age(use.as_of_ms, now_ms)}{_doubt(use.confidence)}"
    expected = forecast_words(use, now_ms, zone)
    return (
        _laid_out(cells, _LIMIT_COLUMNS, share_width(_LIMIT_COLUMNS, width)),
        *paragraph(f"{resets} · {whose} · {source}", width, Tone.DIM, indent=2),
        *(paragraph(expected.text, width, expected.tone, indent=2) if expected is not None else ()),
        *(paragraph(f"beware: {use.flaw}", width, Tone.WARN, indent=2) if use.flaw else ()),
    )


# -- figures --------------------------------------------------------------------------------------------------------


def _latency_lines(latency: Latency, width: int) -> tuple[Line, ...]:
    whole = " · ".join(
        f"{name} {fmt.duration(value)}"
        for name, value in (
            ("p50", latency.p50_ms),
            ("p95", latency.p95_ms),
            ("p99", latency.p99_ms),
            ("average", latency.avg_ms),
        )
    )
    first = fmt.duration(latency.first_token_p50_ms)
    return (*labelled("reply", whole, width), *labelled("1st token", f"p50 {first}", width))


def _count_lines(counts: Counts, width: int) -> tuple[Line, ...]:
    errors = ", ".join(f"{_error_words(kind)} {number:,}" for kind, number in counts.errors)
    calls = f"{counts.total:,} asked, {counts.success:,} answered, {counts.failed:,} failed"
    return (
        *labelled("calls", calls, width),
        *(labelled("failures", errors, width, Tone.WARN) if errors else ()),
        *labelled("tokens", f"{counts.input_tokens:,} in, {counts.output_tokens:,} out", width),
        *labelled("cost", fmt.money_sum(counts.cost), width),
    )


def _error_words(kind: str) -> str:
    return BLOCK_WORDS[FaultKind(kind)] if kind in list(FaultKind) else kind.replace("_", " ")


# -- accounts beside one another --------------------------------------------------------------------------------------


def _compared(provider: ProviderView, now_ms: int, zone: tzinfo | None, width: int) -> tuple[Line, ...]:
    """The provider's accounts in the columns of the panel; each can be chosen."""
    rows = [account_row(provider, account, account.id, now_ms, zone) for account in provider.accounts]
    widths = share_width(COLUMNS, width, longest_cells(rows, COLUMNS))
    titles = tuple(Cell(column.title, Tone.DIM) for column in COLUMNS)
    return (
        _laid_out(titles, COLUMNS, widths),
        *(_laid_out(row.cells, COLUMNS, widths, target=row.key) for row in rows),
    )


def _laid_out(
    cells: Sequence[Cell], columns: Sequence[Column], widths: Sequence[int], *, target: str | None = None
) -> Line:
    """The cells at the widths of their columns, a blank between two; the last of too few takes the rest."""
    shown: list[Cell] = []
    for at, (cell, column) in enumerate(zip(cells, columns, strict=False)):
        is_last = at == len(cells) - 1
        rest = [width for width in widths[at:] if width]
        width = sum(rest) + len(rest) - 1 if is_last else widths[at]
        if width > 0:
            text = cell.text if cell.text.isprintable() else fmt.one_line(cell.text)
            shown += [Cell(fmt.fit(text, width, right=column.right), cell.tone), Cell(" ")]
    return Line(tuple(shown[:-1]), target)
