"""What is done when a block's time has come: first a free check where there is one, then one real request."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from trunkline.domain.routes import AccountSpec, ProviderSpec, Selector
from trunkline.domain.state import Block
from trunkline.engine.account_reports import is_told_of
from trunkline.quota.breakers import CHECK_GRACE_MS
from trunkline.quota.recheck import worth_a_check

if TYPE_CHECKING:
    from trunkline.engine.core import EngineCore

_log = logging.getLogger(__name__)

_LOOK_MS = 1_000.0
_LEAST_LOOK_MS = 20.0
# Together less than the time that a block goes on holding for its check.
_SPREAD_MS = 1_500.0
_TIMEOUT_MS = 3_000
_AT_ONCE = 8

Account = tuple[str, str]


class Healing:
    """Looks after the blocks of one process. A block that lasts a minute or more, of an account whose endpoint may
    know, holds for a few seconds beyond its time while that is asked; all others are tried by a request at once. Where
    several processes wait for the same, one of them asks and all learn."""

    def __init__(self, core: EngineCore) -> None:
        self._core = core
        self._checking: dict[Account, asyncio.Task[None]] = {}
        self._seen_due: dict[str, int] = {}
        self._tried_early: dict[str, int] = {}
        self._gate = asyncio.Semaphore(_AT_ONCE)

    async def follow(self) -> None:
        """Check what is due, until cancelled."""
        try:
            while True:
                await self._core.clock.sleep(self._look())
        finally:
            for task in self._checking.values():
                task.cancel()

    def _look(self) -> float:
        """Begin every check that is due; how long until the next look (ms)."""
        core, now_ms = self._core, self._core.clock.wall_ms()
        wait_ms = _LOOK_MS
        due: dict[Account, list[Block]] = {}
        for block in core.tracker.blocks():
            self._try_early(block, now_ms)
            if block.half_open or block.until_ms is None or not worth_a_check(block):
                continue
            owner = self._owner(block)
            if owner is None:
                continue
            core.tracker.check_first(block.target)
            if block.until_ms > now_ms:
                wait_ms = min(wait_ms, block.until_ms - now_ms)
            elif self._seen_due.get(block.target) != block.until_ms and (
                now_ms < block.until_ms + CHECK_GRACE_MS
            ):
                due.setdefault((owner[0].id, owner[1].id), []).append(block)
        for account, blocks in due.items():
            self._begin(account, blocks)
        return max(_LEAST_LOOK_MS, wait_ms)

    def _try_early(self, block: Block, now_ms: int) -> None:
        """Let a request have what a block long before its end is to be tried with, and whoever waits look."""
        early = block.half_open and block.until_ms is not None and block.until_ms > now_ms
        if not early or self._tried_early.get(block.target) == block.since_ms:
            return
        self._tried_early[block.target] = block.since_ms
        selector = Selector(*block.target.split("/", 2))
        self._core.tracker.forgive(selector, now_ms, resets_at_ms=block.until_ms)
        self._core.rouse()

    def _owner(self, block: Block) -> tuple[ProviderSpec, AccountSpec] | None:
        """Whose endpoint may know of the block; None where there is none."""
        catalogue = self._core.generation.config.catalogue
        provider_id, account_id = block.target.split("/", 2)[:2]
        provider, account = catalogue.provider(provider_id), catalogue.account(provider_id, account_id)
        if provider is None or account is None or not is_told_of(provider, account):
            return None
        return provider, account

    def _begin(self, account: Account, blocks: list[Block]) -> None:
        if account in self._checking:
            return
        for block in blocks:
            self._seen_due[block.target] = block.until_ms or 0
        task = asyncio.get_running_loop().create_task(self._check(blocks))
        self._checking[account] = task
        task.add_done_callback(lambda _: self._checking.pop(account, None))

    async def _check(self, blocks: list[Block]) -> None:
        """Ask once for all blocks of an account; where nothing can be learned, each is tried by a request."""
        core, owner = self._core, self._owner(blocks[0])
        asked = True
        try:
            async with self._gate:
                await core.clock.sleep(_SPREAD_MS * core.draw())
                if owner is not None:
                    asked = await core.reports.ask(
                        *owner,
                        unless_asked_since_ms=min(block.until_ms or 0 for block in blocks),
                        timeout_ms=_TIMEOUT_MS,
                    )
        except Exception:
            _log.exception("the check of %s failed inside the engine", blocks[0].target)
        if asked:  # else another process has, and its report is on the way
            now_ms = core.clock.wall_ms()
            news = [core.tracker.check_failed(block.target, now_ms) for block in blocks]
            if any(news):
                core.rouse()
