"""What is learned of answers, as the store keeps it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.store.samples import ROUTE

from trunkline.domain.fading import DAY_MS, share_left
from trunkline.domain.learned import WEIGHTS, SignKind, Verdict, Verdicts
from trunkline.store import learned, schema
from trunkline.store.learned import AnswerKind, Learned, Moment

NOW_MS = 1_790_000_000_000
DAYS = 30.0
KIND = AnswerKind("coding", "t2", ROUTE.model)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    opened = schema.open_for_writing(tmp_path / "trunkline.db")
    yield opened
    opened.close()


def at(days: float = 0.0) -> Moment:
    return Moment(NOW_MS + round(days * DAY_MS), DAYS)


@pytest.fixture
def answered(connection: sqlite3.Connection) -> sqlite3.Connection:
    """A store with one answered request, `A`, and one that failed, `B`."""
    record(connection, "A", "answered")
    record(connection, "B", "failed")
    return connection


def record(connection: sqlite3.Connection, request_id: str, outcome: str) -> None:
    """A request of `KIND` that is over."""
    connection.execute(
        """INSERT INTO request (id, at_ms, origin_kind, origin, task_type, tier, priority, outcome, complete, rerouted,
            attempts, reason, provider, account, model, total_ms, waste_pico, waste_unknown, process_id, receipt)
        VALUES (?, ?, 'ask', 'ask', ?, ?, 'high', ?, 1, 0, 1, 'only', ?, ?, ?, 1, 0, 0, 'p', '')""",
        (request_id, NOW_MS, KIND.task_type, KIND.tier, outcome, ROUTE.provider, ROUTE.account, ROUTE.model),
    )


def rows(connection: sqlite3.Connection) -> Learned:
    query = learned.learned()
    return query.build([connection.execute(*statement).fetchall() for statement in query.statements])


def counts(connection: sqlite3.Connection) -> Verdicts:
    (row,) = rows(connection).quality
    assert row.kind == KIND
    return row.verdicts


def test_a_thumb_counts_for_the_model_that_answered_and_its_kind_of_task(
    answered: sqlite3.Connection,
) -> None:
    received = learned.judge(answered, "A", SignKind.THUMB, Verdict.UP, at())
    assert received is not None
    assert (received.route, received.task_type, received.tier) == (ROUTE.id, "coding", "t2")
    assert received.thumb is Verdict.UP
    assert counts(answered) == Verdicts(good=1.0)


def test_a_later_thumb_takes_the_place_of_the_earlier_one(answered: sqlite3.Connection) -> None:
    learned.judge(answered, "A", SignKind.THUMB, Verdict.UP, at())
    received = learned.judge(answered, "A", SignKind.THUMB, Verdict.DOWN, at(20))
    assert received is not None
    assert received.verdicts == (Verdict.DOWN,)
    assert counts(answered).good == pytest.approx(0.0, abs=1e-9)
    assert counts(answered).bad == 1.0


def test_the_same_thumb_again_changes_nothing(answered: sqlite3.Connection) -> None:
    learned.judge(answered, "A", SignKind.THUMB, Verdict.UP, at())
    before = rows(answered)
    learned.judge(answered, "A", SignKind.THUMB, Verdict.UP, at(3))
    assert rows(answered) == before


def test_signs_of_different_kinds_add_up(answered: sqlite3.Connection) -> None:
    learned.judge(answered, "A", SignKind.THUMB, Verdict.DOWN, at())
    received = learned.judge(answered, "A", SignKind.AGAIN, Verdict.ELSEWHERE, at())
    assert received is not None
    assert received.verdicts == (Verdict.ELSEWHERE, Verdict.DOWN)
    assert counts(answered) == Verdicts(bad=1.7)


@pytest.mark.parametrize("request_id", ["B", "C", ""])
def test_nothing_is_said_of_what_nobody_answered(answered: sqlite3.Connection, request_id: str) -> None:
    assert learned.judge(answered, request_id, SignKind.THUMB, Verdict.UP, at()) is None
    assert rows(answered) == Learned()


EARLIER = st.lists(st.tuples(st.sampled_from(list(Verdict)), st.floats(0, 400, allow_nan=False)), max_size=5)


@settings(max_examples=50)
@given(
    earlier=EARLIER,
    thumbs=st.lists(st.sampled_from([Verdict.UP, Verdict.DOWN]), min_size=1, max_size=4),
    gap=st.floats(-50, 400),
)
def test_a_thumb_that_is_taken_back_never_was(
    earlier: list[tuple[Verdict, float]], thumbs: list[Verdict], gap: float
) -> None:
    """Whatever was learned before, in whatever order the clock says, and however long it stood."""
    with_thumb, without = (_with(earlier) for _ in range(2))
    days = max((days for _, days in earlier), default=0.0)
    for number, thumb in enumerate(thumbs):
        learned.judge(with_thumb, "A", SignKind.THUMB, thumb, at(days + number * gap / 4))
    received = learned.judge(with_thumb, "A", SignKind.THUMB, None, at(days + gap))
    assert received is not None
    assert received.verdicts == ()
    learned.went_unremarked(without, KIND, Verdicts(), at(max(days, days + gap)))
    learned.went_unremarked(with_thumb, KIND, Verdicts(), at(max(days, days + gap)))
    left, kept = rows(with_thumb).quality, rows(without).quality
    if not kept:
        assert not left or max(left[0].verdicts.good, left[0].verdicts.bad) < 1e-6
    else:
        age_ms = left[0].as_of_ms - kept[0].as_of_ms
        share = share_left(age_ms, DAYS)
        assert left[0].verdicts.good == pytest.approx(kept[0].verdicts.good * share, abs=1e-6)
        assert left[0].verdicts.bad == pytest.approx(kept[0].verdicts.bad * share, abs=1e-6)
    with_thumb.close()
    without.close()


def _with(earlier: list[tuple[Verdict, float]]) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for statements in schema.MIGRATIONS:
        for statement in statements:
            connection.execute(statement)
    record(connection, "A", "answered")
    for number, (verdict, days) in enumerate(earlier):
        learned.went_wrong(connection, "other", number, KIND, verdict, at(days))
    return connection


def test_what_was_learned_counts_half_after_its_half_life(answered: sqlite3.Connection) -> None:
    learned.judge(answered, "A", SignKind.THUMB, Verdict.UP, at())
    learned.went_wrong(answered, "B", 1, KIND, Verdict.EMPTY, at(DAYS))
    assert counts(answered) == Verdicts(good=0.5, bad=1.0)


def test_a_clock_that_was_set_back_makes_nothing_count_for_more(answered: sqlite3.Connection) -> None:
    learned.judge(answered, "A", SignKind.THUMB, Verdict.UP, at())
    learned.went_wrong(answered, "B", 1, KIND, Verdict.EMPTY, at(-100))
    assert counts(answered) == Verdicts(good=1.0, bad=1.0)


def test_an_attempt_goes_wrong_once(answered: sqlite3.Connection) -> None:
    for _ in range(2):
        learned.went_wrong(answered, "B", 1, KIND, Verdict.REFUSED, at())
    assert counts(answered) == Verdicts(bad=WEIGHTS[Verdict.REFUSED].bad)


def test_lengths_are_a_mean_that_fades(connection: sqlite3.Connection) -> None:
    learned.note_length(connection, "coding", "t1", 400, at())
    learned.note_length(connection, "coding", "t1", 100, at(DAYS))
    (row,) = rows(connection).lengths
    assert (row.length.weight, row.length.tokens) == (1.5, 300.0)


@pytest.mark.parametrize(
    ("model", "task", "left"),
    [(None, None, 0), (ROUTE.model, None, 1), (None, "coding", 1), ("other", "coding", 1)],
)
def test_what_was_learned_can_be_forgotten(
    answered: sqlite3.Connection, model: str | None, task: str | None, left: int
) -> None:
    learned.judge(answered, "A", SignKind.THUMB, Verdict.DOWN, at())
    learned.went_wrong(answered, "B", 1, AnswerKind("simple", "t1", "other"), Verdict.EMPTY, at())
    if model == "other":
        learned.went_wrong(answered, "B", 2, AnswerKind("coding", "t1", "other"), Verdict.EMPTY, at())
        left = 2
    gone = learned.forget(answered, model, task, who="somebody", at_ms=NOW_MS)
    assert len(rows(answered).quality) == left
    assert gone == (2 if model is None and task is None else 1)
    (entry,) = answered.execute("SELECT who, what, why FROM audit").fetchall()
    assert entry == ("somebody", "quality", "reset")


def test_a_thumb_forgotten_can_be_given_again_and_taken_back(answered: sqlite3.Connection) -> None:
    learned.judge(answered, "A", SignKind.THUMB, Verdict.DOWN, at())
    learned.forget(answered, ROUTE.model, None, who="somebody", at_ms=NOW_MS)
    learned.judge(answered, "A", SignKind.THUMB, Verdict.DOWN, at())
    assert counts(answered) == Verdicts(bad=1.0)
    learned.judge(answered, "A", SignKind.THUMB, None, at())
    assert rows(answered) == Learned()


def test_a_task_named_by_a_person_is_kept_and_is_no_verdict(answered: sqlite3.Connection) -> None:
    learned.task_named(answered, "A", "creative", NOW_MS)
    assert answered.execute("SELECT kind, value FROM feedback").fetchall() == [("task", "creative")]
    received = learned.judge(answered, "A", SignKind.THUMB, None, at())
    assert received is not None
    assert received.verdicts == ()
    learned.forget(answered, None, None, who="somebody", at_ms=NOW_MS)
    assert answered.execute("SELECT count(*) FROM feedback").fetchone() == (1,)
