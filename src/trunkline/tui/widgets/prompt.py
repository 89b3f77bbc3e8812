"""The editor in which a message is written."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual import events
from textual.app import SuspendNotSupported
from textual.message import Message
from textual.widgets import TextArea

from trunkline.domain.text import strip_controls
from trunkline.tui.key_specs import Scope
from trunkline.tui.keymap import keys_in_force
from trunkline.tui.messages import PromptChanged
from trunkline.tui.suggestions import Suggestion, Suggestions
from trunkline.tui.widgets.completions import CompletionList
from trunkline.tui.widgets.external_editor import EditorError, edited, editor_command

MOST_HISTORY = 200


@dataclass
class PromptEntered(Message):
    """The editor's text, all of it, is to be sent or carried out."""

    text: str


def _edited_or_why_not(text: str, command: tuple[str, ...]) -> tuple[str | None, str]:
    try:
        return edited(text, command), ""
    except EditorError as error:
        return None, str(error)
    except Exception as error:
        return None, f"{command[0]}: {type(error).__name__}: {error}"


class Prompt(TextArea):
    """Enter sends, ctrl-j breaks the line, up and down at the edges walk through what was sent before. While the list
    above is open, tab and enter take from it, up and down move in it, escape closes it."""

    def __init__(
        self,
        completions: CompletionList,
        suggest: Callable[[int, str, int], Suggestions | None],
        is_looking: Callable[[], bool],
    ) -> None:
        """`suggest` says what could stand at a row, in its line, at a column; `is_looking`, that it may know more soon
        and then calls `complete`."""
        super().__init__(
            "",
            id="prompt",
            soft_wrap=True,
            tab_behavior="focus",
            compact=True,
            highlight_cursor_line=False,
            placeholder="Write a message, / for commands, @ for files",
        )
        self.cursor_blink = False
        self._completions = completions
        self._suggest = suggest
        self._is_looking = is_looking
        self._tab_waits = False
        self._closed_at: tuple[int, int] | None = None
        self._sent: list[str] = []
        self._position: int | None = None
        self._draft = ""

    # -- keys -----------------------------------------------------------------------------------------------

    async def on_key(self, event: events.Key) -> None:
        """Keys of the editor, in the order in which they were typed: a priority binding would overtake the
        letters before it and send a text without its end."""
        keys = keys_in_force(self)
        action = keys.actions_by_key(Scope.EDITOR).get(event.key)
        if event.key in keys.named("back").keys and self._completions.suggestions is not None:
            action = "close_list"
        self._tab_waits = False
        if action is None:
            if event.key.startswith("alt+"):
                event.prevent_default()  # a terminal sends the letter along, and it is none of the text
            return
        if action == "complete" and self._offered() is None:
            self._tab_waits = self._is_looking()
            if not self._tab_waits:
                return  # the key goes on to the next panel
        event.stop()
        event.prevent_default()
        await self.run_action(action)

    def on_paste(self, event: events.Paste) -> None:
        """Pasted text is only text: it sends nothing, however many lines it has, and controls the terminal with
        nothing."""
        event.stop()
        event.prevent_default()
        text = strip_controls(event.text.replace("\r\n", "\n").replace("\r", "\n"))
        result = self.replace(text, *self.selection, maintain_selection_offset=False)
        self.move_cursor(result.end_location)

    def action_send(self) -> None:
        """Take what the list offers; without one, hand the text over: whoever takes it calls `taken`."""
        offered = self._offered()
        chosen = self._completions.chosen
        if offered is not None and chosen is not None and not offered.is_typed_out:
            self.take(chosen)
        elif self.text.strip():
            self._completions.offer(None)
            self.post_message(PromptEntered(self.text))

    def action_newline(self) -> None:
        """Break the line."""
        self.insert("\n")

    def action_history(self, step: int) -> None:
        """An earlier or a later message; inside a longer text the keys move the cursor, in the list its choice."""
        if self._offered() is not None:
            self._completions.move(step)
            return
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
        self.fill(self._draft if self._position is None else self._sent[target])
        self._closed_at = self._start_offered()
        self._completions.offer(None)

    def action_external_editor(self) -> None:
        """Write the message in the person's own editor; what is saved there is the message afterwards.

        The deck stands still meanwhile, its loop too, because the terminal is the editor's. An answer on its way does
        not: the engine runs on a thread of its own, and what came of it in the meantime, joined to at most ten
        batches a second, is shown on return. Should the terminal go, the watch's own thread ends the deck as ever.
        """
        try:
            command = editor_command(os.environ)
            with self.app.suspend():
                # Nothing may be raised in here: the terminal would not be taken back.
                text, error = _edited_or_why_not(self.text, command)
        except (EditorError, SuspendNotSupported) as refused:
            text, error = None, str(refused)
        if text is not None:
            self.fill(strip_controls(text))
        else:
            self.app.notify(error, severity="warning", markup=False)
        self.app.refresh(layout=True)

    # -- what was sent --------------------------------------------------------------------------------------

    def remember(self, sent: Sequence[str]) -> None:
        """What was sent in earlier times, oldest first."""
        self._sent = [*sent, *self._sent][-MOST_HISTORY:]

    def taken(self, text: str) -> None:
        """`text`, as it was entered, is on its way: keep it in the history and clear the editor, but for what was typed
        behind it since."""
        if not self._sent or self._sent[-1] != text:
            self._sent.append(text)
            del self._sent[:-MOST_HISTORY]
        self._position = None
        self.fill(self.text.removeprefix(text) if self.text.startswith(text) else "")

    def fill(self, text: str) -> None:
        """Put `text` in place of what is there, the cursor behind it; undo brings the old one back."""
        if text != self.text:
            self.replace(text, (0, 0), self.document.end, maintain_selection_offset=False)
        self.move_cursor(self.document.end)

    # -- the list above -------------------------------------------------------------------------------------

    def complete(self) -> None:
        """Bring the list up to what is typed now, and take from it if that was asked before there was one."""
        offered, self._tab_waits, waited = self._offered(), False, self._tab_waits
        if offered is not None and waited:
            self.action_complete()

    def take(self, suggestion: Suggestion) -> None:
        """Put one of the list in place of what is typed."""
        offered = self._completions.suggestions
        if offered is None:
            return
        row = self.cursor_location[0]
        insert = suggestion.insert
        if insert.endswith(" ") and self.document.get_line(row)[offered.end : offered.end + 1] == " ":
            insert = insert[:-1]
        result = self.replace(
            insert, (row, offered.start), (row, offered.end), maintain_selection_offset=False
        )
        self.move_cursor(result.end_location)
        self._offered()

    def action_complete(self) -> None:
        """Take the list's choice, or its first."""
        first = self._completions.first
        if first is not None:
            self.take(first)

    def action_close_list(self) -> None:
        """Close the list until something else is being typed."""
        self._closed_at = self._start_offered()
        self._completions.offer(None)

    def _start_offered(self) -> tuple[int, int] | None:
        row, column = self.cursor_location
        offered = self._suggest(row, self.document.get_line(row), column)
        return None if offered is None else (row, offered.start)

    def _offered(self) -> Suggestions | None:
        """What the list offers for the text as it is now; keys may come faster than messages."""
        offered: Suggestions | None = None
        if self.selection.is_empty and self.has_focus:
            row, column = self.cursor_location
            offered = self._suggest(row, self.document.get_line(row), column)
            if offered is None:
                self._closed_at = None
            elif self._closed_at == (row, offered.start):
                offered = None
        self._completions.offer(offered)
        return offered

    def on_blur(self) -> None:
        self._completions.offer(None)

    def on_text_area_selection_changed(self, event: TextArea.SelectionChanged) -> None:
        event.stop()
        self._offered()

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        self._offered()
        self.post_message(PromptChanged(self.text))
