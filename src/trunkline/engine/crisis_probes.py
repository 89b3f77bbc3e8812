"""Finding out in a crisis whether a lost provider is back: one request that it holds goes first."""

from __future__ import annotations

from collections.abc import Iterable

from trunkline.domain.queue import HeldFor, QueueItem


class CrisisProbes:
    """At most one request at a time for each provider, of those that are at home there."""

    def __init__(self) -> None:
        self._trying: dict[str, str] = {}

    def send(self, waiting: Iterable[QueueItem], unproven: Iterable[str]) -> bool:
        """Let the first of `waiting` go that is at home at one of the `unproven` providers, one for each; whether there
        was one."""
        held = [item for item in waiting if item.held_for is HeldFor.CRISIS and item.home is not None]
        sent = False
        for provider in unproven:
            if provider in self._trying.values():
                continue
            at_home = (item for item in held if (item.home or "").startswith(f"{provider}/"))
            first = next(at_home, None)
            if first is not None:
                self._trying[first.request_id] = provider
                sent = True
        return sent

    def has(self, request_id: str) -> bool:
        """Whether the crisis holds it no more, for it is to try its home."""
        return request_id in self._trying

    def over(self, request_id: str) -> None:
        """The request is over, or held by something else."""
        self._trying.pop(request_id, None)
