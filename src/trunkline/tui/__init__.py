"""The control centre in a terminal. Importing this imports no Textual; `run_deck` does."""

from __future__ import annotations

from trunkline.tui.entry import run_deck
from trunkline.tui.options import DeckOptions

__all__ = ["DeckOptions", "run_deck"]
