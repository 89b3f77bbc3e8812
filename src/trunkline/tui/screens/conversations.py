"""The conversations that are kept: found again, opened, given a title, deleted and brought back."""

from __future__ import annotations

from datetime import tzinfo
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Input, Static

from trunkline.domain.chats import ConversationSummary
from trunkline.domain.clock import Clock
from trunkline.engine.api import HostedEngine
from trunkline.tui import format as fmt
from trunkline.tui.attachments import title_without_files
from trunkline.tui.conversation_rows import COLUMNS, conversation_row
from trunkline.tui.engine_link import EngineLink
from trunkline.tui.key_specs import Scope
from trunkline.tui.keymap import keys_in_force
from trunkline.tui.keys import bindings
from trunkline.tui.messages import ConversationWanted, RowOpened
from trunkline.tui.widgets.hint_line import hint_line
from trunkline.tui.widgets.row_list import RowList

MOST_LISTED = 500
SEARCH_AFTER_S = 0.2
NONE_KEPT = "No conversation is kept. n begins one:\nwhat is said is kept from its first message on."

_HINTS = (
    "list.open",
    "detail.close",
    "conversations.search",
    "conversations.new",
    "conversations.rename",
    "conversations.delete",
    "conversations.undo",
)


class Listed(Message):
    """The store's answer to search number `serial`."""

    def __init__(self, serial: int, found: tuple[ConversationSummary, ...]) -> None:
        super().__init__()
        self.serial = serial
        self.found = found


class ConversationsScreen(Screen["ConversationWanted | None"]):
    """Gives the conversation that is wanted in the chat. None: the one that is open stays, which is asked for anew when
    its title is another one, and left for a new one when it was deleted."""

    CSS_PATH = "conversations.tcss"
    AUTO_FOCUS = "#conversations"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(Scope.CONVERSATIONS, Scope.DETAIL, instead={"detail.close": "leave"}),
    ]

    def __init__(self, link: EngineLink, clock: Clock, zone: tzinfo | None, current_id: str | None) -> None:
        super().__init__()
        self._link = link
        self._clock = clock
        self._zone = zone
        self._current_id = current_id
        self._serial = 0
        self._found: dict[str, ConversationSummary] = {}
        self._deleted: list[ConversationSummary] = []
        self._renaming: str | None = None
        self._renamed_current = False

    def compose(self) -> ComposeResult:
        yield Static("Conversations", id="conversations-title", markup=False)
        yield Input(placeholder="words of a title or a message", id="conversations-search")
        yield RowList(COLUMNS, empty="reading …", id="conversations")
        yield Input(placeholder="its first message", id="conversations-rename")
        yield Static("", id="conversations-hints", markup=False)

    def on_mount(self) -> None:
        self._search()

    def on_resize(self) -> None:
        self._show_hints()

    def _show_hints(self) -> None:
        """The keys, as far as there is room, the way back before those that can be guessed; what has nothing to act on
        is dimmed."""
        dim = {"conversations.undo"} if not self._deleted else set()
        if not self._found:
            dim |= {"list.open", "conversations.rename", "conversations.delete"}
        first = ("conversations.undo",) if self._deleted else ()
        hints = hint_line(keys_in_force(self), (*first, *_HINTS), self.size.width, dim)
        self.query_one("#conversations-hints", Static).update(hints)

    # -- what there is --------------------------------------------------------------------------------------

    @property
    def _list(self) -> RowList:
        return self.query_one("#conversations", RowList)

    @property
    def _words(self) -> Input:
        return self.query_one("#conversations-search", Input)

    @property
    def _title(self) -> Input:
        return self.query_one("#conversations-rename", Input)

    def _engine(self) -> HostedEngine | None:
        engine = self._link.engine
        if engine is None:
            self._warn("there is no engine to ask")
        return engine

    def _warn(self, text: str) -> None:
        self.notify(text, severity="warning", timeout=5, markup=False)

    def _search(self) -> None:
        engine = self._link.engine
        if engine is None:
            self._list.set_empty("There is no engine, so nothing kept can be read.")
            return
        self._serial += 1
        serial = self._serial

        def deliver(found: tuple[ConversationSummary, ...]) -> None:
            self.post_message(Listed(serial, found))

        engine.conversations(self._words.value.strip(), MOST_LISTED, deliver)

    def on_listed(self, message: Listed) -> None:
        message.stop()
        if message.serial != self._serial:
            return
        self._found = {one.conversation_id: one for one in message.found}
        self._show()

    def _show(self) -> None:
        now_ms = self._clock.wall_ms()
        words = self._words.value.strip()
        rows = tuple(
            conversation_row(one, self._current_id, now_ms, self._zone) for one in self._found.values()
        )
        self._list.set_empty(
            f"Nothing kept holds “{fmt.one_line(words)}”; esc shows all." if words else NONE_KEPT
        )
        self._list.show_rows(rows)
        shown = f"{len(rows):,}{' latest' if len(rows) == MOST_LISTED else ''}"
        undo = f" · {len(self._deleted)} deleted · u brings it back, for a day" if self._deleted else ""
        self.query_one("#conversations-title", Static).update(f"Conversations · {shown}{undo}")
        self._show_hints()

    def _chosen(self) -> ConversationSummary | None:
        chosen = self._found.get(self._list.cursor_key or "")
        if chosen is None:
            self._warn("there is no conversation under the cursor")
        return chosen

    # -- opening and leaving --------------------------------------------------------------------------------

    def on_row_opened(self, message: RowOpened) -> None:
        message.stop()
        self.dismiss(ConversationWanted(message.key))

    def action_new(self) -> None:
        """Begin a conversation."""
        self.dismiss(ConversationWanted(None))

    def _close(self) -> None:
        """Back to the chat, with what was done here to the conversation that is open in it."""
        if any(one.conversation_id == self._current_id for one in self._deleted):
            self.dismiss(ConversationWanted(None))
        else:
            self.dismiss(ConversationWanted(self._current_id) if self._renamed_current else None)

    def action_leave(self) -> None:
        """One level back: the new title, the search, the screen."""
        if self._renaming is not None:
            self._end_rename()
        elif self.has_class("-searching"):
            self._words.value = ""
            self.remove_class("-searching")
            self._list.focus()
        else:
            self._close()

    # -- search ---------------------------------------------------------------------------------------------

    def action_search(self) -> None:
        """Show only what holds certain words."""
        self.add_class("-searching")
        self._words.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if event.input is self._words:
            self.set_timer(SEARCH_AFTER_S, lambda words=event.value: self._search_for(words))

    def _search_for(self, words: str) -> None:
        if words == self._words.value:
            self._search()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.input is self._words:
            self._search()
            self._list.focus()
        else:
            self._rename(event.value)

    # -- titles ---------------------------------------------------------------------------------------------

    def action_rename(self) -> None:
        """Write another title for the conversation under the cursor."""
        chosen = self._chosen()
        if chosen is not None:
            self._renaming = chosen.conversation_id
            self._title.value = title_without_files(chosen.title)
            self._title.border_title = "Title · enter keeps it, nothing: its first message"
            self.add_class("-renaming")
            self._title.focus()

    def _rename(self, title: str) -> None:
        engine, renaming = self._engine(), self._renaming
        if engine is not None and renaming is not None:
            engine.rename_conversation(renaming, fmt.one_line(title))
            self._renamed_current = self._renamed_current or renaming == self._current_id
            self._search()
        self._end_rename()

    def _end_rename(self) -> None:
        self._renaming = None
        self.remove_class("-renaming")
        self._list.focus()

    # -- deleting -------------------------------------------------------------------------------------------

    def action_delete(self) -> None:
        """Take the conversation under the cursor out of the list."""
        chosen = self._chosen()
        engine = self._engine() if chosen is not None else None
        if chosen is not None and engine is not None:
            engine.delete_conversation(chosen.conversation_id)
            self._deleted.append(chosen)
            self._search()

    def action_undo(self) -> None:
        """Bring back what was deleted last."""
        if not self._deleted:
            self._warn("nothing was deleted here")
            return
        engine = self._engine()
        if engine is not None:
            engine.restore_conversation(self._deleted.pop().conversation_id)
            self._search()
