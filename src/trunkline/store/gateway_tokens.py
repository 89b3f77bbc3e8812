"""Units of work and questions about the gateway's tokens, and what each was used for.

The text of a token is nowhere: its SHA-256 is. It is 32 random bytes, which nobody finds by trying, so that a slow
hash, made for passwords that people choose, would protect nothing and cost every request milliseconds. A token that
comes in is looked up by its hash: how long a comparison of hashes takes says nothing of the texts behind them.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from trunkline.domain.money import MoneySum
from trunkline.domain.tasks import Priority
from trunkline.store import kept_thinking
from trunkline.store.keep import AuditEntry, audit
from trunkline.store.queries import Query, Row

PREFIX = "tl-"
_RANDOM_BYTES = 32
_AUDITED = "gateway_token"
_COLUMNS = """id, name, hash, created_at_ms, last_used_at_ms, revoked_at_ms, budget_day_pico, models,
    requests_per_minute, priority"""
_TOKENS = f"SELECT {_COLUMNS} FROM gateway_token ORDER BY id"  # noqa: S608 - only the text above
_USES = "SELECT token_id, requests, cost_pico, unknown_costs FROM gateway_use WHERE day = ?"


@dataclass(frozen=True, slots=True)
class GatewayToken:
    """A token without its text. `models` are selectors and aliases, empty: everybody may be asked. `budget_day_pico` is
    what a local day may cost; None of a limit: there is none. `priority` None: each request's own."""

    id: str
    name: str
    hash: str = field(repr=False)
    created_at_ms: int
    last_used_at_ms: int | None = None
    revoked_at_ms: int | None = None
    budget_day_pico: int | None = None
    models: tuple[str, ...] = ()
    requests_per_minute: int | None = None
    priority: Priority | None = None


@dataclass(frozen=True, slots=True)
class TokenUse:
    """What went through under a token on one day."""

    requests: int = 0
    cost: MoneySum = field(default_factory=MoneySum)

    def plus(self, cost: MoneySum) -> TokenUse:
        """This use and one more request."""
        return TokenUse(
            self.requests + 1,
            MoneySum(self.cost.pico + cost.pico, self.cost.unknown + cost.unknown),
        )


def new_text(random_bytes: Callable[[int], bytes]) -> str:
    """The text of a new token."""
    drawn = base64.urlsafe_b64encode(random_bytes(_RANDOM_BYTES)).decode()
    return PREFIX + drawn.rstrip("=")


def hash_of(text: str) -> str:
    """By what a token is kept and found."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


# -- units of work ------------------------------------------------------------------------------------------------


def create(connection: sqlite3.Connection, token: GatewayToken, *, who: str) -> bool:
    """Keep a token and write that into the audit; False, and nothing done, where one of its name is in force."""
    there = connection.execute(
        "SELECT 1 FROM gateway_token WHERE name = ? AND revoked_at_ms IS NULL", (token.name,)
    ).fetchone()
    if there is not None:
        return False
    connection.execute(
        "INSERT INTO gateway_token VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            token.id,
            token.name,
            token.hash,
            token.created_at_ms,
            token.last_used_at_ms,
            token.revoked_at_ms,
            token.budget_day_pico,
            json.dumps(token.models) if token.models else None,
            token.requests_per_minute,
            None if token.priority is None else token.priority.value,
        ),
    )
    audit(connection, AuditEntry(token.created_at_ms, who, _AUDITED, "null", _audited(token), ""))
    return True


def revoke(connection: sqlite3.Connection, name_or_id: str, *, who: str, at_ms: int) -> GatewayToken | None:
    """Have the token of that name or id be refused from now on, write that into the audit and erase what was kept for
    whoever came with it; None where none of them is in force."""
    in_force = (token for token in map(_token, connection.execute(_TOKENS)) if token.revoked_at_ms is None)
    found = next((token for token in in_force if name_or_id in (token.name, token.id)), None)
    if found is None:
        return None
    connection.execute("UPDATE gateway_token SET revoked_at_ms = ? WHERE id = ?", (at_ms, found.id))
    kept_thinking.forget(connection, found.id)
    audit(connection, AuditEntry(at_ms, who, _AUDITED, _audited(found), "null", ""))
    return found


def add_use(connection: sqlite3.Connection, token_id: str, day: str, cost: MoneySum, *, at_ms: int) -> None:
    """One request of a token is over, which cost that with all its attempts."""
    connection.execute(
        """INSERT INTO gateway_use VALUES (?, ?, 1, ?, ?)
        ON CONFLICT DO UPDATE SET requests = requests + 1, cost_pico = cost_pico + excluded.cost_pico,
            unknown_costs = unknown_costs + excluded.unknown_costs""",
        (token_id, day, cost.pico, cost.unknown),
    )
    connection.execute(
        "UPDATE gateway_token SET last_used_at_ms = max(coalesce(last_used_at_ms, 0), ?) WHERE id = ?",
        (at_ms, token_id),
    )


def as_of_now(
    connection: sqlite3.Connection, day: str
) -> tuple[tuple[GatewayToken, ...], Mapping[str, TokenUse]]:
    """Every token and the use of a day, with everything that was handed to the writer before this."""
    return (
        tuple(map(_token, connection.execute(_TOKENS))),
        _uses(connection.execute(_USES, (day,)).fetchall()),
    )


# -- questions ----------------------------------------------------------------------------------------------------


def can_be_asked() -> Query[bool]:
    """Whether the file is of a version that keeps tokens; whoever opens it for writing brings it forward."""
    sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'gateway_token'"
    return Query(((sql, ()),), lambda results: bool(results[0]))


def tokens(day: str) -> Query[tuple[tuple[GatewayToken, TokenUse], ...]]:
    """Every token, revoked ones too, in the order in which they were made, with its use on `day`."""

    def build(results: list[list[Row]]) -> tuple[tuple[GatewayToken, TokenUse], ...]:
        uses = _uses(results[1])
        found = map(_token, results[0])
        return tuple((token, uses.get(token.id, TokenUse())) for token in found)

    return Query(((_TOKENS, ()), (_USES, (day,))), build)


def _token(row: Any) -> GatewayToken:
    token_id, name, hashed, created_at_ms, used_at_ms, revoked_at_ms, budget_pico, models, rate, priority = (
        row
    )
    return GatewayToken(
        token_id,
        name,
        hashed,
        created_at_ms,
        used_at_ms,
        revoked_at_ms,
        budget_pico,
        () if models is None else tuple(json.loads(models)),
        rate,
        None if priority is None else Priority(priority),
    )


def _uses(rows: list[Row]) -> dict[str, TokenUse]:
    return {
        token_id: TokenUse(requests, MoneySum(cost_pico, unknown))
        for token_id, requests, cost_pico, unknown in rows
    }


def _audited(token: GatewayToken) -> str:
    return json.dumps(
        {
            "id": token.id,
            "name": token.name,
            "budget_day_pico": token.budget_day_pico,
            "models": list(token.models),
            "requests_per_minute": token.requests_per_minute,
            "priority": token.priority,
        }
    )
