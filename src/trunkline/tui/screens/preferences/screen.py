"""Preferences by keyboard: every setting of the schema, changed here and saved to the user's own files."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import Input

from trunkline.config.account_edits import AccountEdit, NewAccount, RemovedAccount
from trunkline.config.desk import ConfigDesk, Edit, Plan, TextEdit, reversed_plan
from trunkline.config.load import Loaded
from trunkline.domain.clock import Clock
from trunkline.tui.engine_link import EngineLink
from trunkline.tui.key_specs import Scope
from trunkline.tui.keys import bindings, specs
from trunkline.tui.messages import RowOpened, SettingsSaved
from trunkline.tui.screens.preferences import changes
from trunkline.tui.screens.preferences.account_settings import account_of_group, edits_of
from trunkline.tui.screens.preferences.ask import problem_screen, unsaved_screen
from trunkline.tui.screens.preferences.board import LIST, SECTIONS, PreferencesBoard
from trunkline.tui.screens.preferences.desk_work import (
    Checked,
    DeskRefused,
    DeskWork,
    Planned,
    SettingsRead,
    Written,
)
from trunkline.tui.screens.preferences.draft import Draft
from trunkline.tui.screens.preferences.editing import ask_account, edit_item
from trunkline.tui.screens.preferences.items import Item, ItemKind, open_at_first, path_to
from trunkline.tui.screens.preferences.problems import key_of_problem, sentence_of
from trunkline.tui.screens.preferences.save import SaveScreen
from trunkline.tui.screens.preferences.themes import ThemePreview
from trunkline.tui.screens.preferences.values import shown
from trunkline.tui.widgets.row_list import RowList

_REFUSALS = {
    "read": "Your files cannot be used as they are",
    "plan": "This cannot be saved",
    "save": "Nothing was saved",
    "undo": "Nothing was taken back",
}


def _is_of(edit: Edit | TextEdit, account: str) -> bool:
    return isinstance(edit, AccountEdit) and edit.account == account


class PreferencesScreen(Screen["SettingsSaved | None"], inherit_bindings=False):
    """Gives what the last save changed, None where nothing was saved. `start` is the key of a setting, or the name of
    a section, to begin at."""

    CSS_PATH = "preferences.tcss"
    AUTO_FOCUS = f"#{LIST}"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (112, "-middle"), (140, "-wide")]  # noqa: RUF012 - an instance variable in Textual
    VERTICAL_BREAKPOINTS = [(0, "-low"), (20, "-tall")]  # noqa: RUF012 - an instance variable in Textual
    BINDINGS = [  # noqa: RUF012 - an instance variable in Textual
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
        self._saved: SettingsSaved | None = None
        self._is_writing = False
        self._board = PreferencesBoard()
        self.themes = ThemePreview()

    def compose(self) -> ComposeResult:
        yield self._board

    def on_mount(self) -> None:
        self.themes.begin(self.app)
        self._work.read()
        self._show()

    @property
    def listing(self) -> RowList:
        """The list of settings."""
        return self._board.listing

    @property
    def draft(self) -> Draft:
        """The settings with what is unsaved."""
        return self._draft

    @property
    def current(self) -> Item | None:
        """What is under the cursor."""
        return self._board.current

    def _show(self) -> None:
        self._board.show(self._draft, self._opened, self._query)

    # -- the files ------------------------------------------------------------------------------------------

    def on_settings_read(self, message: SettingsRead) -> None:
        message.stop()
        first, self._loaded = self._loaded is None, message.loaded
        self._draft = self._draft.on(self.themes.with_names(message.settings))
        self.themes.settle(self.app, self._draft)
        if first:
            self._opened = open_at_first(self._draft)
            if self._start is not None:
                self._opened |= {self._start} | path_to(self._draft, self._start)
        self._show()
        if first and self._start is not None:
            kind = ItemKind.SETTING if self._start in self._draft.settings else ItemKind.SECTION
            self._board.go_to(f"{kind}:{self._start}")
        if self._draft.changes:
            self._work.check(message.loaded, edits_of(self._draft))

    def on_desk_refused(self, message: DeskRefused) -> None:
        message.stop()
        self._is_writing = False
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
        if self.app.screen is not self:
            return  # asked for twice
        if not plan.texts:
            self._draft = Draft(self._draft.settings)
            self._say("Your files say that already.")
            self._show()
            return

        self._ask_to_write(message.title, "saves", plan, lambda: self._work.save(plan))

    def _ask_to_write(self, title: str, verb: str, plan: Plan, write: Callable[[], None]) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                self._is_writing = True
                write()

        self.app.push_screen(SaveScreen(title, verb, plan, self._link, self._clock, self._zone), answered)

    def on_written(self, message: Written) -> None:
        message.stop()
        self._is_writing = False
        self._saved = SettingsSaved(message.diff)
        self._draft = Draft(self._draft.settings)
        self.themes.forget()
        self._say("Taken back." if message.undone else "Saved. u takes it back.")
        self._work.read()

    def plan_account(self, title: str, edit: NewAccount | RemovedAccount) -> None:
        """Have an account added or taken out, and what else is unsaved saved with it."""
        if self._loaded is not None:
            others = (one for one in edits_of(self._draft) if not _is_of(one, edit.account))
            self._work.plan(self._loaded, (*others, edit), title)

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
        if name in self._opened and self.current is not None:
            self._board.show_below(self.current.row_key)

    def _say(self, text: str) -> None:
        self.app.notify(text, timeout=4, markup=False)

    def _reveal(self, key: str) -> None:
        """Show a setting among all others, with the cursor on it."""
        self.remove_class("-searching")
        self._query = self._board.search.value = ""
        self._opened |= path_to(self._draft, key)
        self._show()
        self._board.go_to(f"{ItemKind.SETTING}:{key}")

    def on_row_opened(self, message: RowOpened) -> None:
        message.stop()
        if message.list_id == SECTIONS:
            self._opened |= {message.key}
            self._show()
            self._board.show_below(f"{ItemKind.SECTION}:{message.key}")
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
            self._board.go_to(f"{ItemKind.SETTING}:{item.name}")
        else:
            self.apply(changes.step(self._draft, item, steps))

    def action_move(self, steps: int) -> None:
        """The entry of a list further down or up."""
        if (item := self.current) is not None:
            self.apply(changes.move_entry(self._draft, item, steps))
            self._board.go_to(item.row_key)

    def action_default(self) -> None:
        """Back to the default; an entry out of its list; an account out of the file."""
        item = self.current
        account = account_of_group(item.name) if item is not None and item.kind is ItemKind.GROUP else None
        if account is not None:
            self.plan_account(f"Remove {account}", RemovedAccount(account))
        elif item is not None:
            self.apply(changes.take_out(self._draft, item))

    def action_new_account(self) -> None:
        """Add an account."""
        if self._loaded is not None:
            ask_account(self, self._loaded)

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
        title, verb = "Take the last save back", "takes it back"
        self._ask_to_write(title, verb, reversed_plan(last), self._work.undo)

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
        self._board.search.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if event.value == self._query:
            return
        self._query = event.value
        self._show()
        self.listing.move_cursor(0)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.listing.focus()

    def action_back(self) -> None:
        """Out of the search; else out of the screen, which asks once where something is unsaved."""
        item = self.current
        if self.has_class("-searching"):
            self._reveal(item.name if item is not None else "")
            self.listing.focus()
        elif self._is_writing:
            self._say("Your files are being written.")
        elif self._draft.changes:
            self.app.push_screen(unsaved_screen(len(self._draft.changes)), self._leave_as)
        else:
            self._leave()

    def _leave_as(self, answer: str | None) -> None:
        if answer == "save":
            self.action_save()
        elif answer == "drop":
            self._leave()

    def _leave(self) -> None:
        self.themes.end(self.app)
        self.dismiss(self._saved)
