"""The last line: the keys that act where the focus is. Each can be clicked."""

from __future__ import annotations

from rich.cells import cell_len
from textual.content import Content
from textual.widget import Widget

from trunkline.tui.keys import KEYS, Scope

_NAMES = {spec.id: spec for spec in KEYS}


def hint_texts(scope: Scope) -> tuple[tuple[str, str, str], ...]:
    """(key, word, action) of the hints of a scope, most useful first."""
    if scope is Scope.EDITOR:
        ids = ["send", "newline", "palette"]
        extra = [("esc", "keys", "screen.back"), ("alt-1/3/4", "panel", "")]
    elif scope is Scope.FIELD:
        ids = ["filter.keep"]
        extra = [("esc", "take it back", "screen.back")]
    else:
        ids = ["help", "switch", "mode", "auto", "pause", "zoom", "filter", "palette"]
        extra = [("1/3/4", "panel", "")]
    named: list[tuple[str, str, str]] = []
    for spec_id in ids:
        spec = _NAMES[spec_id]
        action = spec.action if spec.action.startswith("app.") else f"screen.{spec.action}"
        clickable = "" if spec.scope in (Scope.EDITOR, Scope.FIELD) else action
        named.append((spec.label.split(" / ")[0], spec.hint, clickable))
    if scope is Scope.EDITOR:
        return (*named[:2], *extra, *named[2:])
    if scope is Scope.FIELD:
        return (*named, *extra)
    return (*extra, *named, ("ctrl-q", "quit", "app.quit"))


class KeyHints(Widget):
    """Shows the hints of the scope in which the focus is."""

    ALLOW_SELECT = False

    def __init__(self) -> None:
        super().__init__(id="hints")
        self._scope = Scope.DECK

    def show(self, scope: Scope) -> None:
        """Show another scope's keys."""
        if scope is not self._scope:
            self._scope = scope
            self.refresh()

    def render(self) -> Content:
        pieces: list[Content | str] = []
        room = self.size.width - 1
        for key, word, action in hint_texts(self._scope):
            room -= cell_len(key) + cell_len(word) + 3
            if room < 0:
                break
            hint = Content.assemble(" ", (key, "bold $text-accent"), " ", (word, "$text-muted"))
            pieces += [hint.stylize(f"@click={action}()") if action else hint, " "]
        return Content.assemble(*pieces)
