"""Whether a running conversation moves because another route costs less until its likely end (DESIGN §4.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from trunkline.domain.state import ConversationState
from trunkline.routing.candidates import Scan
from trunkline.routing.economics import Comparison, Outlook, Side, compare, expected_pico
from trunkline.routing.options import STATED, Option
from trunkline.routing.rules import CHEAPEST_FIRST
from trunkline.routing.stay import cache_is_warm, may_carry


@dataclass(frozen=True, slots=True)
class Weighed:
    """A route against which staying was weighed, and the sums. `cached_tokens` of the next turn are in the own route's
    cache."""

    option: Option
    sums: Comparison
    cached_tokens: int


def weigh(
    scan: Scan, conversation: ConversationState, own: Option, ranking: Sequence[Option]
) -> Weighed | None:
    """The best ranked route to which a move pays, else the best of those that were weighed; None where none was.

    Weighed is what meets the quality floor and is not worse at this than the own route (where the cheapest above the
    floor is wanted, the floor is enough), holds the conversation to its likely end and can be told all that a switch
    may not lose. What would save must also come before the own route if the cost term were that of all the turns that
    are expected: so a running conversation goes where a new one would go too. It never returns to a model that it left
    to save: whatever the estimates do from turn to turn, two routes cannot alternate.

    Where nobody has said what reading from the own route's cache costs, and it is known to be used, staying is taken to
    cost the least that it can: a move pays for certain then, or nothing is known of what it would cost or save."""
    if not scan.preferences.rules.switch_for_saving:
        return None
    warm = cache_is_warm(scan, conversation) and own.route == conversation.route
    cached_tokens = conversation.cached_tokens if warm else 0
    outlook = Outlook(
        at_ms=scan.state.now_ms,
        output_tokens=scan.task.output_tokens,
        turn_tokens=conversation.turn_tokens or scan.task.output_tokens,
        turns_left=conversation.turns_left,
        pause_ms=conversation.pause_ms,
        cached_share=conversation.cached_share,
    )
    known_side = own_side = _side(scan, own, cached_tokens)
    if conversation.cache_is_used and own.route == conversation.route and not own_side.cash_free:
        own_side = replace(own_side, price=own_side.price.at_least())
    stay_pico = expected_pico(own_side, outlook)
    if stay_pico is None or not own.price_known:
        return None
    first: Weighed | None = None
    for other in ranking:
        if not _is_open(scan, conversation, own, other, outlook):
            continue
        sums = compare(stay_pico, own_side.warm_tokens, _side(scan, other, 0), outlook)
        if sums is None or (sums.saving_pico > 0 and not _comes_before(scan, own, other, sums)):
            continue
        weighed = Weighed(other, sums, cached_tokens)
        if sums.pays:
            return weighed
        first = first or weighed
    return first if own_side == known_side else None


def _side(scan: Scan, option: Option, warm_tokens: int) -> Side:
    row = option.row
    return Side(
        price=row.price,
        cache=row.cache,
        input_tokens=scan.input_tokens(row),
        warm_tokens=warm_tokens,
        success_share=option.success_share,
        cash_free=row.price_free or option.member.cash_free,
    )


def _is_open(
    scan: Scan, conversation: ConversationState, own: Option, other: Option, outlook: Outlook
) -> bool:
    """Whether the conversation may go there to save at all."""
    row = other.row
    if row is own.row or (row.provider, row.model) in conversation.left or not other.price_known:
        return False
    room = min(outlook.output_tokens, row.max_output_tokens)
    if outlook.grown(scan.input_tokens(row)) + room > row.context_tokens:
        return False
    footings = scan.profile.footings
    here, there = footings[own.row.place], footings[row.place]
    enough = scan.rule in CHEAPEST_FIRST and here.meets
    return there.meets and (enough or there.quality >= here.quality) and may_carry(scan, conversation, row)


def _comes_before(scan: Scan, own: Option, other: Option, sums: Comparison) -> bool:
    """Whether it would be ranked before the own route, or beside it, by what a turn of all that are expected costs."""
    if (other.order, other.behind) != (own.order, own.behind):
        return (other.order, other.behind) < (own.order, own.behind)
    if own.order == STATED and other.key[2] != own.key[2]:
        return other.key[2] < own.key[2]
    if own.leads and scan.rule in CHEAPEST_FIRST:
        return sums.saving_pico > 0
    turns = 1 + sums.turns_left
    return scan.score_at(other, int(sums.move_pico / turns)) >= scan.score_at(
        own, int(sums.stay_pico / turns)
    )
