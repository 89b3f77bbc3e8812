"""What the route picker offers: everything that can be pinned, how it stands, and for how long. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum

from trunkline.domain.decisions import PinScope
from trunkline.domain.snapshot import AccountView, ProviderView, Snapshot
from trunkline.tui import format as fmt
from trunkline.tui.account_standing import Standing, account_standing, state_cell, until_cell, until_words
from trunkline.tui.cells import Cell, Column, Tone

BAR_CELLS = 7
MINUTE_MS = 60_000

COLUMNS = (
    Column("state", 5),
    Column("route", 20, flex=1),
    Column("left", BAR_CELLS + 6),
    Column("resets", 13, drop=2),
    Column("p50", 6, drop=1, right=True),
)
NAME_COLUMN = 1
AUTOMATIC = "automatic"

SCOPE_WORDS = {
    PinScope.MESSAGE: "this message",
    PinScope.CONVERSATION: "this conversation",
    PinScope.EVERYTHING: "everything",
}


@dataclass(frozen=True, slots=True)
class RouteOption:
    """One thing to choose: `selector` None is automatic. `cells` fill `COLUMNS`; the name cell begins with `name`.
    `resets_at_ms` (wall time) is when its tightest limit renews, or when it is back; None where nobody knows.
    `refusal` says why it cannot serve now."""

    selector: str | None
    name: str
    cells: tuple[Cell, ...]
    resets_at_ms: int | None = None
    refusal: str = ""


class Expiry(StrEnum):
    """How long a pin over everything holds; the value is how it is told."""

    UNTIL_TAKEN_BACK = "until taken back"
    QUARTER_HOUR = "for 15 min"
    HOUR = "for 1 h"
    MIDNIGHT = "until midnight"
    RESET = "until its limit resets"


def expires_in_ms(expiry: Expiry, option: RouteOption, now_ms: int, zone: tzinfo | None) -> int | None:
    """How long from `now_ms` on; None: until taken back."""
    match expiry:
        case Expiry.QUARTER_HOUR:
            return 15 * MINUTE_MS
        case Expiry.HOUR:
            return 60 * MINUTE_MS
        case Expiry.MIDNIGHT:
            return _midnight_ms(now_ms, zone) - now_ms
        case Expiry.RESET if option.resets_at_ms is not None:
            return option.resets_at_ms - now_ms
        case _:
            return None


def expiries(option: RouteOption, now_ms: int) -> tuple[Expiry, ...]:
    """The expiries that mean something for an option: a reset only where one is known."""
    knows_reset = option.resets_at_ms is not None and option.resets_at_ms > now_ms
    return tuple(expiry for expiry in Expiry if expiry is not Expiry.RESET or knows_reset)


def expiry_words(expiry: Expiry, option: RouteOption, now_ms: int, zone: tzinfo | None) -> str:
    """How long, with the local time at which it ends."""
    length_ms = expires_in_ms(expiry, option, now_ms, zone)
    if length_ms is None or expiry is Expiry.MIDNIGHT:
        return expiry.value
    return f"{expiry.value} ({fmt.reset_moment(now_ms + length_ms, now_ms, zone)})"


def _midnight_ms(now_ms: int, zone: tzinfo | None) -> int:
    """The next local midnight; the day may have 23 or 25 hours."""
    today = datetime.fromtimestamp(now_ms / 1000, tz=zone).date()
    midnight = datetime.combine(today + timedelta(days=1), datetime.min.time(), tzinfo=zone)
    return round(midnight.timestamp() * 1000)


def route_options(snapshot: Snapshot, now_ms: int, zone: tzinfo | None) -> tuple[RouteOption, ...]:
    """Automatic, then providers, accounts, models of a provider, and full routes."""
    options = [_automatic(snapshot, now_ms, zone)]
    options += [_provider_option(provider, now_ms, zone) for provider in snapshot.providers]
    for provider in snapshot.providers:
        options += [_option((provider, account), None, now_ms, zone) for account in provider.accounts]
    served = _served(snapshot)
    for provider, model, accounts in served:
        options.append(_model_option(provider, model, accounts, now_ms, zone))
    for provider, model, accounts in served:
        options += [_option((provider, account), model, now_ms, zone) for account in accounts]
    return tuple(options)


def _served(snapshot: Snapshot) -> list[tuple[ProviderView, str, list[AccountView]]]:
    """The models of each provider with the accounts that serve them, in the order of the routes."""
    accounts = {
        (provider.id, account.id): (provider, account)
        for provider in snapshot.providers
        for account in provider.accounts
    }
    found: dict[tuple[str, str], tuple[ProviderView, str, list[AccountView]]] = {}
    for route in snapshot.routes:
        provider_id, account_id, model = route.split("/", 2)
        if (provider_id, account_id) in accounts:
            provider, account = accounts[provider_id, account_id]
            found.setdefault((provider_id, model), (provider, model, []))[2].append(account)
    return list(found.values())


def _automatic(snapshot: Snapshot, now_ms: int, zone: tzinfo | None) -> RouteOption:
    if snapshot.pin is None:
        held = "as it is now"
    elif snapshot.pin_expires_at_ms is None:
        held = f"now pinned to {snapshot.pin}"
    else:
        held = (
            f"now pinned to {snapshot.pin} until {fmt.reset_moment(snapshot.pin_expires_at_ms, now_ms, zone)}"
        )
    shown = f"{AUTOMATIC} · the best route each time; {held}"
    return RouteOption(None, AUTOMATIC, (Cell("▸", Tone.ACCENT), Cell(shown)))


def _option(
    who: tuple[ProviderView, AccountView], model: str | None, now_ms: int, zone: tzinfo | None
) -> RouteOption:
    """An account, or a full route where `model` is given."""
    provider, account = who
    name = f"{provider.id}/{account.id}" + ("" if model is None else f"/{model}")
    standing = account_standing(provider, account, now_ms, model)
    return _made(name, account, standing, account.latency.p50_ms, now_ms, zone)


def _model_option(
    provider: ProviderView, model: str, serving: Sequence[AccountView], now_ms: int, zone: tzinfo | None
) -> RouteOption:
    """A model of a provider stands as its best account does."""
    pairs = [(account_standing(provider, account, now_ms, model), account) for account in serving]
    standing, account = max(pairs, key=lambda pair: _goodness(pair[0]))
    return _made(f"{provider.id}/{model}", account, standing, account.latency.p50_ms, now_ms, zone)


def _provider_option(provider: ProviderView, now_ms: int, zone: tzinfo | None) -> RouteOption:
    pairs = [(account_standing(provider, account, now_ms), account) for account in provider.accounts]
    standing, _ = max(pairs, key=lambda pair: _goodness(pair[0]))
    return _made(provider.id, provider, standing, provider.latency.p50_ms, now_ms, zone)


def _goodness(standing: Standing) -> tuple[bool, bool, float, float]:
    """Larger is better: it serves, is sure to, has most left, is back soonest."""
    left = standing.limit.share_left if standing.limit is not None else 1.0
    back_ms = standing.until_ms if standing.until_ms is not None else float("inf")
    return standing.serves, not standing.on_trial, left, -back_ms


def _made(
    name: str,
    view: ProviderView | AccountView,
    standing: Standing,
    p50_ms: float | None,
    now_ms: int,
    zone: tzinfo | None,
) -> RouteOption:
    use = standing.limit
    if standing.words or use is None:
        allowance, resets = Cell(standing.words, standing.tone), until_cell(standing, now_ms, zone)
    else:
        share = f"{fmt.bar(use.share_left, BAR_CELLS)} {fmt.percent(use.share_left):>5}"
        allowance, resets = Cell(share, standing.tone), fmt.reset_in(use.resets_at_ms, now_ms, zone)
    resets_at_ms = standing.until_ms if use is None else use.resets_at_ms
    refusal = "" if standing.serves else standing.words or "used up"
    if refusal and (standing.needs_you or standing.until_ms is not None):
        refusal += f", {until_words(standing.until_ms, now_ms, zone)}"
    cells = (
        state_cell(view.status, view.health),
        Cell(name),
        allowance,
        Cell(resets, Tone.DIM),
        Cell(fmt.duration(p50_ms), Tone.DIM),
    )
    return RouteOption(name, name, cells, resets_at_ms, refusal)
