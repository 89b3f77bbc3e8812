"""What a provider writes, as lines: hostile text stays text, and no piece costs more than the one before."""

from __future__ import annotations

import random
import unicodedata

import pytest
from rich.cells import cell_len
from tests.support import deck_world as world
from tests.support.deck import NARROW, open_deck

from trunkline.domain.events import Answered, TextDelta
from trunkline.domain.money import Usage
from trunkline.domain.receipts import Outcome
from trunkline.domain.text import strip_controls
from trunkline.tui import answer_lines
from trunkline.tui.answer_lines import LONGEST_OPEN_BLOCK, MOST_SHOWN, AnswerLines
from trunkline.tui.receipt_line import receipt_line, receipt_rows
from trunkline.tui.text_lines import Line, Look
from trunkline.tui.widgets.answer_text import AnswerText

DOCUMENT = """# Title

A **bold** paragraph with `code` and
a soft break, ~~gone~~ and *emphasis*.

- one
- two
  - nested

1. first

   ```python
   def f(x):
       return "s"  # comment
   ```

   after the code

2. second

- ```
  code in an item
  ```
- next

| a | b |
|---|---|
| 1 | 日本 |

> a quote
> of two lines

---
end
"""


def lines_of(text: str, width: int = 60, chunk: int | None = None) -> list[Line]:
    lines = AnswerLines(width)
    for at in range(0, len(text), chunk or max(1, len(text))):
        lines.append(text[at : at + (chunk or len(text))])
    return lines.lines


def shown(text: str, width: int = 60) -> list[str]:
    return [line.text.rstrip() for line in lines_of(text, width)]


def test_a_document_as_it_is_read() -> None:
    assert shown(DOCUMENT) == [
        "Title",
        "",
        "A bold paragraph with code and a soft break, gone and",
        "emphasis.",
        "",
        "• one",
        "• two",
        "  • nested",
        "",
        "1. first",
        "",
        "     def f(x):",
        '         return "s"  # comment',
        "",
        "   after the code",
        "",
        "2. second",
        "",
        "•   code in an item",
        "",
        "• next",
        "",
        "a  b",
        "─  ────",
        "1  日本",
        "",
        "▎ a quote of two lines",
        "",
        "────────────",
        "",
        "end",
    ]


@pytest.mark.parametrize("chunk", [1, 7, 50])
@pytest.mark.parametrize("width", [20, 60])
def test_the_pieces_in_which_a_text_comes_and_widths_before_change_nothing(chunk: int, width: int) -> None:
    whole = lines_of(DOCUMENT, width)
    assert lines_of(DOCUMENT, width, chunk) == whole
    narrowed = AnswerLines(33)
    narrowed.append(DOCUMENT)
    narrowed.set_width(width)
    assert narrowed.lines == whole


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[red]no[/red] [@click=app.quit]x[/]", "[red]no[/red] [@click=app.quit]x[/]"),
        ("<script>alert(1)</script> <b>b</b>", "<script>alert(1)</script> <b>b</b>"),
        ("<div>\nblock\n</div>", "<div> block </div>"),
        ("[bank](http://evil.example/x)", "bank (http://evil.example/x)"),
        ("<http://plain.example>", "http://plain.example"),
        ("[click](javascript:alert(1))", "[click](javascript:alert(1))"),
        ("![cat](http://img.example/a.png)", "[image: cat] (http://img.example/a.png)"),
        ("[1]: http://not.swallowed", "[1]: http://not.swallowed"),
        ("a&#x202e;b&#x200b;c&amp;d", "abc&d"),
        ("mark&#x61c;ed", "marked"),
        ("tab\there", "tab here"),
        ("family 👨‍👩‍👧 e\u0301", "family 👨‍👩‍👧 e\u0301"),
        ("~~~\nnever closed", "  never closed"),
        ("| a | b |\n|---|---|\n| x |", "a  b"),
    ],
)
def test_markup_of_a_provider_is_text(text: str, line: str) -> None:
    assert shown(text)[0] == line


def test_a_wide_table_becomes_a_list_where_it_does_not_fit() -> None:
    table = "| name | what it does |\n|---|---|\n| merge | walks both lists once and takes the smaller |\n"
    assert shown(table, 32) == [
        "name: merge",
        "what it does: walks both lists",
        "  once and takes the smaller",
    ]


def test_looks_are_laid_over_the_words_they_belong_to() -> None:
    (line,) = lines_of("a **b *c*** `d`")
    assert line.pieces == (
        ("a ", Look.PLAIN),
        ("b ", Look.STRONG),
        ("c", Look.STRONG | Look.EM),
        (" ", Look.PLAIN),
        ("d", Look.CODE),
    )


NASTY = [
    "\u202e",
    "\x1b[31m",
    "\x1b]52;c;AAAA\x07",
    "日",
    "👨‍👩‍👧",
    "\u0301",
    "\t",
    "\n",
    "\n\n",
    "```",
    "~~~",
    "> ",
    "- ",
    "1. ",
]
NASTY += [
    "    ",
    "|",
    "|---|",
    "**",
    "`",
    "[",
    "](",
    ")",
    "<b>",
    "&#27;",
    "&#x202d;",
    "w" * 70,
    "word ",
    "\x00",
    "\u2028",
    "#",
    "---",
]


@pytest.mark.parametrize("seed", range(40))
def test_nothing_is_wider_than_the_screen_or_other_than_text(seed: int) -> None:
    chosen = random.Random(seed)
    text = strip_controls("".join(chosen.choice(NASTY) for _ in range(200)))
    width = chosen.choice([20, 41, 80])
    whole = lines_of(text, width)
    for line in whole:
        assert cell_len(line.text) <= width
        assert not any(unicodedata.category(sign) in ("Cc", "Cs") for sign in line.text), line.text
        assert not set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b") & set(line.text)
    assert lines_of(text, width, chosen.choice([1, 13])) == whole


# -- length -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("opening", "unit"),
    [
        ("", "word and more "),
        ("", "x = foo(bar)\n"),
        ("", "- an item of a list\n"),
        ("", "日本語"),
        ("", "A paragraph.\n\n"),
        ("```python\n", "word and more "),
        ("```python\n", "x = foo(bar)\n"),
        ("```python\n", "日本語"),
    ],
)
def test_every_piece_costs_the_same(opening: str, unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    markdown, code = answer_lines.read_markdown, answer_lines.code_parts
    monkeypatch.setattr(answer_lines, "read_markdown", lambda text: read.append(len(text)) or markdown(text))
    monkeypatch.setattr(
        answer_lines, "code_parts", lambda text, *rest: read.append(len(text)) or code(text, *rest)
    )
    text, lines = opening + unit * (MOST_SHOWN // len(unit) - 10), AnswerLines(80)
    for at in range(0, len(text), 2_000):
        read.clear()
        lines.append(text[at : at + 2_000])
        assert sum(read) <= 4 * LONGEST_OPEN_BLOCK
    assert len(lines.lines) > 100


def test_what_is_too_long_is_shown_by_its_beginning_and_kept_whole() -> None:
    line = lines_of("y" * 1_500_000, 100)
    assert sum(one.text.count("y") for one in line) == MOST_SHOWN
    assert line[-1].text == (
        f"shown: the first {MOST_SHOWN:,} of 1,500,000 characters; w writes it all to a file"
    )


async def test_a_line_of_a_megabyte_does_not_stop_the_deck() -> None:
    async with open_deck(NARROW) as deck:
        request_id = await deck.say("x")
        deck.engine.happen(request_id, TextDelta("y" * 1_500_000), Answered(world.receipt(request_id)))
        await deck.settle()
        assert "of 1,500,000 characters; w writes it all to a file" in deck.chat_words()
        assert len(deck.screen._chat.conversation.turns[0].answer) == 1_500_000
        await deck.press("escape", "y")
        assert len(deck.app.clipboard) == 1_500_000


async def test_a_long_question_is_shown_by_its_beginning_and_sent_whole() -> None:
    async with open_deck(NARROW) as deck:
        deck.screen._chat.prompt.text = "q" * 200_000
        await deck.press("enter")
        assert "… the first 6,000 of 200,000 characters" in deck.chat_words()
        assert len(deck.engine.requests["R1"].messages[-1].text) == 200_000


# -- drawing ------------------------------------------------------------------------------------------------------


async def test_text_is_drawn_at_most_as_often_as_is_set() -> None:
    async with open_deck(NARROW) as deck:
        chat = deck.screen._chat
        chat.set_flush_s(3_600)
        request_id = await deck.say("x")
        for number in range(50):
            deck.engine.happen(request_id, TextDelta(f"piece{number} "))
        await deck.settle()
        text = deck.screen.query_one(AnswerText)
        assert text.text == "piece0 "
        assert chat.conversation.turns[0].answer.count("piece") == 50
        deck.engine.happen(request_id, Answered(world.receipt(request_id)))
        await deck.settle()
        assert text.text.count("piece") == 50


async def test_following_gives_way_to_the_person_and_comes_back_at_the_end() -> None:
    async with open_deck(NARROW) as deck:
        transcript = deck.screen._chat.transcript
        request_id = await deck.say("x")
        deck.engine.happen(request_id, TextDelta("line\n\n" * 60))
        await deck.settle()
        assert transcript.scroll_y == transcript.max_scroll_y
        await deck.press("pageup")
        away = transcript.scroll_y
        deck.engine.happen(request_id, TextDelta("more\n\n" * 60), Answered(world.receipt(request_id)))
        await deck.settle()
        assert transcript.scroll_y == away
        await deck.press("escape", "G")
        assert transcript.scroll_y == transcript.max_scroll_y


async def test_a_selection_gives_the_text_under_it() -> None:
    from textual.geometry import Offset
    from textual.selection import Selection

    async with open_deck(NARROW) as deck:
        request_id = await deck.say("x")
        deck.engine.happen(request_id, TextDelta("one **two**\n\nthree"), Answered(world.receipt(request_id)))
        await deck.settle()
        text = deck.screen.query_one(AnswerText)
        assert text.get_selection(Selection(Offset(4, 0), Offset(3, 2))) == ("two\n\nthr", "\n")


@pytest.mark.parametrize("ending", ["", "`", "``", "```", "```\n", "  ```  "])
def test_code_that_ends_the_answer_is_shown_without_its_closing_mark(ending: str) -> None:
    said = [line.text for line in lines_of(f"```python\nx = 1\n{ending}")]
    assert said == ["  x = 1"]


@pytest.mark.parametrize("mark", ["~~~", "````"])
def test_another_mark_in_code_is_code(mark: str) -> None:
    assert [line.text for line in lines_of(f"{mark}\nx\n```\n")] == ["  x", "  ```"]


def rows_of(width: int) -> tuple[str, ...]:
    return receipt_rows(world.receipt("R1"), width)


def test_a_receipt_breaks_before_its_reason_and_leaves_out_who_answered_last() -> None:
    who, figures = "google/google-2 · gemini-3.8-flash", "412 ms · 1,204→380 tok · $0.0023"
    why = "cost: cheapest above the floor"
    assert rows_of(110) == (f"{who} · {figures} · {why}",)
    assert rows_of(80) == (f"{who} · {figures}", why)
    assert rows_of(64) == (f"google-2 · gemini-3.8-flash · {figures}", why)
    assert rows_of(50) == rows_of(20) == (figures, why)


def test_a_request_that_failed_says_no_tokens_of_which_nothing_is_known() -> None:
    failed = world.receipt("R1", outcome=Outcome.FAILED, usage=Usage(), cost_pico=None, complete=False)
    line = receipt_line(failed)
    assert "412 ms" in line
    assert "tok" not in line
    assert "$" not in line
    stopped_midway = world.receipt("R1", outcome=Outcome.FAILED, usage=Usage(1204, 20), complete=False)
    assert "1,204→20 tok" in receipt_line(stopped_midway)
