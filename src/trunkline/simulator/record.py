"""What came in: counters and the metadata of every request, for tests and benchmarks. No content is kept."""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import dataclass
from typing import Any

KEPT = 20_000


def mono_ms() -> float:
    """Monotonic milliseconds; on Linux and macOS the same clock for every process of the machine."""
    return time.monotonic_ns() / 1_000_000


@dataclass(slots=True)
class Received:
    """One request. `outcome`: answered, refused, faulted or client_closed; None while it is under way."""

    number: int
    at_ms: float
    headers: tuple[str, ...]
    provider: str = ""
    account: str | None = None
    model: str | None = None
    stream: bool = False
    reused: bool = False
    status: int | None = None
    fault: str | None = None
    outcome: str | None = None
    first_byte_ms: float | None = None
    done_ms: float | None = None
    input_tokens: int = 0
    output_tokens: int = 0

    def as_dict(self) -> dict[str, Any]:
        """As the control endpoint gives it."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return values | {"headers": list(self.headers)}


class Record:
    """Counts since the start or the last reset. `refused_truly` are refusals that no fault made up: of a limit,
    mostly."""

    def __init__(self) -> None:
        self._number = 0
        self.reset()

    def reset(self) -> None:
        """Forget everything but the numbering."""
        self.requests: Counter[tuple[str, str | None, str | None]] = Counter()
        self.refusals: Counter[tuple[str, str | None, str | None]] = Counter()
        self.refused_truly = 0
        self.statuses: Counter[int] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.received: deque[Received] = deque(maxlen=KEPT)
        self.open = 0
        self.open_streams = 0
        self.peak = 0

    def begin(self, headers: tuple[str, ...], provider: str, reused: bool) -> Received:
        """A request has arrived."""
        self._number += 1
        received = Received(self._number, mono_ms(), headers, provider, reused=reused)
        self.received.append(received)
        self.open += 1
        self.peak = max(self.peak, self.open)
        return received

    def end(self, received: Received) -> None:
        """It is over; where nobody said how, the client went away."""
        received.outcome = outcome = received.outcome or "client_closed"
        received.done_ms = mono_ms()
        self.open = max(0, self.open - 1)
        route = (received.provider, received.account, received.model)
        self.requests[route] += 1
        self.outcomes[outcome] += 1
        if received.status is not None:
            self.statuses[received.status] += 1
        if outcome == "refused":
            self.refusals[route] += 1
            self.refused_truly += received.fault is None

    def as_dict(self) -> dict[str, Any]:
        """The counters, as the control endpoint gives them."""
        routes = [
            {"provider": provider, "account": account, "model": model, "requests": count}
            | {"refused": self.refusals[provider, account, model]}
            for (provider, account, model), count in self.requests.items()
        ]
        return {
            "requests": sum(self.requests.values()),
            "refused": sum(self.refusals.values()),
            "refused_truly": self.refused_truly,
            "open": self.open,
            "open_streams": self.open_streams,
            "peak_concurrency": self.peak,
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "outcomes": dict(self.outcomes),
            "by_route": routes,
        }
