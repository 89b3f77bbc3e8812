"""Limits, windows, and what is left of them."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache


class Metric(StrEnum):
    """What a limit counts. Cost is in pico-dollars; concurrency is calls under way; share is in millionths of a plan's
    allowance (`WHOLE_SHARE`), where a provider tells nothing but how much of it is used. Nobody configures a share."""

    REQUESTS = "requests"
    INPUT_TOKENS = "input_tokens"
    OUTPUT_TOKENS = "output_tokens"
    TOTAL_TOKENS = "total_tokens"
    COST = "cost"
    CONCURRENCY = "concurrency"
    SHARE = "share"


WHOLE_SHARE = 1_000_000
"""The amount of a limit that is counted as a share."""


class WindowKind(StrEnum):
    """How a limit renews."""

    ROLLING = "rolling"
    CALENDAR = "calendar"
    SESSION = "session"
    BALANCE = "balance"


class CalendarUnit(StrEnum):
    """The period of a calendar window; a week starts on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class LimitScope(StrEnum):
    """What shares one allowance: every model of the account, each model by itself, or all accounts of the
    organisation."""

    ACCOUNT = "account"
    MODEL = "model"
    ORGANISATION = "organisation"


class FigureSource(StrEnum):
    """Whose figure it is."""

    REPORTED = "reported"
    CONFIGURED = "configured"
    LEARNED = "learned"
    ESTIMATED = "estimated"


_DURATION = re.compile(r"(?:(session):)?(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_NOMINAL_DAYS = {CalendarUnit.DAY: 1, CalendarUnit.WEEK: 7, CalendarUnit.MONTH: 30}
_UNIT_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


@dataclass(frozen=True, slots=True)
class Window:
    """How a limit renews: rolling (`length_ms`), calendar (`unit` in `zone`), session (`length_ms` from first
    use) or balance (never)."""

    kind: WindowKind
    length_ms: int | None = None
    unit: CalendarUnit | None = None
    zone: str = "UTC"

    @classmethod
    @lru_cache(maxsize=1024)
    def parse(cls, text: str, zone: str = "UTC") -> Window:
        """Read `60s`, `5m`, `2h`, `1d` (rolling), `day`, `week`, `month` (calendar in `zone`), `session:5h` or
        `balance`. Raises ValueError for anything else."""
        text = text.strip().lower()
        if text == "balance":
            return cls(WindowKind.BALANCE)
        if text in {unit.value for unit in CalendarUnit}:
            return cls(WindowKind.CALENDAR, unit=CalendarUnit(text), zone=zone)
        found = _DURATION.fullmatch(text)
        if found is None or float(found[2]) <= 0:
            raise ValueError(f"{text!r} is no window")
        kind = WindowKind.SESSION if found[1] else WindowKind.ROLLING
        return cls(kind, length_ms=round(float(found[2]) * _UNIT_MS[found[3]]))

    def __str__(self) -> str:
        if self.unit is not None:
            return self.unit.value
        if self.length_ms is None:
            return "balance"
        length = f"{self.length_ms}ms"
        for unit in ("d", "h", "m", "s"):
            if self.length_ms % _UNIT_MS[unit] == 0:
                length = f"{self.length_ms // _UNIT_MS[unit]}{unit}"
                break
        if length in ("1m",):
            length = "60s"
        return f"session:{length}" if self.kind is WindowKind.SESSION else length

    @property
    def nominal_ms(self) -> int | None:
        """Its length, a month taken as 30 days; None for a balance."""
        return self.length_ms if self.unit is None else _NOMINAL_DAYS[self.unit] * 86_400_000

    @property
    def paces_only(self) -> bool:
        """Shorter than an hour: such a window paces traffic and never raises an alert."""
        nominal_ms = self.nominal_ms
        return nominal_ms is not None and nominal_ms < 3_600_000


@dataclass(frozen=True, slots=True)
class LimitSpec:
    """An allowance as configured or learned: `amount` units of `metric` per `window`. `model` narrows it to one
    model, or, with a `*` in it (`*:free`), to the models that match, which then share it; with scope `model` and no
    model named, every model has its own such allowance."""

    metric: Metric
    amount: int
    window: Window
    scope: LimitScope = LimitScope.ACCOUNT
    model: str | None = None
    source: FigureSource = FigureSource.CONFIGURED

    def covers(self, model: str) -> bool:
        """Whether calls of `model` count against it."""
        return self.model is None or model_matches(self.model, model)


def is_pattern(model: str | None) -> bool:
    """Whether `model` stands for all models that match it, rather than for one."""
    return model is not None and "*" in model


@lru_cache(maxsize=8192)
def model_matches(pattern: str, model: str) -> bool:
    """Whether `pattern`, a model id or one with `*` for any run of characters, stands for `model`."""
    if not is_pattern(pattern):
        return pattern == model
    return re.fullmatch(".*".join(re.escape(piece) for piece in pattern.split("*")), model) is not None


@lru_cache(maxsize=8192)
def limit_key(*, provider: str, owner: str, model: str | None, metric: Metric, window: Window) -> str:
    """The key under which use of one limit is counted: a hash of what the limit is, so that counted use survives
    edits of the configuration. `owner` is the organisation where one is shared, else the account."""
    # In a key one star means that no model is named; the pattern of one star is another limit, and gets two.
    named = "**" if model == "*" else model or "*"
    parts = (provider, owner, named, metric.value, str(window), window.zone)
    return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=8).hexdigest()


SURE_ENOUGH = 0.5
"""From this confidence on a forecast is acted upon: alerts are raised, work is paced, and routes are chosen by it."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """How a limit will fare if use goes on as it has: `burn_per_hour` in the limit's own unit, recent use weighing
    more; `lasts_until_ms` (wall time) when nothing is left, None where the reset comes first or nothing is used.
    `confidence` 0..1 grows with the use seen and falls with its unevenness."""

    burn_per_hour: float
    lasts_until_ms: int | None
    confidence: float

    @property
    def runs_out(self) -> bool:
        """Whether the allowance is used up before it renews. A limit's own `resets_at_ms` says nothing here: of a
        rolling window it is when the first of it is given back, and that has been reckoned with."""
        return self.lasts_until_ms is not None


@dataclass(frozen=True, slots=True)
class LimitUse:
    """One limit of one account (of one model, or of those that match, where `model` is set) as it stands: `used`
    includes what is reserved. `resets_at_ms` is when a full window's allowance is back; None for a balance, an idle
    rolling window or a session that has not begun. `confidence` 0..1 is how far the amount is believed: 1 for what is
    configured or just reported. `flaw` says what was wrong with a figure that was told, empty where nothing was.
    `forecast` is there where panels are shown it, and for decisions where it is `SURE_ENOUGH`."""

    key: str
    metric: Metric
    window: Window
    scope: LimitScope
    model: str | None
    amount: int
    used: int
    resets_at_ms: int | None
    source: FigureSource
    as_of_ms: int
    confidence: float = 1.0
    flaw: str = ""
    forecast: Forecast | None = None

    @property
    def left(self) -> int:
        """What may still be taken, never below zero."""
        return max(0, self.amount - self.used)

    @property
    def share_left(self) -> float:
        """`left` as a share of the amount, 0..1; a limit of nothing has nothing left."""
        return self.left / self.amount if self.amount > 0 else 0.0

    def covers(self, model: str) -> bool:
        """Whether calls of `model` count against it."""
        return self.model is None or model_matches(self.model, model)


@dataclass(frozen=True, slots=True)
class LimitReading:
    """What a provider said of a limit, in a header or a refusal. `remaining` and `amount` are None where it did
    not say. `resets_at_ms` is absolute, already capped to something sane. `model` is the model it is about, or a
    pattern with `*` (`*:free`) for the models that share it; None: what `scope` says, the model it was read on or the
    whole account or organisation. `flaw` says what of it was absurd and left out or capped, empty where nothing
    was. `confidence` 0..1 is how far the amount is believed at the time: 1 for what was told."""

    metric: Metric
    window: Window
    amount: int | None
    remaining: int | None
    resets_at_ms: int | None
    scope: LimitScope = LimitScope.MODEL
    source: FigureSource = FigureSource.REPORTED
    model: str | None = None
    flaw: str = ""
    confidence: float = 1.0
