"""For the deck's tests: Textual's pilot looks four times as often whether an application has come to rest, a style
sheet that one test's application has read is not read again by the next one's, and of the frames that no terminal
receives only those are drawn that a test looks at, and the last. All of it changes names that Textual keeps to itself;
`still_used` fails when an upgrade has taken one away. What each is worth stands beside it, measured with textual 8.2.8
on tests/tui/test_crises.py and test_queue.py, and for the frames on the whole of tests/tui."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.private_names import still_used
from textual import _wait, screen
from textual._compositor import Compositor
from textual.app import App
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.screen import Screen

FASTER = 4
DRAW = Compositor.render_update


@pytest.fixture(scope="session", autouse=True)
def quick_looks() -> Iterator[None]:
    """After every key the pilot sleeps 20 ms until one of those sleeps saw nothing done, several times over: nine
    tenths of what the deck's tests take. An application at work is seen in shorter ones just as well, if its
    screen, drawn 60 times a second, is drawn as much more often."""
    pauses, updates = _wait.wait_for_idle, Screen._update_timer.fget
    with pytest.MonkeyPatch.context() as patch:
        # The sleep itself: a tenth to a third of what a file takes, many seconds in all.
        name = still_used(_wait, "SLEEP_GRANULARITY", pauses)
        patch.setattr(_wait, name, _wait.SLEEP_GRANULARITY / FASTER)
        # Saves nothing, but belongs to it: work that takes more than this of a sleep is work, a twentieth as before.
        name = still_used(_wait, "SLEEP_IDLE", pauses)
        patch.setattr(_wait, name, _wait.SLEEP_IDLE / FASTER)
        # Saves nothing either: without it a shorter sleep may end before the screen is drawn.
        name = still_used(screen, "UPDATE_PERIOD", updates)
        patch.setattr(screen, name, screen.UPDATE_PERIOD / FASTER)
        yield


@pytest.fixture(scope="session", autouse=True)
def sheets_read_once() -> Iterator[None]:
    """A sheet's rules hang on its text, on where that stands and on the theme's variables; nobody changes them. 14 ms
    of an application's start, 2.7 s for the 195 that these tests open."""
    still_used(Stylesheet, "_parse_rules", Stylesheet.parse)
    still_used(Stylesheet(), "_variables")
    parse, known = Stylesheet._parse_rules, dict[tuple[object, ...], list[RuleSet]]()

    def read(sheet: Stylesheet, css: str, *place: Any, **scope: Any) -> list[RuleSet]:
        key = (css, place, *sorted(scope.items()), *sorted(sheet._variables.items()))
        if key not in known:
            known[key] = parse(sheet, css, *place, **scope)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", read)
        yield


@pytest.fixture(scope="session", autouse=True)
def frames_drawn_when_looked_at() -> Iterator[None]:
    """Between two keys a screen is drawn several times over, and without a terminal each of these frames is thrown away
    unseen: a quarter of what the deck's tests take, 149 s of which 113 are left. Layout goes on as ever; whatever a
    test asks of the screen is drawn whole, and so is the last frame of every application, that drawing cannot fail
    unnoticed. Decks in terminals of their own (test_process, test_terminal_process) draw every frame, and so do tests
    with `every_frame`."""
    still_used(Compositor, "render_update", Screen._compositor_refresh)
    still_used(Compositor(), "_dirty_regions", Compositor.render_partial_update)
    still_used(App, "_shutdown", inspect.unwrap(App.run_test), App.run_async)
    close = App._shutdown

    def seen_only(compositor: Compositor, full: bool = False, **how: Any) -> Any:
        if full:
            return DRAW(compositor, full, **how)
        compositor._dirty_regions.clear()
        return None

    async def draw_and_close(app: App[Any]) -> None:
        try:
            for shown in app.screen_stack[-1:]:
                shown._compositor.render_strips()
        finally:
            await close(app)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Compositor, "render_update", seen_only)
        patch.setattr(App, "_shutdown", draw_and_close)
        yield


@pytest.fixture
def every_frame(frames_drawn_when_looked_at: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of what is drawn and how often: every frame is, as in a terminal."""
    monkeypatch.setattr(Compositor, "render_update", DRAW)
