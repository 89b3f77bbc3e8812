from __future__ import annotations

import pytest

from trunkline.tui.layout import ACCOUNTS, CHAT, LATENCY, LOG, Layout


def test_a_hidden_panel_is_stepped_over_and_comes_back_by_its_number() -> None:
    layout = Layout(LATENCY).hide_current()
    assert layout is not None
    assert layout.current == LOG
    assert layout.hidden == {LATENCY}
    assert layout.go_to(ACCOUNTS).step(1).current == LOG
    assert layout.go_to(LATENCY).hidden == frozenset()


def test_stepping_goes_round_both_ways() -> None:
    assert Layout(CHAT).step(1).current == ACCOUNTS
    assert Layout(ACCOUNTS).step(-1).current == CHAT


def test_the_last_panel_cannot_be_hidden() -> None:
    layout: Layout | None = Layout(ACCOUNTS)
    for _ in range(3):
        assert layout is not None
        layout = layout.hide_current()
    assert layout is not None
    assert len(layout.hidden) == 3
    assert layout.hide_current() is None


def test_hiding_the_last_in_order_goes_to_the_one_before() -> None:
    layout = Layout(CHAT).hide_current()
    assert layout is not None
    assert layout.current == LOG


@pytest.mark.parametrize(
    "layout", [Layout(CHAT), Layout(CHAT, frozenset({LATENCY, LOG})), Layout(CHAT, frozenset(), True)]
)
def test_a_layout_is_remembered(layout: Layout) -> None:
    assert Layout.from_words(layout.words(), CHAT) == layout


def test_what_was_remembered_and_means_nothing_is_left_out() -> None:
    assert Layout.from_words(("hidden 9", "sideways", "hidden 4"), CHAT) == Layout(CHAT)
