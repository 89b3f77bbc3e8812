"""What is said of a crisis: that it began, that it is over, and what it came to."""

from __future__ import annotations

from collections.abc import Sequence

from trunkline.domain.crisis import Crisis, CrisisStep, CrisisSummary

_STEPS = {
    CrisisStep.SIMPLE_TO_CHEAP: "simple work goes to the cheapest route that is left",
    CrisisStep.PARK_THE_REST: "what is above that and not critical waits",
    CrisisStep.SHRINK_OUTPUT: "answers get a smaller limit",
    CrisisStep.ALLOW_LOCAL: "local models may answer simple work",
}


def begun_sentence(crisis: Crisis, now_ms: int) -> str:
    """Who is lost, when the first of them may be tried again, and what changes."""
    said = f"{_name(crisis)}: {len(crisis.lost)} of {crisis.enabled} providers are lost ({', '.join(crisis.lost)})"
    if crisis.back_at_ms is not None and crisis.back_at_ms > now_ms:
        said += f", the next try in {span_text(crisis.back_at_ms - now_ms)}"
    steps = [_STEPS[step] for step in crisis.steps]
    return f"{said}; {', '.join((*steps, 'critical work goes on'))}"


def ended_sentence(summary: CrisisSummary) -> str:
    """How long it was, and what it came to."""
    crisis = summary.crisis
    lasted_ms = max(0, (crisis.ended_at_ms or crisis.began_at_ms) - crisis.began_at_ms)
    back = f"{', '.join(summary.recovered)} back" if summary.recovered else "too few are known to be lost"
    return f"{_name(crisis)} over after {span_text(lasted_ms)}: {back}; {counts_text(summary)}"


def blame_text(lost: Sequence[str]) -> str:
    """Why nobody could serve a request in a crisis."""
    return f"there is a crisis, {', '.join(lost)} {'is' if len(lost) == 1 else 'are'} lost"


def counts_text(summary: CrisisSummary) -> str:
    """What became of the requests that were asked while it lasted."""
    return (
        f"{summary.answered} answered, {summary.failed} failed, {summary.moved} moved, {summary.parked} held, "
        f"{summary.shrunk} shortened"
    )


def span_text(span_ms: int) -> str:
    """`40 s`, `12 min`, `3 h`."""
    seconds = max(1, round(span_ms / 1000))
    if seconds < 90:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{round(minutes / 60)} h"


def _name(crisis: Crisis) -> str:
    return "crisis (drill)" if crisis.drill else "crisis"
