"""That the names of Textual which tests/tui/conftest.py changes are missed when they are gone."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from tests.support.private_names import still_used
from textual import _wait


def test_a_name_that_is_there_and_read_is_given_back() -> None:
    assert still_used(_wait, "SLEEP_IDLE", _wait.wait_for_idle) == "SLEEP_IDLE"


def test_a_name_that_is_gone_fails_by_its_name() -> None:
    with pytest.raises(AssertionError, match="SLEEP_LONG is gone"):
        still_used(_wait, "SLEEP_LONG")


def test_a_name_that_nobody_reads_any_more_fails_by_its_reader() -> None:
    with pytest.raises(AssertionError, match="reads SLEEP_LONG no more"):
        still_used(SimpleNamespace(SLEEP_LONG=1), "SLEEP_LONG", _wait.wait_for_idle)
