"""What stay-or-switch needs to know of the conversations that ran here, the latest ones only."""

from __future__ import annotations

from collections import OrderedDict

from trunkline.domain.receipts import Outcome, Receipt
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

    def note(self, receipt: Receipt, now_ms: int) -> None:
        """Take in a finished request."""
        if (
            receipt.conversation_id is None
            or receipt.route is None
            or receipt.outcome is not Outcome.ANSWERED
        ):
            return
        input_tokens = receipt.usage.input_tokens or receipt.task.input_tokens
        self._states[receipt.conversation_id] = ConversationState(
            conversation_id=receipt.conversation_id,
            route=receipt.route,
            tokens=input_tokens + (receipt.usage.output_tokens or 0),
            task_type=receipt.task.type,
            tier=receipt.task.tier.value,
            cache_warm_until_ms=now_ms + _CACHE_WARM_MS,
        )
        self._states.move_to_end(receipt.conversation_id)
        while len(self._states) > _MOST_CONVERSATIONS:
            self._states.popitem(last=False)
