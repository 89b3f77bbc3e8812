"""What stay-or-switch needs to know of the conversations that ran here, the latest ones only."""

from __future__ import annotations

from collections import OrderedDict

from trunkline.domain.decisions import Reason
from trunkline.domain.receipts import Outcome, Receipt
from trunkline.domain.routes import Route
from trunkline.domain.state import ConversationState

_MOST_CONVERSATIONS = 1_000
# How long a provider's prompt cache is taken to stay warm: the shortest stated life (provider-facts §10.4).
_CACHE_WARM_MS = 5 * 60_000


class Conversations:
    """Remembers the last answered turn of each conversation."""

    def __init__(self) -> None:
        self._states: OrderedDict[str, ConversationState] = OrderedDict()

    def state(self, conversation_id: str | None) -> ConversationState | None:
        """The conversation as its last answer left it."""
        return None if conversation_id is None else self._states.get(conversation_id)

    def note(self, receipt: Receipt, now_ms: int, *, home: Route | None = None) -> bool:
        """Take in a finished request, which was answered away from `home` where one is given; whether its conversation
        is back from being away."""
        if (
            receipt.conversation_id is None
            or receipt.route is None
            or receipt.outcome is not Outcome.ANSWERED
        ):
            return False
        before = self._states.get(receipt.conversation_id)
        known = before.home if before is not None else None
        away_from = known or home
        if away_from is not None and _is_home(receipt, away_from):
            away_from = None
        input_tokens = receipt.usage.input_tokens or receipt.task.input_tokens
        self._states[receipt.conversation_id] = ConversationState(
            conversation_id=receipt.conversation_id,
            route=receipt.route,
            tokens=input_tokens + (receipt.usage.output_tokens or 0),
            task_type=receipt.task.type,
            tier=receipt.task.tier.value,
            cache_warm_until_ms=now_ms + _CACHE_WARM_MS,
            home=away_from,
        )
        self._states.move_to_end(receipt.conversation_id)
        while len(self._states) > _MOST_CONVERSATIONS:
            self._states.popitem(last=False)
        return known is not None and away_from is None


def _is_home(receipt: Receipt, home: Route) -> bool:
    """Whether it was answered at home: by its model, whichever account that is of; a person who pins another route
    makes that its home."""
    route, decision = receipt.route, receipt.decision
    pinned = decision is not None and decision.reason is Reason.PIN
    return pinned or (route is not None and (route.provider, route.model) == (home.provider, home.model))
