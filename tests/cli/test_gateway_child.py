"""The deck's gateway as a real process: started by a key, asked over HTTP, seen in the log, gone with the deck."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
from collections.abc import Callable

import httpx
import pytest
from tests.cli.conftest import LIMIT_S, Cli, until
from tests.cli.processes import Terminal, children_of, running

from trunkline.cli.gateway_child import GatewayChild
from trunkline.tui.gateway_switch import (
    GatewayOff,
    GatewayOn,
    GatewayStarting,
    GatewayState,
    GatewayStopping,
)

ASKED = {"model": "auto", "messages": [{"role": "user", "content": "Who owns the queue?"}]}


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_a_key_starts_it_an_agent_asks_and_a_deck_that_is_killed_takes_it_along(cli: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (cli.home / "preferences.toml").write_text(f"[gateway]\nport = {port}\n")
    terminal = Terminal(columns=160, TRUNKLINE_HOME=str(cli.home), **cli.environment)
    try:
        terminal.wait_for(lambda text: "Write a message" in text and "pool" in text, "the deck")
        terminal.type("\x1bg")
        shown = terminal.wait_for(lambda text: "tl-" in text and "OpenAI-style" in text, "what to paste")
        terminal.type("\x1b[F")
        terminal.wait_for(lambda text: "openclaw.json" in text, "the end of it")
        terminal.type("\x1b[H")
        terminal.wait_for(lambda text: "This deck's gateway" in text, "its head")
        (child,) = children_of(terminal.pid)
        url, token = f"http://127.0.0.1:{port}", re.search(r"tl-[\w-]{43}", shown)
        assert f"address   {url} " in shown
        assert token is not None
        headers = {"authorization": f"Bearer {token[0]}", "x-trunkline-origin": "agent-7"}
        reply = httpx.post(f"{url}/v1/chat/completions", json=ASKED, headers=headers, timeout=LIMIT_S)
        assert reply.json().get("model") == "pool/small", reply.text
        terminal.wait_for(lambda text: "1 answered" in text and "0 under way" in text, "its count")
        terminal.type("\x1b")
        terminal.wait_for(
            lambda text: bool(re.search(r"agent-7 .* pool/a · small +ok", text)), "the line of the log"
        )
        assert f"⇄ {port}" in terminal.text.splitlines()[0]
        os.kill(terminal.pid, signal.SIGKILL)
        assert terminal.wait() == -signal.SIGKILL
        until(lambda: not running(child), "end of the gateway")
    finally:
        terminal.close()
    assert token[0] not in "".join(file.read_text() for file in cli.home.rglob("*.log"))


def follow(child: GatewayChild) -> tuple[list[GatewayState], Callable[[type[GatewayState]], None]]:
    """Start it; what it tells, and a way to wait until that ends so."""
    told: list[GatewayState] = []
    child.start(told.append)

    def wait(kind: type[GatewayState]) -> None:
        until(lambda: bool(told) and isinstance(told[-1], kind), f"{kind.__name__} after {told}")

    return told, wait


def test_it_is_stopped_by_letting_go_of_it_and_says_why_it_cannot_start(cli: Cli) -> None:
    first = GatewayChild(cli.surroundings(), lambda: ("--port", "0"))
    try:
        told, wait = follow(first)
        wait(GatewayOn)
        on = told[-1]
        assert isinstance(on, GatewayOn)
        port = on.base_url.rpartition(":")[2]
        second = GatewayChild(cli.surroundings(), lambda: ("--port", port))
        refused, wait_for_it = follow(second)
        wait_for_it(GatewayOff)
        (_, off) = refused
        assert isinstance(off, GatewayOff)
        assert off.why.startswith(str(cli.home))
        assert "--port takes another" in off.why
        first.stop()
        wait(GatewayOff)
    finally:
        first.close()
    assert told == [GatewayStarting(), on, GatewayStopping(on.pid), GatewayOff()]
    assert not running(on.pid)
    (lines, *_) = first.lines(on.base_url, None, needs_token=False)
    assert lines.lines[:2] == (
        f"export OPENAI_BASE_URL={on.base_url}/v1",
        "export OPENAI_API_KEY=none-is-needed",
    )
