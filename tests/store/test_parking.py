"""Rows of kept requests: whose they are, in what order they go, and that nothing is left of them."""

from __future__ import annotations

from pathlib import Path

from tests.store.samples import opened
from tests.store.test_codec import RECEIPT, TASK
from tests.support.clock import FakeClock

from trunkline.domain.messages import (
    ChatRequest,
    Effort,
    Hints,
    ImagePart,
    Message,
    Role,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
    ToolSpec,
)
from trunkline.domain.queue import HeldFor, QueueItem
from trunkline.domain.tasks import Origin, OriginKind, Priority, Tier
from trunkline.store import codec, parking
from trunkline.store.parking import KeptRequest
from trunkline.store.store import Store

WHOLE = ChatRequest(
    messages=(
        Message(Role.USER, (TextPart("what is this?"), ImagePart("data:image/png;base64,AAAA"))),
        Message(
            Role.ASSISTANT,
            (
                ThinkingPart("hm", "anthropic", "signed", "m", redacted=True),
                ThinkingPart("hm", "zai"),
                ToolCallPart("c1", "look", '{"at": 1}', "thought", "google"),
                ToolCallPart("c2", "look", "{}"),
            ),
        ),
        Message(Role.TOOL, (ToolResultPart("c1", "a cat", is_error=True), ToolResultPart("c2", "a dog"))),
    ),
    origin=Origin(OriginKind.CHAT, "deck"),
    request_id="01R",
    conversation_id="talk",
    turn_id="turn",
    hints=Hints("coding", 0.5, Tier.T1),
    priority=Priority.LOW,
    prefer=("a", "b"),
    stop=("END",),
    tools=(ToolSpec("look", "looks", "{}"),),
    effort=Effort.HIGH,
    park=True,
)
CANARY = "a sentence that nobody else would write"


def item(request_id: str, urgency: int = 0) -> QueueItem:
    """A line of the queue."""
    return QueueItem(
        request_id,
        WHOLE.origin,
        Priority.LOW,
        "coding",
        Tier.T2,
        HeldFor.RESET,
        "full",
        1,
        urgency=urgency,
        title=CANARY,
    )


async def keep(store: Store, *request_ids: str, urgency: int = 0) -> None:
    """Keep requests for that process."""
    for request_id in request_ids:
        body = codec.encode(KeptRequest(WHOLE, TASK, 1, RECEIPT.attempts, 2))
        await store.write(
            lambda c, i=request_id, b=body: parking.keep(  # type: ignore[misc]
                c, item(i, urgency), b, process_id=store.process_id, at_ms=1
            )
        )


async def order(store: Store) -> list[str]:
    """The ids in the order in which they go."""
    return [row.item.request_id for row in await store.ask(parking.parked())]


def test_every_part_of_a_request_survives() -> None:
    kept = KeptRequest(WHOLE, TASK, 17, RECEIPT.attempts, 3)
    assert codec.decode(codec.encode(kept), KeptRequest) == kept


async def test_a_row_is_claimed_by_one_process_and_only_when_nobody_has_it(tmp_path: Path) -> None:
    clock = FakeClock()
    async with opened(tmp_path / "t.db", clock) as second, opened(tmp_path / "t.db", clock) as third:
        async with opened(tmp_path / "t.db", clock) as first:
            await keep(first, "01R")
            assert await second.write(lambda c: parking.claim(c, second.process_id, ())) == []
        assert [row.process_id for row in await second.ask(parking.parked())] == [None]
        assert await second.write(lambda c: parking.claim(c, second.process_id, ("01R",))) == []
        (claimed,) = await second.write(lambda c: parking.claim(c, second.process_id, ()))
        assert codec.decode(claimed.body, KeptRequest).returns == 2
        assert await third.write(lambda c: parking.claim(c, third.process_id, ())) == []
        assert await second.write(lambda c: parking.is_of(c, "01R", second.process_id))
        assert not await third.write(lambda c: parking.is_of(c, "01R", third.process_id))
        await keep(third, "01R")
        assert [row.process_id for row in await third.ask(parking.parked())] == [second.process_id]


async def test_requests_go_in_the_order_in_which_they_came_until_a_person_wants_another(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path / "t.db", FakeClock()) as store:
        await keep(store, *"abcd")
        assert await order(store) == list("abcd")
        for moved, places, expected in (
            ("c", -1, "acbd"),
            ("a", 10**30, "cbda"),
            ("d", -9, "dcba"),
            ("b", 0, "dcba"),
            ("nobody", 1, "dcba"),
        ):
            await store.write(lambda c, m=moved, n=places: parking.move(c, m, n))  # type: ignore[misc]
            assert await order(store) == list(expected)
        await store.write(lambda c: parking.promote(c, "b", 5))
        assert await order(store) == list("bdca")
        await keep(store, "e", "b")
        assert await order(store) == list("bdcae")


async def test_what_is_more_urgent_goes_before_the_rest_behind_its_equals_and_hands_are_obeyed(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path / "t.db", FakeClock()) as store:
        for request_id, urgency in zip("lmhik", (3, 2, 1, 0, 1), strict=True):
            await keep(store, request_id, urgency=urgency)
        assert await order(store) == list("ihkml")
        await store.write(lambda c: parking.move(c, "l", -4))
        await keep(store, "n", urgency=2)
        await keep(store, "g", urgency=1)
        assert await order(store) == list("lihkgmn")
        await store.write(lambda c: parking.promote(c, "n", 5))
        await keep(store, "a", urgency=0)
        assert await order(store) == list("nliahkgm")
        await keep(store, "l", urgency=3)
        assert await order(store) == list("nliahkgm")
        (first, *_) = [row.item for row in await store.ask(parking.parked())]
        assert (first.request_id, first.urgency) == ("n", 2)


async def test_what_a_person_put_before_all_others_is_not_overtaken_but_put_last_it_is(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path / "t.db", FakeClock()) as store:
        await keep(store, "l", "m", urgency=3)
        await store.write(lambda c: parking.promote(c, "l", 5))
        await keep(store, "i")
        assert await order(store) == list("lim")
        await store.write(lambda c: parking.move(c, "l", 2))
        await keep(store, "j")
        assert await order(store) == list("ijml")


async def test_any_number_fits_in_before_what_is_less_urgent(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db", FakeClock()) as store:
        await keep(store, "low", urgency=3)
        urgent = [f"{number:03}" for number in range(120)]
        await keep(store, *urgent)
        assert await order(store) == [*urgent, "low"]


async def test_an_end_is_kept_whole_and_nothing_of_the_request_is_left_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    async with opened(path, FakeClock()) as store, opened(path, FakeClock()) as other:
        await keep(store, RECEIPT.request_id)
        await other.write(
            lambda c: parking.end(c, RECEIPT, other.recording(RECEIPT), None, process_id=other.process_id)
        )
        assert await other.receipt(RECEIPT.request_id) is None
        assert await order(store) == [RECEIPT.request_id]
        await store.write(
            lambda c: parking.end(c, RECEIPT, store.recording(RECEIPT), None, process_id=store.process_id)
        )
        assert await other.receipt(RECEIPT.request_id) == RECEIPT
        assert await order(store) == []
        await store.write(lambda c: c.execute("SELECT 1"))
    assert CANARY.encode() not in path.read_bytes()


async def test_who_cancels_ends_what_nobody_runs_and_tells_who_runs_the_rest(tmp_path: Path) -> None:
    path, clock = tmp_path / "t.db", FakeClock()
    async with opened(path, clock) as other:
        async with opened(path, clock) as store:
            await keep(store, "01R")
            dropping = other.write(lambda c: parking.drop(c, "01R", process_id=other.process_id, at_ms=9))
            assert await dropping is None
            (row,) = await other.ask(parking.parked())
            assert (row.dropped, row.process_id) == (True, store.process_id)
        body = await other.write(lambda c: parking.drop(c, "01R", process_id=other.process_id, at_ms=9))
        assert body is not None
        assert await other.write(lambda c: parking.is_of(c, "01R", other.process_id))
