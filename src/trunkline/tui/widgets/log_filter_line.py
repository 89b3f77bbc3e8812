"""The line in which the routing log's filter is written, completed by tab from what the log holds."""

from __future__ import annotations

from collections.abc import Callable

from textual.suggester import Suggester
from textual.widgets import Input

from trunkline.tui.key_specs import Scope
from trunkline.tui.keys import bindings
from trunkline.tui.log_filter import PLACEHOLDER, Values, completions


class _FirstCompletion(Suggester):
    """Shows, dim, what tab would make of the text."""

    def __init__(self, known: Callable[[], Values]) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._known = known

    async def get_suggestion(self, value: str) -> str | None:
        found = completions(value, self._known())
        return next((text for text in found if text != value), None)


class LogFilterLine(Input):
    """Tab takes the first completion of the last word, again the next one."""

    BINDINGS = bindings(Scope.FIELD, instead={"filter.keep": "submit"})

    def __init__(self, known: Callable[[], Values], *, id: str) -> None:  # noqa: A002 - Textual's name
        super().__init__(placeholder=PLACEHOLDER, id=id, suggester=_FirstCompletion(known), compact=True)
        self._known = known
        self._choices: tuple[str, ...] = ()
        self._begun = ""

    def action_complete(self) -> None:
        """The next completion of what was written."""
        if self.value not in self._choices:
            self._begun = self.value
            self._choices = completions(self.value, self._known())
        if not self._choices:
            self.notify("nothing in the log begins like that", severity="warning", timeout=3, markup=False)
            return
        at = self._choices.index(self.value) + 1 if self.value in self._choices else 0
        self.value = self._choices[at % len(self._choices)]
        self.cursor_position = len(self.value)
        if len(self._choices) == 1:
            self._choices = ()
