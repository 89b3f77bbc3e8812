"""The deck: providers, latency, routing log and chat; all at once where there is room, else one at a time."""

from __future__ import annotations

from dataclasses import replace

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.events import DescendantFocus
from textual.notifications import SeverityLevel
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input

from trunkline.domain.clock import Clock
from trunkline.domain.decisions import PinScope
from trunkline.domain.events import AlertLevel, Event, TrafficSeen
from trunkline.domain.ids import IdSource
from trunkline.domain.snapshot import Snapshot
from trunkline.engine.api import EngineDied, EngineReady
from trunkline.tui import format as fmt
from trunkline.tui.cells import Tone
from trunkline.tui.crisis_lines import after_words
from trunkline.tui.engine_link import EngineLink
from trunkline.tui.key_specs import Scope
from trunkline.tui.keymap import keys_in_force
from trunkline.tui.keys import bindings
from trunkline.tui.layout import ACCOUNTS, CHAT, LATENCY, LOG
from trunkline.tui.log_book import LogBook
from trunkline.tui.memory import DeckMemory
from trunkline.tui.messages import (
    CommandGiven,
    ConversationWanted,
    LogTouched,
    NewsArrived,
    PaceChanged,
    WaitingChanged,
)
from trunkline.tui.news import News
from trunkline.tui.options import DeckOptions
from trunkline.tui.orders import Orders
from trunkline.tui.pace import Pace
from trunkline.tui.screens.arrangement import Arrangement
from trunkline.tui.screens.visiting import VisitingScreen
from trunkline.tui.screens.visits import EVERY_SCOPE, Visits
from trunkline.tui.widgets.accounts_panel import AccountsPanel
from trunkline.tui.widgets.chat_panel import ChatPanel
from trunkline.tui.widgets.key_hints import KeyHints
from trunkline.tui.widgets.latency_panel import LatencyPanel
from trunkline.tui.widgets.log_panel import LogPanel
from trunkline.tui.widgets.prompt import Prompt
from trunkline.tui.widgets.summary import Part, Summary, summary_parts
from trunkline.tui.widgets.waiting_question import NOTHING_WAITS

_SEVERITIES: dict[AlertLevel, SeverityLevel] = {
    AlertLevel.NOTICE: "information",
    AlertLevel.WARNING: "warning",
    AlertLevel.CRITICAL: "error",
}
_OPENED = "opened"
_ORDERS = frozenset(
    {"switch", "pin", "cycle_mode", "automatic", "pause", "override", "check", "toggle_account", "free"}
)

_FOR_WAITING = frozenset({"try_now", "take_back", "send_elsewhere"})


def _orders_shown(snapshot: Snapshot) -> tuple[object, ...]:
    """What a person's order changes, which the first line must not keep waiting for the next tick."""
    return (
        snapshot.mode,
        snapshot.pin,
        snapshot.pin_expires_at_ms,
        snapshot.paused,
        snapshot.crisis is not None,
        snapshot.override,
        snapshot.config_error,
        snapshot.store_error,
    )


class DeckScreen(VisitingScreen, inherit_bindings=False):
    """Takes the engine's news, shows it in its panels, and passes on what the person wants."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]  # noqa: RUF012 - an instance variable in Textual
    VERTICAL_BREAKPOINTS = [(0, "-low"), (22, "-middling"), (44, "-tall")]  # noqa: RUF012 - an instance variable in Textual
    AUTO_FOCUS = ""
    BINDINGS = bindings(Scope.DECK, Scope.ANYWHERE)

    def __init__(
        self,
        link: EngineLink,
        clock: Clock,
        ids: IdSource,
        options: DeckOptions,
        memory: DeckMemory,
        pace: Pace,
    ) -> None:
        super().__init__()
        self._clock = clock
        self._memory = memory
        self._book = LogBook()
        self._news = News(self._book, clock, options.zone)
        self._accounts = AccountsPanel(options.zone)
        self._latency = LatencyPanel(link, clock, options.zone, memory)
        self._log = LogPanel(self._book, options.zone)
        self._chat = ChatPanel(
            link, self._book, clock, ids, options.zone, pace.flush_s, options.files_folder, memory
        )
        self._orders = Orders(link, clock, self._say, self._show_summary)
        self.visits = Visits(
            self, link, clock, options, self._orders, self._chat, lambda: self._snapshot, self._say
        )
        self._pace = pace
        self._zone = options.zone
        self._panels = Arrangement(
            self,
            {ACCOUNTS: self._accounts, LATENCY: self._latency, LOG: self._log, CHAT: self._chat},
            self._focus_of,
            memory,
            options.start_panel,
            self._say,
        )
        self._snapshot: Snapshot | None = None
        self._override_shown: str | None = None
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
        self._panels.begin()
        self._use_pace()
        self._memory.keep(_OPENED, ("yes",))

    def _use_pace(self) -> None:
        if self._ticker is not None:
            self._ticker.stop()
        self._ticker = self.set_interval(self._pace.tick_s, self.tick)
        self._latency.set_pace(self._pace.plot_s)
        self._chat.set_flush_s(self._pace.flush_s)
        self._chat.composer.set_pace(self._pace.preview_s)
        self.set_class(self._pace.sparing, "-sparing")

    def on_pace_changed(self, message: PaceChanged) -> None:
        message.stop()
        self._pace = message.pace
        self._use_pace()
        self._show_summary()

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
                self._orders.dead = fmt.one_line(text)
                self._book.drop_live()
                self._log.refresh_rows()
                self._show_summary()
                await self._chat.engine_died(self._orders.dead)
            case Event() as event:
                alert = self._news.take(event)
                if alert is not None:
                    self._notify(alert.text, _SEVERITIES[alert.level])
                if isinstance(event.body, TrafficSeen) and not self._pace.sparing:
                    self._log.refresh_rows()

    def _take_snapshot(self, snapshot: Snapshot) -> None:
        before, self._snapshot = self._snapshot, snapshot
        self._orders.take_snapshot(snapshot)
        self._chat.use(snapshot)
        self.visits.tick()
        self._tell_of_crisis(before, snapshot)
        self._book.take_snapshot(snapshot.log, snapshot.running)
        self.set_class(snapshot.read_only, "-watching")
        if before is None:
            self.tick()
            return
        summed_up = before.totals != snapshot.totals and not self._pace.sparing
        if not self._pace.sparing:
            self._log.refresh_rows()
        if summed_up or _orders_shown(before) != _orders_shown(snapshot):
            self._show_summary()

    def _tell_of_crisis(self, before: Snapshot | None, now: Snapshot) -> None:
        """What a crisis came to, when it is over."""
        last = now.last_crisis
        if before is not None and before.crisis is not None and now.crisis is None and last is not None:
            key = keys_in_force(self).named("crises").first_label
            self._notify(f"{after_words(last)} · {key} shows it", "warning" if last.failed else "information")

    def tick(self) -> None:
        """Bring the panels up to the latest snapshot and to this moment; unchanged cells are not touched."""
        if self._snapshot is None:
            return
        self._accounts.show(self._snapshot, self._clock.wall_ms())
        self._latency.tick(self._snapshot)
        self._log.watching = self._snapshot.read_only
        self._log.refresh_rows()
        self.visits.tick()
        self._chat.call_later(self._chat.waiting.count_down)
        self._chat.composer.tick()
        self._show_summary()
        self.query_one(KeyHints).recheck()

    def _show_summary(self) -> None:
        parts: tuple[Part, ...] = ()
        if self._orders.dead is not None:
            parts = (Part(f"✕ the engine has ended: {self._orders.dead}", 0, Tone.BAD),)
        self._override_shown = self._orders.overriding
        if self._snapshot is not None:
            parts += summary_parts(
                replace(self._snapshot, override=self._override_shown),
                sparing=self._pace.sparing,
                zone=self._zone,
                now_ms=self._clock.wall_ms(),
                override_key=keys_in_force(self).named("override").first_label,
            )
        self.query_one(Summary).show(*(parts or (Part("engine ready", 0, Tone.DIM),)))

    def on_waiting_changed(self, message: WaitingChanged) -> None:
        message.stop()
        self._show_hints(self.focused)

    def on_log_touched(self, message: LogTouched) -> None:
        message.stop()
        self._log.refresh_rows()

    def _notify(self, text: str, severity: SeverityLevel) -> None:
        self.app.notify(fmt.one_line(text), severity=severity, timeout=6, markup=False)

    def _say(self, text: str) -> None:
        """A sentence that answers what the person did."""
        self.app.notify(fmt.one_line(text), timeout=4, markup=False)

    # -- where the focus is ---------------------------------------------------------------------------------

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        self._panels.focus_moved(event.widget)
        self._show_hints(event.widget)

    def _show_hints(self, focused: Widget | None) -> None:
        """The keys that act where the focus is; while a question waits, those for it before the rest."""
        scope = Scope.FIELD if isinstance(focused, Input) else _PANEL_SCOPES[self._panels.current]
        scope = Scope.EDITOR if isinstance(focused, Prompt) else scope
        waits = self._panels.current == CHAT and self._chat.waiting.is_waiting
        self.query_one(KeyHints).show(scope, waits=waits)

    def _focus_of(self, panel: int) -> Widget:
        """What takes the focus in a panel."""
        reading = self._snapshot is not None and self._snapshot.read_only
        targets = {
            ACCOUNTS: self._accounts.listing,
            LATENCY: self._latency,
            LOG: self._log.listing,
            CHAT: self._chat.transcript if reading else self._chat.prompt,
        }
        return targets[panel]

    def action_panel(self, number: int) -> None:
        """Go to a panel."""
        self._panels.go_to(number)

    def action_next_panel(self, step: int = 1) -> None:
        """Go to the panel after this one, or before it."""
        self._panels.step(step)

    def action_zoom(self) -> None:
        """Show the current panel alone, or all again."""
        self._panels.zoom()

    def action_hide_panel(self) -> None:
        """Take the current panel away; its number brings it back."""
        self._panels.hide()

    def action_write(self) -> None:
        """Go to the editor, if there is one."""
        refusal = self.action_state("write")
        if refusal is not None:
            self._say(refusal)
        else:
            self.action_panel(CHAT)

    def action_back(self) -> None:
        """Leave what is open, one level at a time."""
        if self._log.is_filtering and self._panels.current == LOG:
            self._log.close_filter()
        elif self._chat.arm_or_stop():
            return
        elif self._panels.zoomed:
            self.action_zoom()
        elif isinstance(self.focused, Prompt):
            self._chat.transcript.focus(scroll_visible=False)

    def action_scroll_chat(self, pages: int) -> None:
        """The chat a page up or down."""
        transcript = self._chat.transcript
        transcript.scroll_relative(y=pages * max(1, transcript.size.height - 2), animate=False)

    # -- what the person wants ------------------------------------------------------------------------------

    def action_state(self, action: str) -> str | None:
        """Why an action can do nothing now; None when it can."""
        name = action.partition("(")[0].removeprefix("screen.")
        if name in _FOR_WAITING:
            return None if self._chat.waiting.is_waiting else NOTHING_WAITS
        if name == "undo":
            return None if self._panels.current == CHAT else self._orders.undo_refusal
        if name == "write" and (self._snapshot is None or not self._snapshot.read_only):
            return None  # a message may be written while the engine starts, and when it has ended
        return self._orders.refusal() if name in _ORDERS or name == "write" else None

    def action_cycle_mode(self) -> None:
        """The next mode."""
        self._orders.next_mode()

    def action_automatic(self) -> None:
        """No pin, the configured mode, not paused."""
        self._orders.automatic()

    def action_pause(self) -> None:
        """Hold new requests, or let them go."""
        self._orders.pause_or_resume()

    async def action_undo(self) -> None:
        """Take the last change back: in the chat that of the conversation, if there is one, else the last order."""
        if self._panels.current != CHAT or not await self._chat.undo():
            self._orders.undo()

    def action_switch(self) -> None:
        """Choose a route for everything."""
        self.visits.choose_route((PinScope.EVERYTHING,), "Send everything down one route")

    def action_pin(self) -> None:
        """Choose a route, and how far that reaches; panel 1 offers the line under its cursor."""
        key = self._accounts.listing.cursor_key if self._panels.current == ACCOUNTS else None
        self.visits.choose_route(EVERY_SCOPE, "Pin", key)

    def action_filter_log(self) -> None:
        """Show only the log lines that hold certain words."""
        self.action_panel(LOG)
        self._log.open_filter()

    async def action_new_conversation(self) -> None:
        """Begin a conversation with nothing said."""
        self._panels.go_to(CHAT)
        await self._chat.new_conversation()

    def action_override(self) -> None:
        """Emergency: have the route chosen that everything goes down; where the first line shows one, take that back
        at once, whatever was ordered elsewhere since it was drawn."""
        if self._override_shown is not None:
            self._orders.override(None)
        else:
            self.visits.choose_override()

    async def on_conversation_wanted(self, message: ConversationWanted) -> None:
        message.stop()
        self._panels.go_to(CHAT)
        await self._chat.open_conversation(message.conversation_id)

    async def on_command_given(self, message: CommandGiven) -> None:
        """The commands that concern more than the chat."""
        message.stop()
        match message.name:
            case "mode" if message.argument:
                self._orders.set_mode(message.argument)
            case "mode":
                self._orders.next_mode()
            case "route" | "model":
                self.visits.choose_route(EVERY_SCOPE, "Pin")
            case _:
                await self.run_action("app.help")


_PANEL_SCOPES = {ACCOUNTS: Scope.ACCOUNTS, LATENCY: Scope.LATENCY, LOG: Scope.LOG, CHAT: Scope.CHAT}
