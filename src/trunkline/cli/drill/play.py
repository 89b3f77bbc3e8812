"""Playing faults one after another, each on an engine of its own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import traceback
from collections.abc import AsyncGenerator, Iterator, Sequence
from pathlib import Path

import aiohttp

from trunkline.cli.drill.control import SimulatorControl
from trunkline.cli.drill.crisis import rehearsed
from trunkline.cli.drill.judging import Drill, Judge, result_of
from trunkline.cli.drill.results import FaultResult, NotApplicableError, Skipped
from trunkline.cli.drill.stage import Stage
from trunkline.cli.drill.world import DrillWorld
from trunkline.cli.simulated_world import SimulatorError
from trunkline.domain.text import redact

# One fault's script may last that long; then something hangs.
_LONGEST_S = 15.0


async def played(
    world: DrillWorld, drills: Sequence[Drill], task_type: str | None
) -> AsyncGenerator[FaultResult | Skipped, None]:
    """What each fault came to, as it is done. Raises SimulatorError when the simulator dies."""
    port = await asyncio.to_thread(world.port)
    async with SimulatorControl(port) as control:
        for drill in drills:
            try:
                yield await _play(world, control, drill, task_type)
            except aiohttp.ClientError as error:
                raise SimulatorError("the simulated providers are gone; the drill cannot go on") from error


async def _play(
    world: DrillWorld, control: SimulatorControl, drill: Drill, task_type: str | None
) -> FaultResult | Skipped:
    await control.begin()
    unreachable: frozenset[str] = frozenset()
    if drill.unreachable:
        async with world.engine() as engine:
            preview = Stage(engine, control, task_type)
            with contextlib.suppress(NotApplicableError):
                unreachable = frozenset({(await preview.find_target()).provider})
    policy = rehearsed(world.own.loaded.config.preferences.crisis) if drill.crisis else None
    async with world.engine(unreachable=unreachable, crisis=policy, long_blocks=drill.long_blocks) as engine:
        stage = Stage(engine, control, task_type)
        noting = asyncio.create_task(stage.note_news())
        judge = Judge(stage)
        try:
            with _own_errors() as errors:
                async with asyncio.timeout(_LONGEST_S):
                    await drill.script(stage, judge)
        except NotApplicableError as reason:
            return Skipped(drill.name, str(reason))
        except TimeoutError:
            judge.expect(False, f"it should have been over within {_LONGEST_S:.0f} s")
        finally:
            noting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await noting
        for error in errors:
            judge.expect(False, f"Trunkline itself should not have failed: {error}")
        extra = 0 if unreachable or drill.crisis else await _unnamed_calls(control, stage)
        return result_of(drill, stage, judge, extra)


@contextlib.contextmanager
def _own_errors() -> Iterator[list[str]]:
    """What the engine logs as failures of its own, meanwhile: its log is gone with the drill."""
    heard = _Errors()
    logger = logging.getLogger("trunkline")
    logger.addHandler(heard)
    try:
        yield heard.said
    finally:
        logger.removeHandler(heard)


class _Errors(logging.Handler):
    """Keeps a line for every error that is logged: what was said, the exception and where it was raised."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        line = record.getMessage()
        if record.exc_info is not None and record.exc_info[1] is not None:
            raised = traceback.extract_tb(record.exc_info[2])[-1]
            place = f"{Path(raised.filename).name}:{raised.lineno}"
            line += f": {type(record.exc_info[1]).__name__}: {record.exc_info[1]} ({place})"
        self.said.append(redact(line))


async def _unnamed_calls(control: SimulatorControl, stage: Stage) -> int:
    """Calls that came in and that no receipt names."""
    named = sum(len(asked.calls) for asked in stage.asked)
    return max(0, len(await control.calls()) - named)
