"""How many calls at once an account takes, learned from its refusals the way TCP learns what a line carries.

Nothing is known at first. A refusal that is about calls at once halves the window from what was under way; as many
answers in a row as the window has places, while all of them were taken, add one; an end not met for long is forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto

from trunkline.domain.faults import Fault, FaultKind
from trunkline.domain.limits import LimitUse, Metric

AccountKey = tuple[str, str]

# Where an end was met, it is not tried again for so long, though the window grows back up to it at once.
TRY_END_AGAIN_MS = 60_000
FORGET_AFTER_MS = 600_000

# Z.AI says so by a number (provider-facts, Z.AI 1302), all others that do so in words.
_CODES = frozenset({"1302"})
_WORDS = re.compile(
    r"concurren|simultaneous|parallel (?:request|call)|requests? (?:already )?in (?:flight|progress)",
    re.IGNORECASE,
)
_OVERLOADED_STATUS = 529


class Crowding(Enum):
    """What a refusal says of calls at once."""

    NONE = auto()
    LIKELY = auto()
    """It says nothing of why, while several calls are under way."""
    STATED = auto()
    """It is about calls at once, in so many words."""


def crowding_of(fault: Fault, under_way: int) -> Crowding:
    """What `fault` says of calls at once; `under_way` counts those on its account, the refused one included."""
    if fault.kind not in (FaultKind.RATE_MINUTE, FaultKind.OVERLOADED):
        return Crowding.NONE
    told = f"{fault.message} {fault.provider_text}"
    if fault.code in _CODES or _WORDS.search(told) or _reads_concurrency(fault):
        return Crowding.STATED
    if under_way < 2:
        return Crowding.NONE
    unexplained = fault.kind is FaultKind.RATE_MINUTE and fault.usable_at_ms is None and not fault.readings
    overloaded = fault.http_status == _OVERLOADED_STATUS
    return Crowding.LIKELY if unexplained or overloaded else Crowding.NONE


def _reads_concurrency(fault: Fault) -> bool:
    return any(reading.metric is Metric.CONCURRENCY for reading in fault.readings)


@dataclass(frozen=True, slots=True)
class CallWindow:
    """How many calls at once an account is given: `size`, at least 1.

    `end` is how many it was found to take when it last refused one (at `met_at_ms`, wall), None where that is not
    known for sure, or long enough ago to be tried anew. `answers` counts towards the next place. Refusals of calls up
    to number `known_to` are of the round in which the end was met, when `under_way` calls were under way, of which
    `refused` were refused.
    """

    size: int
    end: int | None
    met_at_ms: int
    known_to: int
    under_way: int
    refused: int = 1
    answers: int = 0


def refused(
    known: CallWindow | None, *, call: int, last_call: int, under_way: int, now_ms: int, stated: bool = True
) -> CallWindow:
    """The window after call number `call` was refused for calls at once. `last_call` is the number of the last call
    begun, `under_way` counts the refused one. Calls begun before the window was halved tell only how many of that
    round were taken: ten refusals at once halve once. A refusal that did not state its reason (`stated`) halves, but
    nothing is taken to be known of the end, so that the window grows again as fast as answers let it."""
    if known is not None and call <= known.known_to:
        refusals = known.refused + 1
        taken = max(1, known.under_way - refusals)
        end = taken if stated else known.end
        return replace(known, size=min(known.size, taken), end=end, refused=refusals, met_at_ms=now_ms)
    under_way = max(1, under_way)
    return CallWindow(
        size=max(1, under_way // 2),
        end=max(1, under_way - 1) if stated else None,
        met_at_ms=now_ms,
        known_to=last_call,
        under_way=under_way,
    )


def answered(known: CallWindow, *, under_way: int, now_ms: int) -> CallWindow | None:
    """The window after a call was answered; None: forgotten. `under_way` counts the answered one; an answer tells
    nothing of the end where places were free."""
    since_ms = max(0, now_ms - known.met_at_ms)
    if since_ms >= FORGET_AFTER_MS:
        return None
    if under_way < known.size:
        return known
    if since_ms >= TRY_END_AGAIN_MS:
        known = replace(known, end=None)
    if known.end is not None and known.size >= known.end:
        return known
    if known.answers + 1 < known.size:
        return replace(known, answers=known.answers + 1)
    return replace(known, size=known.size + 1, answers=0)


def at_most(found: int | None, limits: Iterable[LimitUse]) -> int | None:
    """How many calls at once an account is given: the least of what it was found to take and of `limits`, those that
    all its models share. A limit of nothing is no matter of waiting."""
    stated = [limit.amount for limit in limits if limit.metric is Metric.CONCURRENCY and limit.amount > 0]
    return min(stated if found is None else (*stated, found), default=None)


class CallsUnderWay:
    """The calls of one process, and how many at once each account is given; no clock of its own. `on_change` is told
    of every account of which something has changed.

    What other processes have under way (`elsewhere`) counts as far as it is known: it comes with the store's word on
    running calls, up to a second late. Each process learns an account's end for itself.
    """

    def __init__(self, on_change: Callable[[AccountKey], None]) -> None:
        self._on_change = on_change
        self._begun: dict[AccountKey, int] = {}
        self._under_way: dict[AccountKey, int] = {}
        self._held: dict[AccountKey, int] = {}
        self._elsewhere: dict[AccountKey, int] = {}
        self._windows: dict[AccountKey, CallWindow] = {}

    def began(self, account: AccountKey) -> int:
        """A call begins: its number."""
        number = self._begun.get(account, 0) + 1
        self._begun[account] = number
        self._add(self._under_way, account, 1)
        return number

    def ended(self, account: AccountKey) -> None:
        """A call is over, however it went."""
        self._add(self._under_way, account, -1)

    def hold(self, account: AccountKey) -> None:
        """Keep a place for somebody who has been called to take it."""
        self._add(self._held, account, 1)

    def unhold(self, account: AccountKey) -> None:
        """The place is kept no more."""
        self._add(self._held, account, -1)

    def note_elsewhere(self, under_way: Mapping[AccountKey, int]) -> bool:
        """What all other processes have under way now; whether that is less anywhere."""
        before, self._elsewhere = self._elsewhere, dict(under_way)
        for account in {*before, *under_way}:
            if before.get(account, 0) != under_way.get(account, 0):
                self._on_change(account)
        return any(under_way.get(account, 0) < count for account, count in before.items())

    def in_flight(self, account: AccountKey) -> int:
        """Calls of this process under way, or about to be."""
        return self._under_way.get(account, 0) + self._held.get(account, 0)

    def elsewhere(self, account: AccountKey) -> int:
        """Calls of other processes under way, as known last."""
        return self._elsewhere.get(account, 0)

    def size(self, account: AccountKey) -> int | None:
        """How many calls at once the account is given, None where no end was met."""
        window = self._windows.get(account)
        return None if window is None else window.size

    def is_full(self, account: AccountKey) -> bool:
        """Whether it has as many calls under way as it is given."""
        window = self._windows.get(account)
        return window is not None and self.in_flight(account) + self.elsewhere(account) >= window.size

    def refused(self, account: AccountKey, call: int, now_ms: int, *, stated: bool = True) -> None:
        """Call number `call`, under way still, was refused for calls at once; see `refused`."""
        self._windows[account] = refused(
            self._windows.get(account),
            call=call,
            last_call=self._begun.get(account, call),
            under_way=self._all(account),
            now_ms=now_ms,
            stated=stated,
        )
        self._on_change(account)

    def answered(self, account: AccountKey, now_ms: int) -> None:
        """A call that is under way still was answered."""
        known = self._windows.get(account)
        if known is None:
            return
        after = answered(known, under_way=self._all(account), now_ms=now_ms)
        if after is None:
            del self._windows[account]
        else:
            self._windows[account] = after
        if after is None or after.size != known.size:
            self._on_change(account)

    def forget_old(self, now_ms: int) -> None:
        """Drop every end that was not met for long."""
        old = [key for key, known in self._windows.items() if now_ms - known.met_at_ms >= FORGET_AFTER_MS]
        for account in old:
            del self._windows[account]
            self._on_change(account)

    def _all(self, account: AccountKey) -> int:
        return self._under_way.get(account, 0) + self._elsewhere.get(account, 0)

    def _add(self, counts: dict[AccountKey, int], account: AccountKey, amount: int) -> None:
        counts[account] = max(0, counts.get(account, 0) + amount)
        self._on_change(account)
