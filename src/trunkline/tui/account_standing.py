"""What holds of accounts at one moment, in the words of the deck. Pure.

Panel, detail and route picker say the same of an account because they all ask here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import tzinfo

from trunkline.domain.limits import LimitUse
from trunkline.domain.routes import Billing
from trunkline.domain.snapshot import AccountView, ProviderView, Snapshot, Status
from trunkline.domain.state import Block
from trunkline.tui import format as fmt
from trunkline.tui.cells import Cell, Tone
from trunkline.tui.limit_words import block_words

_SHAPES = {
    Status.HEALTHY: ("●", Tone.GOOD),
    Status.WARNING: ("◐", Tone.WARN),
    Status.CRITICAL: ("◔", Tone.BAD),
    Status.EXHAUSTED: ("○", Tone.BAD),
    Status.DOWN: ("✕", Tone.BAD),
}

TAKEN_OUT = "taken out by you · d puts it back"


def shape(status: Status) -> tuple[str, Tone]:
    """The sign of a status and its tone."""
    return _SHAPES[status]


def state_cell(status: Status, health: int) -> Cell:
    """The sign of a status and the health. Health counts long windows alone: where only a short one refuses calls, a
    number that says all is well would contradict the sign, and `out` stands in its place."""
    sign, tone = shape(status)
    is_out = status in (Status.EXHAUSTED, Status.DOWN) and health > 0
    return Cell(f"{sign}{'out' if is_out else health:>4}", tone)


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether calls would go, and what to say of it. `words` stand in the place of a percentage, which is never shown
    where calls are refused; "" where `limit`, the tightest one, may speak. `until_ms` is when that ends (wall time),
    `needs_you` that it ends only when a person acts. `on_trial`: refused before, the next request tries it."""

    serves: bool
    words: str = ""
    tone: Tone = Tone.PLAIN
    until_ms: int | None = None
    needs_you: bool = False
    on_trial: bool = False
    limit: LimitUse | None = None
    block: Block | None = None


def tightest(limits: Iterable[LimitUse]) -> LimitUse | None:
    """The limit with the smallest share left; of equals the one that takes longest to renew. A limit of nothing is
    no allowance to watch: it comes last."""
    return min(
        limits,
        key=lambda use: (use.amount <= 0, use.share_left, -(use.window.nominal_ms or 1 << 62), use.key),
        default=None,
    )


def account_standing(
    provider: ProviderView, account: AccountView, now_ms: int, model: str | None = None
) -> Standing:
    """How an account stands at `now_ms`; for one `model` only that model's limits speak."""
    if account.set_aside:
        return Standing(False, "taken out", Tone.WARN, needs_you=True)
    if not account.enabled:
        return Standing(False, "disabled", Tone.DIM, needs_you=True)
    if not account.has_key:
        return Standing(False, "no key", Tone.WARN, needs_you=True)
    if model is not None and model in account.gone:
        return Standing(False, "not served any more", Tone.BAD, needs_you=True)
    of_model = next((block for block in account.model_blocks if block.model == model), None)
    blocks = [block for block in (account.block, provider.block, of_model) if block is not None]
    for block in blocks:
        if block.holds_at(now_ms):
            return _refused(block, account.billing)
    if blocks:
        return Standing(True, "trying again", Tone.WARN, on_trial=True, block=blocks[0])
    return _by_limits(account, model)


def _refused(block: Block, billing: Billing) -> Standing:
    words = block_words(block, billing)
    return Standing(False, words, Tone.BAD, block.until_ms, needs_you=block.until_ms is None, block=block)


def _by_limits(account: AccountView, model: str | None) -> Standing:
    limits = [use for use in account.limits if model is None or use.covers(model)]
    if model is not None and any(use.amount <= 0 for use in limits):
        return Standing(False, "not in plan", Tone.BAD, needs_you=True)
    use = tightest(limits)
    is_out = account.status in (Status.EXHAUSTED, Status.DOWN)
    other_models_serve = model is None and use is not None and use.model is not None and not is_out
    if use is not None and use.left <= 0 and not other_models_serve:
        return Standing(False, tone=Tone.BAD, until_ms=use.resets_at_ms, limit=use)
    if is_out:
        words = "used up" if account.status is Status.EXHAUSTED else "serves nothing"
        return Standing(False, words, Tone.BAD)
    if use is None:
        # Of limits by model only the tightest are told: that this one has none is not known.
        return Standing(True, fmt.UNKNOWN if account.limits else "no limits", Tone.DIM)
    share = use.share_left
    return Standing(
        True, tone=Tone.BAD if share <= 0.05 else Tone.WARN if share <= 0.20 else Tone.GOOD, limit=use
    )


def until_cell(standing: Standing, now_ms: int, zone: tzinfo | None) -> str:
    """When it ends, for a column: `14:31 28 m`, `5 s`, `until you act`; "" where nobody can say."""
    if standing.needs_you:
        return "until you act"
    return "" if standing.until_ms is None else fmt.reset_in(standing.until_ms, now_ms, zone)


def until_words(until_ms: int | None, now_ms: int, zone: tzinfo | None) -> str:
    """When a refusal ends, within a sentence: `again in 5 s`, `again at 14:31, in 28 m`, `until you act`."""
    return "until you act" if until_ms is None else fmt.again(until_ms, now_ms, zone)


def find_account(snapshot: Snapshot, key: str) -> tuple[ProviderView, AccountView] | None:
    """The account called `provider/account`, with its provider."""
    provider_id, _, account_id = key.partition("/")
    for provider in snapshot.providers:
        if provider.id == provider_id:
            for account in provider.accounts:
                if account.id == account_id:
                    return provider, account
    return None


def toggle_refusal(account: AccountView | None) -> str | None:
    """Why the key that takes an account out cannot act on a row; None where it can. None is a provider's row."""
    if account is None:
        return "go to one of its accounts: only a single account is taken out or put back"
    if not account.enabled and not account.set_aside:
        return "disabled in the configuration: enable it in providers.toml"
    return None
