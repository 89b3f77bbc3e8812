"""How often the deck draws: at ease on a local terminal, sparing over a slow line. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between two drawings at most so often: of the panels (`tick_s`), of an answer under way (`flush_s`), of
    the latency plot (`plot_s`), and from the last letter to an estimate of what is being typed (`preview_s`)."""

    tick_s: float
    flush_s: float
    plot_s: float
    preview_s: float
    sparing: bool = False


AT_EASE = Pace(tick_s=1.0, flush_s=0.25, plot_s=5.0, preview_s=0.4)
SPARING = Pace(tick_s=2.0, flush_s=1.0, plot_s=20.0, preview_s=1.5, sparing=True)


def pace_for(*, sparing: bool) -> Pace:
    """The pace of a line that is to be spared, or need not be."""
    return SPARING if sparing else AT_EASE
