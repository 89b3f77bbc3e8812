"""The one fuzzy matcher of the deck."""

from __future__ import annotations

import time

import pytest

from trunkline.tui.fuzzy import best, match

ROUTES = (
    "google",
    "google/google-1",
    "google/gemini-3.8-flash",
    "google/google-1/gemini-3.8-flash",
    "openrouter/main/google/gemini-3.8-flash",
    "zai/main/glm-5.3-flash",
    "anthropic/main/claude-5",
)


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("goo", "google"),
        ("gemflash", "google/gemini-3.8-flash"),
        ("glm", "zai/main/glm-5.3-flash"),
        ("zm5", "zai/main/glm-5.3-flash"),
        ("open flash", "openrouter/main/google/gemini-3.8-flash"),
        ("flash zai", "zai/main/glm-5.3-flash"),
        ("cl5", "anthropic/main/claude-5"),
    ],
)
def test_what_a_person_means_comes_first(query: str, first: str) -> None:
    assert best(query, ROUTES, 3)[0].text == first


@pytest.mark.parametrize(
    ("query", "better", "worse"),
    [
        ("note", "notes.md", "keynote.md"),
        ("cp", "chat_panel.py", "accept.py"),
        ("chat", "chat.py", "c_h_a_t.py"),
        ("co", "src/composer.py", "src/tacos.py"),
        ("md", "md", "md5"),
        ("abc", "x-abc", "a-b-c-d-e-f"),
    ],
)
def test_runs_and_starts_of_words_count_most(query: str, better: str, worse: str) -> None:
    assert [one.text for one in best(query, (worse, better), 2)] == [better, worse]


@pytest.mark.parametrize(
    ("query", "text", "positions"),
    [
        ("gpt4", "g-proxy/gpt-4", (8, 9, 10, 12)),
        ("ab", "xaxb", (1, 3)),
        ("flash go", "google/flash", (0, 1, 7, 8, 9, 10, 11)),
        ("éT", "été", None),
        ("ét", "ÉTÉ", (0, 1)),
        ("F", "flash", None),
        ("F", "gFlash", (1,)),
        ("ba", "ab", None),
        ("[b]", "a[b]", (1, 2, 3)),
        ("x", "", None),
        ("i", "İi", (1,)),
        ("b", "a" * 400 + "b", None),
    ],
)
def test_where_the_letters_are(query: str, text: str, positions: tuple[int, ...] | None) -> None:
    found = match(query, text)
    assert (None if found is None else found.positions) == positions


def test_nothing_typed_gives_all_in_their_order() -> None:
    assert [one.index for one in best("  ", ROUTES, 3)] == [0, 1, 2]


def test_equally_good_ones_stay_in_their_order() -> None:
    assert [one.index for one in best("b", ("a-b-1", "a-b-2", "a-b-3"), 2)] == [0, 1]


@pytest.mark.parametrize("query", ["ooo", "gflash", "ggggggggggggggggg"])
def test_ten_thousand_choices_are_no_wait(query: str) -> None:
    """30 ms on an idle machine; the test only forbids what would be felt on a busy one."""
    choices = [f"google/google-{n}/gemini-3.8-flash-preview" for n in range(10_000)]
    best("warm", choices, 1)
    started = time.process_time()
    best(query, choices, 50)
    assert time.process_time() - started < 0.3


def test_a_hostile_name_is_no_wait() -> None:
    started = time.process_time()
    match("abcd" * 20, "ab-" * 50_000)
    match("a" * 200, "a" * 50_000)
    assert time.process_time() - started < 0.3
