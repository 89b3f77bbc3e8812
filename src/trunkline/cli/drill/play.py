"""Playing faults one after another, each on an engine of its own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Sequence

from trunkline.cli.drill.control import SimulatorControl
from trunkline.cli.drill.judging import Drill, Judge, result_of
from trunkline.cli.drill.results import FaultResult, NotApplicableError, Skipped
from trunkline.cli.drill.stage import Stage
from trunkline.cli.drill.world import DrillWorld

_log = logging.getLogger(__name__)
# One fault's script may last that long; then something hangs.
_LONGEST_S = 20.0


async def played(
    world: DrillWorld, drills: Sequence[Drill], task_type: str | None
) -> AsyncGenerator[FaultResult | Skipped, None]:
    """What each fault came to, as it is done."""
    port = await asyncio.to_thread(world.port)
    async with SimulatorControl(port) as control:
        for drill in drills:
            yield await _play(world, control, drill, task_type)


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
    async with world.engine(unreachable=unreachable) as engine:
        stage = Stage(engine, control, task_type)
        noting = asyncio.create_task(stage.note_blocks())
        judge = Judge(stage)
        try:
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
        extra = 0 if unreachable else await _unnamed_calls(control, stage)
        return result_of(drill, stage, judge, extra)


async def _unnamed_calls(control: SimulatorControl, stage: Stage) -> int:
    """Calls that came in and that no receipt names."""
    named = sum(len(asked.calls) for asked in stage.asked)
    return max(0, len(await control.calls()) - named)
