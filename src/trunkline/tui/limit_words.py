"""What refuses calls and how allowances will fare, in words that fit how an account is paid. Pure."""

from __future__ import annotations

from datetime import tzinfo

from trunkline.domain.faults import FaultCode, FaultKind
from trunkline.domain.limits import LimitUse, Metric, WindowKind
from trunkline.domain.routes import Billing
from trunkline.domain.state import Block
from trunkline.domain.wording import share_words
from trunkline.quota.forecast import SURE_ENOUGH
from trunkline.tui import format as fmt
from trunkline.tui.cells import Cell, Tone

BLOCK_WORDS = {
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

_WITHOUT_BALANCE = (Billing.SUBSCRIPTION, Billing.FREE, Billing.LOCAL)
SURE_FROM = 0.8
"""From this confidence on nothing is said of it."""
_SOON_MS = 86_400_000


def _kind(block: Block, billing: Billing) -> FaultKind:
    """An account without a balance cannot be out of credit: what is used up there renews."""
    if block.kind is FaultKind.BILLING and billing in _WITHOUT_BALANCE:
        return FaultKind.QUOTA_WINDOW
    return block.kind


def block_words(block: Block, billing: Billing) -> str:
    """What refuses calls, in two or three words: `quota hit`."""
    return BLOCK_WORDS[_kind(block, billing)]


def block_sentence(block: Block, billing: Billing, now_ms: int, zone: tzinfo | None) -> str:
    """What refuses calls, when that ends, and why: `quota limit hit, resets Tue 02:00 (in 3 h 12 m): …`."""
    if block.code == FaultCode.NOT_LISTED:
        return f"{block.message}; the others go before it"
    if not block.holds_at(now_ms):
        return f"was refused ({block.code}); the next request tries it again"
    kind = _kind(block, billing)
    why = block.message or block.code.replace("_", " ")
    if kind.is_limit:
        said = f"quota limit hit, {_resets(block.until_ms, now_ms, zone)}"
        return said if why.startswith(("quota limit hit", "limit hit")) else f"{said}: {why}"
    ends = "until you act" if block.until_ms is None else fmt.again(block.until_ms, now_ms, zone)
    words = BLOCK_WORDS[kind]
    return f"{words}, {ends}" if why == words else f"{words}, {ends}: {why}"


def _resets(until_ms: int | None, now_ms: int, zone: tzinfo | None) -> str:
    if until_ms is None:
        return "resets nobody says when"
    return f"resets {fmt.reset_moment(until_ms, now_ms, zone)} (in {fmt.roughly(until_ms - now_ms)})"


def sureness(confidence: float) -> str:
    """`60 % sure`; empty where there is hardly a doubt."""
    return "" if confidence >= SURE_FROM else f"{fmt.percent(confidence)} sure"


# -- forecasts --------------------------------------------------------------------------------------------------------


def runs_out(use: LimitUse) -> bool:
    """Whether it is expected to be used up before it renews; a balance, which does not renew, sooner or later is."""
    return use.forecast is not None and use.forecast.runs_out


def forecast_cell(use: LimitUse | None, now_ms: int, zone: tzinfo | None) -> Cell:
    """When nothing will be left, where that comes before it renews: `▼14:10`; else nothing."""
    if use is None or use.forecast is None or not runs_out(use):
        return Cell("")
    at_ms = use.forecast.lasts_until_ms or now_ms
    about = "≈" if use.forecast.confidence < SURE_FROM else ""
    when = fmt.reset_moment(at_ms, now_ms, zone) if at_ms > now_ms else "now"
    return Cell(f"▼{about}{when}", _tone(use, at_ms, now_ms))


def _tone(use: LimitUse, at_ms: int, now_ms: int) -> Tone:
    """A warning, but for a balance that lasts some days yet, and for what is too doubtful to be told of."""
    is_far = use.window.kind is WindowKind.BALANCE and at_ms - now_ms > _SOON_MS
    is_doubtful = use.forecast is None or use.forecast.confidence < SURE_ENOUGH
    return Tone.DIM if is_far or is_doubtful else Tone.WARN


def forecast_words(use: LimitUse, now_ms: int, zone: tzinfo | None) -> Cell | None:
    """How long it lasts as it goes, in a sentence; None where nobody can say: `at 120 an hour it lasts until Tue 14:10
    (in 2 h 10 m), before it resets`."""
    forecast = use.forecast
    if forecast is None:
        return None
    burn = forecast.burn_per_hour
    if burn <= 0:
        return Cell("not used lately", Tone.DIM)
    rate = f"at {_figure(use.metric, burn)} an hour"
    doubt = sureness(forecast.confidence)
    doubt = f" · {doubt}" if doubt else ""
    at_ms = forecast.lasts_until_ms
    if at_ms is None or not runs_out(use):
        until = "until it resets" if _resets_whole(use) else "for as long as can be said"
        return Cell(f"{rate} it lasts {until}{doubt}", Tone.DIM)
    if at_ms <= now_ms:
        return Cell(f"{rate} it is used up about now{doubt}", Tone.WARN)
    when = f"{fmt.reset_moment(at_ms, now_ms, zone)} (in {fmt.roughly(at_ms - now_ms)})"
    before = ", before it resets" if _resets_whole(use) else ""
    return Cell(f"{rate} it lasts until {when}{before}{doubt}", _tone(use, at_ms, now_ms))


def _resets_whole(use: LimitUse) -> bool:
    """Whether all of it is back at one moment; a rolling window gives back bit by bit."""
    return use.resets_at_ms is not None and use.window.kind is not WindowKind.ROLLING


def _figure(metric: Metric, burn: float) -> str:
    if metric is Metric.COST:
        return fmt.money(round(burn))
    if metric is Metric.SHARE:
        return share_words(burn)
    return f"{burn:,.0f}" if burn >= 10 else f"{burn:.2g}"
