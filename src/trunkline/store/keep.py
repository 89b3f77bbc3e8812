"""Units of work that keep control state, blocks and learned limits."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, fields

from trunkline.domain.limits import LimitReading, LimitScope
from trunkline.domain.state import Block
from trunkline.store import codec

CONTROL = "control"


@dataclass(frozen=True, slots=True)
class ControlState:
    """What a person has set for everything on this machine. `mode` None: the configured one. `pin` is the text of
    a selector; `pin_expires_at_ms` None: until taken back. `set_aside` are accounts (`provider/account`) that were
    taken out for now, in alphabetical order. `override` is the text of a selector that is forced for everything, while
    what is not critical is held back; pin and pause stay what they were beneath it.
    `freed_at_ms` is when something was marked as available last."""

    mode: str | None = None
    pin: str | None = None
    pin_expires_at_ms: int | None = None
    paused: bool = False
    set_aside: tuple[str, ...] = ()
    override: str | None = None
    freed_at_ms: int | None = None


Order = Callable[[ControlState], ControlState]
"""What a person orders, as what it makes of the orders in force: so that of two orders given at once neither undoes
the other."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who changed what, when and why; `before` and `after` are JSON."""

    at_ms: int
    who: str
    what: str
    before: str
    after: str
    why: str


@dataclass(frozen=True, slots=True)
class StoredReading:
    """A limit as a provider told of it. `model` is the one that the reading names, or a pattern, else the one it was
    read on; None: the whole account."""

    provider: str
    account: str
    model: str | None
    reading: LimitReading
    as_of_ms: int


def set_control(
    connection: sqlite3.Connection, control: ControlState, *, who: str, why: str, at_ms: int
) -> None:
    """Put `control` in force, whatever was before, and write it into the audit."""
    give_order(connection, lambda _: control, who=who, why=why, at_ms=at_ms)


def give_order(connection: sqlite3.Connection, order: Order, *, who: str, why: str, at_ms: int) -> None:
    """Have `order` change what is in force now, and write that into the audit."""
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (CONTROL,)).fetchone()
    before = codec.encode(ControlState()).decode() if row is None else str(row[0])
    after = codec.encode(order(control_of(before))).decode()
    if before == after:
        return
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (CONTROL, after))
    audit(connection, AuditEntry(at_ms, who, CONTROL, before, after, why))


def control_of(text: str) -> ControlState:
    """The control state that was kept as `text`; what a newer version knows beyond it is passed over."""
    known = {field.name for field in fields(ControlState)}
    kept = {name: value for name, value in json.loads(text).items() if name in known}
    return ControlState(**kept | {"set_aside": tuple(kept.get("set_aside", ()))})


def audit(connection: sqlite3.Connection, entry: AuditEntry) -> None:
    """Write one change into the audit."""
    connection.execute(
        "INSERT INTO audit (at_ms, who, what, before, after, why) VALUES (?, ?, ?, ?, ?, ?)",
        (entry.at_ms, entry.who, entry.what, entry.before, entry.after, entry.why),
    )


def save_block(connection: sqlite3.Connection, block: Block) -> None:
    """Keep a block; it replaces any earlier one of its target."""
    connection.execute(
        "INSERT OR REPLACE INTO block VALUES (?, ?, ?)", (block.target, codec.encode(block), block.until_ms)
    )


def revise_block(connection: sqlite3.Connection, block: Block) -> None:
    """Keep what became of a block, unless it was cleared meanwhile or a later one has taken its place."""
    connection.execute(
        """UPDATE block SET body = ?, until_ms = ?
        WHERE target = ? AND json_extract(CAST(body AS TEXT), '$.since_ms') <= ?""",
        (codec.encode(block), block.until_ms, block.target, block.since_ms),
    )


def clear_block(connection: sqlite3.Connection, target: str) -> None:
    """Forget the block of a target."""
    connection.execute("DELETE FROM block WHERE target = ?", (target,))


def clear_blocks_around(connection: sqlite3.Connection, target: str) -> None:
    """Forget the blocks of a target, of what it is part of, and of what is part of it."""
    connection.execute(
        """DELETE FROM block WHERE target = :target
        OR substr(target, 1, length(:target) + 1) = :target || '/'
        OR substr(:target, 1, length(target) + 1) = target || '/'""",
        {"target": target},
    )


def save_reading(connection: sqlite3.Connection, stored: StoredReading) -> None:
    """Keep what a provider said of a limit; an older reading never replaces a newer one."""
    reading = stored.reading
    read_on = stored.model if reading.scope is LimitScope.MODEL else None
    connection.execute(
        """INSERT INTO limit_reading VALUES (?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET body = excluded.body, as_of_ms = excluded.as_of_ms
        WHERE excluded.as_of_ms >= as_of_ms""",
        (
            stored.provider,
            stored.account,
            reading.model or read_on or "",
            reading.metric.value,
            str(reading.window),
            codec.encode(reading),
            stored.as_of_ms,
        ),
    )
