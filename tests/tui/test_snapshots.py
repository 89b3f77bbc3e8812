"""Every screen as a picture, at three sizes, with a frozen clock. Other tests say what a screen does; these say that
nobody changed how it looks without meaning to. `pytest --snapshot-update` takes new ones: look at them."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from datetime import UTC
from pathlib import Path

import pytest
from tests.support import deck_world as world
from tests.support.clock import START_MS, FakeClock
from tests.support.fake_engine import FakeEngine
from tests.support.receipts import full_receipt
from tests.tui.test_gateway import MINE, THEIRS, TOKEN, URL, FakeSwitch
from tests.tui.test_queue import waits
from textual.pilot import Pilot

from trunkline.config.desk import ConfigDesk
from trunkline.config.places import Places
from trunkline.domain.chats import ConversationSummary, KeptConversation
from trunkline.domain.crisis import CrisisSummary
from trunkline.domain.events import Answered, AttemptStarted, Decided, TextDelta
from trunkline.domain.ids import IdSource
from trunkline.domain.latency_history import LatencyHistory, LatencyPoint, LatencySeries
from trunkline.domain.queue import HeldFor
from trunkline.tui.app import DeckApp
from trunkline.tui.engine_link import EngineLink
from trunkline.tui.gateway_switch import GatewayOn, GatewaySwitch
from trunkline.tui.options import DeckOptions

SIZES = {"80x24": (80, 24), "120x40": (120, 40), "200x60": (200, 60)}
ANSWER = """A linear-time merge walks both lists **once**:

```python
def merge(left, right):
    merged = []
    while left and right:
        merged.append(left.pop(0) if left[0] <= right[0] else right.pop(0))
    return merged + left + right
```

- `pop(0)` is itself linear; use indices for long lists.
- Equal elements keep their order."""
MINUTE_MS = 60_000


def history() -> LatencyHistory:
    """A quarter of an hour of three providers, invented."""

    def series(provider: str, base_ms: float, swing_ms: float) -> LatencySeries:
        points = []
        for minute in range(15):
            p50_ms = base_ms + swing_ms * ((minute * 7) % 5)
            at_ms = START_MS - (15 - minute) * MINUTE_MS
            points.append(LatencyPoint(at_ms, 12, p50_ms, p50_ms * 1.8, p50_ms / 3))
        return LatencySeries(provider, tuple(points))

    return LatencyHistory(
        START_MS - 15 * MINUTE_MS,
        START_MS,
        MINUTE_MS,
        (series("anthropic", 1100, 90), series("google", 520, 40), series("zai", 780, 120)),
        (START_MS - 6 * MINUTE_MS,),
    )


def kept(number: int, title: str, turns: int) -> KeptConversation:
    at_ms = START_MS - number * 90 * MINUTE_MS
    return KeptConversation(ConversationSummary(f"C{number}", title, at_ms, at_ms, turns), ())


def filled_engine() -> FakeEngine:
    engine = FakeEngine(history=history())
    titles = ("merge two sorted lists", "why does the cron job run twice", "names for a router")
    engine.kept = {one.summary.conversation_id: one for one in map(kept, (1, 2, 3), titles, (4, 11, 2))}
    engine.receipts["R1"] = full_receipt(request_id="R1")
    return engine


Walk = Callable[[Pilot[None]], Awaitable[None]]


def walking(engine: FakeEngine, *keys: str, ask: bool = True, crisis: CrisisSummary | None = None) -> Walk:
    """Deliver a snapshot, ask and answer one question, then press `keys` outside the editor."""
    queue = (
        waits("Q1", kept=True, promoted=True),
        waits("Q2", held_for=HeldFor.LANE, until_ms=START_MS + 2_000),
    )

    async def walk(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, DeckApp)
        while engine.listener is None:
            await pilot.pause()
        engine.tell(world.snapshot(queue=queue, crisis=crisis))
        await pilot.pause()
        if ask:
            app.deck.query_one("#prompt").text = "Write a function that merges two sorted lists."  # type: ignore[attr-defined]
            await pilot.press("enter")
            await pilot.pause()
            ended = full_receipt(request_id="R1")
            assert ended.route is not None
            engine.happen(
                "R1",
                Decided(world.TASK, world.decision()),
                AttemptStarted(1, ended.route),
                TextDelta(ANSWER),
                Answered(ended),
            )
            await pilot.pause()
        await pilot.press("escape")
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        app.deck.tick()
        for _ in range(3):
            await pilot.pause()
        await app.workers.wait_for_complete()
        await pilot.pause()

    return walk


def app_on(
    engine: FakeEngine, folder: Path, theme: str | None = None, gateway: GatewaySwitch | None = None
) -> DeckApp:
    clock = FakeClock()
    options = DeckOptions(
        zone=UTC,
        theme=theme,
        desk=ConfigDesk(Places(folder, folder, folder), {}),
        files_folder=folder,
        gateway=gateway,
    )
    return DeckApp(EngineLink(lambda: engine), clock, IdSource(clock, random.Random(7).randbytes), options)


SCREENS: dict[str, tuple[str, ...]] = {
    "deck": (),
    "providers": ("1", "j"),
    "log": ("3",),
    "account": ("1", "j", "enter"),
    "picker": ("p",),
    "receipt": ("enter",),
    "conversations": ("c",),
    "queue": ("5",),
    "preferences": ("comma",),
    "help": ("question_mark",),
}


@pytest.fixture(autouse=True)
def _true_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textual.constants.COLOR_SYSTEM", "truecolor")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("screen", SCREENS)
def test_screen(snap_compare: Callable[..., bool], tmp_path: Path, screen: str, size: str) -> None:
    engine = filled_engine()
    walk = walking(engine, *SCREENS[screen])
    assert snap_compare(app_on(engine, tmp_path), terminal_size=SIZES[size], run_before=walk)


@pytest.mark.parametrize("size", ["80x24", "120x40"])
def test_crisis(snap_compare: Callable[..., bool], tmp_path: Path, size: str) -> None:
    engine = filled_engine()
    walk = walking(engine, "C", ask=False, crisis=world.crisis())
    assert snap_compare(app_on(engine, tmp_path), terminal_size=SIZES[size], run_before=walk)


def test_gateway(snap_compare: Callable[..., bool], tmp_path: Path) -> None:
    engine, switch = filled_engine(), FakeSwitch()
    press = walking(engine, "S", ask=False)

    async def walk(pilot: Pilot[None]) -> None:
        await press(pilot)
        switch.tell(GatewayOn(MINE.pid, URL, TOKEN))
        engine.tell(world.snapshot(gateways=(MINE, THEIRS)))
        for _ in range(3):
            await pilot.pause()

    app = app_on(engine, tmp_path, gateway=switch)
    assert snap_compare(app, terminal_size=SIZES["120x40"], run_before=walk)


@pytest.mark.parametrize("theme", ["trunkline-light", "trunkline-contrast", "trunkline-terminal"])
def test_theme(snap_compare: Callable[..., bool], tmp_path: Path, theme: str) -> None:
    engine = filled_engine()
    assert snap_compare(
        app_on(engine, tmp_path, theme), terminal_size=SIZES["120x40"], run_before=walking(engine, "1")
    )


@pytest.mark.parametrize("size", SIZES)
def test_empty_deck(snap_compare: Callable[..., bool], tmp_path: Path, size: str) -> None:
    engine = FakeEngine()

    async def walk(pilot: Pilot[None]) -> None:
        while engine.listener is None:
            await pilot.pause()
        engine.tell(world.snapshot(providers=(), log=(), routes=()))
        await pilot.press("escape")
        for _ in range(3):
            await pilot.pause()

    assert snap_compare(app_on(engine, tmp_path), terminal_size=SIZES[size], run_before=walk)
