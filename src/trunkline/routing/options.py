"""A route that may answer, and how such routes sort."""

from __future__ import annotations

from typing import NamedTuple

from trunkline.domain.decisions import FAVOURED
from trunkline.domain.routes import Route
from trunkline.domain.state import AccountState
from trunkline.routing.policy import ModelRow, PoolAccount

STATED, PLAIN, PAST_MARK, UNLISTED = range(4)

# How options sort, the least first: order; whether a cost rule or a stated list puts them in front, or a ceiling or the
# floor behind (`Ranked.behind`); their cost or place there; minus the score; cost; route id.
Key = tuple[int, int, int, float, int, str]
# Quota, speed and health of a route, each 0..1.
Changing = tuple[float, float, float]

# What no option of a row can beat: the first three parts of a key, and minus the best score; then the row's place,
# the score without quota, speed and health, the least cost, that with a cold cache at list price, and the row.
Bound = tuple[int, int, int, float, int, float, int, int, ModelRow]


class Option(NamedTuple):
    """A route that may answer. `account` is None where nothing is known of it. `cost_pico` is the expected cash, an
    estimate at the dearest known price where `price_known` is False. `success_share` is that of the route's last
    attempts, None where nothing is known against it."""

    key: Key
    route: Route
    row: ModelRow
    member: PoolAccount
    account: AccountState | None
    score: float
    cost_pico: int
    price_known: bool
    preference: float
    changing: Changing
    success_share: float | None

    @property
    def order(self) -> int:
        """`STATED`, `PLAIN`, `PAST_MARK` or `UNLISTED`."""
        return self.key[0]

    @property
    def behind(self) -> int:
        """See `Ranked.behind`."""
        return self.key[1]

    @property
    def leads(self) -> bool:
        """A cost rule or a stated list puts it before others of its order."""
        return self.key[1] == FAVOURED
