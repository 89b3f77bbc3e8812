"""Panel 2: how long answers take, provider by provider."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from functools import partial

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from trunkline.domain.clock import Clock
from trunkline.domain.latency_history import LatencyHistory
from trunkline.domain.snapshot import Snapshot
from trunkline.tui import format as fmt
from trunkline.tui.engine_link import EngineLink
from trunkline.tui.key_specs import Scope
from trunkline.tui.keys import bindings
from trunkline.tui.latency_rows import (
    FIRST_STRETCH,
    HOUR_MS,
    REROUTED,
    STRETCHES,
    Measure,
    Stretch,
    Track,
    empty_text,
    first_moment,
    fitting_stretch,
    legend_lines,
    scale_of,
    spark,
    tracks,
    x_ticks,
    y_ticks,
)
from trunkline.tui.memory import DeckMemory

STARTING = "No figures yet: they come once the engine is up and somebody was answered."
QUICKEST_S, LONG_STRETCH_S = 2.0, 10.0
NO_REPLY_AFTER_MS = 30_000
LEAST_PLOT_ROWS = 6
ROWS_A_LEGEND_LINE = 10
NAME_CELLS = 12
_REMEMBERED = "latency"


@dataclass
class HistoryArrived(Message):
    """What question number `serial` was answered."""

    serial: int
    history: LatencyHistory


@dataclass
class PlotReady(Message):
    """plotext has been imported; `error` says why it could not be."""

    error: str | None


class LatencyPanel(Vertical, can_focus=True):
    """A line per provider over a stretch of time: the one that suits what there is, until a person chooses. It asks for
    figures only while it is seen, and draws only what has changed; where it is too low for a plot, each provider has a
    sparkline."""

    BINDINGS = bindings(Scope.LATENCY)

    def __init__(self, link: EngineLink, clock: Clock, zone: tzinfo | None, memory: DeckMemory) -> None:
        super().__init__(id="latency-panel", classes="panel")
        self._link = link
        self._clock = clock
        self._zone = zone
        self._pace_s = QUICKEST_S
        self._memory = memory
        words = memory.strings(_REMEMBERED)
        labels = [stretch.label for stretch in STRETCHES]
        chosen = next((labels.index(word) for word in words if word in labels), None)
        self._is_chosen = chosen is not None
        self._stretch_at = FIRST_STRETCH if chosen is None else chosen
        self._measure = next((measure for measure in Measure if measure.value in words), Measure.REPLY)
        self._order: tuple[str, ...] = ()
        self._watching = False
        self._serial = 0
        self._asked_ms: float | None = None
        self._waiting = False
        self._history: LatencyHistory | None = None
        self._shown = self._stretch
        self._numbers: dict[str, int] = {}
        self._drawn: object = None
        self._plot: bool | None = None  # None: not imported yet; False: it cannot be
        self._retitle()

    def compose(self) -> ComposeResult:
        yield Static(Content(f" {STARTING}").stylize("$text-muted"), id="latency-legend")
        yield Static("", markup=False, id="latency-plot")

    def set_pace(self, seconds: float) -> None:
        """Ask and draw at most so often."""
        self._pace_s = max(QUICKEST_S, seconds)

    @property
    def _stretch(self) -> Stretch:
        return STRETCHES[self._stretch_at]

    def _retitle(self) -> None:
        self.border_title = f"2 Latency · {self._stretch.label} · {self._measure.value}"

    # -- figures --------------------------------------------------------------------------------------------

    def tick(self, snapshot: Snapshot | None = None) -> None:
        """A moment has passed, or a snapshot came: ask for newer figures when they are due and the panel is seen.
        The legend follows the order of the snapshot's providers."""
        if snapshot is not None:
            self._order = tuple(provider.id for provider in snapshot.providers)
            self._watching = snapshot.read_only
        if self._is_seen and self._is_due:
            self._ask()

    @property
    def _is_seen(self) -> bool:
        is_covered = not self.is_attached or self.app.screen is not self.screen
        return not is_covered and self.size.height > 0 and self.is_on_screen

    @property
    def _is_due(self) -> bool:
        if self._asked_ms is None:
            return True
        passed_ms = self._clock.mono_ms() - self._asked_ms
        if self._waiting:
            return passed_ms >= NO_REPLY_AFTER_MS
        is_long = self._stretch.length_ms > HOUR_MS
        return passed_ms >= 1000 * max(self._pace_s, LONG_STRETCH_S if is_long else 0.0)

    def _ask(self) -> None:
        engine = self._link.engine
        if engine is None:
            return
        self._serial += 1
        self._asked_ms, self._waiting = self._clock.mono_ms(), True
        bucket_ms = self._stretch.bucket_ms
        since_ms = (self._clock.wall_ms() - self._stretch.length_ms) // bucket_ms * bucket_ms
        engine.latency(since_ms, bucket_ms, partial(self._deliver, self._serial))

    def _deliver(self, serial: int, history: LatencyHistory) -> None:
        """Called on the engine's thread."""
        self.post_message(HistoryArrived(serial, history))

    def on_history_arrived(self, message: HistoryArrived) -> None:
        message.stop()
        if message.serial != self._serial:
            return
        self._waiting = False
        fitting = self._stretch_at if self._is_chosen else fitting_stretch(message.history, self._stretch_at)
        if fitting != self._stretch_at:
            self._go_to(fitting)
            return
        self._history, self._shown = message.history, self._stretch
        for provider in sorted((series.provider for series in message.history.series), key=self._place):
            self._numbers.setdefault(provider, len(self._numbers))
        self._draw()

    def _place(self, provider: str) -> tuple[int, str]:
        return (self._order.index(provider) if provider in self._order else len(self._order)), provider

    def _go_to(self, stretch_at: int) -> None:
        self._stretch_at = stretch_at
        self._retitle()
        self._ask()

    # -- drawing --------------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        self._draw()
        self.tick()

    def on_show(self) -> None:
        self.tick()

    def _draw(self) -> None:
        """Draw what differs from what is drawn."""
        history = self._history
        if history is None or not self.size.height:
            return
        found = tracks(history, self._measure, self._numbers)
        rows = self.content_size.height
        is_plot = rows >= LEAST_PLOT_ROWS and self._plot is not False
        if is_plot and found and self._plot is None:
            self._import_plot()
            return
        now = (found, history.reroutes_at_ms, history.since_ms, self.content_size, self._measure, self._shown)
        if now == self._drawn:
            return
        self._drawn = now
        if not found:
            measured_other = any(series.points for series in history.series)
            text = empty_text(
                self._shown, self._measure, measured_other=measured_other, watching=self._watching
            )
            self._put(Content(f" {text}").stylize("$text-muted"), "")
        elif is_plot:
            legend = self._legend(history, found, 1 + rows // ROWS_A_LEGEND_LINE)
            self._put(legend, self._plotted(history, found, rows - legend.plain.count("\n") - 1))
        else:
            self._put("", self._sparks(history, found, rows))

    def _put(self, legend: str | Content, plot: str | Content) -> None:
        above, below = self.query_one("#latency-legend", Static), self.query_one("#latency-plot", Static)
        above.display = bool(legend)
        above.styles.height = 1 + str(legend).count("\n")
        above.update(legend, layout=False)
        below.update(plot, layout=False)

    def _import_plot(self) -> None:
        """On a thread: it takes a tenth of a second, which no key should wait for."""
        if not any(worker.name == "plot" for worker in self.workers):
            self.run_worker(self._imported, name="plot", thread=True, exit_on_error=False)

    def _imported(self) -> None:
        try:
            import trunkline.tui.latency_plot  # noqa: F401 - so that the plot finds it imported
        except Exception as error:
            self.post_message(PlotReady(f"{type(error).__name__}: {error}"))
        else:
            self.post_message(PlotReady(None))

    def on_plot_ready(self, message: PlotReady) -> None:
        message.stop()
        self._plot = message.error is None
        if message.error is not None:
            text = f"no plot, only lines: {message.error}"
            self.app.notify(fmt.one_line(text), severity="warning", timeout=8, markup=False)
        self._draw()

    def _span(self, history: LatencyHistory) -> tuple[int, int]:
        """What is drawn begins and ends at whole buckets, so that it moves only from bucket to bucket. Until a person
        chooses a stretch, it begins with the first answer there is."""
        until_ms = history.since_ms + self._shown.length_ms + self._shown.bucket_ms
        if self._is_chosen:
            return history.since_ms, until_ms
        return first_moment(history, until_ms), until_ms

    def _plotted(self, history: LatencyHistory, found: tuple[Track, ...], height: int) -> Content:
        from trunkline.tui.latency_plot import draw_plot

        width, span = self.content_size.width, self._span(history)
        scale = scale_of([value for track in found for _, value in track.points])
        ticks = (x_ticks(*span, self._zone, width - 8), y_ticks(scale, height - 2))
        marks = [at_ms for at_ms in history.reroutes_at_ms if span[0] <= at_ms <= span[1]]
        return draw_plot(found, marks, span, history.bucket_ms, scale, ticks, (width, height))

    def _legend(self, history: LatencyHistory, found: tuple[Track, ...], most_lines: int) -> Content:
        """Who is who with the newest figures, and what the marks at the foot are."""
        from trunkline.tui.latency_plot import colour_of

        marks = f"{REROUTED} {len(history.reroutes_at_ms)} rerouted" if history.reroutes_at_ms else ""
        width = self.content_size.width - cell_len(marks) - 2
        lines, hidden = legend_lines(found, width, most_lines)
        since = f" in {self._shown.label}"  # as the panel's title says too, so only where there is room
        if marks and legend_lines(found, width - len(since), most_lines) == (lines, hidden):
            marks, width = marks + since, width - len(since)
        if hidden:
            lines, hidden = legend_lines(found, width - len("  +99"), most_lines)
        drawn = [
            Content("  ").join(
                Content.assemble((track.marker, colour_of(track)), f" {text}") for track, text in line
            )
            for line in lines
        ]
        end = "".join((f"  +{hidden}" if hidden else "", f"  {marks}" if marks else ""))
        return Content("\n").join([*drawn[:-1], drawn[-1] + Content(end).stylize("$text-muted")])

    def _sparks(self, history: LatencyHistory, found: tuple[Track, ...], rows: int) -> str:
        """A line for each provider."""
        shown = found[:rows] if len(found) <= rows else found[: max(1, rows - 1)]
        most_ms = max(value for track in found for _, value in track.points)
        figures = max(cell_len(track.figures) for track in shown)
        width = self.content_size.width - NAME_CELLS - figures - 4
        lines = [
            f"{track.marker} {fmt.fit(fmt.one_line(track.provider), NAME_CELLS)} {fmt.fit(track.figures, figures)} "
            + spark(track, *self._span(history), width, most_ms)
            for track in shown
        ]
        if len(shown) < len(found) and rows > 1:
            lines.append(f"+{len(found) - len(shown)} more; z shows this panel alone")
        return "\n".join(lines)

    # -- keys -----------------------------------------------------------------------------------------------

    def _say(self, text: str) -> None:
        self.app.notify(text, timeout=4, markup=False)

    def action_range(self, step: int) -> None:
        """A longer or a shorter stretch."""
        at = self._stretch_at + step
        if not 0 <= at < len(STRETCHES):
            self._say(f"{self._stretch.label} is the {'longest' if step > 0 else 'shortest'} stretch")
            return
        self._is_chosen = True
        self._go_to(at)
        self._remember()

    def action_measure(self) -> None:
        """Whole reply, or first token."""
        self._measure = Measure.FIRST_TOKEN if self._measure is Measure.REPLY else Measure.REPLY
        self._retitle()
        self._draw()
        self._remember()

    def _remember(self) -> None:
        stretch = (self._stretch.label,) if self._is_chosen else ()
        self._memory.keep(_REMEMBERED, (*stretch, self._measure.value))
