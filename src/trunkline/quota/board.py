"""Accounts, routes and providers as they stand, made anew only where something about them has changed."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Mapping
from dataclasses import replace

from trunkline.domain.limits import Forecast, Metric
from trunkline.domain.preferences import Thresholds
from trunkline.domain.routes import Catalogue, Route
from trunkline.domain.snapshot import AccountView, Counts, ProviderView
from trunkline.domain.state import AccountState, Block, RouteState
from trunkline.quota.book import AccountKey, LimitBook
from trunkline.quota.breaker import account_target, targets_above
from trunkline.quota.breakers import Breakers
from trunkline.quota.concurrency import CallsUnderWay, at_most
from trunkline.quota.foreseen import Foreseen
from trunkline.quota.health import RecentStats, health_of
from trunkline.quota.views import AccountFacts, provider_view


class Board:
    """What the limits of `book`, the blocks of `breakers` and the calls so far come to. `accounts`, `routes` and
    `providers` (their blocks) are of frozen values and good after `catch_up`."""

    def __init__(self, book: LimitBook, breakers: Breakers) -> None:
        self.accounts: dict[AccountKey, AccountState] = {}
        self.routes: dict[Route, RouteState] = {}
        self.providers: dict[str, Block] = {}
        self.route_stats: dict[Route, RecentStats] = {}
        self._book = book
        self._breakers = breakers
        self._catalogue = Catalogue()
        self._thresholds = Thresholds()
        self._account_stats: dict[AccountKey, RecentStats] = {}
        self._last_used_ms: dict[AccountKey, int] = {}
        self._breaker_due: list[tuple[int, str]] = []
        self._routes_of: dict[AccountKey, set[Route]] = {}
        self._dirty_routes: set[Route] = set()
        self._views: dict[AccountKey, AccountView] = {}
        self._forecasts: Mapping[str, Forecast] = {}
        self._foreseen = Foreseen()
        self.calls = CallsUnderWay(lambda account: book.changed.add(account))
        self.all_stats = RecentStats()

    def use_config(self, catalogue: Catalogue, thresholds: Thresholds) -> None:
        """Work with another configuration; what calls were like stays known."""
        self._catalogue, self._thresholds = catalogue, thresholds
        self._views.clear()
        self._dirty_routes |= set(self.routes)
        for key in [key for key in self.accounts if catalogue.account(*key) is None]:
            del self.accounts[key]

    # -- what happens ------------------------------------------------------------------------------------------

    def began(self, route: Route, now_ms: int) -> int:
        """A call is under way: its number on its account."""
        key = (route.provider, route.account)
        self._last_used_ms[key] = now_ms
        return self.calls.began(key)

    def stats(self, route: Route) -> tuple[RecentStats, ...]:
        """What is known of calls on the route's account, on the route and on all, to be added to."""
        key = (route.provider, route.account)
        of_account = self._account_stats.setdefault(key, RecentStats())
        of_route = self.route_stats.setdefault(route, RecentStats())
        self._book.changed.add(key)
        self._dirty_routes.add(route)
        return of_account, of_route, self.all_stats

    def block_changed(self, target: str) -> None:
        """The block of a target is new, another or gone."""
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
            self.providers.pop(provider, None)
        else:
            self.providers[provider] = block
        due_ms = self._breakers.next_change_ms(target)
        if due_ms is not None:
            heapq.heappush(self._breaker_due, (due_ms, target))

    def route_blocks_changed(self, route: Route) -> None:
        """A block above a route may have become another."""
        for target in targets_above(route):
            if self._breakers.block(target) is not None:
                self.block_changed(target)

    def expire(self, target: str, now_ms: int) -> None:
        """Do what is due with the block of a target."""
        if self._breakers.expire(target, now_ms):
            self.block_changed(target)

    def use_forecasts(self, forecasts: Mapping[str, Forecast], changed: Collection[str]) -> None:
        """Show limits with these forecasts, by key, of which the `changed` ones are others than before, and have
        decisions reckon with those that are sure."""
        self._forecasts = forecasts
        for key in changed:
            for holder in self._book.holders(key):
                self._views.pop(holder, None)
        for key in self._foreseen.use(forecasts, changed):
            for holder in self._book.holders(key):
                self._foreseen.forget(holder)
                self._book.changed.add(holder)

    # -- keeping up --------------------------------------------------------------------------------------------

    def catch_up(self, now_ms: int) -> None:
        """Bring everything to `now_ms`."""
        book = self._book
        book.advance(now_ms)
        self.calls.forget_old(now_ms)
        while self._breaker_due and self._breaker_due[0][0] <= now_ms:
            self.expire(heapq.heappop(self._breaker_due)[1], now_ms)
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
        limits = self._foreseen.of(key, self._book.uses(key))
        wide = [limit for limit in limits if limit.model is None]
        stats = self._account_stats.get(key)
        block = self._breakers.block(account_target(*key))
        self.accounts[key] = AccountState(
            provider=key[0],
            account=key[1],
            limits=limits,
            block=block,
            health=health_of(wide, stats.success_share if stats else None, block, now_ms),
            in_flight=self.calls.in_flight(key),
            last_used_ms=self._last_used_ms.get(key, 0),
            concurrency=self.calls.size(key),
            at_most=at_most(self.calls.size(key), wide),
            elsewhere=self.calls.elsewhere(key),
        )

    def _rebuild_route(self, route: Route, now_ms: int) -> None:
        stats = self.route_stats.get(route)
        block = self._breakers.block(route.id)
        limits = self._book.uses_of_route(route)
        if stats is None and block is None and not any(limit.model and limit.used for limit in limits):
            self.routes.pop(route, None)
            return
        self._routes_of.setdefault((route.provider, route.account), set()).add(route)
        share = stats.success_share if stats else None
        self.routes[route] = RouteState(
            block=block,
            health=health_of(limits, share, block, now_ms),
            success_share=share,
            first_token_ms=stats.first_token_ms if stats else None,
            tokens_per_s=stats.tokens_per_s if stats else None,
        )

    def has_room(self, key: AccountKey, now_ms: int) -> bool:
        """Whether an account takes another call as far as blocks and calls under way go."""
        state = self.accounts.get(key)
        if state is None or state.busy:
            return False
        blocks = (state.block, self.providers.get(state.provider))
        if any(block is not None and block.holds_at(now_ms) for block in blocks):
            return False
        shared = (limit for limit in state.limits if limit.model is None)
        return all(limit.left > 0 for limit in shared if limit.metric is Metric.CONCURRENCY)

    # -- for panels --------------------------------------------------------------------------------------------

    def facts(self, provider: str, account: str, now_ms: int) -> AccountFacts:
        """All that an account's view is made of. Raises KeyError for one that is not configured."""
        key = (provider, account)
        spec = self._catalogue.account(provider, account)
        owner = self._catalogue.provider(provider)
        if spec is None or owner is None:
            raise KeyError(f"{provider}/{account}")
        known = self._routes_of.get(key, set())
        return AccountFacts(
            spec=spec,
            models=tuple(model.id for model in owner.models if not model.embeds),
            state=self.accounts[key],
            named=self._book.named(key),
            provider_block=self.providers.get(provider),
            route_blocks={r.model: b for r in known if (b := self._breakers.block(r.id)) is not None},
            stats=self._account_stats.get(key),
            thresholds=self._thresholds,
            now_ms=now_ms,
            forecasts=self._forecasts,
            doubted=self._book.doubted(key),
        )

    def view(self, provider: str, account: str, counts: Counts, now_ms: int) -> AccountView:
        """An account as panels show it: the same object as long as nothing about it changed."""
        view = self._views.get((provider, account))
        if view is None:
            view = self.facts(provider, account, now_ms).view(counts)
        elif view.counts != counts:
            view = replace(view, counts=counts)
        self._views[provider, account] = view
        return view

    def provider_view(
        self, provider: str, account_counts: Mapping[str, Counts], counts: Counts, now_ms: int
    ) -> ProviderView:
        """See `QuotaTracker.provider_view`."""
        spec = self._catalogue.provider(provider)
        if spec is None:
            raise KeyError(provider)
        stats = (self._account_stats.get((provider, account.id)) for account in spec.accounts)
        return provider_view(
            spec,
            [self.view(provider, a.id, account_counts.get(a.id, Counts()), now_ms) for a in spec.accounts],
            [one for one in stats if one is not None],
            self.providers.get(provider),
            counts,
            now_ms,
        )
