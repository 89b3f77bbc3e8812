"""What went through the gateway, in the text format of Prometheus (version 0.0.4). Nothing of what was asked is in it,
and nobody's name but those of the configuration: providers, accounts and models."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from trunkline.domain.limits import WHOLE_SHARE, LimitUse, Metric
from trunkline.domain.money import PICO_PER_USD
from trunkline.domain.receipts import AttemptOutcome, Outcome, Receipt
from trunkline.domain.snapshot import AccountView, ProviderView, Snapshot, Status

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# From a cached answer to the longest a request may take by default.
_BOUNDS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)

Labels = tuple[tuple[str, str], ...]
_Sample = tuple[str, Labels, float]


@dataclass(slots=True)
class Histogram:
    """How many values there were up to each bound, in seconds."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(_BOUNDS_S) + 1))
    total_s: float = 0.0

    def add(self, value_ms: float) -> None:
        """Count one."""
        seconds = value_ms / 1000
        self.counts[bisect_left(_BOUNDS_S, seconds)] += 1
        self.total_s += seconds

    def samples(self) -> Iterator[_Sample]:
        """As the format has it: each bound counts everything up to it."""
        reached = 0
        for bound, count in zip((*map(_number, _BOUNDS_S), "+Inf"), self.counts, strict=True):
            reached += count
            yield "_bucket", (("le", bound),), reached
        yield "_sum", (), self.total_s
        yield "_count", (), reached


class Metrics:
    """Counts since the gateway began. `answered` and `failed` are requests; one that its client left is neither.
    Belongs to one event loop."""

    def __init__(self) -> None:
        self._requests: Counter[Labels] = Counter()
        self._attempts: Counter[Labels] = Counter()
        self._tokens: Counter[str] = Counter(input=0, output=0)
        self.answered = 0
        self.failed = 0
        self._rerouted = 0
        self._cost_pico = 0
        self._unknown_costs = 0
        self._durations = Histogram()
        self._first_tokens = Histogram()

    def ended(self, dialect: str, status: int, duration_ms: float, receipt: Receipt | None = None) -> None:
        """An exchange is over: in which dialect, with which HTTP status; `receipt` where it came to a request."""
        self._requests[("dialect", dialect), ("status", str(status))] += 1
        if receipt is None:
            return
        self.answered += receipt.outcome is Outcome.ANSWERED
        self.failed += receipt.outcome is Outcome.FAILED
        self._durations.add(duration_ms)
        if receipt.first_token_ms is not None:
            self._first_tokens.add(receipt.first_token_ms)
        self._rerouted += receipt.rerouted
        self._tokens["input"] += receipt.usage.input_tokens or 0
        self._tokens["output"] += receipt.usage.output_tokens or 0
        called = [one for one in receipt.attempts if one.outcome is not AttemptOutcome.SHORT]
        for attempt in called:
            self._attempts[("provider", attempt.route.provider), ("outcome", attempt.outcome.value)] += 1
        if called:
            self._cost_pico += (receipt.cost_pico or 0) + receipt.waste_pico
            self._unknown_costs += (receipt.cost_pico is None) + receipt.waste_unknown

    def text(self, snapshot: Snapshot, *, in_flight: int, waiting: int) -> str:
        """The page, with the state of providers and limits as `snapshot` has it."""
        families = (*self._own(in_flight, waiting), *_of_providers(snapshot.providers))
        return "".join(line for family in families for line in family)

    def _own(self, in_flight: int, waiting: int) -> Iterator[Iterator[str]]:
        yield _family(
            "trunkline_gateway_requests_total",
            "counter",
            "Answered exchanges by client dialect and HTTP status.",
            _counted(self._requests),
        )
        yield _gauge("trunkline_gateway_in_flight", "Requests at work.", in_flight)
        yield _gauge("trunkline_gateway_waiting", "Requests that wait to be let in.", waiting)
        yield _family(
            "trunkline_gateway_upstream_attempts_total",
            "counter",
            "Upstream calls by provider and outcome.",
            _counted(self._attempts),
        )
        yield _count(
            "trunkline_gateway_failovers_total",
            "Requests that another route answered than was asked first.",
            self._rerouted,
        )
        yield _family(
            "trunkline_gateway_tokens_total",
            "counter",
            "Tokens of answered requests, as far as providers told them.",
            (("", (("direction", which),), count) for which, count in self._tokens.items()),
        )
        yield _count(
            "trunkline_gateway_cost_usd_total",
            "Cost of all attempts in USD, as far as it is known.",
            self._cost_pico / PICO_PER_USD,
        )
        yield _count(
            "trunkline_gateway_unknown_costs_total",
            "Attempts whose cost nobody knows and which are missing from the sum.",
            self._unknown_costs,
        )
        yield _family(
            "trunkline_gateway_request_duration_seconds",
            "histogram",
            "Time from a request to the end of its answer.",
            self._durations.samples(),
        )
        yield _family(
            "trunkline_gateway_first_token_seconds",
            "histogram",
            "Time from a request to the first token of its answer.",
            self._first_tokens.samples(),
        )


def _of_providers(providers: Iterable[ProviderView]) -> Iterator[Iterator[str]]:
    known = tuple(providers)
    accounts = tuple((one.id, account) for one in known for account in one.accounts)
    yield _family(
        "trunkline_provider_health",
        "gauge",
        "Health of a provider, 0 to 1.",
        (("", (("provider", one.id),), one.health / 100) for one in known),
    )
    yield _family(
        "trunkline_provider_status",
        "gauge",
        "1 for the status that a provider has, 0 for the others.",
        (
            ("", (("provider", one.id), ("status", status.value)), float(one.status is status))
            for one in known
            for status in Status
        ),
    )
    yield _family(
        "trunkline_account_health",
        "gauge",
        "Health of an account, 0 to 1.",
        (("", _account(provider, one), one.health / 100) for provider, one in accounts),
    )
    limits = _limits(accounts)
    yield _family(
        "trunkline_limit_left",
        "gauge",
        "What is left of a limit in its own unit; a cost in USD, a share of a plan 0 to 1.",
        (("", labels, _amount(limit)) for labels, limit in limits.items()),
    )
    yield _family(
        "trunkline_limit_left_ratio",
        "gauge",
        "What is left of a limit, 0 to 1.",
        (("", labels, limit.share_left) for labels, limit in limits.items()),
    )


def _limits(accounts: Iterable[tuple[str, AccountView]]) -> Mapping[Labels, LimitUse]:
    """Limits by their labels. Of two that these do not tell apart, the one of which less is left: a series may have one
    value only."""
    found: dict[Labels, LimitUse] = {}
    for provider, account in accounts:
        for limit in account.limits:
            labels = (
                *_account(provider, account),
                ("model", limit.model or ""),
                ("metric", limit.metric.value),
                ("window", str(limit.window)),
                ("scope", limit.scope.value),
            )
            if labels not in found or limit.share_left < found[labels].share_left:
                found[labels] = limit
    return found


def _account(provider: str, account: AccountView) -> Labels:
    return (("provider", provider), ("account", account.id))


def _amount(limit: LimitUse) -> float:
    match limit.metric:
        case Metric.COST:
            return limit.left / PICO_PER_USD
        case Metric.SHARE:
            return limit.left / WHOLE_SHARE
        case _:
            return limit.left


def _counted(counter: Counter[Labels]) -> Iterator[_Sample]:
    return (("", labels, count) for labels, count in sorted(counter.items()))


def _gauge(name: str, help_text: str, value: float) -> Iterator[str]:
    return _family(name, "gauge", help_text, (("", (), value),))


def _count(name: str, help_text: str, value: float) -> Iterator[str]:
    return _family(name, "counter", help_text, (("", (), value),))


def _family(name: str, kind: str, help_text: str, samples: Iterable[_Sample]) -> Iterator[str]:
    """The lines of one metric; none where it has no samples."""
    headed = False
    for suffix, labels, value in samples:
        if not headed:
            yield f"# HELP {name} {help_text}\n# TYPE {name} {kind}\n"
            headed = True
        inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels)
        yield f"{name}{suffix}{f'{{{inside}}}' if inside else ''} {_number(value)}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
