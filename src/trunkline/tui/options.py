"""What the command line may say about a deck. Imports nothing of Textual."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import ClassVar

TERMINAL_THEME = "trunkline-terminal"


@dataclass(frozen=True, slots=True)
class DeckOptions:
    """`theme` None or our default: ours for this terminal's colours. `themes_folder` holds the user's themes.
    `low_bandwidth` None: over SSH. `start_panel` is 1, 3 or 4. `zone` is that of shown times, None the
    machine's own."""

    DEFAULT_THEME: ClassVar[str] = "trunkline-dark"

    theme: str | None = None
    themes_folder: Path | None = None
    low_bandwidth: bool | None = None
    start_panel: int = 4
    zone: tzinfo | None = None
