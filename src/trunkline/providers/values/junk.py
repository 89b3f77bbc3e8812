"""What is wrong with a time that a provider wrote and that is not believed, in words."""

from __future__ import annotations

import re
from datetime import UTC

from trunkline.domain.text import provider_sentence
from trunkline.providers.values.durations import (
    DAY_MS,
    LONGEST_BELIEVED_MS,
    http_date_ms,
    instant_in,
    number_of,
)

_LONGEST_QUOTED = 24
_CLOCKS_DIFFER_MS = 300_000
_UNIT = re.compile(r"(?<=\d)(ms|[smhd])$")
_NO_NUMBER = re.compile(r"[-+]?(?:nan|inf(?:inity)?)s?", re.IGNORECASE)


def left_out(name: str, value: str, now_ms: int) -> str:
    """That the time `name` was left out, and why; empty where nothing is absurd about it: a moment that is just past,
    as clocks differ."""
    why = _why(value.strip(), now_ms)
    return f"{name} of {quoted(value)} left out, {why}" if why else ""


def quoted(value: str) -> str:
    """A provider's value for a sentence of ours."""
    return repr(provider_sentence(value, longest=_LONGEST_QUOTED))


def _why(value: str, now_ms: int) -> str:
    if _NO_NUMBER.fullmatch(value):
        return "which is no number"
    number = number_of(_UNIT.sub("", value))
    if number == 0:
        return "which is no time at all"
    moment_ms = _moment_ms(value, number)
    ahead_ms = None if moment_ms is None else moment_ms - now_ms
    if ahead_ms is None and number is not None:
        ahead_ms = number * 1000
    if ahead_ms is None:
        return "which cannot be read"
    if ahead_ms < 0:
        return "" if moment_ms is not None and -ahead_ms <= _CLOCKS_DIFFER_MS else "which is in the past"
    return (
        f"which is more than {LONGEST_BELIEVED_MS // DAY_MS} days ahead"
        if ahead_ms > LONGEST_BELIEVED_MS
        else ""
    )


def _moment_ms(value: str, number: float | None) -> float | None:
    """The moment that `value` names, if it is none from now on (see `delay_of_number_ms`)."""
    if number is None:
        return instant_in(value, UTC) or http_date_ms(value)
    if number > 1e12:
        return number
    return number * 1000 if number > 1e9 else None
