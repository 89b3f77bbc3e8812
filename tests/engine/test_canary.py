"""A key planted wherever a provider can echo one comes out nowhere: not in events, receipts, logs, store or screens."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path

import pytest
from tests.support.engine_world import Serves, ask, open_world, sse
from tests.support.odd_server import OddServer, Peer, Received

from trunkline.domain.errors import ConfigError
from trunkline.domain.events import Event
from trunkline.engine.logs import start_logging
from trunkline.store.codec import encode, encode_event

# One that looks like a key, and one that only its owner knows for one.
KEYS = ("sk-proj-canary7Hq2vWz9LmX4tRb8NcY1sKd6", "canary7Hq2vWz9LmX4tRb8NcY1sKd6")


class Parrot:
    """Says back the key it was given, in every place a provider has, one way after the other."""

    def __init__(self, canary: str) -> None:
        self._canary = canary
        self.turn = 0

    async def __call__(self, peer: Peer, request: Received) -> None:
        key = request.headers["authorization"].removeprefix("Bearer ")
        assert key == self._canary
        said = f"Incorrect API key provided: {key}. See https://example.invalid/keys?api_key={key}"
        error = json.dumps({"error": {"message": said, "type": key, "code": key, "param": key}})
        headers = (
            f"x-request-id: {key}",
            f"x-ratelimit-limit-requests: {key}",
            f"retry-after: {key}",
            f"set-cookie: k={key}",
        )
        self.turn += 1
        match self.turn % 10:
            case 1:
                await peer.reply(error, status="401 Unauthorized", headers=headers)
            case 2:
                await peer.reply(error, status=f"500 {key}", headers=headers)
            case 3:
                await peer.reply(f"<html>{key}</html>", content_type="text/html", headers=headers)
            case 4:
                await peer.reply("", status="307 Moved", headers=(f"location: http://127.0.0.2/?k={key}",))
            case 5:
                await peer.reply(error, headers=headers)
            case 6:
                await peer.begin("text/event-stream", *headers)
                await peer.chunk(sse("Half an answer that is long enough. ", finish=None, done=False))
                await peer.chunk(f"data: {error}\n\n")
                await peer.chunk("")
            case 7:
                await peer.begin()
                await peer.chunk(f"data: {key} is no JSON\n\n" + sse("cut", finish=None, done=False))
                peer.writer.close()
            case 8:
                await peer.reply(error, status="429 Too Many Requests", headers=headers)
            case 9:
                await peer.reply(f"plain {key} text", status="400 Bad", content_type=f"text/plain; x={key}")
            case _:
                await peer.send(f"HTTP/9.9 {key} {key}\r\n{key}\r\n\r\n")
                peer.writer.close()


@pytest.fixture
def log_dir(tmp_path: Path) -> Path:
    return tmp_path / "home" / "logs"


@pytest.mark.parametrize("canary", KEYS)
async def test_no_key_comes_out_anywhere(
    tmp_path: Path, log_dir: Path, capfd: pytest.CaptureFixture[str], canary: str
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    log = start_logging(log_dir, "canary", level=logging.DEBUG)
    written: list[bytes] = []
    parrot = Parrot(canary)
    try:
        async with OddServer(parrot) as odd:
            only = Serves("only", url=f"{odd.url}/v1")
            async with open_world(
                home, only, preferences="[thresholds]\nmax_attempts = 2\n", started=False
            ) as world:
                world.environ[only.variable("a")] = canary
                async with world.open("canary") as engine:
                    bus: list[Event] = []
                    listening = asyncio.create_task(_listen(engine.subscribe(), bus))
                    for _ in range(12):
                        for stream in (True, False):
                            result = await world.run(ask(stream=stream, conversation_id="c"), engine)
                            written += [encode_event(event) for event in result.events]
                            written.append(repr(result.events).encode())
                            engine.reset()
                    written.append(encode(await engine.fresh_snapshot()))
                    written.append(repr(engine.generation).encode())
                    listening.cancel()
                    written += [encode_event(event) for event in bus]
        assert parrot.turn > 20
        world.prefer(f'mode = "{KEYS[0]}"\ndefault = ["{KEYS[0]}"]\n')
        with pytest.raises(ConfigError) as refused:
            world.open("refused")
        written.append(f"{refused.value} {refused.value!r}".encode())
    finally:
        log.stop()
    out, err = capfd.readouterr()
    written += [out.encode(), err.encode()]
    files = [path for path in home.rglob("*") if path.is_file() and path.name != "preferences.toml"]
    assert any(path.name.startswith("trunkline.db") for path in files)
    assert any(path.parent == log_dir for path in files)
    for path in files:
        assert canary.encode() not in path.read_bytes(), path
    for piece in written:
        assert canary.encode() not in piece, piece[:2000]
    # The events did carry the providers' words, so that the test looks where a key would be.
    assert any(b"Incorrect API key" in piece for piece in written)


async def _listen(news: object, into: list[Event]) -> None:
    async for event in news:  # type: ignore[attr-defined]
        into.append(event)
