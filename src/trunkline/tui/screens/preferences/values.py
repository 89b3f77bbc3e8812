"""How values of settings are written, stepped and typed. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

from trunkline.config.settings import Setting
from trunkline.config.shape import Kind
from trunkline.tui import format as fmt
from trunkline.tui.key_specs import key_label

KEYS_TYPE = "keys"
NOBODY_MEETS = 1e9  # a bound that need not be shown


class UnusableText(ValueError):  # noqa: N818 - a reason to be shown, not a failure
    """What was typed is no value of this kind; its text says what was expected."""


def shown(value: object) -> str:
    """A value on one line: `on`, `20,000`, `0.45`, `a, b, c`; `–` where nothing is set."""
    match value:
        case None:
            return fmt.UNKNOWN
        case bool():
            return "on" if value else "off"
        case int():
            return f"{value:,}" if abs(value) >= 10_000 else str(value)
        case float():
            return _decimal(value)
        case str():
            return fmt.one_line(value) or '""'
        case list() if value and all(isinstance(one, dict) for one in value):
            return f"{len(value)} entries" if len(value) > 1 else "1 entry"
        case list():
            return ", ".join(shown(one) for one in value) or "none"
        case dict():
            return f"{len(value)} entries" if value else "none"
        case _:
            return fmt.one_line(str(value))


def shown_of(setting: Setting, value: object) -> str:
    """A value as the setting means it: keys by what stands on them."""
    if setting.type == KEYS_TYPE and isinstance(value, str):
        return " / ".join(key_label(key) for key in value.split(","))
    return shown(value)


def typed_text(value: object) -> str:
    """A value as a person would type it."""
    match value:
        case None:
            return ""
        case float():
            return _decimal(value)
        case _:
            return str(value)


def _decimal(value: float) -> str:
    text = f"{Decimal(repr(value)):f}"
    return text.removesuffix(".0") if abs(value) >= 1 else text


def read_typed(setting: Setting, text: str) -> object | None:
    """What was typed as a value of the setting's kind; None where nothing was, which is the default. Raises
    UnusableText."""
    text = text.strip()
    if not text:
        if setting.required:
            raise UnusableText("a value: nothing stands in for it")
        return None
    if setting.kind is Kind.WHOLE:
        return _whole(text)
    if setting.kind is Kind.NUMBER:
        return _number(text)
    return text


def _whole(text: str) -> int:
    digits = text.replace(",", "").replace("_", "").replace(" ", "")
    factor = {"k": 1_000, "m": 1_000_000}.get(digits[-1:].lower(), 1)
    number = digits[:-1] if factor > 1 else digits
    try:
        value = float(number) * factor if factor > 1 else int(number)
    except ValueError:
        raise UnusableText("a whole number, such as 20000 or 20k") from None
    if value != math.floor(value):
        raise UnusableText("a whole number")
    return int(value)


def _number(text: str) -> int | float:
    share = text.endswith("%")
    try:
        value = float(text.removesuffix("%").replace("_", "").strip())
    except ValueError:
        raise UnusableText("a number, such as 0.45") from None
    if not math.isfinite(value):
        raise UnusableText("a finite number")
    if share:
        return round(value / 100, 6)
    return int(text) if text.lstrip("+-").isdecimal() else value


def stepped(setting: Setting, value: object, steps: int) -> object | None:
    """The value some steps further: the next number or choice, the switch turned. None where the kind has no steps, or
    nothing lies beyond."""
    if setting.kind is Kind.SWITCH:
        return not value
    if setting.kind in (Kind.WHOLE, Kind.NUMBER):
        return _next_number(setting, value, steps)
    choices = setting.choices or setting.suggestions
    if setting.kind in (Kind.CHOICE, Kind.TEXT) and choices:
        return _next_choice(choices, value, steps)
    return None


def _next_choice(choices: Sequence[str], value: object, steps: int) -> str | None:
    at = choices.index(value) if isinstance(value, str) and value in choices else None
    if at is None:
        return choices[0] if steps > 0 else choices[-1]
    return choices[(at + steps) % len(choices)] if len(choices) > 1 else None


def _next_number(setting: Setting, value: object, steps: int) -> int | float | None:
    bounds = setting.bounds
    low = -math.inf if bounds.minimum is None else bounds.minimum
    high = math.inf if bounds.maximum is None else bounds.maximum
    is_set = isinstance(value, (int, float)) and not isinstance(value, bool)
    now = value if is_set and isinstance(value, (int, float)) else max(0, low)
    further = float(Decimal(repr(now)) + Decimal(repr(_step(setting, now))) * steps)
    bounded = min(max(further, low), high)
    if bounded == now and is_set:
        return None
    return int(bounded) if isinstance(now, int) and bounded == int(bounded) else float(bounded)


def _step(setting: Setting, value: float) -> float:
    """What the schema says, else a tenth of the size of the value."""
    if setting.bounds.step is not None:
        return setting.bounds.step
    if setting.kind is Kind.WHOLE:
        return 1
    return 10.0 ** (math.floor(math.log10(abs(value))) - 1) if value else 0.1


def bounds_text(setting: Setting) -> str:
    """`0 to 1`, `at least 0`, or nothing."""
    low, high = setting.bounds.minimum, setting.bounds.maximum
    if high is not None and high >= NOBODY_MEETS:
        high = None
    if low is not None and high is not None:
        return f"{shown(low)} to {shown(high)}"
    if low is not None:
        return f"at least {shown(low)}"
    return "" if high is None else f"at most {shown(high)}"


def sentence(text: str) -> str:
    """A help text as a sentence."""
    return f"{text[:1].upper()}{text[1:]}." if text else ""
