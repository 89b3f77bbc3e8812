"""The first line: mode, route, money, what went through, what waits, what is wrong."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import tzinfo

from rich.cells import cell_len
from textual.content import Content
from textual.events import Click
from textual.widget import Widget

from trunkline.domain.crisis import CrisisSummary
from trunkline.domain.snapshot import Snapshot, Status, Totals
from trunkline.tui import format as fmt
from trunkline.tui.account_standing import shape
from trunkline.tui.cells import Tone
from trunkline.tui.log_rows import short_route

_MOST_PIN, _MOST_ERROR, _MOST_OVERRIDE, _MOST_LOST = 48, 32, 20, 30
_TOLD, _ALARM_TOLD = 7, 2


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the line. Where room is short, those with the highest `drop` go first; from `_TOLD` down they go only
    after what stays is told in `short`, which may be its sign alone. `action` is the screen's action behind it.
    `alarms`: while it is there, the whole line looks like an alarm."""

    text: str
    drop: int = 0
    tone: Tone = Tone.PLAIN
    short: str = ""
    action: str = ""
    alarms: bool = False


def summary_parts(
    snapshot: Snapshot,
    *,
    sparing: bool = False,
    zone: tzinfo | None = None,
    now_ms: int | None = None,
    override_key: str = "!",
) -> tuple[Part, ...]:
    """The line's pieces for a snapshot, in order. `sparing`: the deck draws seldom, to spare the line. `now_ms` None:
    the snapshot's own moment. `override_key` is the key that takes an override back."""
    parts = [Part("Trunkline", 9, Tone.DIM)]
    if snapshot.read_only:
        parts.append(Part("watching only", 0, Tone.WARN))
    if snapshot.override:
        parts.append(_override(snapshot.override, override_key, can_order=not snapshot.read_only))
    if snapshot.crisis is not None:
        parts.append(_crisis(snapshot.crisis, now_ms or snapshot.at_ms, zone))
    parts.append(Part(f"{fmt.one_line(snapshot.mode)} · {_pin(snapshot, zone)}", 0, Tone.ACCENT))
    if snapshot.paused:
        parts.append(Part("paused", 0, Tone.WARN))
    if snapshot.store_error:
        parts.append(Part(_store_error(snapshot), 0, Tone.BAD))
    if snapshot.current_route and not snapshot.pin:
        parts.append(Part(f"last {short_route(fmt.one_line(snapshot.current_route))}", 4, Tone.DIM))
    parts += _day_parts(snapshot.totals)
    parts += _health_parts(snapshot)
    if snapshot.gateways:
        parts.append(Part(_gateways(snapshot), 4, Tone.DIM, action="gateway"))
    if snapshot.config_error:
        parts.append(Part("⚠ configuration", 1, Tone.BAD))
    if sparing:
        parts.append(Part("sparing", 6, Tone.DIM))
    return tuple(parts)


def _gateways(snapshot: Snapshot) -> str:
    """`⇄ 8787`: the ports that agents may ask at, of whichever process."""
    ports = [one.base_url.rpartition(":")[2] for one in snapshot.gateways]
    more = f" +{len(ports) - 1}" if len(ports) > 1 else ""
    return f"⇄ {fmt.one_line(ports[0])}{more}"


def _day_parts(totals: Totals) -> list[Part]:
    budget = "" if totals.budget_day_pico is None else f" of {fmt.money(totals.budget_day_pico)}"
    money = f"{fmt.money_sum(totals.cost)}{budget}"
    failed = Part(f"{totals.failed:,} failed", 3, Tone.BAD) if totals.failed else Part("0 failed", 7)
    parts = [
        Part("today", 8, Tone.DIM),
        Part(money, 3),
        Part(f"{totals.answered:,} answered", 6),
        failed,
        Part(f"{totals.rerouted:,} rerouted", 7),
    ]
    if totals.waiting:
        parts.append(Part(f"{totals.waiting:,} waiting", 1, Tone.WARN, action="queue"))
    return parts


def _override(route: str, key: str, *, can_order: bool) -> Part:
    route, back = fmt.one_line(route), f" ({key} takes it back)" if can_order else ""
    return Part(
        f"EVERYTHING → {route}{back}",
        0,
        Tone.BAD,
        short=f"EVERYTHING → {fmt.fit(route, _MOST_OVERRIDE).rstrip()}{back}",
        action="override" if can_order else "",
        alarms=True,
    )


def _crisis(summary: CrisisSummary, now_ms: int, zone: tzinfo | None) -> Part:
    """`CRISIS kimi, zai lost · next try 12:10 (in 9 m 3 s) · 1 moved, 1 parked`."""
    crisis = summary.crisis
    word = "CRISIS DRILL" if crisis.drill else "CRISIS"
    lost = fmt.fit(fmt.one_line(", ".join(crisis.lost)), _MOST_LOST).rstrip()
    short = f"{word} {lost} lost"
    parts = [short]
    back_at_ms = crisis.back_at_ms
    if back_at_ms is not None and back_at_ms > now_ms:
        short += f" · next try {fmt.reset_moment(back_at_ms, now_ms, zone)}"
        parts.append(f"next try {fmt.goes_at(back_at_ms, now_ms, zone)}")
    moved = [(summary.moved, "moved"), (summary.parked, "parked")]
    if any(number for number, _ in moved):
        parts.append(", ".join(f"{number:,} {what}" for number, what in moved if number))
    return Part(" · ".join(parts), 0, Tone.BAD, short=short, action="crises", alarms=True)


def _pin(snapshot: Snapshot, zone: tzinfo | None) -> str:
    if not snapshot.pin:
        return "auto"
    pinned = f"pinned {fmt.fit(fmt.one_line(snapshot.pin), _MOST_PIN).rstrip()}"
    expires_at_ms = snapshot.pin_expires_at_ms
    if expires_at_ms is None:
        return pinned
    return f"{pinned} until {fmt.reset_moment(expires_at_ms, snapshot.at_ms, zone)}"


def _store_error(snapshot: Snapshot) -> str:
    what = "nothing to watch" if snapshot.read_only else "nothing is being kept"
    error = fmt.one_line(snapshot.store_error or "")
    file, _, reason = error.partition(": ")
    reason = reason if reason and "/" in file else error  # which file it is would take all the room
    return f"⚠ {what}: {fmt.fit(reason, _MOST_ERROR).rstrip(' .')}"


def _health_parts(snapshot: Snapshot) -> list[Part]:
    counts = Counter(
        account.status for provider in snapshot.providers for account in provider.accounts if account.enabled
    )
    if not counts:
        return []
    parts = []
    for status in (status for status in Status if counts[status]):
        sign, tone = shape(status)
        parts.append(Part(f"{sign}{counts[status]} {status.value}", 2, tone, short=f"{sign}{counts[status]}"))
    dark = [provider.id for provider in snapshot.providers if provider.status is Status.DOWN]
    if dark:
        parts.append(Part("⚠ " + fmt.one_line(", ".join(dark)), 5, Tone.BAD))
    return parts


def fit_parts(parts: tuple[Part, ...], width: int) -> tuple[Part, ...]:
    """The parts that fit in `width` cells with two blanks between them."""
    shown = list(parts)
    is_short = alarm_is_short = False
    while sum(cell_len(part.text) + 2 for part in shown) > width:
        victim = max(shown, key=lambda part: part.drop)
        if victim.drop <= _TOLD and not is_short:
            is_short = True
            shown = [part if part.alarms else _shortened(part) for part in shown]
        elif victim.drop <= _ALARM_TOLD and not alarm_is_short:
            alarm_is_short = True
            shown = [_shortened(part) for part in shown]
        elif victim.drop == 0:
            break
        else:
            shown.remove(victim)
    return tuple(shown)


def _shortened(part: Part) -> Part:
    return replace(part, text=part.short or part.text, short="")


class Summary(Widget):
    """One line that is redrawn when its text changes."""

    ALLOW_SELECT = False

    def __init__(self, text: str) -> None:
        super().__init__(id="summary")
        self._parts: tuple[Part, ...] = (Part(text, 0, Tone.DIM),)

    def show(self, *parts: Part) -> None:
        """Show other parts."""
        if parts != self._parts:
            self._parts = parts
            self.set_class(any(part.alarms for part in parts), "-alarm")
            self.refresh()

    def on_click(self, event: Click) -> None:
        """What stands behind a piece."""
        end = 1
        for part in fit_parts(self._parts, self.size.width - 1):
            end += cell_len(part.text) + 2
            if event.x < end:
                if part.action:
                    self.call_later(self.screen.run_action, part.action)
                return

    def render(self) -> Content:
        shown = fit_parts(self._parts, self.size.width - 1)
        styles = {
            Tone.PLAIN: "",
            Tone.DIM: "$text-muted",
            Tone.GOOD: "$text-success",
            Tone.WARN: "$text-warning",
            Tone.BAD: "bold $text-error",
            Tone.ACCENT: "bold $text-accent",
        }
        alarm = self.has_class("-alarm")  # on whose ground no other colour could be read
        pieces: list[Content | str] = [" "]
        for part in shown:
            style = ("bold" if part.alarms else "") if alarm else styles[part.tone]
            pieces += [Content.styled(part.text, style), "  "]
        return Content.assemble(*pieces)
