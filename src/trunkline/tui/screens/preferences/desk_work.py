"""Work on the user's files, on threads; what comes of it is told to the screen in messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual.message import Message
from textual.widget import Widget

from trunkline.config.desk import ConfigDesk, Edit, Plan, TextEdit
from trunkline.config.load import Loaded
from trunkline.config.settings import Setting
from trunkline.domain.errors import ConfigError
from trunkline.tui.screens.preferences.known_settings import known_settings


@dataclass
class SettingsRead(Message):
    """The files as they are now."""

    loaded: Loaded
    settings: tuple[Setting, ...]


@dataclass
class Planned(Message):
    """Unsaved changes were tried and can be saved; `title` says what saving them does."""

    plan: Plan
    title: str = "Save"


@dataclass
class Written(Message):
    """Files were written; `diff` is what changed, `undone` says that a save was taken back."""

    diff: str
    undone: bool = False


@dataclass
class Checked(Message):
    """All unsaved changes together were tried; `error` says what they cannot be used for."""

    error: ConfigError | None


@dataclass
class DeskRefused(Message):
    """Something could not be done: `what` is `read`, `plan`, `save` or `undo`."""

    what: str
    error: ConfigError


class DeskWork:
    """Starts one piece of work at a time of each kind; a check that is asked for meanwhile follows."""

    def __init__(self, screen: Widget, desk: ConfigDesk) -> None:
        self._screen = screen
        self._desk = desk
        self._checking = False
        self._next_check: tuple[Loaded, Sequence[Edit | TextEdit]] | None = None

    @property
    def last_saved(self) -> Plan | None:
        """What the last save changed, where it can be taken back."""
        return self._desk.saved[-1] if self._desk.saved else None

    def read(self) -> None:
        """Read the files: `SettingsRead`."""

        def run() -> Message:
            loaded = self._desk.read()
            return SettingsRead(loaded, known_settings(loaded))

        self._start("read", run)

    def plan(self, loaded: Loaded, edits: Sequence[Edit | TextEdit], title: str = "Save") -> None:
        """Try what is to be saved: `Planned`."""
        self._start("plan", lambda: Planned(self._desk.plan(loaded, edits), title))

    def save(self, plan: Plan) -> None:
        """Write a plan: `Written`."""

        def run() -> Message:
            self._desk.save(plan)
            return Written(plan.diff)

        self._start("save", run)

    def undo(self) -> None:
        """Take the last save back: `Written`."""

        def run() -> Message:
            undone = self._desk.undo()
            return Written("" if undone is None else undone.diff, undone=True)

        self._start("undo", run)

    def check(self, loaded: Loaded, edits: Sequence[Edit | TextEdit]) -> None:
        """See whether the changes can be used together: `Checked`, of the latest only."""
        self._next_check = loaded, edits
        if not self._checking:
            self._check_next()

    def checked(self) -> bool:
        """To be called with each `Checked`; says whether it is of the latest changes."""
        self._checking = False
        if self._next_check is None:
            return True
        self._check_next()
        return False

    def _check_next(self) -> None:
        if self._next_check is None:
            return
        (loaded, edits), self._next_check = self._next_check, None
        self._checking = True

        def run() -> None:
            error: ConfigError | None = None
            try:
                self._desk.plan(loaded, edits)
            except ConfigError as found:
                error = found
            except Exception as found:  # the answer must come: the next check waits for it
                error = _unexpected(found)
            self._screen.post_message(Checked(error))

        self._screen.run_worker(run, thread=True, group="check", exit_on_error=False)

    def _start(self, what: str, make: Callable[[], Message]) -> None:
        def run() -> None:
            try:
                self._screen.post_message(make())
            except ConfigError as error:
                self._screen.post_message(DeskRefused(what, error))
            except Exception as error:
                self._screen.post_message(DeskRefused(what, _unexpected(error)))

        self._screen.run_worker(run, thread=True, group="desk", exit_on_error=False)


def _unexpected(error: Exception) -> ConfigError:
    return ConfigError(
        file="configuration",
        key="",
        value=None,
        expected=f"to be worked on ({type(error).__name__}: {error})",
        remedy="Nothing was written. This is a fault of Trunkline: please report it.",
    )
