from __future__ import annotations

from tests.assets.make_deck_fixtures import FOLDER
from tests.support import deck_world as world
from tests.support.deck import open_deck

from trunkline.domain.snapshot import Snapshot
from trunkline.store import codec


def test_the_fixtures_are_the_world_their_script_writes() -> None:
    assert codec.decode((FOLDER / "snapshot.json").read_bytes(), Snapshot) == world.snapshot()
    lines = (FOLDER / "events.jsonl").read_text().splitlines()
    assert tuple(codec.decode_event(line) for line in lines) == world.story()


async def test_the_deck_shows_the_fixtures() -> None:
    snapshot = codec.decode((FOLDER / "snapshot.json").read_bytes(), Snapshot)
    async with open_deck((220, 50)) as deck:
        await deck.show(snapshot)
        request_id = await deck.say("merge two lists")
        for line in (FOLDER / "events.jsonl").read_text().splitlines():
            deck.engine.happen(request_id, codec.decode_event(line).body)
        await deck.settle()
        words = deck.chat_words()
        assert "walks both lists once." in words
        assert "2 attempts" in words
