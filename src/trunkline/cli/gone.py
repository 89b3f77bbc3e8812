"""Routes whose model is gone, as the store remembers it."""

from __future__ import annotations

from trunkline.config.load import Loaded
from trunkline.domain.clock import SystemClock
from trunkline.domain.errors import StoreError
from trunkline.domain.faults import FaultCode
from trunkline.engine.blame import still_means
from trunkline.store import queries
from trunkline.store.store import StoreReader


def gone_routes(loaded: Loaded) -> dict[str, int]:
    """Ids of the routes whose provider said that it serves their model no more to their account, and when (wall). None
    where there is no store that can be read: `trunkline doctor` says why."""
    try:
        reader = StoreReader.open(loaded.places.store_file, SystemClock())
    except StoreError:
        return {}
    try:
        blocks = reader.ask(queries.blocks())
    except StoreError:
        return {}
    finally:
        reader.close()
    catalogue = loaded.config.catalogue
    return {
        block.target: block.since_ms
        for block in blocks
        if block.code == FaultCode.MODEL_GONE and still_means(block, catalogue, loaded.keys)
    }
