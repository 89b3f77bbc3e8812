"""What the command line may say about a deck. Imports nothing of Textual."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from trunkline.config.desk import ConfigDesk
    from trunkline.tui.gateway_switch import GatewaySwitch

TERMINAL_THEME = "trunkline-terminal"


@dataclass(frozen=True, slots=True)
class DeckOptions:
    """`theme` None or our default: ours for this terminal's colours. `themes_folder` holds the user's themes.
    `low_bandwidth` None: over SSH. `start_panel` is 1 to 4. `zone` is that of shown times, None the machine's own.
    `desk` changes the user's files; None where there are none to change (while watching). `memory_file` keeps what the
    deck remembers from one time to the next: layout, history of messages. `files_folder` is where answers and
    conversations are written, and from where `@file` is read; None the current folder. `keymap` (binding id to keys) is
    the user's. `gateway` starts and stops one for agents; None where none can be had. `ascii` None: where the
    terminal's encoding has no lines to draw with. `log_file` keeps what failed; None where it would not outlive the
    deck."""

    DEFAULT_THEME: ClassVar[str] = "trunkline-dark"

    theme: str | None = None
    themes_folder: Path | None = None
    low_bandwidth: bool | None = None
    start_panel: int = 4
    zone: tzinfo | None = None
    desk: ConfigDesk | None = None
    memory_file: Path | None = None
    files_folder: Path | None = None
    keymap: tuple[tuple[str, str], ...] = ()
    ascii: bool | None = None
    log_file: Path | None = None
    gateway: GatewaySwitch | None = None
