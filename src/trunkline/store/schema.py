"""The store's file: opening it, its tables, and how an older file is brought forward."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

from trunkline.domain.errors import StoreError

BUSY_TIMEOUT_MS = 5_000
LONGEST_WAL_PAGES = 10_000  # a backstop: see store.checkpoint
_PRIVATE = 0o600

_NEW_TABLE = "CREATE TABLE "
_NEW_INDEX = "CREATE INDEX "

# One tuple of statements per version; a file of version n has had the first n applied. Never edit one that has
# been released: add another.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID",
        """CREATE TABLE process (
            id TEXT PRIMARY KEY, name TEXT NOT NULL, pid INTEGER NOT NULL, started_at_ms INTEGER NOT NULL,
            beat_at_ms INTEGER NOT NULL, ended_at_ms INTEGER) WITHOUT ROWID""",
        """CREATE TABLE limit_counter (
            key TEXT NOT NULL, bucket INTEGER NOT NULL, amount INTEGER NOT NULL, ends_at_ms INTEGER NOT NULL,
            changed_at_ms INTEGER NOT NULL, PRIMARY KEY (key, bucket)) WITHOUT ROWID""",
        "CREATE INDEX limit_counter_changed ON limit_counter (changed_at_ms)",
        """CREATE TABLE reservation (
            id TEXT PRIMARY KEY, request_id TEXT NOT NULL, attempt INTEGER NOT NULL, process_id TEXT NOT NULL,
            provider TEXT NOT NULL, account TEXT NOT NULL, model TEXT NOT NULL, reserved_at_ms INTEGER NOT NULL,
            orphaned INTEGER NOT NULL DEFAULT 0, bookings TEXT NOT NULL) WITHOUT ROWID""",
        """CREATE TABLE limit_reading (
            provider TEXT NOT NULL, account TEXT NOT NULL, model TEXT NOT NULL, metric TEXT NOT NULL,
            window TEXT NOT NULL, body BLOB NOT NULL, as_of_ms INTEGER NOT NULL,
            PRIMARY KEY (provider, account, model, metric, window)) WITHOUT ROWID""",
        "CREATE TABLE block (target TEXT PRIMARY KEY, body BLOB NOT NULL, until_ms INTEGER) WITHOUT ROWID",
        """CREATE TABLE request (
            row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, at_ms INTEGER NOT NULL, origin_kind TEXT NOT NULL,
            origin TEXT NOT NULL, task_type TEXT NOT NULL, tier TEXT NOT NULL, priority TEXT NOT NULL,
            outcome TEXT NOT NULL, complete INTEGER NOT NULL, rerouted INTEGER NOT NULL, attempts INTEGER NOT NULL,
            reason TEXT NOT NULL, provider TEXT, account TEXT, model TEXT,
            total_ms REAL NOT NULL, first_token_ms REAL, input_tokens INTEGER, output_tokens INTEGER,
            cost_pico INTEGER, waste_pico INTEGER NOT NULL, waste_unknown INTEGER NOT NULL,
            conversation_id TEXT, turn_id TEXT, process_id TEXT NOT NULL, asked BLOB, receipt BLOB NOT NULL)""",
        "CREATE INDEX request_at ON request (at_ms)",
        """CREATE TABLE attempt (
            request INTEGER NOT NULL REFERENCES request (row), number INTEGER NOT NULL, at_ms INTEGER NOT NULL,
            provider TEXT NOT NULL, account TEXT NOT NULL, model TEXT NOT NULL, outcome TEXT NOT NULL,
            duration_ms REAL NOT NULL, first_token_ms REAL, failover_ms REAL, fault_kind TEXT, input_tokens INTEGER,
            output_tokens INTEGER, cost_pico INTEGER, body BLOB NOT NULL, PRIMARY KEY (request, number))
            WITHOUT ROWID""",
        "CREATE TABLE decision (request INTEGER PRIMARY KEY REFERENCES request (row), body BLOB, inputs BLOB)",
        "CREATE INDEX decision_inputs ON decision (request) WHERE inputs IS NOT NULL",
        """CREATE TABLE conversation (
            id TEXT PRIMARY KEY, started_at_ms INTEGER NOT NULL, updated_at_ms INTEGER NOT NULL) WITHOUT ROWID""",
        """CREATE TABLE message (
            id TEXT PRIMARY KEY, conversation_id TEXT NOT NULL, role TEXT NOT NULL, text TEXT NOT NULL,
            request_id TEXT, complete INTEGER NOT NULL, at_ms INTEGER NOT NULL)""",
        "CREATE INDEX message_of ON message (conversation_id, at_ms)",
        """CREATE TABLE feedback (
            request_id TEXT NOT NULL, at_ms INTEGER NOT NULL, kind TEXT NOT NULL, value TEXT NOT NULL,
            PRIMARY KEY (request_id, kind)) WITHOUT ROWID""",
        """CREATE TABLE rollup (
            hour_ms INTEGER NOT NULL, provider TEXT NOT NULL, account TEXT NOT NULL, model TEXT NOT NULL,
            task_type TEXT NOT NULL, origin TEXT NOT NULL, requests INTEGER NOT NULL, answered INTEGER NOT NULL,
            failed INTEGER NOT NULL, attempts INTEGER NOT NULL, wasted INTEGER NOT NULL,
            input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, cost_pico INTEGER NOT NULL,
            waste_pico INTEGER NOT NULL, unknown_costs INTEGER NOT NULL,
            PRIMARY KEY (hour_ms, provider, account, model, task_type, origin)) WITHOUT ROWID""",
        """CREATE TABLE audit (
            id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL,
            before TEXT NOT NULL, after TEXT NOT NULL, why TEXT NOT NULL)""",
    ),
    (
        "ALTER TABLE conversation ADD COLUMN title TEXT",
        "ALTER TABLE conversation ADD COLUMN deleted_at_ms INTEGER",
        "ALTER TABLE conversation ADD COLUMN settings TEXT",
        "ALTER TABLE message ADD COLUMN dropped INTEGER NOT NULL DEFAULT 0",
        "CREATE INDEX message_by_request ON message (request_id)",
    ),
    (
        """CREATE TABLE parked (
            request_id TEXT PRIMARY KEY, place REAL NOT NULL, parked_at_ms INTEGER NOT NULL, until_ms INTEGER,
            deadline_at_ms INTEGER, process_id TEXT, promoted_at_ms INTEGER, dropped_at_ms INTEGER,
            item BLOB NOT NULL, request BLOB NOT NULL) WITHOUT ROWID""",
        """CREATE TABLE account_report (
            provider TEXT NOT NULL, account TEXT NOT NULL, as_of_ms INTEGER NOT NULL, body BLOB NOT NULL,
            PRIMARY KEY (provider, account)) WITHOUT ROWID""",
        """CREATE TABLE crisis (
            id TEXT PRIMARY KEY, began_at_ms INTEGER NOT NULL, ended_at_ms INTEGER, body BLOB NOT NULL)
            WITHOUT ROWID""",
        """CREATE TABLE crisis_move (
            crisis TEXT NOT NULL REFERENCES crisis (id), request_id TEXT NOT NULL, at_ms INTEGER NOT NULL,
            body BLOB NOT NULL, PRIMARY KEY (crisis, request_id)) WITHOUT ROWID""",
        "CREATE TABLE shared_allowance (pair TEXT PRIMARY KEY, body BLOB NOT NULL, as_of_ms INTEGER NOT NULL)",
    ),
    (
        # What is learned, as sums that fade: each process adds to them, and all processes read the same.
        """CREATE TABLE token_correction (
            provider TEXT NOT NULL, model TEXT NOT NULL, counter TEXT NOT NULL, weight REAL NOT NULL,
            ratios REAL NOT NULL, squares REAL NOT NULL, as_of_ms INTEGER NOT NULL,
            PRIMARY KEY (provider, model, counter)) WITHOUT ROWID""",
        """CREATE TABLE answer_quality (
            task_type TEXT NOT NULL, tier TEXT NOT NULL, model TEXT NOT NULL, good REAL NOT NULL, bad REAL NOT NULL,
            as_of_ms INTEGER NOT NULL, PRIMARY KEY (task_type, tier, model)) WITHOUT ROWID""",
        """CREATE TABLE answer_length (
            task_type TEXT NOT NULL, tier TEXT NOT NULL, weight REAL NOT NULL, tokens REAL NOT NULL,
            as_of_ms INTEGER NOT NULL, PRIMARY KEY (task_type, tier)) WITHOUT ROWID""",
        """CREATE TABLE conversation_length (
            origin TEXT NOT NULL, turns INTEGER NOT NULL, conversations REAL NOT NULL, as_of_ms INTEGER NOT NULL,
            PRIMARY KEY (origin, turns)) WITHOUT ROWID""",
        # Configurations that kept decisions were made under, so that they can be made again.
        "CREATE TABLE generation (id TEXT PRIMARY KEY, at_ms INTEGER NOT NULL, body BLOB NOT NULL) WITHOUT ROWID",
    ),
    (
        """CREATE TABLE gateway_token (
            id TEXT PRIMARY KEY, name TEXT NOT NULL, hash TEXT NOT NULL UNIQUE, created_at_ms INTEGER NOT NULL,
            last_used_at_ms INTEGER, revoked_at_ms INTEGER, budget_day_pico INTEGER, models TEXT,
            requests_per_minute INTEGER, priority TEXT) WITHOUT ROWID""",
        """CREATE TABLE gateway_use (
            token_id TEXT NOT NULL, day TEXT NOT NULL, requests INTEGER NOT NULL, cost_pico INTEGER NOT NULL,
            unknown_costs INTEGER NOT NULL, PRIMARY KEY (token_id, day)) WITHOUT ROWID""",
    ),
    (
        "CREATE TABLE asker (request_id TEXT PRIMARY KEY, origin TEXT NOT NULL) WITHOUT ROWID",
        """CREATE TABLE gateway (
            process_id TEXT PRIMARY KEY, base_url TEXT NOT NULL, needs_token INTEGER NOT NULL,
            at_work INTEGER NOT NULL, answered INTEGER NOT NULL, failed INTEGER NOT NULL) WITHOUT ROWID""",
    ),
    (
        # Its last line is an index over all that is asked when it is bounded, so that no body is read for that.
        """CREATE TABLE kept_thinking (
            row INTEGER PRIMARY KEY, request_id TEXT NOT NULL UNIQUE, token_id TEXT NOT NULL,
            until_ms INTEGER NOT NULL, bytes INTEGER NOT NULL, body BLOB NOT NULL,
            UNIQUE (until_ms, row, bytes))""",
    ),
    (
        # Where a conversation was last is asked of its requests: of an agent's no message is kept.
        "CREATE INDEX request_of ON request (conversation_id, at_ms) WHERE conversation_id IS NOT NULL",
    ),
)


def open_for_writing(path: Path) -> sqlite3.Connection:
    """A connection to the store's file, made private (0600) and of this version's schema.

    The connection may be handed to another thread once. Raises StoreError naming file and remedy.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, _PRIVATE))
        if path.stat().st_mode & 0o077:
            path.chmod(_PRIVATE)
    except OSError as cause:
        raise StoreError(
            f"{path}: cannot be opened for writing ({cause.strerror}). "
            "Make the file and its folder writable, or set TRUNKLINE_HOME to a folder that is."
        ) from cause
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0)
        connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        _use_wal(connection)
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(f"PRAGMA wal_autocheckpoint={LONGEST_WAL_PAGES}")
        _migrate(connection, path)
    except sqlite3.Error as cause:
        if connection is not None:
            connection.close()
        raise store_error(path, cause) from cause
    except StoreError:
        if connection is not None:
            connection.close()
        raise
    return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """A connection that cannot write. Raises StoreError, also when there is no such file."""
    if not path.exists():
        raise StoreError(f"{path}: there is no store yet. It is made by the first request.")
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        )
        connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        check_version(connection, path)
    except sqlite3.Error as cause:
        raise store_error(path, cause) from cause
    return connection


def read_as_if_new(connection: sqlite3.Connection, version: int) -> bool:
    """Have a file of that older version be read as one of this version in which what is newer is empty: the tables that
    it lacks are made beside it, in memory and of this connection alone; an index that it lacks only makes it slower.
    False where that cannot be, because it lacks more."""
    missing = (statement for statements in MIGRATIONS[version:] for statement in statements)
    lacking = [statement for statement in missing if not statement.startswith(_NEW_INDEX)]
    if not all(statement.startswith(_NEW_TABLE) for statement in lacking):
        return False
    connection.execute("PRAGMA temp_store=MEMORY")
    for statement in lacking:
        connection.execute(statement.replace(_NEW_TABLE, "CREATE TEMP TABLE ", 1))
    return True


def identity(path: Path) -> tuple[int, int] | None:
    """Which file that is, whatever it is called; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def check_version(connection: sqlite3.Connection, path: Path) -> int:
    """The file's schema version. Raises StoreError when a newer Trunkline made it."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(MIGRATIONS):
        raise StoreError(
            f"{path}: was written by a newer Trunkline (schema {version}, this one knows {len(MIGRATIONS)}). "
            "Install that Trunkline, or set TRUNKLINE_HOME to another folder."
        )
    return version


def store_error(path: Path, cause: sqlite3.Error) -> StoreError:
    """`cause` as the sentence a user can act on."""
    code = getattr(cause, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    if primary == sqlite3.SQLITE_FULL:
        remedy = "The disk is full: free some space; nothing else needs to be done."
    elif primary in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        remedy = "The file is damaged or not a Trunkline store: move it away and a new one is made."
    elif primary in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        remedy = "Make the file and its folder writable, or set TRUNKLINE_HOME to a folder that is."
    elif primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        remedy = "Another process holds it locked: close whatever has this file open and try again."
    elif primary == sqlite3.SQLITE_IOERR:
        remedy = "The disk may be full or failing: see that there is room, and try again; the file is left as it is."
    else:
        remedy = "Try again; if it stays, move the file away and a new one is made."
    return StoreError(f"{path}: {cause}. {remedy}")


def is_damage(cause: sqlite3.Error) -> bool:
    """The file's content is at fault, however it is opened."""
    code = getattr(cause, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)


def is_busy(cause: sqlite3.Error) -> bool:
    """Another connection holds the lock; the same statement may succeed later."""
    code = getattr(cause, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _use_wal(connection: sqlite3.Connection) -> None:
    # The switch of a new file needs it alone and does not wait for busy_timeout when two processes begin at once.
    for pause_s in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, None):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as cause:
            if pause_s is None or not is_busy(cause):
                raise
            time.sleep(pause_s)
        else:
            return


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    if check_version(connection, path) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statements in MIGRATIONS[check_version(connection, path) :]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version={len(MIGRATIONS)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
