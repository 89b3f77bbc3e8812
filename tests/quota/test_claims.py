from __future__ import annotations

import pytest
from tests.quota.scenes import account, catalogue, limit, route

from trunkline.domain.limits import LimitScope, LimitSpec, Metric, Window
from trunkline.domain.money import Usage
from trunkline.domain.routes import AccountSpec, Catalogue, Route
from trunkline.quota.claims import actual_amounts, bind_all, claims_from, shared_limits
from trunkline.quota.ledger import Claim

MODEL, ACCOUNT, ORGANISATION = LimitScope.MODEL, LimitScope.ACCOUNT, LimitScope.ORGANISATION


def claims(where: Catalogue, at: Route, *limits: LimitSpec, cost_pico: int | None = 7) -> tuple[Claim, ...]:
    of = where.account(at.provider, at.account)
    assert of is not None
    bound = bind_all(of, limits, at.model)
    return claims_from(bound, input_tokens=30, output_tokens=12, cost_pico=cost_pico)


@pytest.mark.parametrize(
    ("metric", "amount"),
    [
        (Metric.REQUESTS, 1),
        (Metric.INPUT_TOKENS, 30),
        (Metric.OUTPUT_TOKENS, 12),
        (Metric.TOTAL_TOKENS, 42),
        (Metric.COST, 7),
        (Metric.CONCURRENCY, 1),
    ],
)
def test_a_claim_is_of_the_estimate_in_the_limits_own_unit(metric: Metric, amount: int) -> None:
    (claim,) = claims(catalogue(account("a")), route(), limit(metric, 500))
    assert (claim.metric, claim.amount, claim.limit_amount) == (metric, amount, 500)


def test_an_unknown_cost_claims_nothing_of_a_cost_limit() -> None:
    (claim,) = claims(catalogue(account("a")), route(), limit(Metric.COST), cost_pico=None)
    assert claim.amount == 0


# Which pairs of calls are counted under one key, by scope: (scope, organisations of a and b, what differs, shared).
@pytest.mark.parametrize(
    ("scope", "organisations", "other", "shared"),
    [
        (ACCOUNT, ("me", "me"), route("a", "large"), True),
        (ACCOUNT, ("me", "me"), route("b", "small"), False),
        (MODEL, (None, None), route("a", "large"), False),
        (MODEL, (None, None), route("b", "small"), False),
        (MODEL, ("me", "me"), route("b", "small"), True),
        (MODEL, ("me", "you"), route("b", "small"), False),
        (ORGANISATION, ("me", "me"), route("a", "large"), True),
        (ORGANISATION, ("me", "me"), route("b", "large"), True),
        (ORGANISATION, ("me", "you"), route("b", "small"), False),
        (ORGANISATION, (None, None), route("b", "small"), False),
    ],
)
def test_what_shares_a_count(
    scope: LimitScope, organisations: tuple[str | None, str | None], other: Route, shared: bool
) -> None:
    where = catalogue(
        account("a", organisation=organisations[0]), account("b", organisation=organisations[1])
    )
    spec = limit(scope=scope)
    (one,) = claims(where, route("a", "small"), spec)
    (two,) = claims(where, other, spec)
    assert (one.key == two.key) is shared


def test_a_limit_of_one_model_concerns_no_other() -> None:
    where = catalogue(account("a"))
    spec = limit(scope=MODEL, model="large")
    assert claims(where, route(model="small"), spec) == ()
    assert len(claims(where, route(model="large"), spec)) == 1


def test_of_a_configured_and_a_reported_amount_the_smaller_is_claimed_once() -> None:
    specs = limit(amount=100), limit(amount=40)
    for order in (specs, specs[::-1]):
        (claim,) = claims(catalogue(account("a")), route(), *order)
        assert claim.limit_amount == 40


def test_different_windows_and_metrics_are_different_limits() -> None:
    specs = [limit(window="day"), limit(window="60s"), limit(Metric.TOTAL_TOKENS), limit(Metric.INPUT_TOKENS)]
    pacific = LimitSpec(Metric.REQUESTS, 100, Window.parse("day", "America/Los_Angeles"))
    assert len({claim.key for claim in claims(catalogue(account("a")), route(), *specs, pacific)}) == 5


def test_a_limit_of_the_organisation_counts_calls_of_every_account_in_it() -> None:
    shared = limit(scope=ORGANISATION)
    own = limit(scope=ACCOUNT, amount=5)
    first = account("a", shared, own, organisation="me")
    second = account("b", organisation="me")
    stranger = account("c", organisation="you")
    where = catalogue(first, second, stranger)

    def specs(of: AccountSpec) -> tuple[LimitSpec, ...]:
        return shared_limits(where, of)

    assert (specs(first), specs(second), specs(stranger)) == ((shared, own), (shared,), ())


def test_settling_names_what_is_known_and_leaves_the_rest_booked() -> None:
    booked = claims(catalogue(account("a")), route(), *(limit(metric) for metric in Metric), cost_pico=None)
    by_metric = {claim.metric: claim.key for claim in booked}

    def settled(usage: Usage, cost_pico: int | None = None) -> dict[Metric, int]:
        amounts = dict(actual_amounts(booked, usage, cost_pico=cost_pico))
        return {metric: amounts[key] for metric, key in by_metric.items() if key in amounts}

    assert settled(Usage(input_tokens=5, output_tokens=2), cost_pico=9) == {
        Metric.REQUESTS: 1,
        Metric.INPUT_TOKENS: 5,
        Metric.OUTPUT_TOKENS: 2,
        Metric.TOTAL_TOKENS: 7,
        Metric.COST: 9,
    }
    assert settled(Usage(input_tokens=5)) == {Metric.REQUESTS: 1, Metric.INPUT_TOKENS: 5}
    assert settled(Usage(cost_pico=3), cost_pico=9)[Metric.COST] == 3
