"""Real processes, stopped in the middle of an answer in every way that a machine has."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.support.clock import FakeClock
from tests.support.engine_world import WHOLE_TEXT, Serves, World, open_world, until

from trunkline.engine.engine import Engine
from trunkline.engine.settings import EngineSettings

SLOW = Serves(
    "slowsim",
    limits=[{"metric": "requests", "amount": 10, "window": "60s"}],
    known=True,
    played={"tokens_per_s": 25.0, "chunk_tokens": 2},
    simulated={"headers": "none"},
)


@asynccontextmanager
async def asking(tmp_path: Path, stdout: int = PIPE) -> AsyncIterator[tuple[World, Process]]:
    """`trunkline ask` in the middle of its answer."""
    async with open_world(tmp_path, SLOW, preferences='default = ["slowsim"]\n', started=False) as world:
        world.places.providers_file.write_text(world.catalogue, encoding="utf-8")
        environ = {
            **world.environ,
            "TRUNKLINE_HOME": str(tmp_path),
            "HOME": str(tmp_path),
            "PATH": os.defpath,
        }
        command = ("-m", "trunkline", "ask", "Who owns the queue?", "--route", "slowsim")
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, env=environ, stdout=stdout, stderr=PIPE, cwd=tmp_path
        )
        try:
            async with asyncio.timeout(20):
                await until(lambda: any(one.first_byte_ms for one in world.simulator.record.received), 15)
                await asyncio.sleep(0.3)
                assert world.open_reservations() == 1
                yield world, process
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_in_the_middle_of_an_answer_settles_and_keeps_it(tmp_path: Path, number: int) -> None:
    async with asking(tmp_path) as (world, process):
        process.send_signal(number)
        printed, said = await process.communicate()
        text = printed.decode()
        assert process.returncode == 128 + number, said
        assert text.strip()
        assert WHOLE_TEXT.startswith(text.rstrip("\n"))
        assert len(text) < len(WHOLE_TEXT)
        assert b"Traceback" not in said
        # Settled by its own hand, not left to others: no row remains, and the call is counted.
        assert world.query("SELECT count(*) FROM reservation") == [(0,)]
        assert world.query("SELECT outcome FROM request") == [("cancelled",)]
        assert world.query("SELECT count(*) FROM process WHERE name = 'ask' AND ended_at_ms IS NULL") == [
            (0,)
        ]
        assert (await world.engine.fresh_snapshot()).providers[0].accounts[0].limits[0].used == 1
        await until(lambda: world.simulator.record.outcomes == {"client_closed": 1})


async def test_a_second_signal_does_not_break_the_first_ones_settling(tmp_path: Path) -> None:
    async with asking(tmp_path) as (world, process):
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        await process.communicate()
        assert process.returncode not in (0, None)
        assert world.query("SELECT count(*) FROM reservation WHERE orphaned = 0") == [(0,)]


async def test_a_terminal_that_goes_away_leaves_no_reservation(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    try:
        async with asking(tmp_path, stdout=theirs) as (world, process):
            os.close(theirs)
            theirs = -1
            assert os.read(ours, 4096)
            os.close(ours)
            ours = -1
            await process.communicate()
            assert world.query("SELECT count(*) FROM reservation") == [(0,)]
            assert world.query("SELECT outcome FROM request") == [("cancelled",)]
            await until(lambda: world.simulator.record.outcomes == {"client_closed": 1})
    finally:
        for end in (ours, theirs):
            if end >= 0:
                os.close(end)


async def test_what_a_killed_process_had_reserved_is_settled_by_another_at_its_estimate(
    tmp_path: Path,
) -> None:
    async with asking(tmp_path) as (world, process):
        process.kill()
        await process.communicate()
        assert world.open_reservations() == 1

        def look(after_s: float) -> tuple[int, int]:
            clock = FakeClock(int((time.time() + after_s) * 1000))
            settings = EngineSettings(
                world.places, world.environ, "other", base_providers_text=world.catalogue
            )
            other = Engine.open(settings, clock=clock)
            try:
                return world.open_reservations(), other.snapshot().providers[0].accounts[0].limits[0].used
            finally:
                other.close_now()

        assert look(3) == (1, 1)
        assert look(14) == (0, 1)
