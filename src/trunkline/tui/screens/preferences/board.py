"""What the preferences screen shows: sections, settings, the one under the cursor in full, and its keys."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from trunkline.tui.keymap import keys_in_force
from trunkline.tui.messages import RowHighlighted
from trunkline.tui.screens.preferences.detail import detail_lines
from trunkline.tui.screens.preferences.draft import Draft
from trunkline.tui.screens.preferences.hints import hint_ids, hint_line
from trunkline.tui.screens.preferences.items import Item, ItemKind, items
from trunkline.tui.screens.preferences.rows import COLUMNS, SECTION_COLUMNS, rows, section_rows
from trunkline.tui.screens.preferences.text import content_of
from trunkline.tui.widgets.row_list import RowList

LIST, SECTIONS, SEARCH = "preferences-list", "preferences-sections", "preferences-search"
NOTHING_FITS = "Nothing fits. esc shows all settings again."


class PreferencesBoard(Vertical):
    """Draws a draft. What did not change is not drawn again."""

    def __init__(self) -> None:
        super().__init__(id="preferences-board")
        self._draft = Draft()
        self._items: dict[str, Item] = {}
        self._query = ""
        self.listing = RowList(COLUMNS, empty="Reading your files …", id=LIST)
        self.sections = RowList(SECTION_COLUMNS, empty="", id=SECTIONS)
        self.search = Input(placeholder="letters of a setting, or words of what it does", id=SEARCH)

    def compose(self) -> ComposeResult:
        yield Static("", id="preferences-title", markup=False)
        yield self.search
        with Horizontal(id="preferences-body"):
            yield self.sections
            with Container(id="preferences-main"):
                yield self.listing
                with VerticalScroll(id="preferences-detail", can_focus=False):
                    yield Static("", id="preferences-detail-text", markup=False)
        yield Static("", id="preferences-hints", markup=False)

    @property
    def current(self) -> Item | None:
        """What is under the cursor."""
        return self._items.get(self.listing.cursor_key or "")

    def show(self, draft: Draft, opened: frozenset[str], query: str) -> None:
        """Show a draft: what is unfolded of it, or what the query finds in it."""
        self._draft, self._query = draft, query
        lines = items(draft, opened, query)
        self._items = {item.row_key: item for item in lines}
        if query:
            self.listing.set_empty(NOTHING_FITS)
        self.listing.show_rows(rows(draft, lines, opened))
        self._show_around()

    def go_to(self, row_key: str) -> None:
        """Put the cursor on a line."""
        found = next((i for i, row in enumerate(self.listing.rows) if row.key == row_key), None)
        if found is not None:
            self.listing.move_cursor(found)

    def show_below(self, row_key: str) -> None:
        """Put the cursor on a heading, and what it unfolds into view where that would be cut off."""
        self.go_to(row_key)
        index = next((i for i, row in enumerate(self.listing.rows) if row.key == row_key), None)
        if index is not None and index - self.listing.scroll_offset.y > self.listing.size.height // 2:
            self.listing.scroll_to(y=index, animate=False, immediate=True)

    def _show_around(self) -> None:
        """What depends on the cursor: the sections, the detail, the keys."""
        item = self.current
        self.sections.show_rows(section_rows(self._draft, item.section if item is not None else None))
        width = self.query_one("#preferences-detail").content_region.width - 1
        text = detail_lines(self._draft, item, width, compact=not self.screen.has_class("-wide"))
        self.query_one("#preferences-detail-text", Static).update(content_of(text))
        hints = hint_line(hint_ids(self._draft, item), keys_in_force(self), self.size.width)
        self.query_one("#preferences-hints", Static).update(hints)
        self.query_one("#preferences-title", Static).update(self._title())

    def _title(self) -> Content:
        unsaved, refused = len(self._draft.changes), len(self._draft.problems)
        parts: list[tuple[str, str] | str] = [(" Preferences", "bold")]
        if unsaved:
            parts.append((f"   ● {unsaved} unsaved", "$text-warning"))
        if refused:
            parts.append((f"   ✕ {refused} cannot be saved", "bold $text-error"))
        if self._query:
            parts.append((f"   {len(self._items)} found", "$text-muted"))
        return Content.assemble(*parts)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_around)

    def on_row_highlighted(self, message: RowHighlighted) -> None:
        message.stop()
        if message.list_id == SECTIONS and self.sections.has_focus and message.key is not None:
            self.show_below(f"{ItemKind.SECTION}:{message.key}")
        elif message.list_id == LIST:
            self._show_around()
