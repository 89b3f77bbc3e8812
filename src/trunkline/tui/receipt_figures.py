"""What a request used: tokens, money, allowances, and what else is to be known of it. Pure."""

from __future__ import annotations

from datetime import datetime, tzinfo

from trunkline.domain.limits import Metric
from trunkline.domain.money import MoneySum
from trunkline.domain.receipts import Outcome, QuotaSpent, Receipt
from trunkline.domain.wording import share_words
from trunkline.tui import format as fmt
from trunkline.tui.cells import Tone
from trunkline.tui.lines import Line, labelled, paragraph


def token_lines(receipt: Receipt, width: int) -> tuple[Line, ...]:
    """Tokens in and out with their parts, and whose count it is; nothing where no call was made."""
    usage = receipt.usage
    if not receipt.attempts:
        return ()
    if usage.input_tokens is None and usage.output_tokens is None:
        return labelled("tokens", "unknown: nobody reported any", width, Tone.DIM)
    parts_in = [
        f"{count:,} {word}"
        for count, word in ((usage.cached_tokens, "from the cache"), (usage.written_tokens, "written to it"))
        if count
    ]
    of_in = f", of them {' and '.join(parts_in)}" if parts_in else ""
    of_out = f", of them {usage.reasoning_tokens:,} thinking" if usage.reasoning_tokens else ""
    whose = "≈ estimated here" if usage.estimated else "reported by the provider"
    return (
        *labelled("in", f"{fmt.count(usage.input_tokens)}{of_in}", width),
        *labelled("out", f"{fmt.count(usage.output_tokens)}{of_out}", width),
        *labelled("", whose, width, Tone.DIM),
    )


def cost_lines(receipt: Receipt, width: int) -> tuple[Line, ...]:
    """The answer's cost, what was spent in vain, and what the default model would have taken."""
    lines: list[Line] = []
    answered = receipt.outcome is Outcome.ANSWERED
    if answered:
        lines += labelled("answer", fmt.money(receipt.cost_pico), width)
    waste = MoneySum(receipt.waste_pico, receipt.waste_unknown)
    if waste.pico or waste.unknown:
        known = [fmt.money(waste.pico)] if waste.pico else []
        calls = "one call" if waste.unknown == 1 else f"{waste.unknown} calls"
        unknown = [f"{calls} whose cost nobody knows"] if waste.unknown else []
        lines += labelled("in vain", " and ".join((*known, *unknown)), width, Tone.WARN)
    elif not answered:
        lines += labelled("cost", "$0", width)
    other = receipt.alternative_cost_pico
    if answered and other is not None:
        lines += labelled("default", _beside_default(receipt.cost_pico, other), width)
    return tuple(lines)


def _beside_default(cost_pico: int | None, other_pico: int) -> str:
    said = f"{fmt.money(other_pico)} on your default model"
    if cost_pico is None:
        return said
    difference = other_pico - cost_pico
    if difference == 0:
        return f"{said}: the same"
    return f"{said}: {fmt.money(abs(difference))} {'saved' if difference > 0 else 'more here'}"


def quota_lines(receipt: Receipt, width: int) -> tuple[Line, ...]:
    """What was taken from every known limit of the answering account, and what is left of it."""
    return tuple(line for spent in receipt.quota for line in _spent(spent, width))


def _spent(spent: QuotaSpent, width: int) -> tuple[Line, ...]:
    in_money = spent.metric == Metric.COST.value
    amount, left = (fmt.money(n) if in_money else f"{n:,}" for n in (spent.amount, spent.left))
    unit = "" if in_money else f" {spent.metric.replace('_', ' ')}"
    what = f"{amount}{unit.removesuffix('s') if spent.amount == 1 else unit}"
    label = "balance" if spent.window == "balance" else f"per {spent.window.removeprefix('session:')}"
    if spent.metric == Metric.SHARE.value:  # how much of the plan one request takes nobody tells
        what, left = "some of the plan", share_words(spent.left)
    text = f"{what}, {left if spent.left else 'nothing'} left · {spent.account}"
    return labelled(label, text, width, Tone.PLAIN if spent.left else Tone.BAD)


def note_lines(receipt: Receipt, width: int) -> tuple[Line, ...]:
    """Seams, restarts, another model than was asked for, warnings."""
    notes: list[tuple[str, Tone]] = []
    asked = receipt.route.model if receipt.route is not None else None
    if receipt.served_model and asked and receipt.served_model != asked:
        notes.append((f"asked for {asked}; it says it ran {receipt.served_model}", Tone.WARN))
    for at_char in receipt.seams:
        notes.append((f"from character {at_char:,} of the answer on, another route wrote", Tone.WARN))
    if receipt.restarts:
        times = "once" if receipt.restarts == 1 else f"{receipt.restarts} times"
        notes.append((f"the answer began anew {times}; what stood there before was dropped", Tone.WARN))
    notes += [(warning, Tone.WARN) for warning in receipt.warnings]
    return tuple(line for text, tone in notes for line in paragraph(f"⚠ {text}", width, tone))


def identity_lines(receipt: Receipt, width: int, zone: tzinfo | None) -> tuple[Line, ...]:
    """When it began, and the ids by which it is found again."""
    began = datetime.fromtimestamp(receipt.started_at_ms / 1000, tz=zone)
    lines = list(labelled("began", f"{began:%a} {began.day} {began:%b %Y %H:%M:%S}", width, Tone.DIM))
    ids = (
        ("request", receipt.request_id),
        ("turn", receipt.turn_id),
        ("chat", receipt.conversation_id),
    )
    for label, value in ids:
        if value:
            lines += labelled(label, value, width, Tone.DIM)
    return tuple(lines)
