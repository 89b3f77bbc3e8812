"""The deck: providers, latency, routing log and chat; all at once where there is room, else one at a time."""

from __future__ import annotations

from datetime import tzinfo
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.events import DescendantFocus
from textual.notifications import SeverityLevel
from textual.screen import Screen
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input

from trunkline.domain.clock import Clock
from trunkline.domain.decisions import PinScope
from trunkline.domain.events import (
    Alert,
    AlertLevel,
    Answered,
    BreakerChanged,
    Cancelled,
    ConfigChanged,
    Event,
    Failed,
)
from trunkline.domain.ids import IdSource
from trunkline.domain.snapshot import Snapshot
from trunkline.engine.api import EngineDied, EngineReady
from trunkline.tui import format as fmt
from trunkline.tui.cells import Tone
from trunkline.tui.engine_link import EngineLink
from trunkline.tui.keys import Scope, bindings
from trunkline.tui.log_book import LogBook
from trunkline.tui.messages import LogTouched, NewsArrived, StreamEnded
from trunkline.tui.widgets.accounts_panel import AccountsPanel
from trunkline.tui.widgets.chat_panel import ChatPanel
from trunkline.tui.widgets.key_hints import KeyHints
from trunkline.tui.widgets.latency_panel import LatencyPanel
from trunkline.tui.widgets.log_panel import LogPanel
from trunkline.tui.widgets.prompt import Prompt
from trunkline.tui.widgets.summary import Part, Summary, summary_parts

if TYPE_CHECKING:
    from trunkline.tui.screens.route_picker import RouteChoice

ACCOUNTS, LATENCY, LOG, CHAT = 1, 2, 3, 4
PANELS = (ACCOUNTS, LATENCY, LOG, CHAT)
ALERT_AGAIN_AFTER_MS = 60_000

_SEVERITIES: dict[AlertLevel, SeverityLevel] = {
    AlertLevel.NOTICE: "information",
    AlertLevel.WARNING: "warning",
    AlertLevel.CRITICAL: "error",
}


def _orders_shown(snapshot: Snapshot) -> tuple[object, ...]:
    """What a person's order changes, which the first line must not keep waiting for the next tick."""
    return (snapshot.mode, snapshot.pin, snapshot.paused, snapshot.crisis, snapshot.config_error)


class DeckScreen(Screen[None], inherit_bindings=False):
    """Takes the engine's news, and gives the person's orders to the engine."""

    # Textual declares both as instance variables, so a ClassVar would be a type error.
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-low"), (22, "-tall")]  # noqa: RUF012
    AUTO_FOCUS = ""
    BINDINGS = bindings(Scope.DECK, Scope.ANYWHERE)

    def __init__(
        self,
        link: EngineLink,
        clock: Clock,
        ids: IdSource,
        zone: tzinfo | None,
        *,
        tick_s: float,
        flush_s: float,
        start_panel: int,
    ) -> None:
        super().__init__()
        self._link = link
        self._clock = clock
        self._zone = zone
        self._book = LogBook()
        self._accounts = AccountsPanel(zone)
        self._latency = LatencyPanel(link, clock, zone)
        self._log = LogPanel(self._book, zone)
        self._chat = ChatPanel(link, self._book, clock, ids, zone, flush_s)
        self._tick_s = tick_s
        self._current = start_panel
        self._snapshot: Snapshot | None = None
        self._dead: str | None = None
        self._asked_mode: str | None = None
        self._alerted: dict[str, int] = {}
        self._ticker: Timer | None = None

    def compose(self) -> ComposeResult:
        yield Summary("engine starting …")
        with Horizontal(id="body"):
            with Vertical(id="left"):
                yield self._accounts
                yield self._latency
                yield self._log
            yield self._chat
        yield KeyHints()

    def on_mount(self) -> None:
        self.action_panel(self._current)
        self._ticker = self.set_interval(self._tick_s, self.tick)

    # -- news from the engine -------------------------------------------------------------------------------

    async def on_news_arrived(self, message: NewsArrived) -> None:
        message.stop()
        match message.news:
            case Snapshot() as snapshot:
                self._take_snapshot(snapshot)
            case EngineReady():
                self._chat.engine_ready()
                self._show_summary()
            case EngineDied(text):
                self._dead = fmt.one_line(text)
                self._book.drop_live()
                self._log.refresh_rows()
                self._show_summary()
                await self._chat.engine_died(self._dead)
            case Event() as event:
                self._take_event(event)

    def _take_snapshot(self, snapshot: Snapshot) -> None:
        before, self._snapshot = self._snapshot, snapshot
        self._chat.composer.use(snapshot)
        if self._asked_mode == snapshot.mode:
            self._asked_mode = None
        self._book.take_snapshot(snapshot.log)
        if before is None:
            self.tick()
        elif _orders_shown(before) != _orders_shown(snapshot):
            self._show_summary()

    def _take_event(self, event: Event) -> None:
        match event.body:
            case Answered(receipt) | Failed(receipt) | Cancelled(receipt):
                self._book.take_ending(receipt)
            case BreakerChanged(target, block):
                if block is None:
                    self._book.take_news(event.at_ms, f"{target} is free again", bad=False)
                else:
                    what = block.message or block.code.replace("_", " ")
                    self._book.take_news(event.at_ms, f"{target} set aside: {what}", bad=True)
            case ConfigChanged(_, error):
                text = f"configuration refused: {error}" if error else "configuration read again"
                self._book.take_news(event.at_ms, text, bad=error is not None)
            case Alert() as alert:
                self._take_alert(alert)

    def _take_alert(self, alert: Alert) -> None:
        now_ms = self._clock.wall_ms()
        last_ms = self._alerted.get(alert.cause)
        if last_ms is not None and now_ms - last_ms < ALERT_AGAIN_AFTER_MS:
            return
        self._alerted[alert.cause] = now_ms
        self._book.take_news(now_ms, alert.text, bad=alert.level is not AlertLevel.NOTICE)
        if alert.level is not AlertLevel.NOTICE:
            self.app.notify(
                fmt.one_line(alert.text), severity=_SEVERITIES[alert.level], timeout=6, markup=False
            )

    def tick(self) -> None:
        """Bring the panels up to the latest snapshot and to this moment; unchanged cells are not touched."""
        if self._snapshot is None:
            return
        self._accounts.show(self._snapshot, self._clock.wall_ms())
        self._latency.tick()
        self._log.refresh_rows()
        self._show_summary()

    def _show_summary(self) -> None:
        parts: tuple[Part, ...] = ()
        if self._dead is not None:
            parts = (Part(f"✕ the engine has ended: {self._dead}", 0, Tone.BAD),)
        if self._snapshot is not None:
            parts += summary_parts(self._snapshot)
        self.query_one(Summary).show(*(parts or (Part("engine ready", 0, Tone.DIM),)))

    def on_log_touched(self, message: LogTouched) -> None:
        message.stop()
        self._log.refresh_rows()

    def on_stream_ended(self, message: StreamEnded) -> None:
        message.stop()

    # -- where the focus is ---------------------------------------------------------------------------------

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        scope = Scope.FIELD if isinstance(event.widget, Input) else Scope.DECK
        self.query_one(KeyHints).show(Scope.EDITOR if isinstance(event.widget, Prompt) else scope)
        for number, panel in self._panels().items():
            inside = event.widget in panel.walk_children(with_self=True)
            panel.set_class(inside, "-focused")
            if inside:
                self._show_current(number)

    def _panels(self) -> dict[int, Widget]:
        return {ACCOUNTS: self._accounts, LATENCY: self._latency, LOG: self._log, CHAT: self._chat}

    def _show_current(self, number: int) -> None:
        self._current = number
        for other in PANELS:
            self.set_class(other == number, f"-panel-{other}")

    def action_panel(self, number: int) -> None:
        """Go to a panel."""
        self._show_current(number)
        targets = {
            ACCOUNTS: self._accounts.listing,
            LATENCY: self._latency,
            LOG: self._log.listing,
            CHAT: self._chat.prompt,
        }
        targets[number].focus(scroll_visible=False)

    def action_next_panel(self, step: int = 1) -> None:
        """Go to the panel after this one, or before it."""
        self.action_panel(PANELS[(PANELS.index(self._current) + step) % len(PANELS)])

    def action_zoom(self) -> None:
        """Show the current panel alone, or all again."""
        self.toggle_class("-zoomed")

    def action_back(self) -> None:
        """Leave what is open, one level at a time."""
        if self._log.is_filtering and self._current == LOG:
            self._log.close_filter()
        elif self._chat.arm_or_stop():
            return
        elif self.has_class("-zoomed"):
            self.remove_class("-zoomed")
        elif isinstance(self.focused, Prompt):
            self._chat.transcript.focus(scroll_visible=False)

    def action_scroll_chat(self, pages: int) -> None:
        """The chat a page up or down."""
        transcript = self._chat.transcript
        transcript.scroll_relative(y=pages * max(1, transcript.size.height - 2), animate=False)

    # -- orders to the engine -------------------------------------------------------------------------------

    def _refuse(self) -> None:
        text = self._dead or "the engine is still starting"
        self.app.notify(text, severity="warning", timeout=4, markup=False)

    def action_cycle_mode(self) -> None:
        """The next mode."""
        engine, snapshot = self._link.engine, self._snapshot
        if engine is None or snapshot is None or self._dead or not snapshot.modes:
            self._refuse()
            return
        now = self._asked_mode or snapshot.mode
        at = snapshot.modes.index(now) if now in snapshot.modes else -1
        self._asked_mode = snapshot.modes[(at + 1) % len(snapshot.modes)]
        engine.set_mode(self._asked_mode)

    def action_automatic(self) -> None:
        """No pin, the configured mode, not paused."""
        engine = self._link.engine
        if engine is None or self._dead:
            self._refuse()
            return
        self._asked_mode = None
        engine.reset()

    def action_pause(self) -> None:
        """Hold new requests, or let them go."""
        engine, snapshot = self._link.engine, self._snapshot
        if engine is None or snapshot is None or self._dead:
            self._refuse()
        elif snapshot.paused:
            engine.resume()
        else:
            engine.pause()

    def action_switch(self) -> None:
        """Choose a route for everything."""
        from trunkline.tui.screens.route_picker import RoutePicker

        if self._link.engine is None or self._snapshot is None or self._dead:
            self._refuse()
            return
        self.app.push_screen(
            RoutePicker(
                self._snapshot,
                title="Send everything down one route",
                initial=self._snapshot.pin,
                scopes=(PinScope.EVERYTHING,),
                now_ms=self._clock.wall_ms(),
                zone=self._zone,
            ),
            self._switch,
        )

    def _switch(self, choice: RouteChoice | None) -> None:
        engine = self._link.engine
        if choice is not None and engine is not None:
            length_ms = choice.expires_in_ms
            until_ms = None if length_ms is None else self._clock.wall_ms() + length_ms
            engine.switch(choice.selector, expires_at_ms=until_ms)

    def action_filter_log(self) -> None:
        """Show only the log lines that hold certain words."""
        self.action_panel(LOG)
        self._log.open_filter()

    async def action_new_conversation(self) -> None:
        """Begin a conversation with nothing said."""
        self._show_current(CHAT)
        await self._chat.new_conversation()

    def action_help(self) -> None:
        """What every key does."""
        from trunkline.tui.screens.help import HelpScreen

        self.app.push_screen(HelpScreen())
