"""What is known of every account and route, kept up to date call by call: the changing half of a decision's inputs.

One tracker belongs to one event loop. It has no clock and no randomness of its own, and does no I/O: counted use
comes from the ledger's own memory.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from trunkline.domain.decisions import Pin
from trunkline.domain.faults import Fault
from trunkline.domain.limits import LimitReading, LimitUse
from trunkline.domain.preferences import Thresholds
from trunkline.domain.routes import Catalogue, Route
from trunkline.domain.snapshot import AccountView, Counts, ProviderView
from trunkline.domain.state import AccountState, Block, ConversationState, RouteState, RoutingState
from trunkline.quota.book import AccountKey, KeptReading, LearnedLimit, LimitBook
from trunkline.quota.breaker import Breakers, account_target, is_of_the_request, targets_above
from trunkline.quota.claims import claims_from
from trunkline.quota.health import RecentStats, health_of
from trunkline.quota.ledger import Claim, KeyUse, Ledger
from trunkline.quota.views import AccountFacts, provider_view


class QuotaTracker:
    """Limits, blocks, health, latency, pools' cursors and calls under way, of all accounts."""

    def __init__(self, catalogue: Catalogue, ledger: Ledger, thresholds: Thresholds) -> None:
        self._catalogue = Catalogue()
        self._thresholds = thresholds
        self._book = LimitBook(ledger)
        self._breakers = Breakers()
        self._breaker_due: list[tuple[int, str]] = []
        self._account_stats: dict[AccountKey, RecentStats] = {}
        self._route_stats: dict[Route, RecentStats] = {}
        self._in_flight: dict[AccountKey, int] = {}
        self._last_used_ms: dict[AccountKey, int] = {}
        self._cursors: dict[str, str] = {}
        self._accounts: dict[AccountKey, AccountState] = {}
        self._routes: dict[Route, RouteState] = {}
        self._routes_of: dict[AccountKey, set[Route]] = {}
        self._providers: dict[str, Block] = {}
        self._dirty_routes: set[Route] = set()
        self._views: dict[AccountKey, AccountView] = {}
        self._stale = True
        self.use_config(catalogue, thresholds)

    # -- configuration and persistence -------------------------------------------------------------------------

    def use_config(self, catalogue: Catalogue, thresholds: Thresholds) -> None:
        """Work with another configuration; everything learned stays. An account whose key reference changed is
        freed of what its old key was blocked for."""
        previous, self._catalogue, self._thresholds = self._catalogue, catalogue, thresholds
        self._book.use_config(catalogue)
        self._views.clear()
        self._dirty_routes |= set(self._routes)
        self._stale = True
        present = {(account.provider, account.id) for p in catalogue.providers for account in p.accounts}
        for key in [key for key in self._accounts if key not in present]:
            del self._accounts[key]
        for provider, account in present:
            before = previous.account(provider, account)
            after = catalogue.account(provider, account)
            if before and after and (before.key, before.has_key) != (after.key, after.has_key):
                self.key_changed(provider, account)

    def restore(
        self, blocks: Iterable[Block], readings: Iterable[KeptReading], now_ms: int = 0
    ) -> tuple[Block, ...]:
        """Take in all that is kept, at the start and whenever another process changed it: the later deadline of a
        block wins, the later reading of a limit; a block of ours that is no longer kept was closed by another
        process (at the start there is none, and no `now_ms` to give). The blocks that are new or changed here."""
        self._book.restore(readings)
        changed = self._breakers.restore(blocks, now_ms)
        for target in changed:
            self._block_changed(target)
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
        closed = self._breakers.clear(target)
        for one in closed:
            self._block_changed(one)
        return closed

    def heal(self, targets: Iterable[str]) -> tuple[str, ...]:
        """What these targets were blocked for was disproved: close them, and nothing under them; what was closed."""
        closed = self._breakers.heal(targets)
        for target in closed:
            self._block_changed(target)
        return closed

    def key_changed(self, provider: str, account: str) -> tuple[str, ...]:
        """The account has another key: close what the old one was to blame for; the targets that were closed."""
        closed = self._breakers.key_changed(provider, account)
        for target in closed:
            self._block_changed(target)
        return closed

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

    def try_half_open(self, route: Route, now_ms: int) -> bool:
        """Ask leave to call `route`, right before reserving. False when a block holds or another request is trying
        a half-open one: take the next route. True claims whatever is half-open for this request, until `responded`,
        `succeeded`, `faulted` or `give_back`; a claim that nobody ends lapses after 30 s."""
        for target in targets_above(route):
            self._expire(target, now_ms)
        allowed = self._breakers.try_half_open(route, now_ms)
        if allowed:
            self._route_blocks_changed(route)
        return allowed

    def give_back(self, route: Route) -> None:
        """The call that `try_half_open` allowed was not made or was cancelled: the next request may try."""
        self._breakers.give_back(route)
        self._route_blocks_changed(route)

    def began(self, route: Route, now_ms: int) -> None:
        """A call is under way."""
        key = (route.provider, route.account)
        self._in_flight[key] = self._in_flight.get(key, 0) + 1
        self._last_used_ms[key] = now_ms
        self._book.changed.add(key)

    def ended(self, route: Route) -> None:
        """A call is over, however it went."""
        key = (route.provider, route.account)
        self._in_flight[key] = max(0, self._in_flight.get(key, 0) - 1)
        self._book.changed.add(key)

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

    def settled(self, route: Route, now_ms: int) -> None:
        """A booking on `route` was settled or released: read its figures anew. `succeeded` and `faulted` do so
        themselves; this is for a call that ended otherwise."""
        self._book.refresh(route, now_ms)

    def responded(self, route: Route, now_ms: int) -> tuple[str, ...]:
        """The reply of a call has begun: that is enough to close what was half-open; the targets that are free
        again. Without this a long answer would keep everybody else away until its end."""
        freed = self._breakers.succeeded(route, now_ms)
        for target in freed:
            self._block_changed(target)
        return freed

    def succeeded(
        self,
        route: Route,
        now_ms: int,
        *,
        total_ms: float,
        first_token_ms: float | None = None,
        tokens_per_s: float | None = None,
    ) -> tuple[str, ...]:
        """A call was answered whole and is settled; the targets that are free again."""
        self.settled(route, now_ms)
        for stats in self._stats(route):
            stats.succeeded(total_ms=total_ms, first_token_ms=first_token_ms, tokens_per_s=tokens_per_s)
        return self.responded(route, now_ms)

    def faulted(self, route: Route, fault: Fault, now_ms: int, draw: float) -> tuple[Block, ...]:
        """A call failed and is settled; the blocks that are new or changed. `draw` is a random number 0..1. What the
        refusal says of limits is learned; call `learn` first to know what of it was new. A 5xx is to be told of
        once its quick retry has failed too."""
        if not is_of_the_request(fault):
            for stats in self._stats(route):
                stats.failed()
        self.settled(route, now_ms)
        self.learn(route, fault.readings, now_ms)
        for target in targets_above(route):
            self._expire(target, now_ms)
        changed = self._breakers.faulted(fault, route, self._catalogue, now_ms=now_ms, draw=draw)
        self._route_blocks_changed(route)
        for block in changed:
            self._block_changed(block.target)
        return changed

    def learn(self, route: Route, readings: Sequence[LimitReading], now_ms: int) -> tuple[LimitReading, ...]:
        """Take in what a reply to a call down `route` says of limits; the readings that tell of a limit not known
        before or of another amount."""
        return self._book.learn(route, readings, now_ms) if readings else ()

    def first_token_limit_ms(self, route: Route, default_ms: int) -> int:
        """How long to wait for a first token on `route`."""
        stats = self._route_stats.get(route)
        return default_ms if stats is None else stats.first_token_limit_ms(default_ms)

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
    ) -> RoutingState:
        """The state at `now_ms` for a decision. Only what changed since the last call is built anew. The mappings
        are the tracker's own, of frozen values: they are good until the tracker is called again on the same loop,
        so decide before the next await, and copy what is to be kept."""
        self._catch_up(now_ms)
        return RoutingState(
            now_ms=now_ms,
            accounts=self._accounts,
            routes=self._routes,
            providers=self._providers,
            cursors=self._cursors,
            mode=mode,
            pin=pin,
            conversation=conversation,
            spent_day_pico=spent_day_pico,
            draw=draw,
        )

    def limit_uses(self, provider: str, account: str, now_ms: int) -> tuple[LimitUse, ...]:
        """The limits of an account as panels show them: every limit of the account or organisation, limits that the
        configuration gives to a named model, and of those that each model has by itself the tightest. While a
        refusal for want of allowance holds, the limit that it must be about shows as used up."""
        self._catch_up(now_ms)
        return self._account_facts(provider, account, now_ms).shown_limits()

    def account_view(
        self, provider: str, account: str, now_ms: int, counts: Counts | None = None
    ) -> AccountView:
        """An account as panels show it: the same object as long as nothing about it changed. Raises KeyError for
        one that is not configured."""
        self._catch_up(now_ms)
        return self._view(provider, account, counts or Counts(), now_ms)

    def provider_view(
        self,
        provider: str,
        now_ms: int,
        account_counts: Mapping[str, Counts] | None = None,
        counts: Counts | None = None,
    ) -> ProviderView:
        """A provider and its accounts as panels show them. Raises KeyError for one that is not configured."""
        self._catch_up(now_ms)
        spec = self._catalogue.provider(provider)
        if spec is None:
            raise KeyError(provider)
        counted = account_counts or {}
        stats = (self._account_stats.get((provider, account.id)) for account in spec.accounts)
        return provider_view(
            spec,
            [self._view(provider, a.id, counted.get(a.id, Counts()), now_ms) for a in spec.accounts],
            [one for one in stats if one is not None],
            self._providers.get(provider),
            counts or Counts(),
            now_ms,
        )

    # -- keeping up --------------------------------------------------------------------------------------------

    def _catch_up(self, now_ms: int) -> None:
        if self._stale:
            self.refresh_all(now_ms)
        self._book.advance(now_ms)
        while self._breaker_due and self._breaker_due[0][0] <= now_ms:
            self._expire(heapq.heappop(self._breaker_due)[1], now_ms)
        book = self._book
        if book.changed:
            for key in book.changed:
                self._rebuild_account(key, now_ms)
            for key in book.changed_wide:
                self._dirty_routes |= self._routes_of.get(key, set())
            self._dirty_routes |= book.changed_routes
            for changed in (book.changed, book.changed_wide, book.changed_routes):
                changed.clear()
        if self._dirty_routes:
            for route in self._dirty_routes:
                self._rebuild_route(route, now_ms)
            self._dirty_routes.clear()

    def _rebuild_account(self, key: AccountKey, now_ms: int) -> None:
        self._views.pop(key, None)
        if self._catalogue.account(*key) is None:
            return
        limits = self._book.uses(key)
        wide = [limit for limit in limits if limit.model is None]
        stats = self._account_stats.get(key)
        block = self._breakers.block(account_target(*key))
        self._accounts[key] = AccountState(
            provider=key[0],
            account=key[1],
            limits=limits,
            block=block,
            health=health_of(wide, stats.success_share if stats else None, block, now_ms),
            in_flight=self._in_flight.get(key, 0),
            last_used_ms=self._last_used_ms.get(key, 0),
        )

    def _rebuild_route(self, route: Route, now_ms: int) -> None:
        stats = self._route_stats.get(route)
        block = self._breakers.block(route.id)
        limits = self._book.uses_of_route(route)
        if stats is None and block is None and not any(limit.model and limit.used for limit in limits):
            self._routes.pop(route, None)
            return
        self._routes_of.setdefault((route.provider, route.account), set()).add(route)
        share = stats.success_share if stats else None
        self._routes[route] = RouteState(
            block=block,
            health=health_of(limits, share, block, now_ms),
            success_share=share,
            first_token_ms=stats.first_token_ms if stats else None,
            tokens_per_s=stats.tokens_per_s if stats else None,
        )

    def _stats(self, route: Route) -> tuple[RecentStats, RecentStats]:
        key = (route.provider, route.account)
        of_account = self._account_stats.setdefault(key, RecentStats())
        of_route = self._route_stats.setdefault(route, RecentStats())
        self._book.changed.add(key)
        self._dirty_routes.add(route)
        return of_account, of_route

    def _expire(self, target: str, now_ms: int) -> None:
        if self._breakers.expire(target, now_ms):
            self._block_changed(target)

    def _route_blocks_changed(self, route: Route) -> None:
        for target in targets_above(route):
            if self._breakers.block(target) is not None:
                self._block_changed(target)

    def _block_changed(self, target: str) -> None:
        provider, _, rest = target.partition("/")
        account, _, model = rest.partition("/")
        block = self._breakers.block(target)
        if not account:
            self._views.clear()
        self._views.pop((provider, account), None)
        if model:
            self._dirty_routes.add(Route(provider, account, model))
        elif account:
            self._book.changed.add((provider, account))
        elif block is None:
            self._providers.pop(provider, None)
        else:
            self._providers[provider] = block
        due_ms = self._breakers.next_change_ms(target)
        if due_ms is not None:
            heapq.heappush(self._breaker_due, (due_ms, target))

    def _view(self, provider: str, account: str, counts: Counts, now_ms: int) -> AccountView:
        view = self._views.get((provider, account))
        if view is None:
            view = self._account_facts(provider, account, now_ms).view(counts)
        elif view.counts != counts:
            view = replace(view, counts=counts)
        self._views[provider, account] = view
        return view

    def _account_facts(self, provider: str, account: str, now_ms: int) -> AccountFacts:
        key = (provider, account)
        spec = self._catalogue.account(provider, account)
        owner = self._catalogue.provider(provider)
        if spec is None or owner is None:
            raise KeyError(f"{provider}/{account}")
        known = self._routes_of.get(key, set())
        return AccountFacts(
            spec=spec,
            models=tuple(model.id for model in owner.models),
            state=self._accounts[key],
            named=self._book.named(key),
            provider_block=self._providers.get(provider),
            route_blocks={r.model: b for r in known if (b := self._breakers.block(r.id)) is not None},
            stats=self._account_stats.get(key),
            thresholds=self._thresholds,
            now_ms=now_ms,
        )
