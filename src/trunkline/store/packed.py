"""A decision as JSON arrays: a quarter of the size of named fields, and of the time to write them.

Fields are kept in the order in which their class declares them, so a class may only be added to at its end, with a
default; `tests/store/test_packed.py` holds the order.
"""

from __future__ import annotations

from dataclasses import fields
from operator import attrgetter
from typing import Any

import orjson

from trunkline.domain.decisions import Decision, Ranked, Reason, Rejection, RejectionCode, Terms
from trunkline.domain.routes import Route

_ROUTE = attrgetter(*(field.name for field in fields(Route)))
_TERMS = attrgetter(*(field.name for field in fields(Terms)))
_REJECTION = attrgetter(*(field.name for field in fields(Rejection)))


def pack(decision: Decision) -> bytes:
    """`decision` as JSON."""
    return orjson.dumps(
        (
            _ROUTE(decision.route),
            decision.reason,
            decision.rule,
            decision.confidence,
            [
                (_ROUTE(one.route), one.score, _TERMS(one.terms), one.cost_pico, one.order, one.behind)
                for one in decision.ranking
            ],
            [_REJECTION(rejection) for rejection in decision.rejected],
            decision.stayed,
            decision.facts,
        )
    )


def unpack(data: bytes) -> Decision:
    """The decision that `pack` made `data` of."""
    route, reason, rule, confidence, ranking, rejected, stayed, facts = orjson.loads(data)
    return Decision(
        Route(*route),
        Reason(reason),
        rule,
        confidence,
        tuple(
            Ranked(Route(*of), score, Terms(*terms), cost_pico, *rest)
            for of, score, terms, cost_pico, *rest in ranking
        ),
        tuple(_rejection(*values) for values in rejected),
        stayed,
        _facts(facts),
    )


def _rejection(route: str, code: str, facts: list[list[Any]], *rest: Any) -> Rejection:
    return Rejection(route, RejectionCode(code), _facts(facts), *rest)


def _facts(facts: list[list[Any]]) -> tuple[tuple[str, Any], ...]:
    return tuple((name, value) for name, value in facts)
