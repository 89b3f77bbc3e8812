"""For the deck's tests: Textual's pilot looks four times as often whether an application has come to rest."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from textual import _wait, screen

FASTER = 4


@pytest.fixture(scope="session", autouse=True)
def quick_looks() -> Iterator[None]:
    """After every key the pilot sleeps 20 ms until one of those sleeps saw nothing done, several times over: nine
    tenths of what the deck's tests take. An application at work is seen in shorter ones just as well, if its
    screen, drawn 60 times a second, is drawn as much more often."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_wait, "SLEEP_GRANULARITY", _wait.SLEEP_GRANULARITY / FASTER)
        patch.setattr(_wait, "SLEEP_IDLE", _wait.SLEEP_IDLE / FASTER)
        patch.setattr(screen, "UPDATE_PERIOD", screen.UPDATE_PERIOD / FASTER)
        yield
