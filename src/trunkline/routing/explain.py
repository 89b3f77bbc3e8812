"""Sentences from a decision's figures, made only when somebody looks. No I/O; time is passed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from trunkline.domain.decisions import Decision, NoRoute, Reason, Rejection, RejectionCode
from trunkline.domain.faults import FaultKind
from trunkline.domain.limits import Metric, Window
from trunkline.domain.money import usd
from trunkline.domain.routes import Capability, Catalogue
from trunkline.domain.wording import plan_window, share_words
from trunkline.routing.rejections import NOT_ASKED_FOR

Fact = str | int | float | None
Facts = Mapping[str, Fact]

_AHEAD_IN = {
    "preference": "preferred over",
    "quota": "more of its allowance left than",
    "context": "more room in its window than",
    "cost": "cheaper than",
    "quality": "better at this than",
    "speed": "faster than",
    "health": "healthier than",
}
# Whose term it is that may not be known.
_WHOSE = {"ahead": "its own", "behind": "the other's"}
# By the rule that put the cheapest first: what is said of it, and of whom it is the cheapest where there is no floor.
_CHEAPEST = {
    "cheap_simple": ("", "for a simple task"),
    "cost_first": ("", "of all"),
    "near_budget": ("the day's budget is almost spent: ", "of all"),
}
_MOVED = {
    "small": "the conversation is short",
    "asked": "you asked",
    "task_changed": "the task has changed",
    "tier_changed": "the task has become another size",
    "unavailable": "its route cannot answer now",
    "avoided": "you left it out",
    "fault": "its route failed",
    "preserve_context_off": "conversations need not stay",
    "crisis": "in a crisis simple work goes to the cheapest route that is left",
    "home": "its home route can answer again",
    "saving": "that saves more than its cache is worth",
}
_BY_OVERRIDE = "override"
_OVERRIDE_OFF = "`trunkline override off` or the key ! undoes it"


def short_reason(decision: Decision) -> str:
    """For the receipt line: `cost: cheapest above the coding floor`."""
    return f"{decision.reason.value}: {_SHORT[decision.reason](dict(decision.facts), decision)}"


def reason_sentence(decision: Decision, catalogue: Catalogue) -> str:
    """The short reason, with what it was weighed against, the pool's part and why a conversation moved."""
    facts = dict(decision.facts)
    parts = [short_reason(decision)]
    runner_up = decision.runner_up
    if runner_up is not None:
        parts.append(f"next {runner_up.route.id}, margin {decision.confidence:.2f}")
    if decision.rule == "off_peak_dearer":
        parts.append(f"dearer than {dict(decision.facts).get('tier')} may be, as it is off-peak")
    provider = catalogue.provider(decision.route.provider)
    if "pool" in facts and provider is not None:
        parts.append(f"{decision.route.account} of {len(provider.accounts)} accounts by {facts['pool']}")
    moved = moved_sentence(decision)
    if moved is not None:
        parts.append(moved)
    parts += carried_words(decision)
    return "; ".join(parts)


def moved_sentence(decision: Decision) -> str | None:
    """Why a running conversation was not kept where it was; None where it was kept, or there was none."""
    facts = dict(decision.facts)
    if "moved_from" not in facts:
        return None
    because = str(facts.get("moved_because"))
    return f"moved from {facts['moved_from']} as {_MOVED.get(because, because)}"


def carried_words(decision: Decision) -> tuple[str, ...]:
    """What a switch to the chosen route did to what the conversation holds; nothing where it did nothing."""
    facts = dict(decision.facts)
    said = (("left_behind", "left behind"), ("refused", "not carried"), ("mended", "mended"))
    return tuple(f"{words}: {facts[name]}" for name, words in said if name in facts)


def _preference(facts: Facts, _: Decision) -> str:
    task = str(facts.get("task_type", "task"))
    place = facts.get("stated_place")
    if isinstance(place, int):
        return f"{_ordinal(place)} on your list for {task}"
    if "emergency" in facts:
        return f"nobody good enough can answer now, and it is the emergency route of {facts['emergency']}"
    return _weighed(facts, _)


def _limit(facts: Facts, decision: Decision) -> str:
    if "after" in facts:
        return f"{facts['after']} is out of its allowance"
    if "routed_away_from" in facts:
        return f"{facts['routed_away_from']} is almost used up"
    return _weighed(facts, decision)


def _cost(facts: Facts, decision: Decision) -> str:
    if "saving_pico" in facts:
        return (
            f"moving saves {fine_dollars(facts['saving_pico'])}{_over_turns(facts)}, its cold cache paid for"
        )
    if "unpriced" in facts:
        return f"the price of {facts['unpriced']} is not known"
    if "too_dear" in facts:
        return f"{facts['too_dear']} is above the price ceiling of {facts.get('tier')}"
    if decision.rule == "prefer_free":
        return "free and in good health"
    if decision.rule in _CHEAPEST:
        floor = facts.get("floor")
        why, kind = _CHEAPEST[decision.rule]
        return f"{why}cheapest above the {facts.get('task_type')} floor" if floor else f"{why}cheapest {kind}"
    return _weighed(facts, decision)


def _quality(facts: Facts, decision: Decision) -> str:
    if "too_weak" in facts:
        floor = float(str(facts.get("floor")))
        return f"{facts['too_weak']} is below the {facts.get('task_type')} floor of {floor:.2f}"
    return _weighed(facts, decision)


def _weighed(facts: Facts, _: Decision) -> str:
    if "unlisted" in facts:
        return f"{facts['unlisted']} is not listed by its provider"
    term = facts.get("term")
    said = f"{_AHEAD_IN.get(str(term), 'best on balance, before')} {facts.get('over', 'the rest')}"
    unknown = next((whose for name, whose in _WHOSE.items() if name in facts and facts[name] is None), None)
    return said if unknown is None else f"{said}, as far as is known: {unknown} {term} is not"


def _stay(facts: Facts, _: Decision) -> str:
    if "home" in facts:
        return "the conversation is back on its home route"
    if "kept_from" in facts:
        return f"{facts['kept_from']} cannot take over {facts.get('kept_by')}"
    saving_pico = facts.get("saving_pico")
    if isinstance(saving_pico, int) and saving_pico:
        over = _over_turns(facts)
        if saving_pico > 0:
            return f"moving to {facts['weighed']} would save only {fine_dollars(saving_pico)}{over}"
        return f"moving to {facts['weighed']} would cost {fine_dollars(-saving_pico)} more{over}"
    return f"the conversation of {facts.get('conversation_tokens', 0):,} tokens keeps its route"


def _over_turns(facts: Facts) -> str:
    """How many turns the sums cover, roughly, the next one included."""
    turns = 1 + round(float(str(facts.get("turns_left", 0))))
    return " on the next turn" if turns == 1 else f" over the next ~{turns} turns"


def _override(facts: Facts, _: Decision) -> str:
    if "by" in facts:
        return f"you forced {facts.get('override')} for everything"
    return f"{facts.get('variable')} says {facts.get('override')}"


_SHORT: Mapping[Reason, Callable[[Facts, Decision], str]] = {
    Reason.PREFERENCE: _preference,
    Reason.LIMIT: _limit,
    Reason.COST: _cost,
    Reason.CONTEXT: _weighed,
    Reason.QUALITY: _quality,
    Reason.SPEED: _weighed,
    Reason.BALANCE: _weighed,
    Reason.PIN: lambda facts, _: f"you pinned {facts.get('pin')}",
    Reason.STAY: _stay,
    Reason.FAULT: lambda facts, _: f"{facts.get('after')} failed",
    Reason.EXPLORE: lambda facts, _: "a trial, to learn how it does",
    Reason.CRISIS: lambda facts, _: "the cheapest route that is left",
    Reason.OVERRIDE: _override,
    Reason.ONLY: lambda facts, _: "nobody else can answer",
}


def _ordinal(place: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(place, f"{place}th")


# -- rejections -------------------------------------------------------------------------------------------------------


def rejection_sentence(rejection: Rejection, now_ms: int) -> str:
    """Why those routes may not answer, and in how long they may: `google/google-2/*: 0 of 20 requests left per
    day, again in 4 h`."""
    said = f"{rejection.route}: {rejection_words(rejection)}"
    if rejection.until_ms is None or rejection.until_ms <= now_ms:
        return said
    return f"{said}, again in {_span(rejection.until_ms - now_ms)}"


def rejection_words(rejection: Rejection) -> str:
    """Why, without whom and until when. A rejection kept without its figures is told by its code."""
    if not rejection.facts and rejection.code in _TOLD_BY_FIGURES:
        return rejection.code.value.replace("_", " ")
    return _WHY[rejection.code](dict(rejection.facts))


def no_route_sentence(no_route: NoRoute, now_ms: int) -> str:
    """That nobody can serve, and from when somebody should."""
    out = f"; {out}" if (out := way_out(no_route)) else ""
    if no_route.earliest_reset_at_ms is None:
        return f"nobody can answer this, and waiting will not help{out}"
    if no_route.earliest_reset_at_ms <= now_ms:
        return "nobody could answer this then; somebody should be able to now"
    return f"nobody can answer this now; again in {_span(no_route.earliest_reset_at_ms - now_ms)}{out}"


def way_out(no_route: NoRoute) -> str:
    """What a person can do where an emergency override keeps others from answering; empty where none does."""
    for rejection in no_route.rejected:
        facts = dict(rejection.facts)
        if rejection.code is RejectionCode.PINNED_ELSEWHERE and facts.get("by") == _BY_OVERRIDE:
            return f"only {facts.get('only')} may answer (override): {_OVERRIDE_OFF}"
    return ""


def _limit_why(facts: Facts) -> str:
    metric, left, amount = facts.get("metric"), facts.get("left"), facts.get("amount")
    needed = facts.get("needed")
    if metric == Metric.COST.value:
        left, amount, needed = _dollars(left), _dollars(amount), _dollars(needed)
    if metric == Metric.SHARE.value:
        return f"{share_words(float(str(left)))} left of the {plan_window(Window.parse(str(facts.get('window'))))}"
    name = str(metric).replace("_", " ")
    window = "in all" if facts.get("window") == "balance" else f"per {facts.get('window')}"
    return f"{_figure(left)} of {_figure(amount)} {name} left {window}, {_figure(needed)} needed"


def _breaker_why(facts: Facts) -> str:
    kind, message = str(facts.get("kind", "")), str(facts.get("message", ""))
    if kind in (FaultKind.RATE_MINUTE.value, FaultKind.QUOTA_WINDOW.value):
        return "quota limit hit"
    if kind == FaultKind.AUTH.value:
        return "its key was rejected"
    if kind == FaultKind.BILLING.value:
        return "out of credit"
    return f"failing: {message}" if message else f"failing ({kind.replace('_', ' ')})"


def _budget_why(facts: Facts) -> str:
    per = "today" if facts.get("per") == "day" else "for this request"
    cost_pico = facts.get("cost_pico")
    costs = "its price is not known" if cost_pico is None else f"would cost {_dollars(cost_pico)}"
    return f"{costs}, {_dollars(facts.get('budget_pico'))} may be spent {per}"


def _not_free_why(facts: Facts) -> str:
    if not facts:
        return "not free and only free may be used"
    cost_pico = facts.get("cost_pico")
    costs = "its price is not known" if cost_pico is None else f"not free ({_dollars(cost_pico)})"
    return f"{costs} and only free may be used"


def _retired_why(facts: Facts) -> str:
    said, successor = "its provider has retired it", facts.get("successor")
    if "account" in facts:
        said = f"retired for account {facts['account']}{_since(facts.get('since_ms'))}"
    return f"{said}; successor {successor}" if successor else said


def _since(at_ms: Fact) -> str:
    return f" since {datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d}" if isinstance(at_ms, int) else ""


_NEEDS = {
    Capability.TOOLS: "tools",
    Capability.IMAGES: "images",
    Capability.IMAGE_URLS: "images by address, only inline",
    Capability.JSON: "a JSON format",
    Capability.THINKING: "thinking",
}


def _capability_why(facts: Facts) -> str:
    if "gives" in facts:
        return f"gives {facts['gives']}, no answers"
    missing = facts.get("missing")
    if missing == Capability.EMBEDDINGS.value:
        return "gives answers, no embeddings"
    return f"cannot take {_named_needs(missing)}"


def _named_needs(missing: Fact) -> str:
    """`missing`, capabilities with commas between, in words; who takes no images takes none by address either."""
    needs = [Capability(name) for name in str(missing).split(", ")]
    if Capability.IMAGES in needs and Capability.IMAGE_URLS in needs:
        needs.remove(Capability.IMAGE_URLS)
    return " and ".join(_NEEDS[need] for need in needs)


def _no_key_why(facts: Facts) -> str:
    return f"no key at {facts['key']}" if "key" in facts else "no account"


def _elsewhere_why(facts: Facts) -> str:
    said, by = f"only {facts.get('only')} may answer", facts.get("by")
    return f"{said} (override: {_OVERRIDE_OFF})" if by == _BY_OVERRIDE else f"{said} ({by})"


def _excluded(rule: str) -> str:
    if rule == NOT_ASKED_FOR:
        return "not one of the models that were asked for"
    avoided = rule.removeprefix("avoid ")
    return f"excluded by {rule}" if avoided == rule else f"you left out {avoided}"


_WHY: Mapping[RejectionCode, Callable[[Facts], str]] = {
    RejectionCode.DISABLED: lambda facts: (
        "taken out by you for now" if "by" in facts else "switched off in the configuration"
    ),
    RejectionCode.NO_KEY: _no_key_why,
    RejectionCode.PINNED_ELSEWHERE: _elsewhere_why,
    RejectionCode.BREAKER_OPEN: _breaker_why,
    RejectionCode.LIMIT: _limit_why,
    RejectionCode.BUSY: lambda facts: (
        f"{_figure(facts.get('under_way'))} calls under way, it takes {_figure(facts.get('takes'))} at once"
    ),
    RejectionCode.CONTEXT_WINDOW: lambda facts: (
        f"its window of {_figure(facts.get('window_tokens'))} tokens is too small for "
        f"{_figure(facts.get('needed_tokens'))}"
    ),
    RejectionCode.CAPABILITY: _capability_why,
    RejectionCode.NOT_FREE: _not_free_why,
    RejectionCode.OVER_BUDGET: _budget_why,
    RejectionCode.RETIRED: _retired_why,
    RejectionCode.EXCLUDED: lambda facts: _excluded(str(facts.get("rule"))),
    RejectionCode.FAILED: lambda facts: "has failed for this request already",
}


_TOLD_BY_FIGURES = frozenset(
    {
        RejectionCode.PINNED_ELSEWHERE,
        RejectionCode.BREAKER_OPEN,
        RejectionCode.LIMIT,
        RejectionCode.BUSY,
        RejectionCode.CONTEXT_WINDOW,
        RejectionCode.CAPABILITY,
        RejectionCode.OVER_BUDGET,
        RejectionCode.EXCLUDED,
    }
)


def _figure(value: Fact) -> str:
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def _dollars(value: Fact) -> str:
    amount = usd(value) if isinstance(value, int) else None
    return (
        "unknown"
        if amount is None
        else f"${amount:.2f}"
        if amount >= 0.01 or amount == 0
        else f"${amount:.4f}"
    )


def fine_dollars(value: Fact) -> str:
    """A sum of pico-dollars that may be small: three places, or as many as show its first figures."""
    amount = usd(value) if isinstance(value, int) else None
    if amount is None or amount >= 1 or amount == 0:
        return _dollars(value)
    return f"${amount:.3f}" if amount >= 0.01 else f"${amount:.4f}" if amount >= 0.0001 else "under $0.0001"


def _span(span_ms: int) -> str:
    seconds = max(1, round(span_ms / 1000))
    if seconds < 90:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours = round(minutes / 60)
    return f"{hours} h" if hours < 48 else f"{round(hours / 24)} days"
