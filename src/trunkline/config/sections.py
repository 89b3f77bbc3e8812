"""How settings are grouped for people."""

from __future__ import annotations

from trunkline.config.files import KeyPath

# Section -> title, in the order in which a person would look for them.
TITLES: dict[str, str] = {
    "general": "What is preferred",
    "budget": "Money",
    "modes": "Modes and weights",
    "lists": "Lists of the two axes",
    "tasks": "Task types",
    "tiers": "Tiers",
    "roles": "Roles",
    "rules": "Habits and cost rules",
    "learning": "What is learned",
    "thresholds": "Thresholds",
    "timeouts": "Time limits",
    "queue": "Work that waits",
    "crisis": "Crisis mode",
    "history": "History",
    "gateway": "The gateway",
    "aliases": "Model aliases",
    "terminal": "Colours and terminal",
    "keymap": "Keys",
    "providers": "Providers",
}
_GROUPED = ("modes", "tasks", "tiers", "roles", "aliases", "providers")
_TERMINAL = ("theme", "low_bandwidth", "ascii")


def section_of(path: KeyPath) -> tuple[str, str, str]:
    """(section, its title, the group within it) of a setting."""
    first = str(path[0])
    if first not in TITLES:
        first = "terminal" if first in _TERMINAL else "general"
    group = str(path[1]) if first in _GROUPED and len(path) > 1 else ""
    return first, TITLES[first], group
