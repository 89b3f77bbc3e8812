"""What is shown of a preview at the editor: the line under it, and how full the model's window would be. Pure."""

from __future__ import annotations

from datetime import tzinfo

from rich.cells import cell_len

from trunkline.domain.decisions import NoRoute
from trunkline.engine.api import Preview
from trunkline.tui import format as fmt
from trunkline.tui.cells import Cell, Tone
from trunkline.tui.receipt_line import nobody_sentence

WARN_ABOVE = 0.8


def context_gauge(preview: Preview, width: int) -> Cell:
    """`12,345 / 128,000 tokens, 9.6 %` of the chosen model's window, shorter where `width` cells do not hold that. A
    window that is not known is `–`. A warning from 80 % on, in words too, because an answer needs room as well."""
    used, window = preview.task.input_tokens, preview.window_tokens
    if not window:
        texts = [f"{used:,} / {fmt.UNKNOWN} tokens", f"{fmt.compact(used)} / {fmt.UNKNOWN}"]
        return Cell(_first_that_fits(texts, width), Tone.DIM)
    share = _share(used / window)
    full = used > WARN_ABOVE * window
    texts = [
        f"{used:,} / {window:,} tokens, {share}",
        f"{fmt.compact(used)} / {fmt.compact(window)}, {share}",
        share,
    ]
    if full:
        texts = [f"⚠ {text}" for text in texts]
    return Cell(_first_that_fits(texts, width), Tone.WARN if full else Tone.DIM)


def estimate_line(preview: Preview, width: int, now_ms: int, zone: tzinfo | None) -> Cell:
    """What the text in the editor would be taken for, who would answer, and at what price. Where `width` cells do not
    hold all of it the task goes first, then the tokens, then the model; who and how much stay. What would keep it
    waiting first comes before all of that, as a warning."""
    task = preview.task
    tokens, kind = f"≈{fmt.compact(task.input_tokens)} tok", f"{task.type} {task.tier.value}"
    if isinstance(preview.decision, NoRoute):
        nobody = nobody_sentence(preview.decision, now_ms, zone)
        return Cell(_first_that_fits([f"{tokens} · {kind} · {nobody}", nobody], width), Tone.WARN)
    route = preview.decision.route
    cost = next((one.cost_pico for one in preview.decision.ranking if one.route == route), None)
    account, price = f"{route.provider}/{route.account}", f"≈ {fmt.money(cost)}"
    texts = [
        f"{tokens} · {kind} → {account} · {route.model} {price}",
        f"{tokens} → {account} · {route.model} {price}",
        f"→ {account} · {route.model} {price}",
        f"{tokens} → {account} {price}",
        f"→ {account} {price}",
    ]
    texts = [fmt.one_line(text) for text in texts]
    if preview.held is not None:
        why = f"◷ waits first: {fmt.one_line(preview.held.why)}"
        return Cell(_first_that_fits([*(f"{why} · then {text}" for text in texts), why], width), Tone.WARN)
    return Cell(_first_that_fits(texts, width), Tone.DIM)


def free_again_at_ms(preview: Preview) -> int | None:
    """When somebody should be able to serve again (wall time), where nobody can now and that is known."""
    decision = preview.decision
    return decision.earliest_reset_at_ms if isinstance(decision, NoRoute) else None


def _share(share: float) -> str:
    if share <= 0:
        return "0 %"
    if share < 0.001:
        return "<0.1 %"
    return f"{min(99.9, share * 100):.1f} %" if share < 1 else f"{share:.0%}".replace("%", " %")


def _first_that_fits(texts: list[str], width: int) -> str:
    """The longest of them that fits; the shortest, where none does."""
    return next((text for text in texts if cell_len(text) <= width), texts[-1])
