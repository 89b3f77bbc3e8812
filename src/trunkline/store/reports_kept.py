"""What account endpoints told last, one row an account, for every process; and whose turn it is to ask."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from trunkline.domain.checks import AccountReport, Spending
from trunkline.store import codec
from trunkline.store.queries import Query


@dataclass(frozen=True, slots=True)
class KeptReport:
    """`asked_at_ms` is when the endpoint was asked last, by whomever, `reported_at_ms` when it told `report`; None
    where it never has. `failures` counts askings in a row that failed, `barred` that the last one was refused for good.
    `key_mark` is the `Secret.mark` of the key that asked: of another key the report says nothing. `spending` is what
    went from its balance, None where it has told of none."""

    provider: str
    account: str
    asked_at_ms: int
    report: AccountReport | None = None
    reported_at_ms: int | None = None
    failures: int = 0
    barred: bool = False
    key_mark: str | None = None
    spending: Spending | None = None


@dataclass(frozen=True, slots=True)
class ReportRow:
    """A row as it is; `body` is decoded only where it has changed."""

    provider: str
    account: str
    asked_at_ms: int
    body: bytes

    def read(self) -> KeptReport:
        """What the row says."""
        said = codec.decode(self.body, _Body)
        return KeptReport(
            self.provider,
            self.account,
            self.asked_at_ms,
            said.report,
            said.reported_at_ms,
            said.failures,
            said.barred,
            said.key_mark,
            said.spending,
        )


@dataclass(frozen=True, slots=True)
class _Body:
    report: AccountReport | None = None
    reported_at_ms: int | None = None
    failures: int = 0
    barred: bool = False
    key_mark: str | None = None
    spending: Spending | None = None


_NOTHING_YET = codec.encode(_Body())


def claim(
    connection: sqlite3.Connection, provider: str, account: str, *, unless_asked_since_ms: int, now_ms: int
) -> bool:
    """Take it upon this process to ask an account's endpoint, unless somebody has done so since that moment. A row from
    the future was written before the clock was set back, and bars nobody."""
    changed = connection.execute(
        """INSERT INTO account_report VALUES (?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET as_of_ms = excluded.as_of_ms WHERE as_of_ms < ? OR as_of_ms > ?""",
        (provider, account, now_ms, _NOTHING_YET, unless_asked_since_ms, now_ms),
    )
    return changed.rowcount > 0


def keep(connection: sqlite3.Connection, kept: KeptReport) -> None:
    """Keep what an endpoint told; an earlier asking never replaces a later one."""
    body = _Body(kept.report, kept.reported_at_ms, kept.failures, kept.barred, kept.key_mark, kept.spending)
    connection.execute(
        """INSERT INTO account_report VALUES (?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET as_of_ms = excluded.as_of_ms, body = excluded.body
        WHERE excluded.as_of_ms >= as_of_ms""",
        (kept.provider, kept.account, kept.asked_at_ms, codec.encode(body)),
    )


def kept_reports() -> Query[tuple[ReportRow, ...]]:
    """Every account that was ever asked."""
    sql = "SELECT provider, account, as_of_ms, body FROM account_report ORDER BY 1, 2"
    return Query(((sql, ()),), lambda results: tuple(ReportRow(*row) for row in results[0]))
