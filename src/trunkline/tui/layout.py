"""Which panels are seen. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

ACCOUNTS, LATENCY, LOG, CHAT = 1, 2, 3, 4
PANELS = (ACCOUNTS, LATENCY, LOG, CHAT)


@dataclass(frozen=True, slots=True)
class Layout:
    """`current` has the focus; of the others those in `hidden` are not shown, none where `zoomed`."""

    current: int = CHAT
    hidden: frozenset[int] = frozenset()
    zoomed: bool = False

    def go_to(self, panel: int) -> Layout:
        """Make a panel the current one; a hidden one comes back."""
        return replace(self, current=panel, hidden=self.hidden - {panel})

    def step(self, step: int) -> Layout:
        """The panel that many places on among those that are not hidden."""
        shown = [panel for panel in PANELS if panel not in self.hidden or panel == self.current]
        return self.go_to(shown[(shown.index(self.current) + step) % len(shown)])

    def hide_current(self) -> Layout | None:
        """Without the current panel; None when it is the only one left."""
        left = [panel for panel in PANELS if panel not in self.hidden and panel != self.current]
        if not left:
            return None
        after = next((panel for panel in left if panel > self.current), left[-1])
        return Layout(after, self.hidden | {self.current})

    def toggle_zoom(self) -> Layout:
        """The current panel alone, or all again."""
        return replace(self, zoomed=not self.zoomed)

    def words(self) -> tuple[str, ...]:
        """As it is remembered from one time to the next."""
        return (*(f"hidden {panel}" for panel in sorted(self.hidden)), *(("zoomed",) if self.zoomed else ()))

    @classmethod
    def from_words(cls, words: tuple[str, ...], current: int) -> Layout:
        """A layout remembered by `words`; what they do not say, or no longer means anything, is as shipped."""
        hidden = frozenset(panel for panel in PANELS if f"hidden {panel}" in words) - {current}
        return cls(current, hidden, "zoomed" in words)
