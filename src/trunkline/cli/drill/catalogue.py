"""Every fault of the drill, in the order in which they are played."""

from __future__ import annotations

from trunkline.cli.drill import crisis, limits, streams, trouble
from trunkline.cli.drill.judging import Drill

CATALOGUE: tuple[Drill, ...] = (*limits.DRILLS, *trouble.DRILLS, *streams.DRILLS, *crisis.DRILLS)
NAMES: dict[str, Drill] = {drill.name: drill for drill in CATALOGUE}
