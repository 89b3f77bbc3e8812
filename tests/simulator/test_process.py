from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest
from tests.support.simulator import SimulatorProcess

from trunkline import simulator

DEMO = Path(simulator.__file__).parent / "demo.toml"


async def _ask(running: SimulatorProcess, key: str = "sim-google-1") -> int:
    body = {"contents": [{"role": "user", "parts": [{"text": "HEARTBEAT_OK?"}]}]}
    url = f"{running.root_url('google')}/v1beta/models/gemini-3.5-flash-lite:generateContent"
    headers = {"x-goog-api-key": key}
    async with aiohttp.ClientSession() as session, session.post(url, json=body, headers=headers) as response:
        await response.read()
        return response.status


async def test_a_child_process_is_controlled_from_outside_and_ends_with_its_stdin() -> None:
    running = SimulatorProcess(DEMO, speed=100.0)
    await running.start()
    await running.remove_fault()
    assert await _ask(running) == 200
    name = await running.add_fault(kind="http", status=500, provider="google")
    assert await _ask(running) == 500
    await running.remove_fault(name)
    assert await _ask(running) == 200
    counters = await running.counters()
    assert (counters["requests"], counters["refused"], counters["open"]) == (3, 1, 0)
    assert counters["faults"] == {name: 1}
    requests = await running.requests(since=1)
    assert [(r["account"], r["status"], r["fault"]) for r in requests] == [
        ("google-1", 500, name),
        ("google-1", 200, None),
    ]
    assert "x-goog-api-key" in requests[0]["headers"]
    assert requests[0]["at_ms"] <= requests[0]["first_byte_ms"] <= requests[0]["done_ms"]
    with pytest.raises(ValueError, match="kind"):
        await running.add_fault(kind="flood")
    await running.reset()
    assert (await running.counters())["requests"] == 0
    assert await running.stop() == 0


async def test_a_signal_ends_it_while_a_stream_hangs() -> None:
    async with SimulatorProcess(DEMO) as running:
        await running.add_fault(kind="silence")
        asking = asyncio.create_task(_ask(running))
        while (await running.counters())["open"] == 0:  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(0.005)
        os.kill(running.pid, signal.SIGTERM)
        with pytest.raises(aiohttp.ClientError):
            await asyncio.wait_for(asking, 5)
        assert await running.stop() == 0


def test_a_wrong_description_ends_it_with_two(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text("[providers.p]\nprotocol = 'smoke'\n")
    done = subprocess.run(
        [sys.executable, "-m", "trunkline.simulator", "--config", tmp_path / "x.toml"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "x.toml: providers.p" in done.stderr


def test_it_imports_nothing_of_the_product_but_the_domain() -> None:
    code = "import sys, trunkline.simulator.__main__, trunkline.simulator.server; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    rooms = {name.split(".")[1] for name in done.stdout.split() if name.startswith("trunkline.")}
    assert rooms == {"domain", "simulator"}
    assert not {"pydantic", "httpx", "textual"} & set(done.stdout.split())
