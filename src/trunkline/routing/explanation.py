"""A decision taken apart for whoever asks why: one object behind `explain`, its JSON and the receipt screen. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from trunkline.domain.decisions import (
    DEAR,
    DEAR_AND_WEAK,
    FAVOURED,
    WEAK,
    Decision,
    NoRoute,
    Ranked,
    Rejection,
)
from trunkline.domain.tasks import Task
from trunkline.routing.explain import (
    Fact,
    Facts,
    carried_words,
    fine_dollars,
    moved_sentence,
    no_route_sentence,
    rejection_sentence,
    short_reason,
)

_RULES = {
    "prefer_free": "free routes in good health go first",
    "cheap_simple": "simple tasks take the cheapest that is good enough",
    "cost_first": "the mode wants the cheapest that is good enough",
    "near_budget": "near the day's budget the cheapest that is good enough goes first",
    "off_peak_dearer": "off-peak a dearer model is allowed where nobody waits",
    "simple_to_cheap": "in a crisis simple work goes to the cheapest route that is left",
}
_PARTS = {
    "cached": "input from the cache",
    "fresh": "other input",
    "output": "output",
    "retry": "input again where a call fails",
}
_STATED, _USUAL, _PAST_MARK, _UNLISTED = range(4)
_MOST_OTHERS = 3


@dataclass(frozen=True, slots=True)
class CostParts:
    """What the expected cash of one route is made of, in pico-dollars; all 0 where it costs nothing."""

    cached: int = 0
    fresh: int = 0
    output: int = 0
    retry: int = 0

    @property
    def words(self) -> str:
        """`$0.0021 input, $0.0004 output`; empty where there is nothing to take apart."""
        said = _PARTS if self.cached else _PARTS | {"fresh": "input"}
        parts = ((getattr(self, name), words) for name, words in said.items())
        return ", ".join(f"{fine_dollars(pico)} {words}" for pico, words in parts if pico)


@dataclass(frozen=True, slots=True)
class NextBest:
    """The route that would have been next: how far its score lies behind (negative: before it, and something else than
    the score decided), how much more it would have cost, and what that is made of, each None where it is not known."""

    ranked: Ranked
    behind: float
    more_pico: int | None
    parts: CostParts | None


@dataclass(frozen=True, slots=True)
class StayOrMove:
    """What staying and moving to `route` cost until the conversation's likely end, in pico-dollars: the next turn and
    `turns_left` more. `saving_pico` is what the move saves (negative: costs), `cold_pico` what of it is paid because
    the new route's cache is cold; `cached_tokens` the own one's holds."""

    route: str
    stay_pico: int
    move_pico: int
    saving_pico: int
    cold_pico: int
    turns_left: float
    cached_tokens: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a request goes where it goes, or why nobody can serve it (`decision` None). `reasons` are labelled sentences,
    the most asked for first; `cost` is None where its price is not known; `rejected` says of each rejection why in a
    sentence."""

    task: Task
    decision: Decision | None
    reasons: tuple[tuple[str, str], ...]
    cost: CostParts | None
    runner_up: NextBest | None
    weighed: StayOrMove | None
    rejected: tuple[tuple[Rejection, str], ...]
    earliest_reset_at_ms: int | None = None

    @property
    def ranking(self) -> tuple[Ranked, ...]:
        """Who could answer, best first."""
        return () if self.decision is None else self.decision.ranking


def explained(task: Task, decision: Decision | NoRoute, now_ms: int) -> Explanation:
    """`decision` about `task`, as told at `now_ms` (wall)."""
    rejected = tuple((one, rejection_sentence(one, now_ms)) for one in decision.rejected)
    if isinstance(decision, NoRoute):
        why = (("why", no_route_sentence(decision, now_ms)),)
        return Explanation(task, None, why, None, None, None, rejected, decision.earliest_reset_at_ms)
    facts = dict(decision.facts)
    own = next((one for one in decision.ranking if one.route == decision.route), None)
    cost, runner_up, weighed = _parts(facts, "cost", own), _runner_up(decision, own, facts), _weighed(facts)
    reasons = _reasons(decision, facts, cost, runner_up, weighed)
    return Explanation(task, decision, reasons, cost, runner_up, weighed, rejected)


def likely_words(task: Task) -> str:
    """How sure the type is, and which others the text speaks for: `72% sure, else reasoning 12%`."""
    others = [f"{name} {_percent(share)}" for name, share in task.likely if name != task.type][:_MOST_OTHERS]
    share = dict(task.likely).get(task.type, task.type_confidence)
    return f"{_percent(share)} sure{', else ' if others else ''}{', '.join(others)}"


def _percent(share: float) -> str:
    """Never rounded up to all of it."""
    return f"{min(99, round(100 * share)) if share < 1 else 100}%"


def standing_words(ranked: Ranked, decision: Decision) -> str:
    """What put a route of the ranking of `decision` before or behind others whatever its score; empty where nothing
    did. A rule that wants the cheapest would have any that is good enough: it is said of the one that it put first."""
    said = []
    if ranked.order == _STATED:
        said.append("on your list")
    if ranked.order == _PAST_MARK:
        said.append("almost used up")
    if ranked.order == _UNLISTED:
        said.append("not listed by its provider")
    by_rule = decision.rule is not None and ranked.behind == FAVOURED and ranked.order == _USUAL
    if by_rule and ranked.route == decision.route:
        said.append("put first by the rule")
    if ranked.behind in (DEAR, DEAR_AND_WEAK):
        known = ranked.cost_pico is not None
        said.append("above the price ceiling" if known else "price not known, taken for above the ceiling")
    if ranked.behind in (WEAK, DEAR_AND_WEAK):
        said.append("below the quality floor")
    return ", ".join(said)


def _reasons(
    decision: Decision,
    facts: Facts,
    cost: CostParts | None,
    runner_up: NextBest | None,
    weighed: StayOrMove | None,
) -> tuple[tuple[str, str], ...]:
    moved = moved_sentence(decision)
    otherwise = facts.get("otherwise") if decision.stayed else None
    found = (
        ("why", short_reason(decision)),
        ("moved", "" if moved is None else moved.removeprefix("moved ")),
        ("carried", "; ".join(carried_words(decision))),
        ("stayed", f"alone, this message would have gone to {otherwise}" if otherwise else ""),
        ("rule", "" if decision.rule is None else _rule_words(decision.rule)),
        ("weighed", "" if weighed is None else _weighed_words(weighed)),
        ("costs", "" if cost is None else cost.words),
        ("next", "" if runner_up is None else _next_words(runner_up)),
    )
    return tuple((label, said) for label, said in found if said)


def _rule_words(rule: str) -> str:
    said = _RULES.get(rule)
    return rule if said is None else f"{rule}: {said}"


def _weighed_words(weighed: StayOrMove) -> str:
    turns = 1 + round(weighed.turns_left)
    over = "the next turn" if turns == 1 else f"the next ~{turns} turns"
    cached = f" with {weighed.cached_tokens:,} tokens cached" if weighed.cached_tokens else ""
    cold = f", {fine_dollars(weighed.cold_pico)} of it for a cold cache" if weighed.cold_pico else ""
    return (
        f"staying costs {fine_dollars(weighed.stay_pico)} over {over}{cached}, {weighed.route} "
        f"{fine_dollars(weighed.move_pico)}{cold}"
    )


def _next_words(next_best: NextBest) -> str:
    ranked, more_pico = next_best.ranked, next_best.more_pico
    costs = "at an unknown price" if ranked.cost_pico is None else f"for {fine_dollars(ranked.cost_pico)}"
    if more_pico:
        costs += f", {fine_dollars(abs(more_pico))} {'more' if more_pico > 0 else 'less'}"
    return f"{ranked.route.id} {costs}"


def _runner_up(decision: Decision, own: Ranked | None, facts: Facts) -> NextBest | None:
    ranked = decision.runner_up
    if ranked is None:
        return None
    costs = (ranked.cost_pico, None if own is None else own.cost_pico)
    more_pico = None if costs[0] is None or costs[1] is None else costs[0] - costs[1]
    behind = 0.0 if own is None else own.score - ranked.score
    return NextBest(ranked, behind, more_pico, _parts(facts, "next", ranked))


def _weighed(facts: Facts) -> StayOrMove | None:
    if "weighed" not in facts:
        return None
    return StayOrMove(
        route=str(facts["weighed"]),
        stay_pico=_whole(facts.get("stay_pico")),
        move_pico=_whole(facts.get("move_pico")),
        saving_pico=_whole(facts.get("saving_pico")),
        cold_pico=_whole(facts.get("cold_pico")),
        turns_left=float(str(facts.get("turns_left", 0))),
        cached_tokens=_whole(facts.get("cached_tokens")),
    )


def _parts(facts: Facts, name: str, ranked: Ranked | None) -> CostParts | None:
    if ranked is None or ranked.cost_pico is None:
        return None
    return CostParts(*(_whole(facts.get(f"{name}_{part}_pico")) for part in _PARTS))


def _whole(value: Fact) -> int:
    return value if isinstance(value, int) else 0
