"""What free calls tell: the models of an account, its balance and allowances, and what a check learned."""

from __future__ import annotations

from dataclasses import dataclass

from trunkline.domain.faults import Fault
from trunkline.domain.limits import Forecast, LimitReading, Window
from trunkline.domain.money import Price


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model as its provider lists it; None is what the list does not say. `loaded_context_tokens` is what a local
    server has given it, which may be less than it was trained for. `ends_on` is an ISO date."""

    id: str
    context_tokens: int | None = None
    loaded_context_tokens: int | None = None
    max_output_tokens: int | None = None
    price: Price | None = None
    ends_on: str | None = None


@dataclass(frozen=True, slots=True)
class ModelList:
    """One page of the models of an account; `next_page` is the token of the next one, None at the end."""

    models: tuple[ListedModel, ...]
    next_page: str | None = None


@dataclass(frozen=True, slots=True)
class Balance:
    """Money left, in the smallest common unit: millionths of `currency` (ISO 4217)."""

    millionths: int
    currency: str


@dataclass(frozen=True, slots=True)
class Spending:
    """What went from a balance, all of it known since `since_ms` (wall): millionths by the moment at which a slot of
    time begins, oldest first."""

    since_ms: int
    slots: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class AllowanceShare:
    """An allowance of a plan of which only the used share is told, in percent (it may exceed 100), not how much that
    is. `name` is what it counts; `window` None: of a length not told. `resets_at_ms` is wall time. `model` is the one
    that it is for, or a pattern with `*`; None: all that the account may call."""

    name: str
    used_percent: float
    window: Window | None = None
    resets_at_ms: int | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class AccountReport:
    """What an account endpoint told. `notes` are short sentences of ours about what has no other place. `fault` is
    set where the report says that calls would be refused, as they are without credit. `balance_forecast` is how the
    balance will fare, in millionths an hour, None where too little of it is known."""

    readings: tuple[LimitReading, ...] = ()
    balance: Balance | None = None
    notes: tuple[str, ...] = ()
    shares: tuple[AllowanceShare, ...] = ()
    fault: Fault | None = None
    balance_forecast: Forecast | None = None


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What the free calls to one account gave. `fault` None: it answers. `models` are those it lists, None where it
    was not asked or does not say; `missing` are configured models that are not among them. `hint` is a sentence on
    what to do about the fault."""

    provider: str
    account: str
    checked_at_ms: int
    took_ms: float
    fault: Fault | None = None
    models: tuple[ListedModel, ...] | None = None
    missing: tuple[str, ...] = ()
    report: AccountReport | None = None
    readings: tuple[LimitReading, ...] = ()
    hint: str = ""
