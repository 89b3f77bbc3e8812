"""Routes whose model is gone, as the store remembers it."""

from __future__ import annotations

from trunkline.config.load import Loaded
from trunkline.domain.clock import SystemClock
from trunkline.domain.errors import StoreError
from trunkline.domain.faults import FaultCode
from trunkline.domain.state import Block


def gone_routes(loaded: Loaded) -> dict[str, int]:
    """Ids of the routes whose provider said that it serves their model no more to their account, and when (wall). None
    where there is no store that can be read: `trunkline doctor` says why."""
    if not loaded.places.store_file.exists():
        return {}
    from trunkline.engine.blame import still_means

    catalogue = loaded.config.catalogue
    return {
        block.target: block.since_ms
        for block in _kept_blocks(loaded)
        if block.code == FaultCode.MODEL_GONE and still_means(block, catalogue, loaded.keys)
    }


def _kept_blocks(loaded: Loaded) -> tuple[Block, ...]:
    from trunkline.store import queries
    from trunkline.store.store import StoreReader

    try:
        reader = StoreReader.open(loaded.places.store_file, SystemClock())
    except StoreError:
        return ()
    try:
        return reader.ask(queries.blocks())
    except StoreError:
        return ()
    finally:
        reader.close()
