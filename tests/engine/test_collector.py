from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import gc
as_it_comes = gc.get_threshold()
import trunkline.engine.engine
from trunkline.engine.collector import settle_collector
assert (gc.get_threshold(), gc.get_freeze_count()) == (as_it_comes, 0)
settle_collector()
assert gc.get_threshold() > as_it_comes
assert gc.get_freeze_count() > 10_000
"""


def test_only_the_entry_of_a_process_settles_its_collector() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
