"""The routing log's book and its filter, without a screen."""

from __future__ import annotations

from datetime import UTC

import pytest
from tests.support import deck_world as world
from tests.support.clock import START_MS

from trunkline.domain.receipts import Outcome
from trunkline.domain.snapshot import LogEntry, RunningCall
from trunkline.tui.cells import Row, Tone
from trunkline.tui.log_book import MOST_LINES, MOST_LIVE, MOST_NEWS, LogBook
from trunkline.tui.log_filter import LogFilter, completions, parse_filter
from trunkline.tui.log_rows import LiveLine, entry_facets, news_facets
from trunkline.tui.log_rows import NewsLine as News


def keys(book: LogBook, written: str = "") -> list[str]:
    """The keys of the lines that a filter takes, in order."""
    return [row.key for row in book.rows(zone=UTC, wanted=parse_filter(written, book.values()))]


def book_of(*entries: LogEntry) -> LogBook:
    book = LogBook()
    book.take_snapshot(entries)
    return book


def call(
    request_id: str, *, attempt: int = 1, since_ms: int = START_MS, process: str = "serve"
) -> RunningCall:
    return RunningCall(request_id, attempt, world.ZAI.id, process, since_ms)


# -- the book ---------------------------------------------------------------------------------------------------------


def test_lines_are_newest_first_whatever_order_they_come_in() -> None:
    book = book_of(world.entry("B", world.ZAI, ago_s=2), world.entry("C", world.ZAI, ago_s=9))
    book.take_news(START_MS - 5_000, "kimi set aside", Tone.BAD)
    book.take_snapshot((world.entry("A", world.ZAI, ago_s=1), world.entry("D", world.ZAI, ago_s=20)))
    assert keys(book) == ["A", "B", "news-1", "C", "D"]


def test_lines_that_stay_are_the_same_rows_and_nothing_new_is_the_same_tuple() -> None:
    log = (world.entry("B", world.ZAI, ago_s=2), world.entry("C", world.ZAI, ago_s=9))
    book = book_of(*log)
    before = book.rows(zone=UTC)
    book.take_snapshot(
        tuple(world.entry(one.request_id, world.ZAI, ago_s=n) for one, n in zip(log, (2, 9), strict=True))
    )
    assert book.rows(zone=UTC) is before, "equal entries are no news"
    book.take_snapshot((world.entry("A", world.ZAI), *log))
    after = book.rows(zone=UTC)
    assert len(after) == 3
    assert all(new is old for new, old in zip(after[1:], before, strict=True))


def test_a_line_that_changes_changes_alone() -> None:
    book = book_of(world.entry("B", world.ZAI, ago_s=2), world.entry("C", world.ZAI, ago_s=9))
    before = book.rows(zone=UTC)
    book.take_snapshot((world.entry("C", world.ZAI, ago_s=9, total_ms=9_000.0),))
    after = book.rows(zone=UTC)
    assert [row.key for row in after] == ["B", "C"]
    assert after[0] is before[0]
    assert "9.0 s" in after[1].text


def test_memory_is_flat_over_forty_thousand_requests() -> None:
    book = LogBook()
    made: set[int] = set()
    for start in range(0, 40_000, 50):
        second = start // 50
        book.take_snapshot(
            tuple(world.entry(f"E{start + n}", world.ZAI, ago_s=-second) for n in range(50)),
            tuple(call(f"E{start + 50 + n}") for n in range(50)),
        )
        book.take_live(LiveLine(f"L{start}", START_MS, "chat", (), ""))
        book.take_news(START_MS + second * 1000, "something", Tone.GOOD)
        if start % 4_000 == 0:
            book.rows(zone=UTC)
            made.add(len(book))
    assert len(book) <= MOST_LINES + MOST_NEWS + 2 * MOST_LIVE
    assert len(book._entries) == MOST_LINES
    assert max(made) <= MOST_LINES + MOST_NEWS + 2 * MOST_LIVE
    newest = next(row for row in book.rows(zone=UTC) if row.key.startswith("E") and row.cells[4].text != "…")
    assert newest.key in {f"E{39_950 + n}" for n in range(50)}


def test_what_is_older_than_everything_kept_is_not_taken_up() -> None:
    book = book_of(*(world.entry(f"E{n}", world.ZAI, ago_s=n) for n in range(MOST_LINES)))
    before = book.rows(zone=UTC)
    book.take_snapshot((world.entry("old", world.ZAI, ago_s=9_999),))
    assert book.rows(zone=UTC) is before


def test_calls_of_other_processes_are_lines_until_they_are_over() -> None:
    book = book_of()
    book.take_snapshot((), (call("X1"), call("X2", since_ms=START_MS + 1, attempt=2)))
    rows = book.rows(zone=UTC)
    assert [row.key for row in rows] == ["X2", "X1"]
    assert [rows[0].cells[1].text, rows[0].cells[4].text, rows[0].cells[-1].text] == [
        "serve",
        "…",
        "attempt 2",
    ]
    assert book.is_running("X1")
    book.take_snapshot((world.entry("X1", world.ZAI),), (call("X2", since_ms=START_MS + 1, attempt=2),))
    after = book.rows(zone=UTC)
    assert [row.key for row in after] == ["X2", "X1"]
    assert after[0] is rows[0], "a call that goes on is the same line"
    assert not book.is_running("X1")
    book.take_snapshot((world.entry("X1", world.ZAI),))
    assert keys(book) == ["X1"]


def test_a_request_is_one_line_whoever_tells_of_it() -> None:
    book = book_of()
    book.take_snapshot((), (call("R1"), call("R1", attempt=2)))
    assert keys(book) == ["R1"]
    book.take_live(LiveLine("R1", START_MS, "chat", (world.ZAI.id,), "cost"))
    book.take_snapshot((), (call("R1"),))
    assert [row.cells[1].text for row in book.rows(zone=UTC)] == ["chat"], "ours says more"
    book.take_ending(world.receipt("R1"))
    book.take_snapshot((), (call("R1"),))
    assert keys(book) == ["R1"]
    assert not book.is_running("R1"), "what is over is over, whatever an older snapshot says"


def test_a_dead_engine_leaves_nothing_under_way() -> None:
    book = book_of(world.entry("A", world.ZAI))
    book.take_live(LiveLine("R1", START_MS, "chat", (), ""))
    book.take_snapshot((), (call("X1"),))
    book.drop_live()
    assert keys(book) == ["A"]


def test_columns_of_a_line() -> None:
    entry = world.entry(
        "A", world.GOOGLE_1, world.GOOGLE_2, faults=("quota_window",), task_type="data_analysis"
    )
    row: Row = book_of(entry).rows(zone=UTC)[0]
    assert [cell.text for cell in row.cells] == [
        "12:00:00",
        "agent-7",
        "data analysis",
        "google-1 → google-2 · gemini-3.8-flash",
        "ok ↪",
        "812 ms",
        "210 ms",
        "800→120",
        "$0.0002",
        "quota",
    ]
    unknown = world.entry("B", world.ZAI, input_tokens=None, output_tokens=None, cost_pico=None)
    row = book_of(unknown).rows(zone=UTC)[0]
    assert [row.cells[7].text, row.cells[8].text] == ["–", "$?"]


# -- the filter -------------------------------------------------------------------------------------------------------

WORLD = (
    world.entry("ok", world.GOOGLE_1, ago_s=1, reason="limit"),
    world.entry("moved", world.GOOGLE_1, world.ZAI, ago_s=2, faults=("quota_window",), origin="job-nightly"),
    world.entry(
        "lost",
        world.ZAI,
        ago_s=3,
        outcome=Outcome.FAILED,
        complete=False,
        reason="network",
        faults=("network",),
    ),
    world.entry("cut", world.GOOGLE_2, ago_s=4, complete=False, task_type="creative"),
    world.entry("stopped", ago_s=5, outcome=Outcome.CANCELLED, complete=False, origin="chat"),
)


@pytest.mark.parametrize(
    ("written", "taken"),
    [
        ("", ["ok", "moved", "lost", "cut", "stopped"]),
        ("nightly", ["moved"]),
        ("!google !stopped", ["lost", "stopped"]),
        ("provider:google", ["ok", "moved", "cut"]),
        ("PROVIDER:goo !account:google-1", ["cut"]),
        ("account:google/google-1", ["ok", "moved"]),
        ("model:glm", ["moved", "lost"]),
        ("from:agent-7 provider:zai", ["lost"]),
        ("task:creative", ["cut"]),
        ("why:limit", ["ok"]),
        ("fault:quota", ["moved"]),
        ("!fault:quota provider:zai", ["lost"]),
        ("outcome:failed", ["lost"]),
        ("outcome:cut", ["cut"]),
        ("outcome:ok !outcome:rerouted", ["ok"]),
        ("outcome:cancelled", ["stopped"]),
        ("provider:", ["ok", "moved", "lost", "cut", "stopped"]),
        ("nothing-like-it", []),
    ],
)
def test_a_filter_takes(written: str, taken: list[str]) -> None:
    assert keys(book_of(*WORLD), written) == taken


def test_a_value_written_whole_is_meant_exactly() -> None:
    two = world.Route("google", "google-11", "m")
    book = book_of(world.entry("one", world.GOOGLE_1, ago_s=1), world.entry("eleven", two, ago_s=2))
    assert keys(book, "account:google-1") == ["one"]
    assert keys(book, "account:google") == ["one", "eleven"]


def test_an_unknown_field_is_told_and_taken_as_a_word() -> None:
    found = parse_filter("provder:google qwen4:8b 12:30", {})
    assert found.problems == ("no field provder:, did you mean provider:?",)
    assert parse_filter("xyz:1", {}).problems == ("no field xyz:, taken as a word",)
    assert [term.text for term in found.terms] == ["provder:google", "qwen4:8b", "12:30"]


def test_a_filter_is_told_as_it_is_meant() -> None:
    assert str(parse_filter("  !Provider:Google   cut ", {})) == "!provider:google cut"
    assert not parse_filter("  ", {})


def test_news_and_calls_under_way_are_found_too() -> None:
    book = book_of(world.entry("A", world.ZAI))
    book.take_live(LiveLine("R1", START_MS, "chat", (world.GOOGLE_1.id,), "cost"))
    book.take_news(START_MS, "kimi/main set aside", Tone.BAD)
    assert keys(book, "outcome:running") == ["R1"]
    assert keys(book, "provider:google") == ["R1"]
    assert keys(book, "kimi") == ["news-1"]
    assert keys(book, "from:engine") == ["news-1"]
    assert not LogFilter(parse_filter("task:coding", {}).terms).accepts(
        news_facets(News(1, START_MS, "x", Tone.GOOD))
    )


def test_another_filter_forgets_the_one_before() -> None:
    book = book_of(*WORLD)
    assert keys(book, "outcome:cut") == ["cut"]
    assert keys(book) == ["ok", "moved", "lost", "cut", "stopped"]
    assert keys(book, "outcome:cut") == ["cut"]


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("", ()),
        ("pro", ("provider:",)),
        ("!acc", ("!account:",)),
        ("f", ("from:", "fault:")),
        ("cut provider:", ("cut provider:google", "cut provider:zai")),
        ("cut !provider:g", ("cut !provider:google",)),
        ("account:google/", ("account:google/google-1", "account:google/google-2")),
        ("provder:g", ()),
        ("outcome:re", ("outcome:rerouted",)),
    ],
)
def test_completions_come_from_the_book(text: str, becomes: tuple[str, ...]) -> None:
    assert completions(text, book_of(*WORLD).values()) == becomes


def test_a_hostile_origin_is_found_by_its_text_and_breaks_nothing() -> None:
    facets = entry_facets(world.entry("A", world.ZAI, origin="[/b]\x1b[31mX"))
    assert "[/b]" in facets.words
    assert keys(book_of(world.entry("A", world.ZAI, origin="[/b]\x1b[31mX")), "[/b]") == ["A"]
