"""A decision as JSON that scripts rely on (DESIGN §6.2). Keys may be added, none renamed."""

from __future__ import annotations

from typing import Any

from trunkline.cli.output import iso
from trunkline.domain.decisions import Decision, Ranked, Rejection
from trunkline.domain.money import usd
from trunkline.domain.tasks import Task
from trunkline.engine.api import Preview
from trunkline.routing import Explanation, explained, rejection_sentence, short_reason, standing_words
from trunkline.routing.explanation import CostParts

Json = dict[str, Any]


def task_json(task: Task) -> Json:
    """`task` of `explain --json`."""
    return {
        "type": task.type,
        "confidence": round(task.type_confidence, 4),
        "probabilities": dict(task.likely),
        "complexity": round(task.complexity, 4),
        "tier": task.tier,
        "input_tokens": task.input_tokens,
        "output_tokens": task.output_tokens,
        "priority": task.priority,
        "count_source": task.count_source,
        "counted": None if task.counted is None else task.counted.words,
    }


def decision_json(decision: Decision) -> Json:
    """`decision` of `explain --json`."""
    return {
        "route": decision.route.id,
        "provider": decision.route.provider,
        "model": decision.route.model,
        "account": decision.route.account,
        "reason": decision.reason,
        "confidence": round(decision.confidence, 4),
        "rule": decision.rule,
        "why": short_reason(decision),
        "stayed": decision.stayed,
    }


def ranked_json(ranked: Ranked, decision: Decision) -> Json:
    """One line of the ranking of `decision`."""
    terms = ranked.terms
    return {
        "route": ranked.route.id,
        "score": round(ranked.score, 6),
        "terms": {name: _rounded(getattr(terms, name)) for name in terms.__slots__},
        "cost_usd": usd(ranked.cost_pico),
        "standing": standing_words(ranked, decision) or None,
    }


def _rounded(term: float | None) -> float | None:
    return None if term is None else round(term, 6)


def rejection_json(rejection: Rejection, now_ms: int) -> Json:
    """One line of what was rejected."""
    return {
        "route": rejection.route,
        "code": rejection.code,
        "why": rejection_sentence(rejection, now_ms),
        "until": iso(rejection.until_ms),
    }


def explanation_json(explanation: Explanation) -> Json:
    """What `explain --json` says of a decision, whether it is one to come or one of the past."""
    decision, next_best, weighed = explanation.decision, explanation.runner_up, explanation.weighed
    shape: Json = {
        "task": task_json(explanation.task),
        "decision": None if decision is None else decision_json(decision),
        "ranking": [] if decision is None else [ranked_json(one, decision) for one in decision.ranking],
        "rejected": [
            {"route": one.route, "code": one.code, "why": why, "until": iso(one.until_ms)}
            for one, why in explanation.rejected
        ],
        "reasons": dict(explanation.reasons),
        "cost_parts_usd": _parts_json(explanation.cost),
        "runner_up": None
        if next_best is None
        else {
            "route": next_best.ranked.route.id,
            "behind": round(next_best.behind, 6),
            "cost_usd": usd(next_best.ranked.cost_pico),
            "more_usd": usd(next_best.more_pico),
            "cost_parts_usd": _parts_json(next_best.parts),
        },
        "stay_or_move": None
        if weighed is None
        else {
            "route": weighed.route,
            "stay_usd": usd(weighed.stay_pico),
            "move_usd": usd(weighed.move_pico),
            "saving_usd": usd(weighed.saving_pico),
            "cold_usd": usd(weighed.cold_pico),
            "turns_left": weighed.turns_left,
            "cached_tokens": weighed.cached_tokens,
        },
    }
    if decision is None:
        shape["earliest_reset"] = iso(explanation.earliest_reset_at_ms)
    return shape


def _parts_json(parts: CostParts | None) -> Json | None:
    return None if parts is None else {name: usd(getattr(parts, name)) for name in parts.__slots__}


def preview_json(preview: Preview, now_ms: int) -> Json:
    """The whole of `explain --json`; `decision` is null when nobody can serve, `held` when nothing keeps it waiting,
    `over_budget` when it is not too long to be just sent."""
    held, over = preview.held, preview.over_budget
    return {
        **explanation_json(explained(preview.task, preview.decision, now_ms)),
        "held": None if held is None else {"for": held.held_for, "why": held.why},
        "over_budget": None
        if over is None
        else {
            "expected_tokens": over.expected_tokens,
            "budget_tokens": over.budget_tokens,
            "setting": over.setting,
        },
    }
