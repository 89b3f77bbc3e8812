"""Slash commands: what is understood, what is refused, what is offered."""

from __future__ import annotations

import pytest
from tests.support import deck_world as world

from trunkline.tui.commands import (
    COMMANDS,
    Argument,
    Given,
    NotACommand,
    Problem,
    as_typed,
    choices_of,
    parse,
    suggest_command,
)

CHOICES = choices_of(world.snapshot())


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("hello", NotACommand("hello")),
        (" /task", NotACommand(" /task")),
        ("//usr/bin is full", NotACommand("/usr/bin is full")),
        ("//", NotACommand("/")),
        ("/new", Given("new", "")),
        ("/new  ", Given("new", "")),
        ("/task", Given("task", "")),
        ("/task auto", Given("task", "")),
        ("/task   coding ", Given("task", "coding")),
        ("/task Data-Analysis", Given("task", "data_analysis")),
        ("/mode cost-first", Given("mode", "cost_first")),
        ("/mode", Given("mode", "")),
        ("/route google/google-1", Given("route", "google/google-1")),
        ("/route google/gemini-3.8-flash", Given("route", "google/gemini-3.8-flash")),
        ("/route auto", Given("route", "auto")),
        ("/model glm-5.3-flash", Given("model", "glm-5.3-flash")),
        ("/retry", Given("retry", "")),
        ("/export out.md", Given("export", "out.md")),
        ("/system Be brief.\nAnswer in French.", Given("system", "Be brief.\nAnswer in French.")),
        ("/system\nBe brief.", Given("system", "Be brief.")),
    ],
)
def test_what_is_understood(text: str, parsed: Given | NotACommand) -> None:
    assert parse(text, CHOICES) == parsed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/", "there is no command /. /help lists them."),
        ("/ task", "there is no command /."),
        ("/taks coding", "no command /taks. Did you mean task?"),
        ("/usr/bin/env is missing", "// begins a message with a slash"),
        ("/Task", "Did you mean task?"),
        ("/new now", "/new takes nothing after it"),
        ("/task codign", "there is no task type codign. Did you mean 'coding'?"),
        ("/mode fast", "There are balanced, cost_first, quality_first, free_only."),
        ("/route gogle", "Did you mean 'google'"),
        ("/model nothing-like-it", "there is no model nothing-like-it."),
        ("/retry auto", "there is no route"),
        ("/task coding\nwrite a test", "/task ends with its line"),
        ("/x\x1b]0;evil\x07y", "no command /xy"),
    ],
)
def test_what_is_refused_and_why(text: str, said: str) -> None:
    found = parse(text, CHOICES)
    assert isinstance(found, Problem)
    assert said in found.text
    assert "\n" not in found.text
    assert "\x1b" not in found.text


@pytest.mark.parametrize("text", ["hello", "/etc is full", "//x", "/new"])
def test_a_message_can_be_written_again(text: str) -> None:
    assert parse(as_typed(text), CHOICES) == NotACommand(text)


def test_before_the_first_snapshot_no_argument_is_refused() -> None:
    assert parse("/mode anything", choices_of(None)) == Given("mode", "anything")


def offered(line: str, column: int | None = None) -> list[str]:
    found = suggest_command(line, len(line) if column is None else column, CHOICES)
    return [] if found is None else [item.insert for item in found.items]


@pytest.mark.parametrize(
    ("line", "first"),
    [
        ("/", "/task "),
        ("/ta", "/task "),
        ("/mo", "/mode "),
        ("/mdl", "/model "),
        ("/n", "/new"),
        ("/task ", "coding"),
        ("/task da", "data_analysis"),
        ("/mode qf", "quality_first"),
        ("/route glmf", "glm-5.3-flash"),
        ("/route ggem", "google/gemini-3.8-flash"),
        ("/model k3", "kimi-k3"),
        ("/export ", "md"),
    ],
)
def test_what_is_offered_first(line: str, first: str) -> None:
    assert offered(line)[0] == first


@pytest.mark.parametrize(
    "line", ["", "hello", "//", "//ta", "/zzz", "/new ", "/system ", "/nonsense x", "/export out"]
)
def test_where_nothing_is_offered(line: str) -> None:
    assert offered(line) == []


def test_every_command_is_offered_with_its_help() -> None:
    found = suggest_command("/", 1, CHOICES)
    assert found is not None
    assert [(item.label, item.help) for item in found.items] == [(f"/{c.name}", c.help) for c in COMMANDS]


def test_a_suggestion_replaces_the_word_under_the_cursor() -> None:
    found = suggest_command("/taxx coding", 3, CHOICES)
    assert found is not None
    assert (found.start, found.end, found.items[0].insert) == (0, 5, "/task ")
    argument = suggest_command("/task  co", 9, CHOICES)
    assert argument is not None
    assert (argument.start, argument.end, argument.typed) == (7, 9, "co")


def test_an_optional_argument_is_offered_but_not_forced() -> None:
    found = suggest_command("/task ", 6, CHOICES)
    assert found is not None
    assert not found.eager
    typed = suggest_command("/task coding", 12, CHOICES)
    assert typed is not None
    assert typed.is_typed_out


def test_routes_are_offered_as_providers_accounts_and_models() -> None:
    names = CHOICES[Argument.ROUTE]
    assert {
        "google",
        "google/google-1",
        "google/gemini-3.8-flash",
        "google/google-1/gemini-3.8-flash",
        "auto",
    } <= set(names)
    assert len(names) == len(set(names))
