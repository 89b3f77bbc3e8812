"""What a running conversation costs until its likely end, where it is and elsewhere (DESIGN §4.4). Pure: figures in,
sums out; money in pico-dollars, times in milliseconds."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from trunkline.domain.caching import PromptCache
from trunkline.domain.money import Price
from trunkline.routing.turn_cost import turn_cost

MARGIN = 0.2
"""A move must save this share of what staying costs. The sums rest on estimates: input is known to ±15 % (DESIGN
§4.1), output and turns to less; what is gained within that is as likely lost. It also pays for what is in no price:
another model's manner, and the thinking that is left behind."""

MOST_TURNS = 20
"""Turns beyond are not counted: nobody knows so far ahead, and a decision's work stays bounded."""


@dataclass(frozen=True, slots=True)
class Side:
    """A route, as one of two on which the conversation may go on: `input_tokens` of the next turn as its model counts
    them, of which its cache holds the first `warm_tokens`. `success_share` is that of its last attempts, None where
    nothing is known against it. `cash_free`: no call there moves money."""

    price: Price
    cache: PromptCache
    input_tokens: int
    warm_tokens: int = 0
    success_share: float | None = None
    cash_free: bool = False


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is to come, on either side: the next turn at wall time `at_ms` with `output_tokens`, then `turns_left` more
    (an expected number), each `pause_ms` after the one before (0: not known, so soon and at the prices of now) and
    `turn_tokens` longer. A cache that lives so long holds the share `cached_share` of the turn before; that one share
    serves both sides, as what it is short of 1 is mostly the asker's doing, who changes what was said before."""

    at_ms: int
    output_tokens: int
    turn_tokens: int
    turns_left: float
    pause_ms: int = 0
    cached_share: float = 1.0

    @property
    def counted(self) -> float:
        """The turns after the next one that the sums cover."""
        return min(max(0.0, self.turns_left), MOST_TURNS)

    def grown(self, input_tokens: int) -> int:
        """The input of the last turn that the sums cover, the next one's being `input_tokens`."""
        return input_tokens + ceil(self.counted) * self.turn_tokens


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the next turn and those expected after it cost where the conversation is and on another route; of the
    latter `cold_pico` is what its empty cache adds to the next turn."""

    stay_pico: int
    move_pico: int
    cold_pico: int
    turns_left: float

    @property
    def saving_pico(self) -> int:
        """What a move saves, with what it costs taken off; below 0 where it costs more."""
        return self.stay_pico - self.move_pico

    @property
    def pays(self) -> bool:
        """Whether a move saves enough."""
        return self.saving_pico > 0 and self.saving_pico >= MARGIN * self.stay_pico


def compare(stay_pico: int, warm_tokens: int, other: Side, outlook: Outlook) -> Comparison | None:
    """Staying, which costs so much and finds so many tokens cached, against moving to `other`, whose cache is cold;
    None where its price is not known."""
    cold = _turn_pico(other, outlook, 0, 0)
    warm = _turn_pico(other, outlook, 0, warm_tokens)
    later = _later_pico(other, outlook)
    if cold is None or warm is None or later is None:
        return None
    return Comparison(stay_pico, cold + later, max(0, cold - warm), outlook.counted)


def expected_pico(side: Side, outlook: Outlook) -> int | None:
    """What the next turn and those expected after it cost on one route; None where its price is not known."""
    first, later = _turn_pico(side, outlook, 0, side.warm_tokens), _later_pico(side, outlook)
    return None if first is None or later is None else first + later


def _later_pico(side: Side, outlook: Outlook) -> int | None:
    """What the turns after the next one cost. Of a fraction of a turn that fraction of its cost counts. Where the price
    is the same for all of them each costs as much more than the one before, so that two give the sum."""
    whole = int(outlook.counted)
    total: int | None = 0
    if whole > 2 and side.price.is_flat and side.input_tokens >= side.cache.least_tokens:
        first, last = (_later_turn_pico(side, outlook, turn) for turn in (1, whole))
        total = None if first is None or last is None else whole * (first + last) // 2
    else:
        for turn in range(1, whole + 1):
            pico = _later_turn_pico(side, outlook, turn)
            total = None if total is None or pico is None else total + pico
    if total is None or whole == outlook.counted:
        return total
    pico = _later_turn_pico(side, outlook, whole + 1)
    return None if pico is None else total + int((outlook.counted - whole) * pico)


def _later_turn_pico(side: Side, outlook: Outlook, turn: int) -> int | None:
    return _turn_pico(side, outlook, turn, _held(side, outlook, turn))


def _held(side: Side, outlook: Outlook, turn: int) -> int:
    """What the cache holds of that later turn's input: of the input of the turn before, if it is still warm."""
    before = side.input_tokens + (turn - 1) * outlook.turn_tokens
    lives = side.cache.warm_ms > outlook.pause_ms
    return int(outlook.cached_share * before) if lives and before >= side.cache.least_tokens else 0


def _turn_pico(side: Side, outlook: Outlook, turn: int, held_tokens: int) -> int | None:
    """One turn, the next being 0, of which the cache holds so much."""
    if side.cash_free:
        return 0
    cost = turn_cost(
        side.price,
        input_tokens=side.input_tokens + turn * outlook.turn_tokens,
        output_tokens=outlook.output_tokens,
        at_ms=outlook.at_ms + turn * outlook.pause_ms,
        cached_tokens=held_tokens,
        cold=not held_tokens,
        success_share=side.success_share,
        cache=side.cache,
    )
    return None if cost is None else cost.pico
