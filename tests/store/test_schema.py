from __future__ import annotations

import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.support.clock import FakeClock

from trunkline.domain.errors import StoreError
from trunkline.domain.ids import IdSource
from trunkline.store import schema
from trunkline.store.store import Store, StoreReader

TABLES = {
    "token_correction",
    "answer_quality",
    "answer_length",
    "conversation_length",
    "generation",
    *("gateway_token", "gateway_use", "gateway", "asker", "kept_thinking"),
    *("meta", "process", "limit_counter", "reservation", "limit_reading", "block", "request", "attempt"),
    *("decision", "conversation", "message", "feedback", "rollup", "audit"),
    *("parked", "account_report", "crisis", "crisis_move", "shared_allowance"),
}


def open_store(path: Path) -> Store:
    clock = FakeClock()
    return Store.open(path, clock, IdSource(clock), process_name="test")


def tables(path: Path) -> set[str]:
    connection = sqlite3.connect(path)
    found = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    connection.close()
    return found


def test_a_new_file_is_private_and_has_every_table(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "t.db"
    store = open_store(path)
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name
    assert store.close_now()
    assert tables(path) == TABLES


def test_an_existing_file_is_made_private(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    path.touch(0o644)
    path.chmod(0o644)
    assert open_store(path).close_now()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_older_file_is_brought_forward_and_keeps_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.db"
    assert open_store(path).close_now()
    later = ("ALTER TABLE process ADD COLUMN host TEXT",)
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, later))
    connection = schema.open_for_writing(path)
    assert connection.execute("SELECT name, host FROM process").fetchall() == [("test", None)]
    assert connection.execute("PRAGMA user_version").fetchone() == (len(schema.MIGRATIONS),)
    connection.close()


def test_a_migration_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.db"
    assert open_store(path).close_now()
    broken = ("ALTER TABLE process ADD COLUMN host TEXT", "NO SUCH STATEMENT")
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, broken))
        with pytest.raises(StoreError):
            schema.open_for_writing(path)
    assert open_store(path).close_now()


def test_many_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        stores = list(pool.map(lambda _: open_store(tmp_path / "t.db"), range(8)))
    assert all(store.close_now() for store in stores)


def test_a_newer_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    assert open_store(path).close_now()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=999")
    connection.close()
    for opening in (open_store, lambda path: StoreReader.open(path, FakeClock())):
        with pytest.raises(StoreError, match=r"t\.db: was written by a newer Trunkline"):
            opening(path)


def test_a_file_that_is_no_store_is_named_with_a_remedy(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    path.write_bytes(b"this is not a database, whatever its name says" * 100)
    for opening in (open_store, lambda path: StoreReader.open(path, FakeClock())):
        with pytest.raises(StoreError, match=r"t\.db: .*not a database.*move it away"):
            opening(path)


def test_a_damaged_store_is_named_with_a_remedy(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    assert open_store(path).close_now()
    content = bytearray(path.read_bytes())
    content[100:] = b"\xff" * (len(content) - 100)
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"t\.db: .*move it away"):
        open_store(path)


def test_a_folder_in_its_place_is_named_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "t.db").mkdir()
    with pytest.raises(StoreError, match=r"t\.db: cannot be opened for writing.*TRUNKLINE_HOME"):
        open_store(tmp_path / "t.db")


def test_a_file_where_a_folder_should_be_is_named_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    with pytest.raises(StoreError, match=r"t\.db: cannot be opened for writing.*TRUNKLINE_HOME"):
        open_store(tmp_path / "home" / "t.db")


def test_a_disk_that_takes_nothing_is_no_reason_to_move_the_file_away(tmp_path: Path) -> None:
    class NoRoomError(sqlite3.OperationalError):
        sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE

    said = str(schema.store_error(tmp_path / "t.db", NoRoomError("disk I/O error")))
    assert "see that there is room" in said
    assert "move" not in said


def test_reading_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store yet"):
        StoreReader.open(tmp_path / "t.db", FakeClock())
    assert list(tmp_path.iterdir()) == []
