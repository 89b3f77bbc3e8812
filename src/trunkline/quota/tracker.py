"""What is known of every account and route, kept up to date call by call: the changing half of a decision's inputs.

One tracker belongs to one event loop. It has no clock and no randomness of its own, and does no I/O: counted use
comes from the ledger's own memory.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from trunkline.domain.counting import TokenFactors
from trunkline.domain.crisis import CrisisStep
from trunkline.domain.decisions import Pin
from trunkline.domain.faults import Fault, FaultCode, FaultScope
from trunkline.domain.learned import QualityRecords
from trunkline.domain.limits import LimitReading, Metric
from trunkline.domain.preferences import CallLimits, Thresholds
from trunkline.domain.routes import Catalogue, Route, Selector
from trunkline.domain.snapshot import Counts, ProviderView
from trunkline.domain.state import AccountState, Block, ConversationState, RoutingState
from trunkline.quota.board import Board
from trunkline.quota.book import AccountKey, LimitBook
from trunkline.quota.breaker import targets_above, targets_of, tells_of_success
from trunkline.quota.breakers import Breakers
from trunkline.quota.claims import claims_from
from trunkline.quota.health import ENOUGH_ATTEMPTS, quantile
from trunkline.quota.learned import KeptReading, LearnedLimit
from trunkline.quota.ledger import Claim, KeyUse, Ledger
from trunkline.quota.outlook import Outlook
from trunkline.quota.verdicts import Inferred, Narrowing

_OF_SOMETHING_ELSE = re.compile(
    r"token|\bT(?:PM|PD)\b|concurren|simultaneous|parallel|capacity", re.IGNORECASE
)


class QuotaTracker:
    """Limits, blocks, health, latency, pools' cursors and calls under way, of all accounts; `outlook` says how long the
    limits will last."""

    def __init__(self, catalogue: Catalogue, ledger: Ledger, thresholds: Thresholds) -> None:
        self._catalogue = Catalogue()
        self._book = LimitBook(ledger)
        self._breakers = Breakers()
        self._board = Board(self._book, self._breakers)
        self.calls = self._board.calls
        self.outlook = Outlook(ledger, self._book, self._board, self._catch_up)
        self._cursors: dict[str, str] = {}
        self._disproved: tuple[LearnedLimit, ...] = ()
        self._stale = True
        self.use_config(catalogue, thresholds)

    # -- configuration and persistence -------------------------------------------------------------------------

    def use_config(self, catalogue: Catalogue, thresholds: Thresholds) -> None:
        """Work with another configuration; everything learned stays. An account whose key reference changed is
        freed of what its old key was blocked for."""
        previous, self._catalogue = self._catalogue, catalogue
        self._book.use_config(catalogue)
        self._board.use_config(catalogue, thresholds)
        self._stale = True
        for after in (account for provider in catalogue.providers for account in provider.accounts):
            before = previous.account(after.provider, after.id)
            if before and (before.key, before.has_key) != (after.key, after.has_key):
                self.key_changed(after.provider, after.id)

    def restore(
        self, blocks: Iterable[Block], readings: Iterable[KeptReading], written: Iterable[Block] = ()
    ) -> tuple[Block, ...]:
        """Take in all that is kept, at the start and whenever another process changed it: the later deadline of a
        block wins, the later reading of a limit; a block of ours that was `written` down before all this was read, and
        is not there, was closed by another process. The blocks that are new or changed here."""
        self._book.restore(readings)
        changed = self._changed(self._breakers.restore(blocks, written))
        return tuple(block for target in changed if (block := self._breakers.block(target)) is not None)

    def blocks(self) -> tuple[Block, ...]:
        """Every block, for keeping."""
        return self._breakers.blocks()

    def learned(self) -> tuple[LearnedLimit, ...]:
        """Every limit learned, for keeping."""
        return self._book.learned()

    def clear(self, target: str | None = None) -> tuple[str, ...]:
        """Close the block of a target (provider id, `provider/account`, route id) and of everything under it, or
        every block; the targets that were closed."""
        return self._changed(self._breakers.clear(target))

    def heal(self, targets: Iterable[str]) -> tuple[str, ...]:
        """What these targets were blocked for was disproved: close them, and nothing under them; what was closed."""
        return self._changed(self._breakers.heal(targets))

    def check_first(self, target: str) -> None:
        """Have the block of a target go on holding when its time comes, until `checked` or for a few seconds."""
        if self._breakers.check_first(target):
            self._board.block_changed(target)

    def checked(self, target: str, until_ms: int | None, now_ms: int) -> Block | None:
        """An account endpoint, asked at `now_ms`, has told of what a target is blocked for: it is used up until
        `until_ms`, or not (None), and then one request may try. The block as it is from now on; None where there is
        none, or a request is trying it."""
        block = self._breakers.checked(target, until_ms, now_ms)
        if block is not None:
            self._board.block_changed(target)
        return block

    def check_failed(self, target: str, now_ms: int) -> bool:
        """Nothing was learned by checking: let one request try. Whether that is news."""
        self._board.expire(target, now_ms)
        failed = self._breakers.check_failed(target)
        if failed:
            self._board.block_changed(target)
        return failed

    def correct(self, route: Route, readings: Sequence[LimitReading], now_ms: int) -> None:
        """An account endpoint has told how limits stand: see `LimitBook.correct`."""
        self._book.correct(route, readings, now_ms)

    def forgive(self, selector: Selector, now_ms: int, *, resets_at_ms: int | None = None) -> None:
        """These routes are said to be available, or are to be tried: see `LimitBook.forgive`."""
        self._catch_up(now_ms)
        self._book.forgive(selector, now_ms, resets_at_ms=resets_at_ms)

    def key_changed(self, provider: str, account: str) -> tuple[str, ...]:
        """The account has another key: close what the old one was to blame for; the targets that were closed."""
        return self._changed(self._breakers.key_changed(provider, account))

    def _changed(self, targets: tuple[str, ...]) -> tuple[str, ...]:
        """These targets, whose blocks are others than before, with the board brought up to that."""
        for target in targets:
            self._board.block_changed(target)
        return targets

    # -- a call ------------------------------------------------------------------------------------------------

    def claims(
        self, route: Route, *, input_tokens: int, output_tokens: int, cost_pico: int | None
    ) -> tuple[Claim, ...]:
        """What a call down `route` would take from its account's limits, configured and learned."""
        return claims_from(
            self._book.bound(route),
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            cost_pico=cost_pico,
        )

    def try_half_open(self, route: Route, now_ms: int, *, forced: bool = False) -> bool:
        """Ask leave to call `route`, right before reserving. False when a block holds or another request is trying
        a half-open one: take the next route. True claims whatever is half-open for this request, until `responded`,
        `succeeded`, `faulted` or `give_back`; a claim that nobody ends lapses after 30 s. `forced`: a person wants it
        called though its block holds still, unless that waits for a person."""
        for target in targets_above(route):
            self._board.expire(target, now_ms)
        allowed = self._breakers.try_half_open(route, now_ms, forced=forced)
        if allowed:
            self._board.route_blocks_changed(route)
        return allowed

    def give_back(self, route: Route) -> None:
        """The call that `try_half_open` allowed was not made or was cancelled: the next request may try."""
        self._breakers.give_back(route)
        self._board.route_blocks_changed(route)

    def began(self, route: Route, now_ms: int) -> int:
        """A call is under way: its number on its account."""
        return self._board.began(route, now_ms)

    def ended(self, route: Route) -> None:
        """A call is over, however it went."""
        self.calls.ended((route.provider, route.account))

    def with_room(self, now_ms: int) -> Mapping[AccountKey, bool]:
        """Every account that is known, and whether it takes another call as far as blocks and calls under way go."""
        self._catch_up(now_ms)
        return {key: self._board.has_room(key, now_ms) for key in self._board.accounts}

    def has_room(self, account: AccountKey, now_ms: int) -> bool:
        """`with_room` of one account."""
        self._catch_up(now_ms)
        return self._board.has_room(account, now_ms)

    def counts_calls(self, route: Route) -> bool:
        """Whether a limit of the route's account is about calls at once, so that the ledger counts them."""
        return any(limit.metric is Metric.CONCURRENCY for limit in self._book.bound(route))

    def success_share(self, route: Route) -> float | None:
        """Share of the last attempts down `route` that succeeded, 0..1; None where they are too few to say."""
        stats = self._board.route_stats.get(route)
        return None if stats is None or stats.attempts < ENOUGH_ATTEMPTS else stats.success_share

    def expected_ms(self, default_ms: float) -> float:
        """How long a request is expected to take at the most: the 95th percentile of the last 200 answers, or the
        default while there is none."""
        return quantile(sorted(self._board.all_stats.total_samples_ms), 0.95) or default_ms

    def picked(self, route: Route) -> None:
        """The pool of the route's provider gave this account: the next of a round robin comes after it."""
        self._cursors[route.provider] = route.account

    def note_uses(self, uses: Sequence[KeyUse], now_ms: int) -> None:
        """Take in the figures of a reservation, a shortage or a settlement."""
        self._book.note(uses, now_ms)

    def refresh_all(self, now_ms: int) -> None:
        """Another process changed the ledger: read every figure anew. Costs about 1 µs a limit."""
        self._book.refresh_all(now_ms)
        self._stale = False

    def settled(self, route: Route, now_ms: int, claims: Iterable[Claim] = ()) -> None:
        """A booking on `route` was settled or released: read its figures anew, and those of its `claims`, which may be
        others since the configuration has changed. `faulted` reads the route's itself."""
        self._book.refresh(route, now_ms, (claim.key for claim in claims))

    def responded(self, route: Route, now_ms: int) -> tuple[str, ...]:
        """The reply of a call has begun: that is enough to close what was half-open; the targets that are free
        again. Without this a long answer would keep everybody else away until its end."""
        return self._changed(self._breakers.succeeded(route, now_ms))

    def succeeded(
        self,
        route: Route,
        now_ms: int,
        *,
        total_ms: float,
        first_token_ms: float | None = None,
        tokens_per_s: float | None = None,
    ) -> tuple[str, ...]:
        """A call was answered whole and is settled, of which `settled` was told; the targets that are free again."""
        self._disproved += self._book.served(route, now_ms)
        for stats in self._board.stats(route):
            stats.succeeded(total_ms=total_ms, first_token_ms=first_token_ms, tokens_per_s=tokens_per_s)
        return self.responded(route, now_ms)

    def faulted(self, route: Route, fault: Fault, now_ms: int, draw: float) -> tuple[Block, ...]:
        """A call failed and is settled; the blocks that are new or changed. `draw` is a random number 0..1. What the
        refusal says of limits is learned; call `learn` first to know what of it was new. A 5xx is to be told of
        once its quick retry has failed too."""
        if tells_of_success(fault):
            for stats in self._board.stats(route):
                stats.failed(silent=fault.code == FaultCode.FIRST_TOKEN_TIMEOUT)
        self.settled(route, now_ms)
        self.learn(route, fault.readings, now_ms)
        for target in targets_above(route):
            self._board.expire(target, now_ms)
        changed = self._breakers.faulted(fault, route, self._catalogue, now_ms=now_ms, draw=draw)
        self._board.route_blocks_changed(route)
        for block in changed:
            self._board.block_changed(block.target)
        return changed

    def taught_by(self, route: Route, fault: Fault, now_ms: int) -> LimitReading | None:
        """What a refusal without figures teaches of how many requests a window takes, to be learned like a reading.
        Nothing while other calls of the account are under way, or where it speaks of tokens or calls at once: then
        something else may have been used up."""
        others = self._board.calls.in_flight((route.provider, route.account))
        if (
            fault.readings
            or not fault.kind.is_limit
            or others
            or _OF_SOMETHING_ELSE.search(fault.provider_text)
        ):
            return None
        return self._book.taught_by(route, fault, now_ms)

    def take_disproved(self) -> tuple[LearnedLimit, ...]:
        """Limits that were concluded here and that more answers have disproved, as they are now; each is told once."""
        disproved, self._disproved = self._disproved, ()
        return disproved

    def infer(self, one: Inferred, now_ms: int, draw: float) -> tuple[Block, ...]:
        """Take something for refused because of what was met elsewhere; the blocks that are new or changed. It says
        nothing of how well the route does."""
        found = []
        for target in targets_of(one.fault, one.route, self._catalogue):
            self._board.expire(target, now_ms)
            block = self._breakers.infer(one.fault, target, now_ms=now_ms, draw=draw, on_trial=one.on_trial)
            if block is not None:
                self._board.block_changed(target)
                found.append(block)
        return tuple(found)

    def narrow(self, found: Narrowing, now_ms: int) -> tuple[Block, ...]:
        """Close a block that was disproved; the blocks that stand in its place for what was refused indeed."""
        block = self._breakers.block(found.target)
        self.heal([found.target])
        if block is None:
            return ()
        placed = []
        for route in found.routes:
            narrowed = replace(
                block,
                target=route.id,
                scope=FaultScope.MODEL,
                half_open=block.until_ms is not None and block.until_ms <= now_ms,
                confidence=0.8,
                evidence=f"{block.evidence}; {found.evidence}",
            )
            if self._breakers.put(narrowed):
                self._board.block_changed(route.id)
                placed.append(narrowed)
        return tuple(placed)

    def block(self, target: str) -> Block | None:
        """The block of a target, if it has one; it may be past or half-open."""
        return self._breakers.block(target)

    def recall(
        self,
        route: Route,
        *,
        failed: bool,
        total_ms: float,
        first_token_ms: float | None,
        tokens_per_s: float | None,
    ) -> None:
        """Take in how a call of another process went, for its success and its speed; blocks and figures come from
        what that process kept."""
        for stats in self._board.stats(route):
            if failed:
                stats.failed()
            else:
                stats.succeeded(total_ms=total_ms, first_token_ms=first_token_ms, tokens_per_s=tokens_per_s)

    def learn(self, route: Route, readings: Sequence[LimitReading], now_ms: int) -> tuple[LimitReading, ...]:
        """Take in what a reply to a call down `route` says of limits; the readings that tell of a limit not known
        before or of another amount."""
        return self._book.learn(route, readings, now_ms) if readings else ()

    def first_token_limit_ms(self, route: Route, limits: CallLimits) -> int:
        """How long to wait for a first token on `route`."""
        stats = self._board.route_stats.get(route)
        return limits.first_token_ms if stats is None else stats.first_token_limit_ms(limits)

    # -- reading -----------------------------------------------------------------------------------------------

    def routing_state(
        self,
        now_ms: int,
        *,
        mode: str = "balanced",
        pin: Pin | None = None,
        conversation: ConversationState | None = None,
        spent_day_pico: int = 0,
        draw: float = 0.0,
        crisis_steps: tuple[CrisisStep, ...] = (),
        override: Selector | None = None,
        quality: QualityRecords = MappingProxyType({}),
        off_peak: bool = False,
        explore_draw: float = 1.0,
        token_factors: TokenFactors = MappingProxyType({}),
    ) -> RoutingState:
        """The state at `now_ms` for a decision. Only what changed since the last call is built anew. The mappings
        are the tracker's own, of frozen values: they are good until the tracker is called again on the same loop,
        so decide before the next await, and copy what is to be kept."""
        self._catch_up(now_ms)
        return RoutingState(
            now_ms=now_ms,
            accounts=self._board.accounts,
            routes=self._board.routes,
            providers=self._board.providers,
            cursors=self._cursors,
            mode=mode,
            pin=pin,
            conversation=conversation,
            spent_day_pico=spent_day_pico,
            draw=draw,
            crisis_steps=crisis_steps,
            override=override,
            quality=quality,
            off_peak=off_peak,
            explore_draw=explore_draw,
            token_factors=token_factors,
        )

    def accounts(self, now_ms: int) -> Collection[AccountState]:
        """All accounts at `now_ms`, good as long as `routing_state` is."""
        self._catch_up(now_ms)
        return self._board.accounts.values()

    def provider_view(
        self,
        provider: str,
        now_ms: int,
        account_counts: Mapping[str, Counts] | None = None,
        counts: Counts | None = None,
    ) -> ProviderView:
        """A provider and its accounts as panels show them: an account's is the same object as long as nothing about it
        changed. Raises KeyError for a provider that is not configured."""
        self._catch_up(now_ms)
        return self._board.provider_view(provider, account_counts or {}, counts or Counts(), now_ms)

    def _catch_up(self, now_ms: int) -> None:
        if self._stale:
            self.refresh_all(now_ms)
        self._board.catch_up(now_ms)
