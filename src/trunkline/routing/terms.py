"""The terms behind an option's score, reckoned for the few that are shown or explained."""

from __future__ import annotations

from trunkline.domain.decisions import Terms
from trunkline.domain.state import EMPTY_ROUTE_STATE
from trunkline.routing.candidates import Scan
from trunkline.routing.options import Option
from trunkline.routing.quality import is_known
from trunkline.routing.speed import is_timed, speed_of


def counted_terms(scan: Scan, option: Option) -> Terms:
    """As the score has them; the speed too where that does not count."""
    row, (quota, _, health) = option.row, option.changing
    measured = scan.state.routes.get(option.route, EMPTY_ROUTE_STATE)
    speed = speed_of(row, measured, scan.output_tokens)
    return Terms(option.preference, quota, *_fixed(scan, option), speed, health)


def known_terms(scan: Scan, option: Option) -> Terms:
    """Without what is not known."""
    row, (quota, _, health) = option.row, option.changing
    context, cost, quality = _fixed(scan, option)
    measured, records = scan.state.routes.get(option.route, EMPTY_ROUTE_STATE), scan.profile.records
    rated = is_known(row.quality, records.get(row.model) if records else None)
    return Terms(
        option.preference,
        quota,
        context,
        cost if option.price_known else None,
        quality if rated else None,
        speed_of(row, measured, scan.output_tokens) if is_timed(row, measured) else None,
        health,
    )


def _fixed(scan: Scan, option: Option) -> tuple[float, float, float]:
    """Context, cost and quality."""
    row = option.row
    return scan.context(row), scan.cheapness(option.cost_pico), scan.profile.footings[row.place].quality
