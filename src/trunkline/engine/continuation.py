"""Carrying a cut answer on at another route: what to ask, and where the new text joins the old.

An overlap found by chance trims good text, and a missed one repeats it (measured: no overlap length does both
well). So the next model is asked to begin with the last characters it is given, which are then cut off exactly;
a model that does not do so has not understood, and the answer is begun anew.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from trunkline.domain.events import SeamKind
from trunkline.domain.messages import ChatRequest, Message, ResponseFormat, Role, ToolUse
from trunkline.domain.routes import Prefill

ANCHOR_CHARS = 60
_CLOSING_TAG = "</anchor>"
_INSTRUCTION = (
    "Your answer was cut off. Continue exactly where you stopped. "
    "Begin by repeating these last characters verbatim:\n<anchor>\n{anchor}\n</anchor>"
)
_JSON = "\nWith what is there already it must be one JSON object and nothing else."
_SCHEMA = " It must fit this JSON schema:\n{schema}"


@dataclass(frozen=True, slots=True)
class Continuation:
    """How a call carries on `text_so_far`: by prefill, or by an anchor that the reply must repeat."""

    kind: SeamKind
    text_so_far: str

    @classmethod
    def for_model(cls, prefill: Prefill, text_so_far: str) -> Continuation:
        """By prefill where the model is known to take one, else by an anchor."""
        return cls(SeamKind.ANCHOR if prefill is Prefill.NONE else SeamKind.PREFILL, text_so_far)

    @property
    def anchor(self) -> str:
        """The last characters of the text, from a word's start where there is one."""
        tail = self.text_so_far.rstrip()[-ANCHOR_CHARS:]
        if len(tail) < ANCHOR_CHARS:
            return tail.lstrip()
        _, space, from_word = tail.partition(" ")
        return from_word if space and len(from_word) >= ANCHOR_CHARS // 2 else tail.lstrip()

    @property
    def lost_space(self) -> str:
        """The white space at the end of the text. No model is shown it: some refuse it, and none can be trusted not to
        write it again."""
        return self.text_so_far[len(self.text_so_far.rstrip()) :]

    def apply(self, request: ChatRequest) -> ChatRequest:
        """The request that asks for the rest. A form of the answer, and a call in its place, are not enforced any more:
        the rest alone has not that form, and text was shown already."""
        is_json, schema = request.response_format is ResponseFormat.JSON, request.answer_schema
        choice = request.tool_choice
        if choice is not None and choice.use in (ToolUse.REQUIRED, ToolUse.NAMED):
            choice = replace(choice, use=ToolUse.AUTO, name=None)
        request = replace(
            request, response_format=ResponseFormat.TEXT, answer_schema=None, tool_choice=choice
        )
        begun = Message.of(Role.ASSISTANT, self.text_so_far.rstrip())
        if self.kind is SeamKind.PREFILL:
            return replace(request, messages=(*request.messages, begun))
        form = (_JSON if is_json else "") + ("" if schema is None else _SCHEMA.format(schema=schema.schema))
        ask = Message.of(Role.USER, _INSTRUCTION.format(anchor=self.anchor) + form)
        return replace(request, messages=(*request.messages, begun, ask))


class AnchorMatcher:
    """Holds a reply back until it has repeated the anchor or is seen not to."""

    def __init__(self, continuation: Continuation) -> None:
        self._anchor = continuation.anchor
        self._lost_space = continuation.lost_space
        self._held = ""
        self._joined = False

    def has_joined(self) -> bool:
        """The anchor was repeated: what comes now is the answer's."""
        return self._joined

    def join(self) -> None:
        """Ask for no anchor any more; what was held back was only ever part of it."""
        self._joined = True

    def feed(self, text: str) -> str | None:
        """The part of `text` that belongs to the answer: empty while undecided, None when the reply does not
        begin with the anchor."""
        if self._joined:
            return text
        self._held += text
        held = self._held.lstrip()
        tagged = held.startswith("<anchor>")
        opened = held.removeprefix("<anchor>").lstrip()
        if len(opened) < len(self._anchor):
            return "" if self._anchor.startswith(opened) or "<anchor>".startswith(opened) else None
        if not opened.startswith(self._anchor):
            return None
        if tagged and _may_become_tag(opened[len(self._anchor) :]):
            return ""
        self._joined = True
        rest = opened[len(self._anchor) :]
        if tagged and rest.lstrip().startswith(_CLOSING_TAG):
            rest = rest.lstrip().removeprefix(_CLOSING_TAG)
        # The anchor ends at the last visible character; white space that was already shown is not shown twice.
        return rest.removeprefix(self._lost_space)


def _may_become_tag(text: str) -> bool:
    begun = text.lstrip()
    return len(begun) < len(_CLOSING_TAG) and _CLOSING_TAG.startswith(begun)
