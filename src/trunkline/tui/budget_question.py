"""Cost rule 5 at the editor: a message over its token budget is sent when enter is pressed a second time. Pure."""

from __future__ import annotations

from trunkline.engine.api import Preview
from trunkline.tui.cells import Cell, Tone


class BudgetQuestion:
    """Remembers which text was asked about until one is sent."""

    def __init__(self) -> None:
        self._asked_about: str | None = None

    def ask(self, text: str, preview: Preview | None) -> Cell | None:
        """What to say in place of sending `text`, of which `preview` says what would become, if that is known; None
        where it may be sent: it is not too long, or was asked about."""
        over = None if preview is None else preview.over_budget
        if over is None or text == self._asked_about:
            return None
        self._asked_about = text
        return Cell(
            f"about {over.expected_tokens:,} tokens with the answer, over the {over.budget_tokens:,} that {over.work} "
            "may take: enter again sends it",
            Tone.BAD,
        )

    def answered(self, text: str) -> bool:
        """Whether `text`, which is being sent, was asked about; forgets it."""
        asked_about, self._asked_about = self._asked_about, None
        return text == asked_about
