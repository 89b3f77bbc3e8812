"""What is absurd about the hints of a refusal: they are left out of every reckoning, and a person may see why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from trunkline.providers.refusals.facts import ErrorFacts
from trunkline.providers.refusals.hints import header_wait_ms
from trunkline.providers.values.durations import delay_ms, go_duration_ms
from trunkline.providers.values.junk import left_out


def hint_flaws(facts: ErrorFacts, headers: Mapping[str, str], now_ms: int) -> str:
    """The hints on when to ask again that cannot be true, each with what is wrong with it; empty where none is."""
    told = (
        *_of_headers(headers, now_ms),
        *_of_headers(facts.nested_headers, now_ms),
        *_of_body(facts, now_ms),
    )
    found = (left_out(name, value, now_ms) for name, value in told)
    return "; ".join(dict.fromkeys(flaw for flaw in found if flaw))


def _of_headers(headers: Mapping[str, str], now_ms: int) -> Iterator[tuple[str, str]]:
    """Name and value of headers that are there and not believed."""
    for name in ("retry-after-ms", "retry-after"):
        value = headers.get(name, "").strip()
        if value and header_wait_ms({name: value}, now_ms) is None:
            yield name, value
    value = headers.get("x-ratelimit-reset", "").strip()
    if value and delay_ms(value, now_ms) is None:
        yield "x-ratelimit-reset", value


def _of_body(facts: ErrorFacts, now_ms: int) -> Iterator[tuple[str, str]]:
    for table in facts.tables:
        for name in ("resets_in_seconds", "resets_at", "retryDelay"):
            value = table.get(name)
            if isinstance(value, bool) or not isinstance(value, int | float | str) or value == "":
                continue
            text = str(value).strip()
            if (go_duration_ms(text) if name == "retryDelay" else delay_ms(text, now_ms)) is None:
                yield name, text
