"""Slash commands that change what holds for the open conversation. Pure but for the session they change."""

from __future__ import annotations

from dataclasses import dataclass

from trunkline.tui.chat_session import ChatSession

_DROP = ("auto", "none")


@dataclass(frozen=True, slots=True)
class Said:
    """What a command did, to be told; `changed` says that the conversation's settings are other ones."""

    text: str
    changed: bool = False


def set_by_command(session: ChatSession, name: str, argument: str) -> Said | None:
    """Carry out `task`, `route`, `model` or `system`; None for every other command, and for `route` without one, which
    asks for a choice."""
    value = None if argument in _DROP else argument or None
    if name == "task":
        session.set(task_type=value)
        return Said(f"taken for {value} from now on" if value else "taken as it is found", changed=True)
    if name in ("route", "model") and (argument or name == "model"):
        if not argument:
            pinned = session.conversation.settings.route
            return Said(
                f"pinned to {pinned}; /model auto lets go"
                if pinned
                else "no model is pinned; /model takes one"
            )
        session.set(route=value)
        return Said(
            f"this conversation is pinned to {value}" if value else "this conversation is not pinned",
            changed=True,
        )
    if name == "system":
        if not argument:
            system = session.conversation.settings.system
            return Said(f"instructions: {system}" if system else "no instructions; /system takes a text")
        session.set(system=value)
        return Said(
            f"instructions of {len(value):,} characters go with every message"
            if value
            else "no instructions",
            changed=True,
        )
    return None
