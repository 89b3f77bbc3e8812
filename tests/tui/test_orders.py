from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.support import deck_world as world
from tests.support.clock import START_MS, FakeClock
from tests.support.fake_engine import FakeEngine

from trunkline.domain.snapshot import Snapshot
from trunkline.tui.engine_link import EngineLink
from trunkline.tui.orders import Orders


class Desk:
    def __init__(self, snapshot: Snapshot | None = None) -> None:
        self.engine = FakeEngine()
        self.said: list[str] = []
        link = EngineLink(lambda: self.engine)
        link.open(lambda _: None)
        if link._builder is not None:
            link._builder.join()
        self.orders = Orders(link, FakeClock(), self.said.append, lambda: None)
        self.orders.take_snapshot(snapshot or world.snapshot())


def pinned(**changes: object) -> Snapshot:
    return world.snapshot(pin="zai", pin_expires_at_ms=START_MS + 60_000, **changes)


@pytest.mark.parametrize(
    ("give", "given", "taken_back"),
    [
        (lambda orders: orders.set_mode("cost_first"), ("set_mode", "cost_first"), ("set_mode", "balanced")),
        (lambda orders: orders.pause_or_resume(), ("pause", None), ("resume", None)),
        (
            lambda orders: orders.switch("google"),
            ("switch", "google"),
            ("switch", ("zai", START_MS + 60_000)),
        ),
        (
            lambda orders: orders.switch("google", 900_000),
            ("switch", ("google", START_MS + 900_000)),
            ("switch", ("zai", START_MS + 60_000)),
        ),
        (
            lambda orders: orders.set_account("zai/main", enabled=False),
            ("disable", "zai/main"),
            ("enable", "zai/main"),
        ),
        (lambda orders: orders.override("google"), ("override", "google"), ("override", None)),
        (lambda orders: orders.move("Q1", 2), ("move", ("Q1", 2)), ("move", ("Q1", -2))),
    ],
)
def test_an_order_is_given_and_taken_back(
    give: Callable[[Orders], None], given: tuple[str, object], taken_back: tuple[str, object]
) -> None:
    desk = Desk(pinned())
    give(desk.orders)
    assert desk.engine.orders == [given]
    desk.orders.undo()
    assert desk.engine.orders == [given, taken_back]
    assert desk.said[-1].startswith("taken back: ")
    desk.orders.undo()
    assert desk.engine.orders == [given, taken_back]
    assert "nothing was changed here" in desk.said[-1]


def test_automatic_is_taken_back_whole() -> None:
    desk = Desk(pinned(paused=True, mode="cost_first", override="google"))
    desk.orders.automatic()
    desk.orders.undo()
    assert desk.engine.orders == [
        ("reset", None),
        ("set_mode", "cost_first"),
        ("switch", ("zai", START_MS + 60_000)),
        ("override", "google"),
        ("pause", None),
    ]


def test_the_mode_key_goes_on_from_the_mode_asked_for_last() -> None:
    desk = Desk()
    modes = world.snapshot().modes
    desk.orders.next_mode()
    desk.orders.next_mode()
    assert desk.engine.orders == [("set_mode", modes[1]), ("set_mode", modes[2 % len(modes)])]
    desk.orders.undo()
    assert desk.engine.orders[-1] == ("set_mode", modes[1])


def test_why_nothing_can_be_ordered_is_said() -> None:
    watching = Desk(world.snapshot(read_only=True))
    watching.orders.next_mode()
    assert watching.engine.orders == []
    assert "only watches" in watching.said[0]
    dead = Desk()
    dead.orders.dead = "the engine failed"
    dead.orders.pause_or_resume()
    assert (dead.engine.orders, dead.said) == ([], ["the engine failed"])
    assert dead.orders.undo_refusal == "the engine failed"
    starting = Orders(EngineLink(FakeEngine), FakeClock(), dead.said.append, lambda: None)
    starting.switch("zai")
    assert dead.said[-1] == "the engine is still starting"


def test_what_is_forced_otherwise_by_now_is_not_taken_back_and_nothing_is_forced_again_without_asking() -> (
    None
):
    desk = Desk(world.snapshot())
    desk.orders.override("google")
    desk.orders.take_snapshot(world.snapshot(override="google"))
    desk.orders.take_snapshot(world.snapshot(override="zai"))
    desk.orders.undo()
    assert desk.engine.orders == [("override", "google")], "zai was forced elsewhere since"
    assert desk.said == ["nothing is taken back: google is not forced for everything any more"]
    desk.orders.set_mode("cost_first")
    desk.orders.override("google")
    desk.orders.override(None)
    desk.orders.undo()
    assert desk.engine.orders[-2:] == [("override", None), ("set_mode", "balanced")]
