"""`trunkline demo` in a pseudo-terminal, as the README's first command opens it: first paint to last trace."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.conftest import Cli, until
from tests.cli.processes import Terminal, children_of, running

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")

RECEIPT_LINE = re.compile(r"╰ (\S+ · \S+ · )?[\d.]+ m?s · ≈?[\d,]+→[\d,]+ tok · ")


@pytest.fixture
def deck(tmp_path: Path) -> Iterator[Terminal]:
    """The demo's deck; what it makes is made in `tmp_path`."""
    terminal = Terminal("demo", TMPDIR=str(tmp_path), TRUNKLINE_HOME=str(tmp_path / "home"))
    try:
        yield terminal
    finally:
        terminal.close()


def simulator_of(deck: Terminal) -> int:
    """The process id of its child, once there is an account on the screen."""
    deck.wait_for(lambda text: "1 Providers" in text, "a first paint")
    deck.wait_for(lambda text: "google-1" in text and "kimi" in text, "the accounts")
    (child,) = children_of(deck.pid)
    return child


def test_the_demo_answers_a_prompt_and_leaves_nothing_behind(deck: Terminal, tmp_path: Path) -> None:
    simulator = simulator_of(deck)
    deck.type("write a function that merges two sorted lists")
    deck.wait_for(lambda text: "merges two sorted lists" in text, "what is typed")
    deck.type("\r")
    deck.wait_for(lambda text: bool(RECEIPT_LINE.search(text)), "the receipt under the answer")
    deck.wait_for(lambda text: "agent-" in text, "the agents at work")
    deck.type("\x11")
    assert deck.wait() == 0
    assert deck.is_cooked()
    assert b"\x1b[?1049l" in deck.raw[-400:], "the screen that was there before is shown again"
    assert b"\x1b[?25h" in deck.raw[-400:], "the cursor is shown again"
    assert b"Traceback" not in deck.raw
    assert not running(simulator)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("way_out", "code"), [("SIGTERM", 143), ("hang up", 129)])
def test_however_it_ends_nothing_is_left(deck: Terminal, tmp_path: Path, way_out: str, code: int) -> None:
    simulator = simulator_of(deck)
    if way_out == "hang up":
        deck.hang_up()
    else:
        os.kill(deck.pid, signal.Signals[way_out])
    assert deck.wait() == code
    until(lambda: not running(simulator), "end of the simulator")
    assert list(tmp_path.iterdir()) == []


def test_a_deck_that_is_killed_takes_its_simulator_along_and_the_next_one_its_folder(
    deck: Terminal, tmp_path: Path
) -> None:
    simulator = simulator_of(deck)
    os.kill(deck.pid, signal.SIGKILL)
    assert deck.wait() == -signal.SIGKILL
    until(lambda: not running(simulator), "end of the simulator")
    assert len(list(tmp_path.glob("trunkline-demo-*"))) == 1, "who is killed removes nothing"
    following = Terminal("demo", TMPDIR=str(tmp_path), TRUNKLINE_HOME=str(tmp_path / "home"))
    try:
        simulator_of(following)
        assert len(list(tmp_path.glob(f"trunkline-demo-{following.pid}-*"))) == 1
        assert len(list(tmp_path.glob("trunkline-demo-*"))) == 1
        following.type("\x11")
        assert following.wait() == 0
    finally:
        following.close()
    assert list(tmp_path.iterdir()) == []


def test_plain_trunkline_opens_the_deck_on_ones_own_accounts(cli: Cli) -> None:
    terminal = Terminal(TRUNKLINE_HOME=str(cli.home), **cli.environment)
    try:
        terminal.wait_for(lambda text: "pool/a" in text and "keep this mode" in text, "the first start")
        assert "KEY_A" in terminal.text
        terminal.type("jj\r")
        terminal.wait_for(lambda text: "pool" in text and "Write a message" in text, "the deck with its pool")
        terminal.type("hello from the deck\r")
        terminal.wait_for(lambda text: bool(RECEIPT_LINE.search(text)), "the receipt under the answer")
        terminal.type("\x11")
        assert terminal.wait() == 0
    finally:
        terminal.close()
    entry = cli.json("log")[0]
    assert (entry["origin"], entry["outcome"]) == ("chat", "answered")
    assert cli.environment["KEY_A"] not in terminal.raw.decode()


def test_plain_trunkline_with_nothing_offers_the_demo(empty: Cli) -> None:
    terminal = Terminal(TRUNKLINE_HOME=str(empty.home), TRUNKLINE_LOCAL_SERVERS="off")
    try:
        terminal.wait_for(lambda text: "open the demo" in text, "the offer")
        assert "OPENAI_API_KEY" in terminal.text
        terminal.type("q")
        assert terminal.wait() == 0
        assert terminal.is_cooked()
    finally:
        terminal.close()
    assert not (empty.home / "preferences.toml").exists()


def test_the_first_start_leads_into_the_demo(empty: Cli, tmp_path: Path) -> None:
    terminal = Terminal(TRUNKLINE_HOME=str(empty.home), TRUNKLINE_LOCAL_SERVERS="off", TMPDIR=str(tmp_path))
    try:
        terminal.wait_for(lambda text: "open the demo" in text, "the offer")
        terminal.type("\r")
        terminal.wait_for(lambda text: "google-1" in text and "kimi" in text, "the demo's accounts")
        terminal.type("\x11")
        assert terminal.wait() == 0
    finally:
        terminal.close()
    assert b"Traceback" not in terminal.raw


@pytest.mark.parametrize(("way_out", "code"), [("SIGTERM", 143), ("hang up", 129)])
def test_the_first_start_ends_when_it_is_told_to(empty: Cli, way_out: str, code: int) -> None:
    terminal = Terminal(TRUNKLINE_HOME=str(empty.home), TRUNKLINE_LOCAL_SERVERS="off")
    try:
        terminal.wait_for(lambda text: "open the demo" in text, "the offer")
        if way_out == "hang up":
            terminal.hang_up()
        else:
            os.kill(terminal.pid, signal.Signals[way_out])
        assert terminal.wait() == code
    finally:
        terminal.close()
