"""Lines of cells as content of a plain widget."""

from __future__ import annotations

from collections.abc import Iterable

from textual.content import Content

from trunkline.tui.cells import Tone
from trunkline.tui.lines import Line

_STYLES = {
    Tone.PLAIN: "",
    Tone.DIM: "$text-muted",
    Tone.GOOD: "$text-success",
    Tone.WARN: "$text-warning",
    Tone.BAD: "bold $text-error",
    Tone.ACCENT: "bold $text-accent",
}


def content_of(lines: Iterable[Line]) -> Content:
    """The lines under each other, in the colours of their tones."""
    return Content("\n").join(
        Content.assemble(*((cell.text, _STYLES[cell.tone]) for cell in line.cells)) for line in lines
    )
