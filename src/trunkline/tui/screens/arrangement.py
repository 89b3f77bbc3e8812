"""Which of the deck's panels are shown, and which one a person is in."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from textual.screen import Screen
from textual.widget import Widget

from trunkline.tui.layout import ACCOUNTS, LATENCY, LOG, PANELS, Layout
from trunkline.tui.memory import DeckMemory

_LAYOUT = "layout"


class Arrangement:
    """Brings a `Layout` onto the screen by classes that its styles know, and remembers it from one time to the next.
    `targets` gives what takes the focus in each panel."""

    def __init__(
        self,
        host: Screen[None],
        panels: Mapping[int, Widget],
        targets: Callable[[int], Widget],
        memory: DeckMemory,
        start_panel: int,
        say: Callable[[str], None],
    ) -> None:
        self._host = host
        self._panels = panels
        self._targets = targets
        self._memory = memory
        self._say = say
        self._layout = Layout.from_words(memory.strings(_LAYOUT), start_panel)

    @property
    def current(self) -> int:
        """The panel a person is in."""
        return self._layout.current

    @property
    def zoomed(self) -> bool:
        """It is shown alone."""
        return self._layout.zoomed

    def focus_moved(self, to: Widget) -> None:
        """Something else has the focus: its panel is the current one."""
        around = to.ancestors_with_self
        for number, panel in self._panels.items():
            inside = panel in around
            panel.set_class(inside, "-focused")
            if inside and number != self._layout.current:
                self._show(self._layout.go_to(number))

    def begin(self) -> None:
        """Show what was shown last."""
        self._arrange(self._layout)

    def go_to(self, number: int) -> None:
        """Go to a panel."""
        self._arrange(self._layout.go_to(number))

    def step(self, step: int) -> None:
        """Go to the panel after this one, or before it."""
        self._arrange(self._layout.step(step))

    def zoom(self) -> None:
        """Show the current panel alone, or all again."""
        self._show(self._layout.toggle_zoom())

    def hide(self) -> None:
        """Take the current panel away; its number brings it back."""
        if self._host.has_class("-narrow") or self._layout.zoomed:
            self._say("one panel is shown at a time here; there is nothing to hide")
            return
        without = self._layout.hide_current()
        if without is None:
            self._say("it is the last panel; 1 to 4 bring the others back")
            return
        self._say(f"hidden; {self._layout.current} brings it back")
        self._arrange(without)

    def _show(self, layout: Layout) -> None:
        """Show the panels of a layout, wherever the focus is."""
        self._layout = layout
        host = self._host
        for panel in PANELS:
            host.set_class(panel == layout.current, f"-panel-{panel}")
            host.set_class(panel in layout.hidden, f"-without-{panel}")
        host.set_class(layout.hidden >= {ACCOUNTS, LATENCY, LOG}, "-chat-only")
        host.set_class(layout.zoomed, "-zoomed")
        self._memory.keep(_LAYOUT, layout.words())

    def _arrange(self, layout: Layout) -> None:
        """Show a layout and go to its current panel."""
        self._show(layout)
        self._targets(layout.current).focus(scroll_visible=False)
