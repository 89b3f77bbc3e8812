"""The metrics page, read by a strict parser of Prometheus' text format."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

import pytest
from tests.store.samples import receipt
from tests.support.clock import START_MS

from trunkline.domain.limits import FigureSource, LimitScope, LimitUse, Metric, Window
from trunkline.domain.receipts import Outcome
from trunkline.domain.routes import Billing
from trunkline.domain.snapshot import AccountView, ProviderView, Snapshot, Status, Totals
from trunkline.gateway.metrics import Metrics

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_SAMPLE = re.compile(rf"({_NAME})(?:\{{(.*)\}})? (\S+)")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)')
_SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("",), "gauge": ("",)}
Series = frozenset[tuple[str, str]]


@dataclass
class Family:
    """One metric as the page has it."""

    kind: str
    values: dict[tuple[str, Series], float] = field(default_factory=dict)

    def of(self, suffix: str = "", **labels: str) -> float:
        return self.values[suffix, frozenset(labels.items())]


def parsed(page: str) -> dict[str, Family]:
    """The metrics of a page. Fails on anything that the format does not allow: a sample outside its family, a series
    twice, a label that is not escaped, a histogram that does not add up."""
    assert page.endswith("\n")
    families: dict[str, Family] = {}
    helped = current = ""
    for line in page.removesuffix("\n").split("\n"):
        if line.startswith("# HELP "):
            helped = line.split(" ", 3)[2]
            assert helped not in families
            assert len(line.split(" ", 3)) == 4
        elif line.startswith("# TYPE "):
            _, _, current, kind = line.split(" ")
            assert current == helped
            families[current] = Family(kind)
        else:
            found = _SAMPLE.fullmatch(line)
            assert found is not None, line
            name, labels, value = found.groups()
            suffix = name.removeprefix(current)
            assert suffix in _SUFFIXES[families[current].kind], line
            series = suffix, _labels(labels or "")
            assert series not in families[current].values, line
            families[current].values[series] = float(value)
    for family in families.values():
        assert family.values
        if family.kind == "histogram":
            _check_histogram(family)
    return families


def _labels(text: str) -> Series:
    found = list(_LABEL.finditer(text))
    assert "".join(one[0] for one in found) == text, text
    unescaped = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}
    pairs = [(one[1], re.sub(r"\\.", lambda escape: unescaped[escape[0]], one[2])) for one in found]
    assert len(dict(pairs)) == len(pairs)
    return frozenset(pairs)


def _check_histogram(family: Family) -> None:
    bounds = [
        (float(dict(series)["le"]), value)
        for (suffix, series), value in family.values.items()
        if suffix == "_bucket"
    ]
    assert bounds == sorted(bounds)
    assert bounds[-1][0] == float("inf")
    assert [count for _, count in bounds] == sorted(count for _, count in bounds)
    assert bounds[-1][1] == family.of("_count")


def limit(metric: Metric = Metric.REQUESTS, used: int = 5, **fields: object) -> LimitUse:
    usual = LimitUse(
        "k",
        metric,
        Window.parse("day"),
        LimitScope.ACCOUNT,
        None,
        20,
        used,
        None,
        FigureSource.CONFIGURED,
        START_MS,
    )
    return replace(usual, **fields)  # type: ignore[arg-type]


def snapshot(*limits: LimitUse, account: str = "main") -> Snapshot:
    one = AccountView("zai", account, Status.WARNING, 80, Billing.CREDITS, True, True, "env:ZAI", limits)
    provider = ProviderView("zai", Status.WARNING, 80, Billing.CREDITS, (one,))
    return Snapshot(
        START_MS, START_MS, "g", "balanced", (), None, False, None, None, (provider,), (), Totals()
    )


def page(metrics: Metrics | None = None, at: Snapshot | None = None, **now: int) -> dict[str, Family]:
    now = {"in_flight": 0, "waiting": 0} | now
    return parsed((metrics or Metrics()).text(at or snapshot(), **now))


def test_a_gateway_that_did_nothing_yet_has_a_page():
    found = page(in_flight=3, waiting=2)
    assert (found["trunkline_gateway_in_flight"].of(), found["trunkline_gateway_waiting"].of()) == (3, 2)
    assert found["trunkline_gateway_failovers_total"].of() == 0
    assert found["trunkline_gateway_request_duration_seconds"].of("_count") == 0
    assert "trunkline_gateway_requests_total" not in found


def test_requests_attempts_tokens_and_costs_add_up():
    metrics = Metrics()
    metrics.ended("openai", 200, 46.0, receipt(cost_pico=2 * 10**12))
    metrics.ended("openai", 200, 2_000.0, receipt(rerouted=True, cost_pico=10**11))
    metrics.ended("anthropic", 429, 46.0, receipt(outcome=Outcome.FAILED, cost_pico=None))
    metrics.ended("gemini", 401, 1.0)
    found = page(metrics)
    requests = found["trunkline_gateway_requests_total"]
    assert requests.kind == "counter"
    assert requests.of(dialect="openai", status="200") == 2
    assert requests.of(dialect="anthropic", status="429") == 1
    assert requests.of(dialect="gemini", status="401") == 1
    attempts = found["trunkline_gateway_upstream_attempts_total"]
    assert attempts.of(provider="google", outcome="ok") == 2
    assert attempts.of(provider="zai", outcome="refused") == 1
    assert attempts.of(provider="google", outcome="failed") == 1
    assert found["trunkline_gateway_failovers_total"].of() == 1
    tokens = found["trunkline_gateway_tokens_total"]
    assert (tokens.of(direction="input"), tokens.of(direction="output")) == (300, 60)
    assert found["trunkline_gateway_cost_usd_total"].of() == pytest.approx(2.1)
    assert found["trunkline_gateway_unknown_costs_total"].of() == 1


def test_how_long_it_took_is_a_histogram():
    metrics = Metrics()
    for duration_ms in (46.0, 50.0, 51.0, 700_000.0):
        metrics.ended("openai", 200, duration_ms, receipt())
    found = page(metrics)["trunkline_gateway_request_duration_seconds"]
    assert [found.of("_bucket", le=bound) for bound in ("0.05", "0.1", "600", "+Inf")] == [2, 3, 3, 4]
    assert found.of("_sum") == pytest.approx(700.147)
    assert page(metrics)["trunkline_gateway_first_token_seconds"].of("_bucket", le="0.05") == 4


def test_health_status_and_what_is_left_are_those_of_the_snapshot():
    share = limit(Metric.SHARE, 250_000, amount=1_000_000, window=Window.parse("session:5h"))
    cost = limit(Metric.COST, 10**12, amount=4 * 10**12, window=Window.parse("balance"))
    at = snapshot(limit(model="glm-5.3"), share, cost)
    found = page(at=at)
    assert found["trunkline_provider_health"].of(provider="zai") == 0.8
    status = found["trunkline_provider_status"]
    assert status.of(provider="zai", status="warning") == 1
    assert sum(status.values.values()) == 1
    assert found["trunkline_account_health"].of(provider="zai", account="main") == 0.8
    common = {"provider": "zai", "account": "main", "scope": "account"}
    of_model = common | {"model": "glm-5.3", "metric": "requests", "window": "day"}
    of_plan = common | {"model": "", "metric": "share", "window": "session:5h"}
    of_balance = common | {"model": "", "metric": "cost", "window": "balance"}
    left, ratio = found["trunkline_limit_left"], found["trunkline_limit_left_ratio"]
    assert [left.of(**labels) for labels in (of_model, of_plan, of_balance)] == [15, 0.75, 3]
    assert [ratio.of(**labels) for labels in (of_model, of_plan, of_balance)] == [0.75, 0.75, 0.75]


def test_two_limits_that_look_alike_are_one_series_with_less_left():
    found = page(at=snapshot(limit(used=5), limit(used=19), limit(used=8)))
    assert list(found["trunkline_limit_left"].values.values()) == [1]


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", 'a\\"\n} 1', "a,b=c", "ä–•", ""])
def test_whatever_a_name_is_it_comes_back_as_it_was(name):
    found = page(at=snapshot(account=name))
    assert found["trunkline_account_health"].of(provider="zai", account=name) == 0.8
