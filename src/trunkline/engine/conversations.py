"""What stay-or-switch needs to know of the conversations that ran on this machine, the latest ones only."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from trunkline.domain.caching import PromptCache
from trunkline.domain.clock import Clock
from trunkline.domain.decisions import Decision, Reason
from trunkline.domain.errors import StoreError
from trunkline.domain.messages import ChatRequest, Role
from trunkline.domain.money import Usage
from trunkline.domain.receipts import Outcome, Receipt
from trunkline.domain.routes import Catalogue, Route
from trunkline.domain.state import ConversationState
from trunkline.domain.tasks import Origin
from trunkline.engine.conversation_lengths import ConversationLengths
from trunkline.store.past_conversations import (
    PastConversation,
    PastTurn,
    answered_elsewhere,
    past_conversation,
)
from trunkline.store.queries import Query

if TYPE_CHECKING:
    from trunkline.store.store import Store

_log = logging.getLogger(__name__)

_MOST_CONVERSATIONS = 1_000
_NEWEST = 0.5
"""How much the newest turn says of the share of a prompt that the cache holds."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A conversation as its last answer left it at `answered_at_ms`; `turn` is what that answered. The state's
    `pause_ms` is that before the last turn."""

    state: ConversationState
    origin: Origin
    answered_at_ms: int
    turn: str | None = None


class Conversations:
    """Remembers the last answered turn of each conversation; of those it does not know it asks the store, off the way
    of a decision."""

    def __init__(self, store: Store, clock: Clock, lengths: ConversationLengths) -> None:
        self._store, self._clock, self._lengths = store, clock, lengths
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._outdated: set[str] = set()
        self._last_row: int | None = None

    def state(self, conversation_id: str | None) -> ConversationState | None:
        """The conversation as its last answer left it, seen from now. Turns to come are taken to be as far apart as the
        nearer two of the last ones: a night in between says nothing of the turns that follow it."""
        kept = None if conversation_id is None else self._kept.get(conversation_id)
        if kept is None:
            return None
        now_ms = self._clock.wall_ms()
        return replace(
            kept.state,
            turns_left=self._lengths.expected_after(kept.origin, kept.state.turns + 1, now_ms),
            pause_ms=min(max(0, now_ms - kept.answered_at_ms), kept.state.pause_ms),
        )

    def note(self, receipt: Receipt, catalogue: Catalogue, *, home: Route | None = None) -> bool:
        """Take in a finished request, which was answered away from `home` where one is given; whether its conversation
        is back from being away."""
        if (
            receipt.conversation_id is None
            or receipt.route is None
            or receipt.outcome is not Outcome.ANSWERED
        ):
            return False
        now_ms, before = self._clock.wall_ms(), self._kept.get(receipt.conversation_id)
        known = before.state.home if before is not None else None
        away_from = known or home
        if away_from is not None and _is_home(receipt, away_from):
            away_from = None
        state = _after(receipt, receipt.route, _cache(catalogue, receipt.route), before, now_ms)
        turn = receipt.turn_id or receipt.request_id
        if before is None or before.turn != turn:
            self._lengths.came_to(receipt.origin, state.turns, now_ms)
        self._keep(_Kept(replace(state, home=away_from), receipt.origin, now_ms, turn))
        return known is not None and away_from is None

    # -- what this process did not see --------------------------------------------------------------------------

    async def recall(self, request: ChatRequest, catalogue: Catalogue) -> bool:
        """Have the conversation of `request` known as the store has it, where it has been answered before and not, or
        not last, by this process; whether it is known otherwise than before. What cannot be read is not known."""
        conversation_id = request.conversation_id
        if conversation_id is None or (
            conversation_id in self._kept and conversation_id not in self._outdated
        ):
            return False
        if not any(message.role is Role.ASSISTANT for message in request.messages):
            return False
        try:
            return await self.restore(conversation_id, catalogue)
        except StoreError as error:
            _log.warning("where a conversation was last cannot be read: %s", error)
            return False

    async def restore(self, conversation_id: str, catalogue: Catalogue) -> bool:
        """As `recall`, for one that goes on soon. Raises StoreError."""
        if conversation_id in self._kept and conversation_id not in self._outdated:
            return False
        await self._store.flush()
        past = await self._store.ask(past_conversation(conversation_id))
        self._outdated.discard(conversation_id)
        if past is None:
            return False
        self._keep(_restored(conversation_id, past, catalogue))
        return True

    def unread(self) -> Query[tuple[int, frozenset[str]]]:
        """The question of which conversations other processes had answers in since the last answer taken in."""
        return answered_elsewhere(self._last_row, self._store.process_id)

    def take_in(self, answer: tuple[int, frozenset[str]]) -> None:
        """Take in the answer to `unread`: what is known of those here is no longer the latest."""
        self._last_row, elsewhere = answer
        self._outdated |= elsewhere & self._kept.keys()

    def _keep(self, kept: _Kept) -> None:
        conversation_id = kept.state.conversation_id
        self._kept[conversation_id] = kept
        self._kept.move_to_end(conversation_id)
        while len(self._kept) > _MOST_CONVERSATIONS:
            self._outdated.discard(self._kept.popitem(last=False)[0])


def _cache(catalogue: Catalogue, route: Route) -> PromptCache:
    model = catalogue.model(route.provider, route.model)
    return PromptCache() if model is None else model.cache


def _after(
    receipt: Receipt, route: Route, cache: PromptCache, before: _Kept | None, now_ms: int
) -> ConversationState:
    """The conversation as this answer of `route` leaves it."""
    usage, known = receipt.usage, before.state if before is not None else None
    input_tokens = usage.input_tokens or receipt.task.input_tokens
    tokens = input_tokens + (usage.output_tokens or 0)
    again = before is not None and before.turn == (receipt.turn_id or receipt.request_id)
    share = 1.0 if known is None else known.cached_share
    warm = known is not None and receipt.started_at_ms < known.cache_warm_until_ms
    was_here = known is not None and known.route == route
    if known is not None and was_here and warm and known.cached_tokens:
        share = _learned_share(known, usage)
    return ConversationState(
        conversation_id=receipt.conversation_id or "",
        route=route,
        tokens=tokens,
        task_type=receipt.task.type,
        tier=receipt.task.tier.value,
        cache_warm_until_ms=now_ms + cache.warm_ms,
        cached_tokens=_held(cache, usage, input_tokens, share),
        turns=1 if known is None else known.turns + (not again),
        cached_share=share,
        turn_tokens=_grown(tokens, usage.output_tokens or 0, 0 if known is None else known.tokens),
        pause_ms=_pause_ms(receipt, before, again=again),
        left=(*(() if known is None else known.left), *_left_to_save(receipt.decision)),
        complexity=receipt.task.complexity,
        cache_is_used=_uses_cache(usage) or (known is not None and was_here and known.cache_is_used),
    )


def _pause_ms(receipt: Receipt, before: _Kept | None, *, again: bool) -> int:
    """How long nothing was asked before this turn; 0 before the first."""
    if before is None or again:
        return 0 if before is None else before.state.pause_ms
    return max(0, receipt.started_at_ms - before.answered_at_ms)


def _learned_share(known: ConversationState, usage: Usage) -> float:
    """The share of what a warm cache should hold that it is found to hold, after a turn that read from it."""
    if usage.cached_tokens is None or known.cached_share <= 0:
        return known.cached_share
    should_hold = known.cached_tokens / known.cached_share
    found = min(1.0, usage.cached_tokens / should_hold)
    return (1 - _NEWEST) * known.cached_share + _NEWEST * found


def _uses_cache(usage: Usage) -> bool:
    return bool(usage.cached_tokens or usage.written_tokens)


def _held(cache: PromptCache, usage: Usage, input_tokens: int, share: float) -> int:
    """How much of the next prompt the cache should hold. Who is paid for writing says how much was written (Anthropic,
    where marks decide); of all others everything that was sent is taken to be kept."""
    if not cache.warm_ms or input_tokens < cache.least_tokens:
        return 0
    sent = input_tokens
    if usage.written_tokens is not None:
        sent = min(sent, usage.written_tokens + (usage.cached_tokens or 0))
    return int(share * sent)


def _grown(tokens: int, output_tokens: int, before_tokens: int) -> int:
    """By how much a turn made the conversation longer; of the first, in which system prompt and documents come too, its
    answer's length, as of one after which what came before was cut."""
    return tokens - before_tokens if 0 < before_tokens < tokens else output_tokens


def _left_to_save(decision: Decision | None) -> tuple[tuple[str, str], ...]:
    """The model that this decision had a conversation leave to save."""
    facts = {} if decision is None else dict(decision.facts)
    if facts.get("moved_because") != "saving":
        return ()
    provider, _, rest = str(facts["moved_from"]).partition("/")
    return ((provider, rest.partition("/")[2]),)


def _restored(conversation_id: str, past: PastConversation, catalogue: Catalogue) -> _Kept:
    """What a process that had answered it all would know, but for how well it is cached."""
    last = past.latest[0]
    usage = last.usage or Usage()
    cache = _cache(catalogue, last.route)
    before = past.latest[1] if len(past.latest) > 1 else None
    state = ConversationState(
        conversation_id=conversation_id,
        route=last.route,
        tokens=last.tokens,
        task_type=last.task_type,
        tier=last.tier,
        cache_warm_until_ms=last.ended_at_ms + cache.warm_ms,
        home=_home(past.latest),
        cached_tokens=_held(cache, usage, last.tokens - last.output_tokens, 1.0),
        turns=past.turns,
        turn_tokens=_grown(last.tokens, last.output_tokens, 0 if before is None else before.tokens),
        pause_ms=0 if before is None else max(0, last.at_ms - before.ended_at_ms),
        left=tuple(model for turn in reversed(past.latest) for model in _left_to_save(turn.decision)),
        complexity=last.complexity,
        cache_is_used=_uses_cache(usage),
    )
    return _Kept(state, last.origin, last.ended_at_ms, last.turn)


def _home(latest: Sequence[PastTurn]) -> Route | None:
    """Where it was before a crisis or an override moved it to the model that answers it now; None where neither did,
    and where it began so."""
    here = (latest[0].route.provider, latest[0].route.model)
    for at, turn in enumerate(latest):
        if (turn.route.provider, turn.route.model) != here:
            moved = latest[at - 1].decision
            return turn.route if moved is not None and _was_forced(moved) else None
    return None


def _was_forced(decision: Decision) -> bool:
    by_a_person = decision.reason is Reason.OVERRIDE and "by" in dict(decision.facts)
    return by_a_person or decision.reason is Reason.CRISIS


def _is_home(receipt: Receipt, home: Route) -> bool:
    """Whether it was answered at home: by its model, whichever account that is of; a person who pins another route
    makes that its home."""
    route, decision = receipt.route, receipt.decision
    pinned = decision is not None and decision.reason is Reason.PIN
    return pinned or (route is not None and (route.provider, route.model) == (home.provider, home.model))
