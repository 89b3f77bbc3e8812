"""For the deck's tests: Textual's pilot looks four times as often whether an application has come to rest, and a
style sheet that one test's application has read is not read again by the next one's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from textual import _wait, screen
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet

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


@pytest.fixture(scope="session", autouse=True)
def sheets_read_once() -> Iterator[None]:
    """A sheet's rules hang on its text, on where that stands and on the theme's variables; nobody changes them."""
    parse, known = Stylesheet._parse_rules, dict[tuple[object, ...], list[RuleSet]]()

    def read(sheet: Stylesheet, css: str, *place: Any, **scope: Any) -> list[RuleSet]:
        key = (css, place, *sorted(scope.items()), *sorted(sheet._variables.items()))
        if key not in known:
            known[key] = parse(sheet, css, *place, **scope)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", read)
        yield
