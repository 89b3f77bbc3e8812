"""The text of a streamed answer, made into events as it comes."""

from __future__ import annotations

from dataclasses import dataclass

from trunkline.domain.events import TextDelta, ThinkingDelta, WireEvent
from trunkline.domain.text import strip_controls

_THINK_OPEN = "<think>"
_THINK_CLOSE = "</think>"


@dataclass(slots=True)
class TextStream:
    """Content as it comes, made into events. White space before the first word is held back, so that an answer
    of nothing else counts as empty. With `think_tags`, a `<think>…</think>` block that opens the content is
    thinking, wherever the pieces are cut; tags later in the text are text."""

    think_tags: bool
    has_text: bool = False
    _held: str = ""
    _in_think: bool = False
    _after_think: bool = False

    def feed(self, text: str) -> list[WireEvent]:
        """The events in the next piece of content."""
        if self.has_text:
            clean = strip_controls(text)
            return [TextDelta(clean)] if clean else []
        self._held += text
        return self._tagged() if self.think_tags else self._release()

    def close(self) -> list[WireEvent]:
        """What was held back, now that nothing follows; white space alone is dropped."""
        if self._in_think:
            held, self._held = self._held, ""
            return _thinking(held)
        return self._release()

    def _tagged(self) -> list[WireEvent]:
        events: list[WireEvent] = []
        while True:
            if self._in_think:
                inside, closed, after = self._held.partition(_THINK_CLOSE)
                if not closed:
                    keep = _overlap(inside, _THINK_CLOSE)
                    self._held = inside[len(inside) - keep :]
                    return events + _thinking(inside[: len(inside) - keep])
                events += _thinking(inside)
                self._held, self._in_think, self._after_think = after, False, True
            start = self._held.lstrip()
            if start.startswith(_THINK_OPEN):
                self._held, self._in_think = start[len(_THINK_OPEN) :], True
            elif _THINK_OPEN.startswith(start):
                return events
            else:
                return events + self._release()

    def _release(self) -> list[WireEvent]:
        clean = strip_controls(self._held.lstrip() if self._after_think else self._held)
        if not clean.strip():
            return []
        self._held = ""
        self.has_text = True
        return [TextDelta(clean)]


def _thinking(text: str) -> list[WireEvent]:
    clean = strip_controls(text)
    return [ThinkingDelta(clean)] if clean else []


def _overlap(text: str, tag: str) -> int:
    """How many characters at the end of `text` may be the beginning of `tag`."""
    return next(
        (size for size in range(min(len(tag) - 1, len(text)), 0, -1) if tag.startswith(text[-size:])), 0
    )
