"""What answers teach: how good models are at which tasks, and how long answers are. The store has it all, for every
process; what is decided on here follows it, every few seconds at most."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from typing import TYPE_CHECKING

from trunkline.domain.errors import StoreError, UnknownRequestError
from trunkline.domain.learned import THUMBS, AnswerLengths, QualityRecords, Received, SignKind, Verdict
from trunkline.domain.messages import ChatRequest
from trunkline.domain.receipts import Outcome, Receipt
from trunkline.domain.routes import Route
from trunkline.domain.tasks import OriginKind
from trunkline.engine.generation import Generation
from trunkline.engine.learned_state import brought_up, lengths_at, quality_at
from trunkline.engine.signs import WentWrong, answer_tokens, unremarked, what_went_wrong
from trunkline.store import learned
from trunkline.store.learned import AnswerKind, Learned, Moment

if TYPE_CHECKING:
    from trunkline.engine.core import EngineCore

_log = logging.getLogger(__name__)

_PUBLISHED_EVERY_MS = 3_000.0
# What goes wrong by itself goes wrong for a while: within this time it counts once for each kind of answer, so that an
# hour of a provider's trouble is not taken for what a model is like.
_ONE_TROUBLE_MS = 600_000.0


class Learning:
    """Of one engine. `quality` and `lengths` are what is in force: never changed, only replaced."""

    def __init__(self, core: EngineCore) -> None:
        self._core = core
        self._changed = asyncio.Event()
        self._troubles_mono_ms: dict[AnswerKind, float] = {}
        self.quality: QualityRecords = {}
        self.lengths: AnswerLengths = {}

    # -- what is in force ---------------------------------------------------------------------------------------

    def take_in(self, found: Learned) -> None:
        """Put in force what the store holds; nothing where learning is off."""
        policy = self._core.generation.config.preferences.learning
        now_ms = self._core.clock.wall_ms()
        found = found if policy.enabled else Learned()
        quality = quality_at(found.quality, now_ms, policy.half_life_days)
        self.quality = brought_up(self.quality, quality, policy.prior_weight)
        self.lengths = lengths_at(found.lengths, now_ms, policy.half_life_days)

    def look_again(self) -> None:
        """What is learned, or how it counts, may have changed."""
        self._changed.set()

    async def follow(self) -> None:
        """Bring what is in force up to the store."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self.refresh()
            except StoreError as error:
                _log.warning("what was learned cannot be read: %s", error)
            await self._core.clock.sleep(_PUBLISHED_EVERY_MS)

    async def refresh(self) -> None:
        """Bring it up now. Raises StoreError."""
        await self._core.store.flush()
        self.take_in(await self._core.store.ask(learned.learned()))

    # -- what teaches -------------------------------------------------------------------------------------------

    async def feedback(self, request_id: str, verdict: Verdict | None) -> Received:
        """See `EngineFace.feedback`."""
        if verdict is not None and verdict not in THUMBS:
            raise ValueError(f"{verdict} is nothing that a person says outright")
        moment = self._moment(self._core.generation)
        received = await self._core.store.write(
            lambda connection: learned.judge(connection, request_id, SignKind.THUMB, verdict, moment)
        )
        if received is None:
            raise UnknownRequestError(f"no answered request has the id {request_id}, or one that begins so")
        self.look_again()
        return received

    async def forget(self, model: str | None, task_type: str | None, who: str) -> int:
        """See `Engine.forget_quality`."""
        at_ms = self._core.clock.wall_ms()
        gone = await self._core.store.write(
            lambda connection: learned.forget(connection, model, task_type, who=who, at_ms=at_ms)
        )
        self.look_again()
        return gone

    def request_over(self, request: ChatRequest, receipt: Receipt, generation: Generation) -> None:
        """Take in what a request taught that is over and recorded. Calls of our own say nothing of anybody's work, and
        vectors nothing of how good answers are."""
        if receipt.origin.kind is OriginKind.INTERNAL or request.embeds is not None:
            return
        moment = self._moment(generation)
        wrong = tuple(one for one in what_went_wrong(receipt) if self._is_news(one, receipt))

        def unit(connection: sqlite3.Connection) -> None:
            for one in wrong:
                kind = AnswerKind(receipt.task.type, one.tier.value, one.route.model)
                learned.went_wrong(connection, receipt.request_id, one.attempt, kind, one.verdict, moment)
            if receipt.outcome is Outcome.ANSWERED:
                _learn_from_answer(connection, request, receipt, generation, moment)
            if request.hints.task_type is not None and request.origin.interactive:
                learned.task_named(connection, receipt.request_id, request.hints.task_type, moment.at_ms)

        self._core.store.post(unit)
        self.look_again()

    def _is_news(self, one: WentWrong, receipt: Receipt) -> bool:
        kind = AnswerKind(receipt.task.type, one.tier.value, one.route.model)
        now_ms = self._core.clock.mono_ms()
        last_ms = self._troubles_mono_ms.get(kind)
        if last_ms is not None and now_ms - last_ms < _ONE_TROUBLE_MS:
            return False
        self._troubles_mono_ms[kind] = now_ms
        return True

    def _moment(self, generation: Generation) -> Moment:
        days = generation.config.preferences.learning.half_life_days
        return Moment(self._core.clock.wall_ms(), days)


def _learn_from_answer(
    connection: sqlite3.Connection,
    request: ChatRequest,
    receipt: Receipt,
    generation: Generation,
    moment: Moment,
) -> None:
    """How long it was, that nobody has said anything of it yet, and that the one before it was not wanted."""
    task = receipt.task
    tokens = answer_tokens(receipt)
    if tokens is not None:
        learned.note_length(connection, task.type, task.tier.value, tokens, moment)
    if receipt.complete and receipt.route is not None:
        kind = AnswerKind(task.type, task.tier.value, receipt.route.model)
        evidence = unremarked(_prior(receipt.route, generation))
        learned.went_unremarked(connection, kind, evidence, moment)
    if request.redo is not None:
        verdict = Verdict.ELSEWHERE if request.redo.elsewhere else Verdict.REGENERATED
        learned.judge(connection, request.redo.request_id, SignKind.AGAIN, verdict, moment)


def _prior(route: Route, generation: Generation) -> float | None:
    model = generation.config.catalogue.model(route.provider, route.model)
    return model.quality_share if model is not None else None
