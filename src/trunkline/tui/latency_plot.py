"""The latency plot as text with the theme's colours. Importing this imports plotext: only when there is something to
draw.

plotext draws into a figure of textual-plotext, which has no state of its own process-wide. Its widget is not used: it
paints its own background in true colour, which neither the terminal's sixteen colours nor `NO_COLOR` can follow. Here a
track is drawn in a number for a colour, and the number becomes the theme's when the text is read back.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.content import Content
from textual_plotext.plot import Plot

from trunkline.tui.latency_rows import REROUTED, Scale, Track, pieces

_COLOURS = (
    "$text-primary",
    "$text-success",
    "$text-warning",
    "$text-accent",
    "$text-secondary",
)
_AXES = "$text-muted"
_FIRST_NUMBER = 16  # of the 256 colours; below are those that a terminal may have redefined
_REROUTE_NUMBER = 255
_MARKERS_APART = 12  # cells


def colour_of(track: Track) -> str:
    """The theme's colour of a track."""
    return _COLOURS[track.number % len(_COLOURS)]


def draw_plot(
    tracks: Sequence[Track],
    reroutes_at_ms: Sequence[int],
    span: tuple[int, int],
    bucket_ms: int,
    scale: Scale,
    ticks: tuple[Sequence[tuple[int, str]], Sequence[tuple[float, str]]],
    size: tuple[int, int],
) -> Content:
    """`tracks` over `span` (wall time) in `size` cells; `ticks` are those of the horizontal and vertical axis."""
    since_ms, until_ms = span
    width, height = size
    x_ticks, y_ticks = ticks
    figure = Plot()
    figure.plotsize(width, height)
    figure._set_size(width, height)  # plotsize alone keeps to the size of the process's terminal
    figure.theme("clear")
    figure.xaxes(True, False)
    figure.yaxes(True, False)
    figure.xlim(0, until_ms - since_ms)
    figure.ylim(scale.place(scale.low), scale.place(scale.high))
    figure.xticks([at_ms - since_ms for at_ms, _ in x_ticks], [label for _, label in x_ticks])
    figure.yticks([place for place, _ in y_ticks], [label for _, label in y_ticks])
    if reroutes_at_ms:
        xs = [at_ms - since_ms for at_ms in reroutes_at_ms]
        low = scale.place(scale.low)
        figure.scatter(xs, [low] * len(xs), marker=REROUTED, color=_REROUTE_NUMBER)
    every_ms = max(1, (until_ms - since_ms) * _MARKERS_APART // max(1, width))
    for track in tracks:
        _draw_track(figure, track, since_ms, bucket_ms, scale, every_ms)
    return _themed(figure.build(), {_FIRST_NUMBER + track.number: colour_of(track) for track in tracks})


def _draw_track(
    figure: Plot, track: Track, since_ms: int, bucket_ms: int, scale: Scale, every_ms: int
) -> None:
    """A line, and every `every_ms` the track's sign upon it, so that it is known without colour."""
    colour = _FIRST_NUMBER + track.number
    for run in pieces(track.points, bucket_ms):
        xs = [at_ms - since_ms for at_ms, _ in run]
        figure.plot(xs, [scale.place(value) for _, value in run], marker="braille", color=colour)
    signed: list[tuple[int, float]] = []
    for at_ms, value in reversed(track.points):
        if not signed or signed[-1][0] - at_ms >= every_ms:
            signed.append((at_ms, value))
    xs = [at_ms - since_ms for at_ms, _ in signed]
    figure.scatter(xs, [scale.place(value) for _, value in signed], marker=track.marker, color=colour)


def _themed(drawn: str, colours: dict[int, str]) -> Content:
    """plotext's escape sequences read back, with the theme's colours in the place of its numbers."""
    text = Text.from_ansi(drawn)
    content = Content(text.plain.rstrip("\n")).stylize(_AXES)
    for span in text.spans:
        colour = span.style.color if not isinstance(span.style, str) else None
        if colour is None or colour.number is None:
            continue
        style = "$text-error" if colour.number == _REROUTE_NUMBER else colours.get(colour.number)
        if style is not None:
            content = content.stylize(style, span.start, span.end)
    return content
