"""Trying another route than the best, now and then, so that its quality can be learned. Off where no share is set."""

from __future__ import annotations

from collections.abc import Sequence

from trunkline.domain.decisions import USUAL
from trunkline.routing.candidates import Scan
from trunkline.routing.options import PLAIN, Option

# What is tried costs at most this many times as much as the best.
_MOST_TIMES_THE_COST = 2


def explored(scan: Scan, ranking: Sequence[Option]) -> Option | None:
    """The route to try in place of the best of `ranking`; None: this request is none for trials.

    Below the share that is explored the draw itself chooses, so that each of those that may be tried is as likely as
    the others: routes of the ranking that meet the floor for sure, are under the mark and the price ceiling, and cost
    no more than twice as much as the best, by a price that is known. A person's word is never explored away from (pin,
    override, list), nor a running conversation, nor what is critical, tried again or asked in a crisis."""
    share = scan.preferences.learning.explore_share if scan.preferences.learning.enabled else 0.0
    draw, ask, state = scan.state.explore_draw, scan.ask, scan.state
    if draw >= share or scan.only is not None or scan.crisis or scan.task.critical:
        return None
    if state.conversation is not None or ask.after is not None or ask.failed or scan.profile.has_list:
        return None
    best, others = ranking[0], ranking[1:]
    most_pico = _MOST_TIMES_THE_COST * best.cost_pico
    worth_trying = [
        option
        for option in others
        if option.order == PLAIN
        and option.behind <= USUAL
        and scan.profile.footings[option.row.place].meets
        and option.price_known
        and option.cost_pico <= most_pico
    ]
    if not worth_trying:
        return None
    return worth_trying[min(len(worth_trying) - 1, int(draw / share * len(worth_trying)))]
