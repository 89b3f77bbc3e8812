"""The editor in which a message is written."""

from __future__ import annotations

from textual import events
from textual.widgets import TextArea

from trunkline.tui.keymap import keys_in_force
from trunkline.tui.keys import Scope
from trunkline.tui.messages import PromptChanged, PromptSubmitted

MOST_HISTORY = 200


class Prompt(TextArea):
    """Enter sends, ctrl-j breaks the line, up and down at the edges walk through what was sent before."""

    def __init__(self) -> None:
        super().__init__(
            "",
            id="prompt",
            soft_wrap=True,
            tab_behavior="focus",
            compact=True,
            highlight_cursor_line=False,
            placeholder="Write a message",
        )
        self.cursor_blink = False
        self._sent: list[str] = []
        self._position: int | None = None
        self._draft = ""

    async def on_key(self, event: events.Key) -> None:
        """Keys of the editor, in the order in which they were typed: a priority binding would overtake the
        letters before it and send a text without its end."""
        action = keys_in_force(self).actions_by_key(Scope.EDITOR).get(event.key)
        if action is not None:
            event.stop()
            event.prevent_default()
            await self.run_action(action)

    def action_send(self) -> None:
        """Hand the text over; whoever takes it calls `taken`."""
        if self.text.strip():
            self.post_message(PromptSubmitted(self.text.strip("\n")))

    def taken(self, text: str) -> None:
        """The text is on its way: keep it in the history and clear the editor."""
        if not self._sent or self._sent[-1] != text:
            self._sent.append(text)
            del self._sent[:-MOST_HISTORY]
        self._position = None
        self.text = ""

    def action_newline(self) -> None:
        """Break the line."""
        self.insert("\n")

    def action_history(self, step: int) -> None:
        """An earlier or a later message; inside a longer text the keys move the cursor."""
        if step < 0 and self.cursor_location[0] > 0:
            self.action_cursor_up()
            return
        if step > 0 and self.cursor_location[0] < self.document.line_count - 1:
            self.action_cursor_down()
            return
        at = len(self._sent) if self._position is None else self._position
        target = at + step
        if not 0 <= target <= len(self._sent) or (step > 0 and self._position is None):
            return
        if self._position is None:
            self._draft = self.text
        self._position = None if target == len(self._sent) else target
        self.text = self._draft if self._position is None else self._sent[target]
        self.move_cursor(self.document.end)

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        self.post_message(PromptChanged(self.text))
