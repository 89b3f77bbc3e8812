"""Whose turn it is, as tables and as properties: no starvation, fair shares, order, pace."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.domain.preferences import Thresholds
from trunkline.domain.tasks import Origin, OriginKind, Priority, Task, Tier
from trunkline.engine.turns import (
    InLine,
    Rank,
    Waiting,
    aged,
    interval_ms,
    latest_ms,
    next_for_slot,
    rank_of,
    spread_after_reset_ms,
    throttle_ms,
    turns,
)

AGENT = Origin(OriginKind.GATEWAY, "agent-7")


def task(priority: Priority, *, interactive: bool = False, critical: bool = False) -> Task:
    return Task("coding", 1.0, 0.5, Tier.T2, 10, 10, priority, interactive, critical)


@pytest.mark.parametrize(
    ("asked", "rank"),
    [
        (task(Priority.LOW, interactive=True, critical=True), Rank.INTERACTIVE),
        (task(Priority.LOW, critical=True), Rank.HIGH),
        (task(Priority.HIGH), Rank.HIGH),
        (task(Priority.MEDIUM), Rank.MEDIUM),
        (task(Priority.LOW), Rank.LOW),
    ],
)
def test_ranks(asked: Task, rank: Rank) -> None:
    assert rank_of(asked) is rank


@pytest.mark.parametrize(
    ("rank", "waited_ms", "age_ms", "lifted"),
    [
        (Rank.LOW, 0, 30_000, Rank.LOW),
        (Rank.LOW, 29_999, 30_000, Rank.LOW),
        (Rank.LOW, 30_000, 30_000, Rank.MEDIUM),
        (Rank.LOW, 90_000, 30_000, Rank.INTERACTIVE),
        (Rank.LOW, 10**12, 30_000, Rank.INTERACTIVE),
        (Rank.MEDIUM, -5_000, 30_000, Rank.MEDIUM),
        (Rank.MEDIUM, 10**9, 0, Rank.MEDIUM),
    ],
)
def test_waiting_lifts(rank: Rank, waited_ms: float, age_ms: float, lifted: Rank) -> None:
    assert aged(rank, waited_ms, age_ms) is lifted


def test_intervals_are_settings_and_what_is_high_has_none() -> None:
    thresholds = Thresholds(medium_lane_ms=2_000, low_lane_ms=0)
    paces = {rank: interval_ms(rank, thresholds) for rank in Rank}
    assert paces == {Rank.INTERACTIVE: 0, Rank.HIGH: 0, Rank.MEDIUM: 2_000, Rank.LOW: 0}


def due(*latest: float | None, last_ms: float | None, now_ms: float = 0.0) -> list[float]:
    line = [Waiting(str(n), when) for n, when in enumerate(latest)]
    return [turn.due_ms for turn in turns(line, last_ms=last_ms, interval_ms=2_000, now_ms=now_ms)]


@pytest.mark.parametrize(
    ("latest", "last_ms", "now_ms", "expected"),
    [
        ((None, None, None), None, 0, [0, 2_000, 4_000]),
        ((None, None), 9_000, 10_000, [11_000, 13_000]),
        ((None, None), 1_000, 10_000, [10_000, 12_000]),  # idle for longer than its time: one at once
        ((None, 12_000, None), 9_000, 10_000, [11_000, 12_000, 13_000]),  # early, and takes no turn of others
        ((None, 50_000, None), 9_000, 10_000, [11_000, 13_000, 15_000]),
        ((None, 3_000), 9_000, 10_000, [11_000, 10_000]),  # too late already: now
    ],
)
def test_turns_of_a_line(
    latest: tuple[float | None, ...], last_ms: float | None, now_ms: float, expected: list[float]
) -> None:
    assert due(*latest, last_ms=last_ms, now_ms=now_ms) == expected


@given(
    arrivals=st.lists(st.tuples(st.integers(0, 60_000), st.booleans()), min_size=1, max_size=40),
    interval=st.sampled_from([1, 500, 2_000, 5_000]),
    late=st.integers(0, 900),
)
def test_nobody_starves_in_a_line_and_its_pace_holds(
    arrivals: list[tuple[int, bool]], interval: int, late: int
) -> None:
    """A line run to its end, looked at up to `late` ms after each time that is due: whoever has k before it goes after
    k + 1 intervals at the latest (each as late as the looking), in order, one for each interval; those with deadlines
    go by then and hold nobody up."""
    arrivals = sorted(arrivals)
    line: list[Waiting] = []
    came = {str(n): (at_ms, hurried) for n, (at_ms, hurried) in enumerate(arrivals)}
    ahead: dict[str, int] = {}
    went: list[tuple[str, float, bool]] = []
    last_ms: float | None = None
    now_ms, coming = 0.0, list(came)
    while coming or line:
        found = turns(line, last_ms=last_ms, interval_ms=interval, now_ms=now_ms)
        gone = [turn for turn in found if turn.due_ms <= now_ms]
        assert sum(turn.paced for turn in gone) <= 1
        for turn in gone:
            went.append((turn.request_id, now_ms, turn.paced))
            last_ms = now_ms if turn.paced else last_ms
        line = [one for one in line if one.request_id not in {turn.request_id for turn in gone}]
        arrived = [one for one in coming if came[one][0] <= now_ms]
        for one in arrived:
            at_ms, hurried = came[one]
            ahead[one] = len(line)
            line.append(Waiting(one, at_ms + 1_000.0 if hurried else None))
            coming.remove(one)
        if arrived:
            continue
        upcoming = [turn.due_ms for turn in turns(line, last_ms=last_ms, interval_ms=interval, now_ms=now_ms)]
        upcoming += [came[one][0] for one in coming[:1]]
        if upcoming:
            now_ms = max(now_ms + 0.001, min(upcoming) + late)
    assert sorted(one for one, _, _ in went) == sorted(came)
    paced = [(one, at_ms) for one, at_ms, is_paced in went if is_paced]
    times = [at_ms for _, at_ms in paced]
    assert all(after - before >= interval for before, after in pairwise(times))
    unhurried = [one for one, _ in paced if not came[one][1]]
    assert unhurried == sorted(unhurried, key=int)
    for one, at_ms, _ in went:
        bound = (ahead[one] + 1) * (interval + late + 1) + late + 1
        assert at_ms <= came[one][0] + bound
        if came[one][1]:
            assert at_ms <= came[one][0] + 1_000 + 2 * late + 1


def test_the_latest_moment_is_the_deadline_less_what_it_takes_whatever_the_wall_clock_says() -> None:
    assert latest_ms(None, 10_000, wall_ms=5, mono_ms=7.0) is None
    assert latest_ms(1_060_000, 10_000, wall_ms=1_000_000, mono_ms=500.0) == 50_500


@given(
    waiting=st.lists(
        st.tuples(st.sampled_from(list(Rank)), st.integers(0, 3), st.integers(0, 200_000)),
        min_size=1,
        max_size=30,
    ),
    stream=st.integers(1, 3),
)
def test_nobody_starves_for_a_slot_beside_people_who_never_stop_asking(
    waiting: list[tuple[Rank, int, int]], stream: int
) -> None:
    """One slot a second, and `stream` new interactive requests a second: everybody who was there is served, by the
    time that it takes to grow old and for those who are older."""
    queue = {f"{n}": (rank, f"agent-{who}", at_ms) for n, (rank, who, at_ms) in enumerate(waiting)}
    start_ms, age_ms, there = 200_000, 30_000, set(queue)
    served: dict[str, int] = {}
    for step in range(100 + len(waiting) * (1 + stream) + 90 * stream):
        now_ms = start_ms + 1_000 * step
        for n in range(stream):
            queue[f"p{step}-{n}"] = (Rank.INTERACTIVE, "person", now_ms)
        firsts = [InLine(one, rank, at_ms, served.get(who, 0)) for one, (rank, who, at_ms) in queue.items()]
        chosen = next_for_slot(firsts, now_ms, age_ms)
        assert chosen is not None
        served[queue.pop(chosen.request_id)[1]] = step + 1
        there.discard(chosen.request_id)
        if not there:
            break
    assert not there


def test_slots_go_round_the_origins_and_people_and_promoted_ones_come_first() -> None:
    queue = {f"a{n}": (Rank.HIGH, "a", n) for n in range(4)} | {
        f"b{n}": (Rank.HIGH, "b", 10 + n) for n in range(2)
    }
    queue |= {
        "person": (Rank.INTERACTIVE, "p", 99),
        "low": (Rank.LOW, "c", 0),
        "wanted": (Rank.LOW, "d", 100),
    }
    served: dict[str, int] = {}
    order = []
    for turn in range(len(queue)):
        firsts = [
            InLine(one, rank, since, served.get(who, 0), promoted=one == "wanted")
            for one, (rank, who, since) in queue.items()
        ]
        chosen = next_for_slot(firsts, 1_000, 30_000)
        assert chosen is not None
        order.append(chosen.request_id)
        served[queue.pop(chosen.request_id)[1]] = turn + 1
    assert order == ["wanted", "person", "a0", "b0", "a1", "b1", "a2", "a3", "low"]


@pytest.mark.parametrize(
    ("rank", "waited_ms", "draw", "expected_ms"),
    [
        (Rank.INTERACTIVE, 0, 1.0, 0),
        (Rank.HIGH, 0, 0.0, 0),
        (Rank.HIGH, 0, 1.0, 1_000),
        (Rank.MEDIUM, 0, 0.5, 1_500),
        (Rank.LOW, 0, 1.0, 3_000),
        (Rank.LOW, 30_000, 1.0, 2_000),
        (Rank.LOW, 90_000, 1.0, 0),
    ],
)
def test_the_spread_after_a_reset(rank: Rank, waited_ms: float, draw: float, expected_ms: float) -> None:
    found = spread_after_reset_ms(rank, waited_ms=waited_ms, age_ms=30_000, spread_ms=3_000, draw=draw)
    assert found == pytest.approx(expected_ms)


@pytest.mark.parametrize(
    ("share", "delay_ms"), [(None, 0), (1.0, 0), (0.2, 0), (0.1, 2_500), (0.05, 3_750), (0.0, 5_000)]
)
def test_the_delay_of_a_route_that_fails(share: float | None, delay_ms: float) -> None:
    assert throttle_ms(share, Thresholds()) == pytest.approx(delay_ms)
    assert throttle_ms(share, Thresholds(throttle_below=0)) == 0
