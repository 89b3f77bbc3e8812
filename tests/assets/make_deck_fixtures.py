"""Write the snapshot and the event log that rooms are built against: `python -m tests.assets.make_deck_fixtures`."""

from __future__ import annotations

from pathlib import Path

import orjson
from tests.support import deck_world as world

from trunkline.store import codec

FOLDER = Path(__file__).parent / "deck"


def snapshot_json() -> bytes:
    """The snapshot, indented, so that a change of it can be read."""
    return orjson.dumps(orjson.loads(codec.encode(world.snapshot())), option=orjson.OPT_INDENT_2) + b"\n"


def events_jsonl() -> bytes:
    """One event a line: a request that is refused once, rerouted and answered."""
    return b"".join(codec.encode_event(event) + b"\n" for event in world.story())


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "snapshot.json").write_bytes(snapshot_json())
    (FOLDER / "events.jsonl").write_bytes(events_jsonl())


if __name__ == "__main__":
    main()
