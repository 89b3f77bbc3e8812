"""What a key of the deck is: where it acts, what it does, and how it is told."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """Where a key acts. Single characters never act inside a text field."""

    DECK = "deck"
    ANYWHERE = "anywhere"
    EDITOR = "editor"
    FIELD = "field"
    LISTS = "lists"
    ACCOUNTS = "accounts"
    LATENCY = "latency"
    LOG = "log"
    CHAT = "chat"
    WAITING = "waiting"
    QUEUE = "queue"
    DETAIL = "detail"
    RECEIPT = "receipt"
    CONVERSATIONS = "conversations"
    GATEWAY = "gateway"
    PREFERENCES = "preferences"
    HELP = "help"
    PICKER = "picker"


@dataclass(frozen=True, slots=True)
class KeySpec:
    """A key and what it does. `keys` are Textual key names, the first is the one shown; `hint` is the short word
    of the hint line (none where it would only be noise); `palette` says that the command palette offers it."""

    id: str
    keys: tuple[str, ...]
    action: str
    description: str
    scope: Scope
    hint: str = ""
    palette: bool = False
    shown: str = ""

    @property
    def label(self) -> str:
        """The keys as a person reads them."""
        return self.shown or " / ".join(key_label(key) for key in self.keys)

    @property
    def first_label(self) -> str:
        """The first of its keys as a person reads it; empty where there is none."""
        return key_label(self.keys[0]) if self.keys else ""


def key_label(key: str) -> str:
    """A Textual key name as a person reads it: `ctrl-x`, `?`, `pgup`."""
    *modifiers, base = key.split("+")
    return "-".join([*modifiers, _KEY_NAMES.get(base, base)])


_KEY_NAMES = {
    "question_mark": "?",
    "comma": ",",
    "plus": "+",
    "minus": "-",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "slash": "/",
    "full_stop": ".",
    "equals_sign": "=",
    "semicolon": ";",
    "colon": ":",
    "underscore": "_",
    "backslash": "\\",
    "exclamation_mark": "!",
    "escape": "esc",
    "pageup": "pgup",
    "pagedown": "pgdn",
}
