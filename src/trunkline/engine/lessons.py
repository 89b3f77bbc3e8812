"""What calls teach: of limits, of blocks, of speed. It is taken in, kept in the store, and told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from trunkline.domain.events import Alert, AlertLevel, BreakerChanged, LimitLearned
from trunkline.domain.faults import Fault, FaultCode, FaultKind, FaultScope
from trunkline.domain.limits import LimitReading
from trunkline.domain.messages import ChatRequest
from trunkline.domain.receipts import Attempt
from trunkline.domain.routes import Capability, LocalServer, Route
from trunkline.domain.state import Block
from trunkline.domain.tasks import Task
from trunkline.engine import reach
from trunkline.engine.blame import mark_of_blame, still_means
from trunkline.engine.generation import Generation
from trunkline.quota.verdicts import Inferred
from trunkline.store import keep

if TYPE_CHECKING:
    from trunkline.engine.core import EngineCore

# Of the tokens counted, as a share, from which on a local server has read the whole prompt.
_SURELY_WHOLE = 0.75


class Lessons:
    """Of all calls of one engine, those that cost nothing included."""

    def __init__(self, core: EngineCore) -> None:
        self._core = core

    def replied(self, route: Route, began_at_ms: int) -> None:
        """The reply of a call that began then has begun: whatever was on trial there has passed it."""
        core = self._core
        reach.answered(core, route, began_at_ms, core.clock.wall_ms())
        for target in core.tracker.responded(route, core.clock.wall_ms()):
            self.unblocked(target)

    def call_succeeded(self, attempt: Attempt) -> None:
        """A call gave a whole answer."""
        core = self._core
        duration_ms = attempt.ended_ms - attempt.started_ms
        first_token_ms = (
            None if attempt.first_token_ms is None else attempt.first_token_ms - attempt.started_ms
        )
        freed = core.tracker.succeeded(
            attempt.route,
            core.clock.wall_ms(),
            total_ms=duration_ms,
            first_token_ms=first_token_ms,
            tokens_per_s=_tokens_per_s(attempt, duration_ms, first_token_ms),
        )
        reach.keep_disproved(core, core.clock.wall_ms())
        for target in freed:
            self.unblocked(target)

    def prompt_read(self, task: Task, attempt: Attempt, generation: Generation) -> None:
        """A whole answer tells how many tokens its provider counts in the prompt. What an image takes depends on more
        than is known here, so that nothing is learned where there is one; nor where a local server reads so little
        that it may have cut the prompt."""
        usage, model = attempt.usage, generation.model(attempt.route)
        if usage is None or usage.estimated or task.counted is None or Capability.IMAGES in task.needs:
            return
        counted = task.counted.of(model.tokenizer, model.counting, model.provider)
        cut = self._is_local(attempt.route) and (usage.input_tokens or 0) < _SURELY_WHOLE * counted.tokens
        if not cut:
            self._core.corrections.learn(
                attempt.route, counted, usage.input_tokens, self._core.clock.wall_ms()
            )

    def window_read(
        self, request: ChatRequest, task: Task, attempt: Attempt, generation: Generation
    ) -> str | None:
        """What a whole answer of a local server tells of the window it has given the model; a warning where it cut
        the prompt."""
        core = self._core
        provider, model = generation.provider(attempt.route), generation.model(attempt.route)
        news = core.window_watch.first_call(provider, model)
        estimate_tokens: float = task.input_tokens
        if (
            task.counted is not None
        ):  # not by what was learned of the model: that may be of cut prompts, or wide
            counted = task.counted.of(model.tokenizer, model.counting, model.provider)
            estimate_tokens = counted.tokens * generation.config.preferences.thresholds.estimate_margin
        warning = core.window_watch.check(
            request,
            provider,
            model,
            estimate_tokens=round(estimate_tokens),
            reported_tokens=attempt.usage.input_tokens if attempt.usage is not None else None,
            now_ms=core.clock.wall_ms(),
        )
        if news or warning:
            core.on_local_news()
        return warning

    def limits_read(self, route: Route, readings: tuple[LimitReading, ...]) -> None:
        """A reply said something of limits."""
        core = self._core
        if not readings:
            return
        now_ms = core.clock.wall_ms()
        for reading in core.tracker.learn(route, readings, now_ms):
            core.store.save_reading(route.provider, route.account, route.model, reading, now_ms)
            core.bus.publish(LimitLearned(route.provider, route.account, reading))

    def fault_seen(self, route: Route, fault: Fault) -> None:
        """A call failed for good: block what it concerns, keep that, and say it once."""
        core = self._core
        self.limits_read(route, fault.readings)
        if fault.kind is FaultKind.NETWORK and self._is_local(route):
            core.on_local_news()
        fault, blocks = reach.refused(core, route, fault, core.clock.wall_ms())
        for block in blocks:
            core.store.save_block(self.marked(block))
            if block.code != FaultCode.MODEL_GONE:  # which its alert says better
                core.bus.publish(BreakerChanged(block.target, block))
            if block.failures == 1 or block.until_ms is None:
                core.bus.publish(_alert_of(block, fault, self._successor(route)))
        core.changed = True

    def not_listed(self, route: Route, checked_at_ms: int) -> None:
        """The list of models that the provider gave then lacks that of `route`: others go before it until a call or
        another list has it again."""
        core = self._core
        day = datetime.fromtimestamp(checked_at_ms / 1000, UTC)
        said = f"not listed by its provider on {day:%Y-%m-%d}"
        fault = Fault(
            FaultKind.ENTITLEMENT, FaultScope.MODEL, FaultCode.NOT_LISTED, said, evidence="its list"
        )
        inferred = Inferred(route, fault, on_trial=True)
        for block in core.tracker.infer(inferred, core.clock.wall_ms(), core.draw()):
            core.store.save_block(self.marked(block))
        core.changed = True

    def _successor(self, route: Route) -> str | None:
        """The model that takes the place of that of `route`, if the catalogue knows one."""
        catalogue = self._core.generation.config.catalogue
        model, provider = catalogue.model(route.provider, route.model), catalogue.provider(route.provider)
        if model is not None and model.successor is not None:
            return model.successor
        retired = provider.retired if provider is not None else ()
        return next((one.successor for one in retired if one.id == route.model), None)

    def _is_local(self, route: Route) -> bool:
        provider = self._core.generation.config.catalogue.provider(route.provider)
        return provider is not None and provider.quirks.local_server is not LocalServer.NONE

    def kept_blocks(self, stored: Iterable[Block]) -> tuple[Block, ...]:
        """Those of the stored blocks that mean something here: not what another key of an account is to blame for."""
        catalogue, keys = self._core.generation.config.catalogue, self._core.generation.keys
        return tuple(block for block in stored if still_means(block, catalogue, keys))

    def marked(self, block: Block) -> Block:
        """`block` as it is kept: with the mark of the key that is to blame for it, if one is."""
        generation = self._core.generation
        mark = mark_of_blame(block, generation.config.catalogue, generation.keys)
        return replace(block, key_mark=mark)

    def heal(self, targets: Iterable[str]) -> None:
        """What these targets are blocked for was disproved without a call: free them."""
        for target in self._core.tracker.heal(targets):
            self.unblocked(target)

    def checked(self, target: str, until_ms: int | None, asked_at_ms: int) -> None:
        """The account endpoint, asked at `asked_at_ms`, says that what a target is blocked for is used up until
        `until_ms`, or is not (None): then one request may try."""
        core = self._core
        block = core.tracker.checked(target, until_ms, asked_at_ms)
        if block is None:
            return
        kept = self.marked(block)
        core.store.post(lambda connection: keep.revise_block(connection, kept))
        core.changed = True
        if until_ms is not None:
            core.bus.publish(BreakerChanged(target, block))
        core.rouse()

    def unblocked(self, target: str) -> None:
        """A target is free again: forget its block everywhere, and tell."""
        core = self._core
        core.store.clear_block(target)
        core.bus.publish(BreakerChanged(target, None))
        core.changed = True
        core.rouse()


def _tokens_per_s(attempt: Attempt, duration_ms: float, first_token_ms: float | None) -> float | None:
    output_tokens = attempt.usage.output_tokens if attempt.usage is not None else None
    if not output_tokens or first_token_ms is None or duration_ms <= first_token_ms:
        return None
    return output_tokens / (duration_ms - first_token_ms) * 1000


def _alert_of(block: Block, fault: Fault, successor: str | None) -> Alert:
    if fault.code == FaultCode.MODEL_GONE:
        instead = f"; {successor} takes its place" if successor is not None else ""
        text = f"{block.target}: no such model, or no longer, for this account; it is left out from now on{instead}"
        return Alert(AlertLevel.WARNING, f"block:{block.target}:{block.code}", text)
    needs_person = fault.kind in (FaultKind.AUTH, FaultKind.BILLING, FaultKind.ENTITLEMENT)
    level = AlertLevel.WARNING if needs_person else AlertLevel.NOTICE
    return Alert(level, f"block:{block.target}:{block.code}", f"{block.target}: {block.message}")
