"""When a refused route may be used again, as far as the refusal says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import tzinfo

from trunkline.providers.refusals.facts import ErrorFacts
from trunkline.providers.values.durations import (
    believed_ms,
    delay_ms,
    delay_of_number_ms,
    go_duration_ms,
    http_date_ms,
    instant_in,
    number_of,
)

_WAIT = re.compile(
    r"(?:try again|retry|retry after|wait|resets?)\s+(?:in|after|for)\s+"
    r"((?:\d+(?:\.\d+)?\s*(?:milliseconds?|ms|seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|[smhd])(?![a-z])[ ,]*)+)",
    re.IGNORECASE,
)
_RESET = re.compile(r"\breset(?:s|ting)?\b[^0-9]{0,40}(?=\d{4}-\d{2}-\d{2})", re.IGNORECASE)
_WORDS = (
    (re.compile(r"milliseconds?"), "ms"),
    (re.compile(r"sec(?:ond)?s?"), "s"),
    (re.compile(r"min(?:ute)?s?"), "m"),
    (re.compile(r"h(?:ou)?rs?"), "h"),
    (re.compile(r"days?"), "d"),
    (re.compile(r"[ ,]+"), ""),
)


def header_wait_ms(headers: Mapping[str, str], now_ms: int) -> float | None:
    """`retry-after-ms`, then `retry-after` as seconds, then as an HTTP date; in milliseconds from now."""
    number = _number_in(headers.get("retry-after-ms", ""))
    wait_ms = None if number is None else believed_ms(number)
    if wait_ms is not None:
        return wait_ms
    retry_after = headers.get("retry-after", "")
    number = _number_in(retry_after)
    if number is not None:
        return believed_ms(number * 1000)
    at_ms = http_date_ms(retry_after)
    return None if at_ms is None else believed_ms(at_ms - now_ms)


def _number_in(text: str) -> float | None:
    """The number in a header; of one sent twice, the greater."""
    numbers = [number_of(part) for part in text.split(",")]
    known = [number for number in numbers if number is not None]
    return max(known) if len(known) == len(numbers) else None


def wait_ms(
    facts: ErrorFacts, headers: Mapping[str, str], now_ms: int, zone: tzinfo, *, longest: bool = False
) -> float | None:
    """The first believable wait: headers, then the body's fields, then its words (a time without a zone is in
    `zone`). `longest`: the longest of them instead, since a gateway's short `retry-after` may come with the reset
    of an allowance hours away."""
    waits = (
        header_wait_ms(headers, now_ms),
        delay_ms(headers.get("x-ratelimit-reset", ""), now_ms),
        _plan_wait_ms(headers, now_ms),
        *_body_waits(facts, now_ms),
        _text_wait_ms(facts.text, now_ms, zone),
    )
    believed = [wait for wait in waits if wait is not None]
    if not believed:
        return None
    return max(believed) if longest else believed[0]


def _plan_wait_ms(headers: Mapping[str, str], now_ms: int) -> float | None:
    """Until the window of an Anthropic plan that refuses is over; the header comes with other refusals as well."""
    if headers.get("anthropic-ratelimit-unified-status", "").strip().lower() != "rejected":
        return None
    return delay_ms(headers.get("anthropic-ratelimit-unified-reset", ""), now_ms)


def _body_waits(facts: ErrorFacts, now_ms: int) -> Iterator[float | None]:
    """What `metadata.headers` (OpenRouter), `resets_at`, `resets_in_seconds` and `retryDelay` (Gemini) say."""
    headers = facts.nested_headers
    yield header_wait_ms(headers, now_ms)
    yield delay_ms(headers.get("x-ratelimit-reset", ""), now_ms)
    for table in facts.tables:
        seconds = table.get("resets_in_seconds")
        if isinstance(seconds, int | float) and not isinstance(seconds, bool):
            yield believed_ms(seconds * 1000)
        resets_at = table.get("resets_at")
        if isinstance(resets_at, str):
            yield delay_ms(resets_at, now_ms)
        elif isinstance(resets_at, int | float) and not isinstance(resets_at, bool):
            yield delay_of_number_ms(resets_at, now_ms)
        retry_delay = table.get("retryDelay")
        if isinstance(retry_delay, str):
            yield go_duration_ms(retry_delay)


def _text_wait_ms(text: str, now_ms: int, zone: tzinfo) -> float | None:
    reset = _RESET.search(text)
    at_ms = None if reset is None else instant_in(text[reset.end() :], zone)
    if at_ms is not None:
        return believed_ms(at_ms - now_ms)
    wait = _WAIT.search(text)
    if wait is None:
        return None
    duration = wait[1].lower()
    for pattern, unit in _WORDS:
        duration = pattern.sub(unit, duration)
    return go_duration_ms(duration)
