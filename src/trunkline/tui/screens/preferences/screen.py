"""Preferences by keyboard: every setting of the schema, changed here and saved to the user's own files."""

from __future__ import annotations

from datetime import tzinfo

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container, Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input, Static

from trunkline.config.desk import ConfigDesk, reversed_plan
from trunkline.config.load import Loaded
from trunkline.domain.clock import Clock
from trunkline.tui.engine_link import EngineLink
from trunkline.tui.keymap import keys_in_force
from trunkline.tui.keys import Scope, bindings, specs
from trunkline.tui.messages import RowHighlighted, RowOpened, SettingsSaved
from trunkline.tui.screens.preferences import changes
from trunkline.tui.screens.preferences.account_settings import edits_of
from trunkline.tui.screens.preferences.ask import problem_screen, unsaved_screen
from trunkline.tui.screens.preferences.desk_work import (
    Checked,
    DeskRefused,
    DeskWork,
    Planned,
    SettingsRead,
    Written,
)
from trunkline.tui.screens.preferences.detail import detail_lines
from trunkline.tui.screens.preferences.draft import Draft
from trunkline.tui.screens.preferences.editing import edit_item
from trunkline.tui.screens.preferences.hints import hint_ids, hint_line
from trunkline.tui.screens.preferences.items import Item, ItemKind, items, open_at_first, path_to
from trunkline.tui.screens.preferences.problems import key_of_problem, sentence_of
from trunkline.tui.screens.preferences.rows import COLUMNS, SECTION_COLUMNS, rows, section_rows
from trunkline.tui.screens.preferences.save import SaveScreen
from trunkline.tui.screens.preferences.text import content_of
from trunkline.tui.screens.preferences.themes import ThemePreview
from trunkline.tui.screens.preferences.values import shown
from trunkline.tui.widgets.row_list import RowList

LIST, SECTIONS = "preferences-list", "preferences-sections"
_REFUSALS = {
    "read": "Your files cannot be used as they are",
    "plan": "This cannot be saved",
    "save": "Nothing was saved",
    "undo": "Nothing was taken back",
}


class PreferencesScreen(Screen["SettingsSaved | None"], inherit_bindings=False):
    """Gives what the last save changed, None where nothing was saved. `start` is the key of a setting, or the name of
    a section, to begin at."""

    CSS_PATH = "preferences.tcss"
    AUTO_FOCUS = f"#{LIST}"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (112, "-middle"), (140, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-low"), (20, "-tall")]  # noqa: RUF012
    BINDINGS = [  # noqa: RUF012
        *bindings(Scope.PREFERENCES),
        *(b for b in bindings(Scope.DETAIL) if isinstance(b, Binding) and b.id != "detail.close"),
        *(
            Binding(",".join(s.keys), "back", s.description, id=s.id)
            for s in specs(Scope.DETAIL)
            if s.id == "detail.close"
        ),
        Binding("tab", "app.focus_next", "Sections or settings", show=False),
        Binding("shift+tab", "app.focus_previous", "Sections or settings", show=False),
    ]

    def __init__(
        self,
        desk: ConfigDesk,
        link: EngineLink,
        clock: Clock,
        zone: tzinfo | None,
        *,
        start: str | None = None,
    ) -> None:
        super().__init__()
        self._work = DeskWork(self, desk)
        self._link = link
        self._clock = clock
        self._zone = zone
        self._start = start
        self._loaded: Loaded | None = None
        self._draft = Draft()
        self._opened: frozenset[str] = frozenset()
        self._query = ""
        self._items: dict[str, Item] = {}
        self._saved: SettingsSaved | None = None
        self.themes = ThemePreview()

    # -- what it consists of --------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        yield Static("", id="preferences-title", markup=False)
        yield Input(placeholder="letters of a setting or of what it does", id="preferences-search")
        with Horizontal(id="preferences-body"):
            yield RowList(SECTION_COLUMNS, empty="", id=SECTIONS)
            with Container(id="preferences-main"):
                yield RowList(COLUMNS, empty="Reading your files …", id=LIST)
                with VerticalScroll(id="preferences-detail", can_focus=False):
                    yield Static("", id="preferences-detail-text", markup=False)
        yield Static("", id="preferences-hints", markup=False)

    def on_mount(self) -> None:
        self.themes.begin(self.app)
        self._work.read()
        self._show()

    @property
    def listing(self) -> RowList:
        """The list of settings."""
        return self.query_one(f"#{LIST}", RowList)

    @property
    def draft(self) -> Draft:
        """The settings with what is unsaved."""
        return self._draft

    @property
    def current(self) -> Item | None:
        """What is under the cursor."""
        return self._items.get(self.listing.cursor_key or "")

    # -- drawing --------------------------------------------------------------------------------------------

    def _show(self) -> None:
        """Bring everything up to the draft; what did not change is not drawn again."""
        lines = items(self._draft, self._opened, self._query)
        self._items = {item.row_key: item for item in lines}
        self.listing.show_rows(rows(self._draft, lines, self._opened))
        if self._loaded is not None:
            self.listing.set_empty("Nothing fits. esc shows all settings again." if self._query else "")
        self._show_around()

    def _show_around(self) -> None:
        """What depends on the cursor: the sections, the detail, the keys."""
        item = self.current
        self.query_one(f"#{SECTIONS}", RowList).show_rows(
            section_rows(self._draft, item.section if item is not None else None)
        )
        detail = self.query_one("#preferences-detail")
        wide = self.has_class("-wide")
        text = detail_lines(self._draft, item, detail.content_region.width - 1, compact=not wide)
        self.query_one("#preferences-detail-text", Static).update(content_of(text))
        self.query_one("#preferences-hints", Static).update(
            hint_line(hint_ids(self._draft, item), keys_in_force(self), self.size.width)
        )
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
        sections = self.query_one(f"#{SECTIONS}", RowList)
        if message.list_id == SECTIONS and sections.has_focus and message.key is not None:
            self._go_to(f"{ItemKind.SECTION}:{message.key}")
        elif message.list_id == LIST:
            self._show_around()

    def _go_to(self, row_key: str) -> None:
        """Put the cursor on a line; once the list has been laid out anew, it is in view."""
        self._put_cursor(row_key)
        self.call_after_refresh(self._put_cursor, row_key)

    def _put_cursor(self, row_key: str) -> None:
        found = next((i for i, row in enumerate(self.listing.rows) if row.key == row_key), None)
        if found is not None:
            self.listing.move_cursor(found)

    # -- the files ------------------------------------------------------------------------------------------

    def on_settings_read(self, message: SettingsRead) -> None:
        message.stop()
        first, self._loaded = self._loaded is None, message.loaded
        self._draft = self._draft.on(self.themes.with_names(message.settings))
        if first:
            self._opened = open_at_first(self._draft)
            if self._start is not None:
                self._opened |= {self._start} | path_to(self._draft, self._start)
        self._show()
        if first and self._start is not None:
            kind = ItemKind.SETTING if self._start in self._draft.settings else ItemKind.SECTION
            self._go_to(f"{kind}:{self._start}")
        if self._draft.changes:
            self._work.check(message.loaded, edits_of(self._draft))

    def on_desk_refused(self, message: DeskRefused) -> None:
        message.stop()
        key = key_of_problem(self._draft, message.error)
        if message.what == "read":
            self.listing.set_empty("Your files cannot be used as they are. w reads them again.")
        elif key is not None:
            self._draft = self._draft.with_problems({**self._draft.problems, key: sentence_of(message.error)})
            self._reveal(key)
        self.app.push_screen(problem_screen(_REFUSALS[message.what], message.error))

    def on_checked(self, message: Checked) -> None:
        message.stop()
        if not self._work.checked():
            return
        problems: dict[str, str] = {}
        if message.error is not None and (key := key_of_problem(self._draft, message.error)) is not None:
            problems[key] = sentence_of(message.error)
        before, self._draft = self._draft, self._draft.with_problems(problems)
        if before is not self._draft:
            self._show()

    def on_planned(self, message: Planned) -> None:
        message.stop()
        plan = message.plan
        if not plan.texts:
            self._draft = Draft(self._draft.settings)
            self._say("Your files say that already.")
            self._show()
            return

        def answered(write: bool | None) -> None:
            if write:
                self._work.save(plan)

        self.app.push_screen(SaveScreen("Save", "saves", plan, self._link, self._zone), answered)

    def on_written(self, message: Written) -> None:
        message.stop()
        self._saved = SettingsSaved(message.diff)
        if not message.undone:
            self.themes.keep(self.app)
            self._draft = Draft(self._draft.settings)
        self._say("Taken back." if message.undone else "Saved. u takes it back.")
        self._work.read()

    # -- changing -------------------------------------------------------------------------------------------

    def apply(self, outcome: changes.Outcome) -> None:
        """Take another draft, or say why there is none."""
        if isinstance(outcome, str):
            self._say(outcome)
            return
        if outcome is self._draft:
            return
        self._draft = outcome
        self.themes.show(self.app, outcome)
        self._show()
        if self._loaded is not None:
            self._work.check(self._loaded, edits_of(outcome))

    def toggle(self, name: str) -> None:
        """Fold or unfold."""
        self._opened = self._opened ^ {name}
        self._show()

    def _say(self, text: str) -> None:
        self.app.notify(text, timeout=4, markup=False)

    def _reveal(self, key: str) -> None:
        self._query = ""
        self._opened |= path_to(self._draft, key)
        self._show()
        self._go_to(f"{ItemKind.SETTING}:{key}")

    def on_row_opened(self, message: RowOpened) -> None:
        message.stop()
        if message.list_id == SECTIONS:
            self._opened |= {message.key}
            self._show()
            self._go_to(f"{ItemKind.SECTION}:{message.key}")
            self.listing.focus()
        else:
            self.action_edit()

    def action_edit(self) -> None:
        """Change what is under the cursor, or unfold it."""
        item = self.current
        if item is not None and self._loaded is not None:
            edit_item(self, self._loaded, item)

    def action_step(self, steps: int) -> None:
        """More or less; unfold or fold."""
        item = self.current
        if item is None:
            return
        is_list = item.kind is ItemKind.SETTING and self._draft.settings[item.name].is_list
        if item.kind in (ItemKind.SECTION, ItemKind.GROUP) or is_list:
            if (item.name in self._opened) != (steps > 0):
                self.toggle(item.name)
        elif item.kind in (ItemKind.ENTRY, ItemKind.ADD):
            self._go_to(f"{ItemKind.SETTING}:{item.name}")
        else:
            self.apply(changes.step(self._draft, item, steps))

    def action_move(self, steps: int) -> None:
        """The entry of a list further down or up."""
        if (item := self.current) is not None:
            self.apply(changes.move_entry(self._draft, item, steps))
            self._go_to(item.row_key)

    def action_default(self) -> None:
        """Back to the default; an entry out of its list."""
        if (item := self.current) is not None:
            self.apply(changes.take_out(self._draft, item))

    def action_undo(self) -> None:
        """The last change taken back; with nothing unsaved, the last save."""
        if self._draft.steps:
            key = self._draft.steps[-1].key
            self.apply(changes.undo(self._draft))
            self._say(f"{key} is {shown(self._draft.value(key))} again.")
            return
        last = self._work.last_saved
        if last is None:
            self._say("There is nothing to take back.")
            return
        self.app.push_screen(
            SaveScreen(
                "Take the last save back", "takes it back", reversed_plan(last), self._link, self._zone
            ),
            lambda write: self._work.undo() if write else None,
        )

    def action_save(self) -> None:
        """Show what would change, and save."""
        if self._loaded is None:
            self._work.read()
        elif not self._draft.changes:
            self._say("Nothing is unsaved.")
        else:
            self._work.plan(self._loaded, edits_of(self._draft))

    # -- searching and leaving ------------------------------------------------------------------------------

    def action_search(self) -> None:
        """Search the settings by a few letters."""
        self.add_class("-searching")
        self.query_one("#preferences-search", Input).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._query = event.value
        self._show()
        self.listing.move_cursor(0)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.listing.focus()

    def action_back(self) -> None:
        """Out of the search; else out of the screen, which asks once where something is unsaved."""
        if self.has_class("-searching"):
            self._end_search()
        elif self._draft.changes:
            self.app.push_screen(unsaved_screen(len(self._draft.changes)), self._leave_as)
        else:
            self._leave()

    def _end_search(self) -> None:
        item = self.current
        self.remove_class("-searching")
        self.listing.focus()
        self.query_one("#preferences-search", Input).value = ""
        self._query = ""
        if item is not None:
            self._reveal(item.name)

    def _leave_as(self, answer: str | None) -> None:
        if answer == "save":
            self.action_save()
        elif answer == "drop":
            self._leave()

    def _leave(self) -> None:
        self.themes.end(self.app)
        self.dismiss(self._saved)
