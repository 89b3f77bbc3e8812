"""What a client says of its request beside the request: headers first, then the body's metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trunkline.domain.money import pico_from_usd
from trunkline.domain.tasks import Priority, Tier
from trunkline.domain.text import strip_controls
from trunkline.gateway.dialect import UnreadableError

_PREFIX = "x-trunkline-"
_LONGEST_NAME = 60
_LONGEST_DEADLINE_S = 86_400.0
_YES = ("1", "true", "yes", "on")


@dataclass(frozen=True, slots=True)
class Said:
    """The hints of one request; None where nothing was said. `within_ms` is how long the answer may take, `budget_pico`
    what it may cost. `avoid` are routes that shall not answer."""

    task_type: str | None = None
    tier: Tier | None = None
    priority: Priority | None = None
    within_ms: int | None = None
    budget_pico: int | None = None
    origin: str | None = None
    over_budget_ok: bool = False
    avoid: tuple[str, ...] = ()


_NOTHING_SAID = Said()


def hints_of(headers: Mapping[str, str], metadata: Mapping[str, str], task_types: tuple[str, ...]) -> Said:
    """`headers` and `metadata` by lower-case name. Raises UnreadableError where a hint cannot be used: one that is
    misread would be worse than none."""
    if not metadata and not any(name.startswith(_PREFIX) for name in headers):
        return _NOTHING_SAID

    def said(name: str) -> tuple[str, str] | None:
        for source, key in ((headers, f"{_PREFIX}{name}"), (metadata, name), (metadata, f"trunkline_{name}")):
            if source.get(key):
                return source[key].strip(), key
        return None

    origin = said("origin") or said("agent")
    return Said(
        task_type=_word(said("task"), task_types),
        tier=_tier(said("tier")),
        priority=_priority(said("priority")),
        within_ms=_milliseconds(said("deadline")),
        budget_pico=_pico(said("budget")),
        origin=None if origin is None else strip_controls(origin[0])[:_LONGEST_NAME] or None,
        over_budget_ok=_flag(said("over-budget") or said("over_budget")),
        avoid=_names(said("avoid")),
    )


_Found = tuple[str, str] | None


def _word(found: _Found, known: tuple[str, ...]) -> str | None:
    if found is None:
        return None
    value, key = found
    if value not in known:
        raise UnreadableError(f"{key} must be one of {', '.join(known)}", key)
    return value


def _tier(found: _Found) -> Tier | None:
    word = _word(found, tuple(tier.value for tier in Tier))
    return None if word is None else Tier(word)


def _priority(found: _Found) -> Priority | None:
    word = _word(found, tuple(priority.value for priority in Priority))
    return None if word is None else Priority(word)


def _milliseconds(found: _Found) -> int | None:
    """Seconds from now, as milliseconds."""
    seconds = _number(found, "seconds from now", _LONGEST_DEADLINE_S)
    return None if seconds is None else int(seconds * 1000)


def _pico(found: _Found) -> int | None:
    """USD, as pico-dollars."""
    dollars = _number(found, "USD", 1e6)
    return None if dollars is None else pico_from_usd(dollars)


def _number(found: _Found, unit: str, most: float) -> float | None:
    if found is None:
        return None
    value, key = found
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 < number <= most:
        raise UnreadableError(f"{key} must be {unit}, a number over 0 and up to {most:g}", key)
    return number


def _flag(found: _Found) -> bool:
    return found is not None and found[0].lower() in _YES


def _names(found: _Found) -> tuple[str, ...]:
    return () if found is None else tuple(name.strip() for name in found[0].split(",") if name.strip())
