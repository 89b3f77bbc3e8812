"""Python's garbage collector in a process that stays."""

from __future__ import annotations

import gc


def settle_collector() -> None:
    """Call it from the entry of such a process, once what it needs is there: that is never walked again, and what
    comes is looked at in larger steps. Requests leave next to nothing behind for the collector, so that it need not
    stop them every few hundred objects. No library may decide so for its caller, so nothing here is done by an import.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(5000, 20, 100)
