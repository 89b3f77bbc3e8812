"""Markdown read into parts that can be wrapped. Pure.

A provider's text stays text: no HTML, no references that would swallow lines, nothing to click; a link shows its
address. Blocks are read one by one, so that no answer costs more towards its end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from trunkline.domain.text import strip_controls
from trunkline.tui.text_lines import Look, Paragraph, Part, Piece, Table

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    rules = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    return rules.disable(["reference", "html_block", "html_inline"])


def read_markdown(text: str) -> tuple[Part, ...]:
    """The parts of some Markdown, with an empty paragraph where a blank line stands."""
    return _Reader().read(_parser().parse(text))


class _Reader:
    """Walks blocks with a stack of what every line inside them is indented by."""

    def __init__(self) -> None:
        self._parts: list[Part] = []
        self._indents: list[str] = []
        self._marker = ""
        self._look = Look.PLAIN
        self._tight = False

    def read(self, tokens: Sequence[Token]) -> tuple[Part, ...]:
        """The parts of these blocks; blank lines stand only between two."""
        table_from: int | None = None
        for at, token in enumerate(tokens):
            if token.type == "table_open":
                table_from = at
            elif token.type == "table_close":
                self._parts.append(Table(tuple(_rows(tokens[table_from:at])), self._outer))
                self._blank()
                table_from = None
            elif table_from is None:
                self._take(token)
        self._drop_blanks()
        return tuple(self._parts)

    @property
    def _outer(self) -> str:
        return "".join(self._indents)

    def _take(self, token: Token) -> None:
        match token.type:
            case "list_item_open":
                self._marker = f"{token.info}{token.markup} " if token.info else "• "
                self._indents.append(" " * len(self._marker))
            case "blockquote_open":
                self._indents.append("▎ ")
            case "list_item_close" | "blockquote_close":
                self._indents.pop()
                self._marker = ""
                if token.type == "blockquote_close":
                    self._blank()
            case "bullet_list_close" | "ordered_list_close":
                if token.level == 0:
                    self._blank()
            case "heading_open":
                self._look = Look.HEADING
            case "heading_close":
                self._look = Look.PLAIN
            case "paragraph_open":
                self._tight = token.hidden
            case "inline":
                self._parts.append(
                    Paragraph(tuple(inline_pieces(token, self._look)), self._first(), self._outer)
                )
                if not self._tight:
                    self._blank()
                self._tight = False
            case "hr":
                self._parts.append(Paragraph((("─" * 12, Look.DIM),), self._first(), self._outer))
                self._blank()
            case "fence" | "code_block":
                self._parts += code_parts(token.content.rstrip("\n"), token.info, self._first(), self._outer)
                self._blank()

    def _first(self) -> str:
        """What the next line begins with: the marker of a list's item, once."""
        marker, self._marker = self._marker, ""
        return self._outer[: len(self._outer) - len(marker)] + marker

    def _blank(self) -> None:
        self._drop_blanks()
        indent = self._outer.rstrip()
        self._parts.append(Paragraph((), indent, indent))

    def _drop_blanks(self) -> None:
        while (
            self._parts and isinstance(last := self._parts[-1], Paragraph) and not (last.pieces or last.code)
        ):
            self._parts.pop()


def _rows(tokens: Sequence[Token]) -> Iterator[tuple[str, ...]]:
    row: list[str] = []
    for token in tokens:
        if token.type == "inline":
            row.append("".join(text for text, _ in inline_pieces(token)).replace("\n", " "))
        elif token.type == "tr_close":
            yield tuple(row)
            row = []


def inline_pieces(token: Token, look: Look = Look.PLAIN) -> Iterator[Piece]:
    """The running text of a block. What Markdown's entities stand for is freed of controls like any other text."""
    looks = {"em": Look.EM, "strong": Look.STRONG, "s": Look.STRIKE}
    address = label = ""
    for child in token.children or ():
        kind, _, edge = child.type.rpartition("_")
        if edge == "open" and kind in looks:
            look |= looks[kind]
        elif edge == "close" and kind in looks:
            look &= ~looks[kind]
        elif child.type == "link_open":
            look |= Look.LINK
            address, label = strip_controls(str(child.attrs.get("href", ""))), ""
        elif child.type == "link_close":
            look &= ~Look.LINK
            if address.removeprefix("mailto:") != label:
                yield f" ({address})", look | Look.DIM
        elif child.type == "image":
            source = strip_controls(str(child.attrs.get("src", "")))
            yield f"[image: {strip_controls(child.content)}]", look
            yield f" ({source})", look | Look.DIM
        elif child.type == "softbreak":
            yield " ", look
        elif child.type == "hardbreak":
            yield "\n", look
        elif child.content:
            text = strip_controls(child.content).replace("\t", " ")
            label += text
            yield text, look | Look.CODE if child.type == "code_inline" else look


# -- code ---------------------------------------------------------------------------------------------------------


def code_parts(code: str, language: str, first: str = "", rest: str = "") -> Iterator[Paragraph]:
    """A block of code, a paragraph for each of its lines."""
    for number, pieces in enumerate(_highlighted(strip_controls(code).expandtabs(4), language.strip())):
        yield Paragraph(tuple(pieces), first if number == 0 else rest, rest, code=True)


def _highlighted(code: str, language: str) -> Iterator[list[Piece]]:
    if not language:
        yield from ([(line, Look.CODE)] if line else [] for line in code.split("\n"))
        return
    from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped] # no types shipped
    from pygments.util import ClassNotFound  # type: ignore[import-untyped] # no types shipped

    try:
        lexer = get_lexer_by_name(language.split()[0].lower(), stripnl=False, ensurenl=False)
    except ClassNotFound:
        yield from _highlighted(code, "")
        return
    line: list[Piece] = []
    for kind, text in lexer.get_tokens(code):
        look = _code_look(kind)
        for number, piece in enumerate(text.split("\n")):
            if number:
                yield line
                line = []
            if piece:
                line.append((piece, look))
    yield line


@lru_cache(maxsize=256)
def _code_look(kind: object) -> Look:
    name = str(kind)
    for start, look in (
        ("Token.Keyword", Look.KEYWORD),
        ("Token.Comment", Look.COMMENT),
        ("Token.Literal.String", Look.STRING),
        ("Token.Literal.Number", Look.NUMBER),
    ):
        if name.startswith(start):
            return Look.CODE | look
    return Look.CODE
