"""Colours: those that come with Trunkline can be read, those of the user are taken or told."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.color import Color
from textual.theme import Theme

from trunkline.domain.errors import ConfigError
from trunkline.tui.options import TERMINAL_THEME, DeckOptions
from trunkline.tui.themes import read_theme, read_themes, shipped_themes_folder, usable_theme

SHIPPED = {theme.name: theme for theme in read_themes(shipped_themes_folder())[0]}
OURS = [name for name in SHIPPED if name != TERMINAL_THEME]
STATES = ("text-success", "text-warning", "text-error", "text-accent", "text-primary", "primary", "accent")


def _luminance(color: Color) -> float:
    def linear(part: int) -> float:
        share = part / 255
        return share / 12.92 if share <= 0.03928 else ((share + 0.055) / 1.055) ** 2.4

    return 0.2126 * linear(color.r) + 0.7152 * linear(color.g) + 0.0722 * linear(color.b)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2, 1 to 21."""
    lighter, darker = sorted((_luminance(Color.parse(one)), _luminance(Color.parse(other))), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _variables(theme: Theme) -> dict[str, str]:
    return {**theme.to_color_system().generate(), **theme.variables}


def test_what_comes_with_trunkline_is_read_without_a_complaint() -> None:
    assert read_themes(shipped_themes_folder())[1] == ()
    assert len(OURS) >= 4
    assert {DeckOptions.DEFAULT_THEME, TERMINAL_THEME} <= set(SHIPPED)
    assert {SHIPPED[name].dark for name in OURS} == {True, False}


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("ground", ["background", "surface", "panel"])
def test_text_can_be_read(name: str, ground: str) -> None:
    colours, high = _variables(SHIPPED[name]), "contrast" in name
    on = colours[ground]
    assert contrast(colours["foreground"], on) >= (7 if high else 4.5)
    assert contrast(colours["text-muted"], on) >= (7 if high else 4.5)
    assert contrast(colours["text-disabled"], on) >= (4.5 if high else 2.2)
    for state in STATES:
        assert contrast(colours[state], on) >= (4.5 if high else 3), state


@pytest.mark.parametrize("name", OURS)
def test_the_cursor_can_be_seen_and_read(name: str) -> None:
    colours, high = _variables(SHIPPED[name]), "contrast" in name
    cursor = colours["block-cursor-background"]
    assert contrast(colours["block-cursor-foreground"], cursor) >= (7 if high else 4.5)
    assert contrast(cursor, colours["background"]) >= (3 if high else 1.2)
    assert contrast(colours["border-blurred"], colours["background"]) >= (4.5 if high else 1.5)


@pytest.mark.parametrize("name", OURS)
def test_an_alarm_can_be_read(name: str) -> None:
    colours, high = _variables(SHIPPED[name]), "contrast" in name
    assert contrast(colours["background"], colours["error"]) >= (7 if high else 4.5)


@pytest.mark.parametrize("name", OURS)
def test_states_differ_from_one_another(name: str) -> None:
    colours = _variables(SHIPPED[name])
    states = [colours[state] for state in ("text-success", "text-warning", "text-error")]
    assert len(set(states)) == 3


@pytest.mark.parametrize(
    ("wanted", "few", "name"),
    [
        (None, False, "trunkline-dark"),
        (None, True, "trunkline-terminal"),
        ("trunkline-dark", True, "trunkline-terminal"),
        ("trunkline-light", True, "trunkline-light"),
        ("trunkline-lihgt", False, "trunkline-dark"),
    ],
)
def test_which_colours_are_shown(wanted: str | None, few: bool, name: str) -> None:
    shown, problem = usable_theme(wanted, SHIPPED, few_colours=few)
    assert shown == name
    assert (problem is not None) == (wanted == "trunkline-lihgt")
    if problem:
        assert "Did you mean 'trunkline-light'" in problem


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("primary = ", "readable TOML"),
        ("secondary = '#fff'", "primary"),
        ("primary = '#12'", "usable colours"),
        ("primary = '#123456'\nprimry = '#fff'", "primry"),
        ("primary = 7", "a colour"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=told):
        read_theme(path)
    themes, errors = read_themes(shipped_themes_folder(), tmp_path)
    assert {theme.name for theme in themes} == set(SHIPPED)
    assert "mine.toml" in errors[0]


def test_a_users_theme_stands_for_ours_of_the_same_name(tmp_path: Path) -> None:
    (tmp_path / "trunkline-dark.toml").write_text("primary = '#ff00ff'")
    themes, errors = read_themes(shipped_themes_folder(), tmp_path)
    assert errors == ()
    assert {theme.name: theme.primary for theme in themes}["trunkline-dark"] == "#ff00ff"
