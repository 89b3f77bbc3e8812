from __future__ import annotations

import io
import json
import logging
from pathlib import Path

import pytest

from trunkline.engine import logs


def test_lines_are_json_without_keys_or_controls(tmp_path: Path) -> None:
    log = logs.start_logging(tmp_path / "logs", "test")
    logging.getLogger("trunkline.somewhere").warning(
        "refused sk-canary-1234567 \x1b[31mred", extra={"request_id": "01R"}
    )
    log.stop()
    (file,) = (tmp_path / "logs").iterdir()
    assert file == log.path
    line = json.loads(file.read_text(encoding="utf-8"))
    assert line["request_id"] == "01R"
    assert line["level"] == "warning"
    assert line["message"] == "refused ••• red"
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_failure_has_its_trace_beside_the_message(tmp_path: Path) -> None:
    log = logs.start_logging(tmp_path / "logs", "test")
    try:
        raise LookupError("sk-canary-1234567")
    except LookupError:
        logging.getLogger("trunkline.somewhere").exception("%s failed", "something")
    log.stop()
    (file,) = (tmp_path / "logs").iterdir()
    line = json.loads(file.read_text(encoding="utf-8"))
    assert line["message"] == "something failed"
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("LookupError: •••")


def test_a_rotated_file_is_private_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_MOST_BYTES", 400)
    log = logs.start_logging(tmp_path / "logs", "test")
    for number in range(20):
        logging.getLogger("trunkline").warning("line %d of a log that is soon full", number)
    log.stop()
    files = sorted((tmp_path / "logs").iterdir())
    assert len(files) == 2
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_old_files_are_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    for day in range(10, 40):
        (folder / f"202601{day}T000000Z-ask-1.log").touch()
    monkeypatch.setattr(logs, "_MOST_FILES", 5)
    logs.start_logging(folder, "test").stop()
    assert len(list(folder.iterdir())) == 6


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    log = logs.start_logging(tmp_path / "file" / "logs", "test")
    assert log.path is None
    log.stop()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device here takes nothing")
def test_a_full_disk_is_no_reason_to_print_traces_or_to_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def full(self: logging.FileHandler) -> io.TextIOWrapper:
        return io.TextIOWrapper(io.BufferedWriter(io.FileIO("/dev/full", "a")), encoding="utf-8")

    monkeypatch.setattr(logs._PrivateFile, "_open", full)
    log = logs.start_logging(tmp_path / "logs", "test")
    for number in range(3):
        logging.getLogger("trunkline").warning("line %d", number)
    log.stop()
    assert capfd.readouterr().err == ""
