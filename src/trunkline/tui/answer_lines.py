"""An answer as lines that grow at the end. Pure.

What is finished is wrapped once; only the block being written is read again, and a block that grows too long is
broken, so that a piece of text costs the same at the end of a long answer as at its beginning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from trunkline.tui.markup import code_parts, read_markdown
from trunkline.tui.text_lines import Line, Look, Paragraph, Part, Table, wrap

MOST_SHOWN = 120_000
LONGEST_OPEN_BLOCK = 4_000
_FENCE = re.compile(r"^([ \t]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?)(`{3,}|~{3,})[ \t]*([^`\n]*)$")
_LIST = re.compile(r"^[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]")
_BULLET = re.compile(r"[-*+]")
_BLANK = Line(())


@dataclass(slots=True)
class _Fence:
    """An open block of code: what closes it, what its lines are indented by, what language it says. Its first line
    begins with `first`: the marker of a list's item, where it is one."""

    mark: str
    first: str
    language: str

    @property
    def indent(self) -> str:
        return " " * len(self.first)


class AnswerLines:
    """Text comes by `append`; `lines` are what is drawn in `width` cells. At most `MOST_SHOWN` characters are laid
    out."""

    def __init__(self, width: int = 80) -> None:
        self._width = width
        self._parts: list[Part | None] = []  # None: a blank line
        self._finished: list[Line] = []
        self._open = ""
        self._fence: _Fence | None = None
        self._in_list = False
        self._broken = False
        self.length = 0
        self.lines: list[Line] = []

    @property
    def is_cut(self) -> bool:
        """There is more text than is laid out."""
        return self.length > MOST_SHOWN

    def append(self, text: str) -> int:
        """More text; gives the number of the first line that is another one."""
        room = max(0, MOST_SHOWN - self.length)
        self.length += len(text)
        unchanged = len(self._finished)
        if room:
            self._open += text[:room]
            self._finish_blocks()
        self._draw_open(unchanged)
        return unchanged

    def set_width(self, width: int) -> None:
        """Wrap everything anew."""
        if width == self._width or width <= 0:
            return
        self._width = width
        self._finished = self._wrapped(self._parts)
        self._draw_open(0)

    # -- what is finished -----------------------------------------------------------------------------------

    def _finish_blocks(self) -> None:
        """Take every whole block from the beginning of the open text; a block ends at a blank line, code at its
        closing mark."""
        begin = at = 0
        text = self._open
        while (end := text.find("\n", at)) >= 0:
            line = text[at:end]
            fence = _FENCE.match(line)
            if self._fence is not None:
                if fence and fence[2].startswith(self._fence.mark) and not fence[3].strip():
                    self._take_code(self._fence, text[begin:at], closed=True)
                    begin = end + 1
                elif at - begin > LONGEST_OPEN_BLOCK:
                    self._take_code(self._fence, text[begin:at], closed=False)
                    begin = at
            elif fence:
                self._take_block(text[begin:at])
                self._fence = _Fence(fence[2], _BULLET.sub("•", fence[1].expandtabs(4)), fence[3])
                self._in_list = self._in_list or bool(fence[1].strip())
                begin = end + 1
            elif not line.strip():
                self._take_block(text[begin:at])
                begin = end + 1
            elif at - begin > LONGEST_OPEN_BLOCK:
                self._take_block(text[begin:at], broken=True)
                begin = at
            at = end + 1
        self._open = text[begin:]
        while len(self._open) > 2 * LONGEST_OPEN_BLOCK:
            self._break_open()

    def _break_open(self) -> None:
        """One line that has grown too long: break it between words where it has any."""
        cut = self._open.rfind(" ", LONGEST_OPEN_BLOCK // 2, LONGEST_OPEN_BLOCK) + 1 or LONGEST_OPEN_BLOCK
        head, self._open = self._open[:cut], self._open[cut:]
        if self._fence is not None:
            self._take_code(self._fence, head, closed=False)
        else:
            self._take_block(head, broken=True)

    def _take_block(self, text: str, *, broken: bool = False) -> None:
        if text.strip():
            self._take([*self._spacing(), *self._read(text)])
            self._in_list = self._continues_list(text)
            self._broken = broken

    def _take_code(self, fence: _Fence, text: str, *, closed: bool) -> None:
        if text or closed:
            self._take([*self._spacing(), *self._code(text, fence)])
            fence.first = fence.indent
        self._broken = not closed
        self._fence = None if closed else fence

    def _take(self, parts: list[Part | None]) -> None:
        self._parts += parts
        self._finished += self._wrapped(parts)

    # -- reading and drawing --------------------------------------------------------------------------------

    def _spacing(self) -> list[Part | None]:
        return [None] if self._parts and not self._broken else []

    def _read(self, text: str) -> list[Part | None]:
        """A block. What follows a list and is indented belongs to its item, however far that is."""
        first = text.lstrip("\n")
        indent = first[: len(first) - len(first.lstrip(" "))]
        if not (indent and self._in_list):
            return list(read_markdown(text))
        text = "\n".join(line.removeprefix(indent) for line in first.split("\n"))
        return [_indented(part, indent[:8]) for part in read_markdown(text)]

    def _continues_list(self, text: str) -> bool:
        first = text.lstrip("\n")
        return bool(_LIST.match(first)) or (self._in_list and first[:1] in (" ", "\t"))

    def _open_code(self, fence: _Fence) -> list[Part | None]:
        """The code so far. A last line that is the closing mark or may become it is none of it: many answers end there
        without a line break."""
        before, _, last = self._open.rpartition("\n")
        mark = last.strip()
        may_close = bool(mark) and mark == fence.mark[0] * len(mark)
        text = before if may_close else self._open
        return self._code(text, fence) if text or not self._broken else []

    @staticmethod
    def _code(text: str, fence: _Fence) -> list[Part | None]:
        lines = text.removesuffix("\n").split("\n")
        code = "\n".join(line.removeprefix(fence.indent) for line in lines)
        return list(code_parts(code, fence.language, fence.first, fence.indent))

    def _wrapped(self, parts: Iterable[Part | None]) -> list[Line]:
        lines: list[Line] = []
        for part in parts:
            if part is None:
                lines.append(_BLANK)
            else:
                lines += wrap(part, self._width)
        return lines

    def _draw_open(self, unchanged: int) -> None:
        """Replace the lines from `unchanged` on by those finished since and those of the open block."""
        self.lines[unchanged:] = self._finished[unchanged:]
        if self._open.strip():
            read = self._read(self._open) if self._fence is None else self._open_code(self._fence)
            self.lines += self._wrapped([*self._spacing(), *read])
        if self.is_cut:
            said = f"shown: the first {MOST_SHOWN:,} of {self.length:,} characters; w writes it all to a file"
            self.lines += [_BLANK, *wrap(Paragraph(((said, Look.DIM),)), self._width)]


def _indented(part: Part, indent: str) -> Part:
    if isinstance(part, Paragraph):
        return Paragraph(part.pieces, indent + part.first, indent + part.rest, part.code)
    return Table(part.rows, indent + part.indent)
