"""Every key of the deck, once: bindings, hint line, help and palette are made from this list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from trunkline.tui.key_specs import KeySpec, Scope

if TYPE_CHECKING:
    from textual.binding import BindingType

KEYS: tuple[KeySpec, ...] = (
    # The deck, outside text.
    KeySpec("panel.accounts", ("1", "alt+1"), "panel(1)", "Providers and accounts", Scope.DECK, palette=True),
    KeySpec("panel.latency", ("2", "alt+2"), "panel(2)", "Latency", Scope.DECK, palette=True),
    KeySpec("panel.log", ("3", "alt+3"), "panel(3)", "Routing log", Scope.DECK, palette=True),
    KeySpec("panel.chat", ("4", "alt+4"), "panel(4)", "Chat", Scope.DECK, palette=True),
    KeySpec("queue", ("5", "alt+5"), "queue", "Queue: what waits, why, until when", Scope.DECK, palette=True),
    KeySpec("zoom", ("z", "alt+z"), "zoom", "Show this panel alone, or all again", Scope.DECK, "zoom", True),
    KeySpec(
        "hide",
        ("x", "alt+x"),
        "hide_panel",
        "Hide this panel; its number brings it back",
        Scope.DECK,
        "hide",
        True,
    ),
    KeySpec("switch", ("s", "alt+s"), "switch", "Send everything down one route", Scope.DECK, "switch", True),
    KeySpec("pin", ("p", "alt+p"), "pin", "Pin a route: how far, how long", Scope.DECK, "pin", True),
    KeySpec("mode", ("m", "alt+m"), "cycle_mode", "Next mode", Scope.DECK, "mode", True),
    KeySpec(
        "auto", ("a", "alt+a"), "automatic", "Back to automatic: no pin, no pause", Scope.DECK, "auto", True
    ),
    KeySpec("pause", ("P", "alt+h"), "pause", "Hold new requests, or let them go", Scope.DECK, "hold", True),
    KeySpec(
        "override",
        ("exclamation_mark", "alt+exclamation_mark"),
        "override",
        "Emergency: everything down one route, the rest waits; again takes it back",
        Scope.DECK,
        "emergency",
        True,
    ),
    KeySpec("filter", ("slash",), "filter_log", "Filter the routing log", Scope.DECK, "filter", True),
    KeySpec("write", ("i",), "write", "Write a message", Scope.DECK, "write"),
    KeySpec(
        "conversations", ("c", "ctrl+o"), "conversations", "Conversations", Scope.DECK, "conversations", True
    ),
    KeySpec(
        "preferences", ("comma", "alt+comma"), "preferences", "Preferences", Scope.DECK, "preferences", True
    ),
    KeySpec("crises", ("C",), "crises", "Crises: this one and those before", Scope.DECK, palette=True),
    KeySpec(
        "gateway",
        ("S", "alt+g"),
        "gateway",
        "Gateway for agents: start it, what to paste, stop it",
        Scope.DECK,
        palette=True,
    ),
    KeySpec("themes", (), "app.themes", "Colours", Scope.DECK, palette=True),
    KeySpec(
        "bandwidth",
        (),
        "app.bandwidth",
        "Spare the line: fewer and smaller updates",
        Scope.DECK,
        palette=True,
    ),
    KeySpec("undo", ("u",), "undo", "Take the last change back", Scope.DECK, palette=True),
    KeySpec("help", ("question_mark", "f1"), "app.help", "What every key does", Scope.DECK, "help", True),
    KeySpec("quit.letter", ("q",), "app.quit", "Quit", Scope.DECK),
    # Everywhere.
    KeySpec("quit", ("ctrl+q",), "app.quit", "Quit", Scope.ANYWHERE, "quit", True),
    KeySpec("new", ("ctrl+n",), "new_conversation", "New conversation", Scope.ANYWHERE, palette=True),
    KeySpec("back", ("escape",), "back", "One level back; twice stops an answer", Scope.ANYWHERE),
    KeySpec("panel.next", ("tab",), "next_panel", "Next panel", Scope.ANYWHERE),
    KeySpec("panel.previous", ("shift+tab",), "next_panel(-1)", "Previous panel", Scope.ANYWHERE),
    KeySpec("copy", ("ctrl+c",), "copy_text", "Copy what is selected with the mouse", Scope.ANYWHERE),
    KeySpec(
        "palette", ("ctrl+p",), "app.command_palette", "Every action by name", Scope.ANYWHERE, "commands"
    ),
    KeySpec(
        "suspend",
        ("ctrl+z",),
        "app.suspend_process",
        "To the shell and back with `fg`; in the editor, undo",
        Scope.ANYWHERE,
        palette=True,
    ),
    # The editor of the chat.
    KeySpec("send", ("enter",), "send", "Send the message", Scope.EDITOR, "send"),
    KeySpec(
        "newline", ("ctrl+j", "alt+enter", "shift+enter"), "newline", "New line", Scope.EDITOR, "new line"
    ),
    KeySpec("editor", ("ctrl+g",), "external_editor", "Write it in $EDITOR", Scope.EDITOR, "$EDITOR"),
    KeySpec("complete", ("tab",), "complete", "Take the completion", Scope.EDITOR),
    KeySpec("history.previous", ("up",), "history(-1)", "Earlier message, from the first line", Scope.EDITOR),
    KeySpec("history.next", ("down",), "history(1)", "Later message, from the last line", Scope.EDITOR),
    KeySpec("chat.up", ("pageup",), "screen.scroll_chat(-1)", "Chat a page up", Scope.EDITOR),
    KeySpec("chat.down", ("pagedown",), "screen.scroll_chat(1)", "Chat a page down", Scope.EDITOR),
    # A line to write in.
    KeySpec(
        "filter.keep", ("enter",), "", "Keep the filter and go to the lines", Scope.FIELD, "keep the filter"
    ),
    KeySpec(
        "filter.complete",
        ("tab",),
        "complete",
        "Complete the word: a field, or what the log has of it",
        Scope.FIELD,
        "complete",
    ),
    # Every list.
    KeySpec("list.down", ("j", "down"), "cursor(1)", "Next line", Scope.LISTS),
    KeySpec("list.up", ("k", "up"), "cursor(-1)", "Previous line", Scope.LISTS),
    KeySpec("list.top", ("g", "home"), "cursor_to(0)", "First line", Scope.LISTS),
    KeySpec("list.bottom", ("G", "end"), "cursor_to(-1)", "Last line", Scope.LISTS),
    KeySpec("list.page_down", ("pagedown", "ctrl+d"), "cursor_page(1)", "A page down", Scope.LISTS),
    KeySpec("list.page_up", ("pageup", "ctrl+u"), "cursor_page(-1)", "A page up", Scope.LISTS),
    KeySpec("list.open", ("enter",), "open_row", "Open the line", Scope.LISTS, "open"),
    # Panel 1.
    KeySpec("accounts.fold", ("space",), "fold", "Fold or unfold a pool", Scope.ACCOUNTS, "fold"),
    KeySpec(
        "accounts.check", ("t",), "check", "Test now whether it answers, for nothing", Scope.ACCOUNTS, "test"
    ),
    KeySpec(
        "accounts.toggle", ("d",), "toggle_account", "Take it out, or put it back", Scope.ACCOUNTS, "disable"
    ),
    KeySpec(
        "accounts.free",
        ("f",),
        "free",
        "Mark it as available: what refused it is forgotten",
        Scope.ACCOUNTS,
        "available",
    ),
    # Panel 2.
    KeySpec(
        "latency.longer",
        ("plus", "right_square_bracket"),
        "range(1)",
        "A longer stretch of time",
        Scope.LATENCY,
        "longer",
    ),
    KeySpec(
        "latency.shorter",
        ("minus", "left_square_bracket"),
        "range(-1)",
        "A shorter stretch of time",
        Scope.LATENCY,
        "shorter",
    ),
    KeySpec("latency.measure", ("v",), "measure", "Whole reply, or first token", Scope.LATENCY, "measure"),
    # Panel 3.
    KeySpec("log.follow", ("space", "f"), "follow", "Hold the log still, or follow it", Scope.LOG, "follow"),
    # Panel 4, outside the editor.
    KeySpec("chat.next", ("j", "down"), "turn(1)", "Next answer", Scope.CHAT),
    KeySpec("chat.previous", ("k", "up"), "turn(-1)", "Previous answer", Scope.CHAT),
    KeySpec("chat.top", ("g", "home"), "turn_to(0)", "First answer", Scope.CHAT),
    KeySpec("chat.bottom", ("G", "end"), "turn_to(-1)", "Last answer", Scope.CHAT),
    KeySpec("chat.page_down", ("pagedown", "ctrl+d"), "screen.scroll_chat(1)", "A page down", Scope.CHAT),
    KeySpec("chat.page_up", ("pageup", "ctrl+u"), "screen.scroll_chat(-1)", "A page up", Scope.CHAT),
    KeySpec("chat.why", ("enter",), "why", "Who answered and why: the whole receipt", Scope.CHAT, "why"),
    KeySpec(
        "chat.regenerate",
        ("r",),
        "regenerate",
        "Ask the last message again, one tier up",
        Scope.CHAT,
        "again",
        True,
    ),
    KeySpec(
        "chat.retry",
        ("R",),
        "retry_elsewhere",
        "Ask the last message again on the runner-up",
        Scope.CHAT,
        "runner-up",
        True,
    ),
    KeySpec(
        "chat.edit", ("e",), "edit_turn", "Rewrite a message of yours and send it again", Scope.CHAT, "edit"
    ),
    KeySpec(
        "chat.copy", ("y",), "copy_answer", "Offer the answer to the terminal's clipboard", Scope.CHAT, "copy"
    ),
    KeySpec("chat.save", ("w",), "save_answer", "Write the answer to a file", Scope.CHAT, "save"),
    KeySpec("chat.export", ("E",), "export", "Write the conversation to a file", Scope.CHAT, "export", True),
    KeySpec(
        "chat.good",
        ("plus",),
        "judge('up')",
        "This answer was good; again takes it back",
        Scope.CHAT,
        "good",
        True,
    ),
    KeySpec(
        "chat.bad",
        ("minus",),
        "judge('down')",
        "This answer was bad; again takes it back",
        Scope.CHAT,
        "bad",
        True,
    ),
    # Panel 4, while a question waits.
    KeySpec(
        "waiting.now",
        ("n", "alt+n"),
        "try_now",
        "Try the waiting question now",
        Scope.WAITING,
        "try now",
        True,
    ),
    KeySpec(
        "waiting.back",
        ("d", "alt+d"),
        "take_back",
        "Take the waiting question back into the editor",
        Scope.WAITING,
        "take back",
        True,
    ),
    KeySpec(
        "waiting.elsewhere",
        ("o", "alt+o"),
        "send_elsewhere",
        "Send the waiting question down another route",
        Scope.WAITING,
        "elsewhere",
        True,
    ),
    # A screen of its own.
    KeySpec("detail.help", ("question_mark", "f1"), "app.help", "What every key does", Scope.DETAIL),
    KeySpec("detail.close", ("escape", "q"), "app.pop_screen", "Back", Scope.DETAIL, "back"),
    KeySpec("help.search", ("slash",), "search", "Search this list", Scope.HELP, "search"),
    KeySpec("picker.take", ("enter",), "", "Take what is under the cursor", Scope.PICKER, "take it"),
    KeySpec("picker.close", ("escape",), "leave", "Leave all as it is", Scope.PICKER, "leave"),
    KeySpec("picker.next", ("down", "ctrl+j"), "move(1)", "Next choice", Scope.PICKER),
    KeySpec("picker.previous", ("up", "ctrl+k"), "move(-1)", "Previous choice", Scope.PICKER),
    KeySpec("picker.page_down", ("pagedown",), "page(1)", "A page down", Scope.PICKER),
    KeySpec("picker.page_up", ("pageup",), "page(-1)", "A page up", Scope.PICKER),
    KeySpec("picker.scope", ("tab",), "scope(1)", "How far the choice reaches", Scope.PICKER, "how far"),
    KeySpec("picker.scope_back", ("shift+tab",), "scope(-1)", "How far, backwards", Scope.PICKER),
    KeySpec("picker.expiry", ("ctrl+t",), "expiry", "How long the choice holds", Scope.PICKER, "how long"),
    KeySpec("picker.help", ("f1",), "app.help", "What every key does", Scope.PICKER, "help"),
    KeySpec("receipt.pin", ("p",), "pin", "Pin this route", Scope.RECEIPT, "pin"),
    KeySpec("receipt.avoid", ("v",), "avoid", "Ask again, not here", Scope.RECEIPT, "not here"),
    KeySpec(
        "receipt.retry",
        ("r",),
        "retry",
        "Ask again down the route under the cursor",
        Scope.RECEIPT,
        "ask this one",
    ),
    KeySpec("conversations.new", ("n",), "new", "Begin a conversation", Scope.CONVERSATIONS, "new"),
    KeySpec("conversations.rename", ("r",), "rename", "Give it another title", Scope.CONVERSATIONS, "rename"),
    KeySpec("conversations.delete", ("d",), "delete", "Delete it", Scope.CONVERSATIONS, "delete"),
    KeySpec("conversations.undo", ("u",), "undo", "Bring the deleted one back", Scope.CONVERSATIONS, "undo"),
    KeySpec(
        "conversations.search",
        ("slash",),
        "search",
        "Search titles and messages",
        Scope.CONVERSATIONS,
        "search",
    ),
    KeySpec("queue.now", ("p",), "promote", "Before all others, and at once", Scope.QUEUE, "now"),
    KeySpec("queue.later", ("J", "alt+j", "alt+down"), "move(1)", "Later", Scope.QUEUE, "later"),
    KeySpec("queue.sooner", ("K", "alt+k", "alt+up"), "move(-1)", "Sooner", Scope.QUEUE, "sooner"),
    KeySpec("queue.drop", ("d", "delete"), "drop", "Cancel it, asking once", Scope.QUEUE, "cancel"),
    KeySpec("queue.undo", ("u",), "undo", "Take the last change back", Scope.QUEUE, "undo"),
    KeySpec(
        "gateway.switch",
        ("S", "alt+g"),
        "switch_gateway",
        "Start it, or stop it",
        Scope.GATEWAY,
        "start or stop",
    ),
    KeySpec(
        "gateway.copy", ("y",), "copy_lines", "Offer it to the terminal's clipboard", Scope.GATEWAY, "copy"
    ),
    KeySpec("preferences.search", ("slash",), "search", "Search the settings", Scope.PREFERENCES, "search"),
    KeySpec("preferences.edit", ("enter", "space"), "edit", "Change it", Scope.PREFERENCES, "change"),
    KeySpec("preferences.more", ("l", "right"), "step(1)", "More, or the next choice", Scope.PREFERENCES),
    KeySpec("preferences.less", ("h", "left"), "step(-1)", "Less, or the choice before", Scope.PREFERENCES),
    KeySpec("preferences.down", ("J",), "move(1)", "Move the entry of a list down", Scope.PREFERENCES),
    KeySpec("preferences.up", ("K",), "move(-1)", "Move the entry of a list up", Scope.PREFERENCES),
    KeySpec(
        "preferences.default", ("d", "delete"), "default", "Back to the default", Scope.PREFERENCES, "default"
    ),
    KeySpec("preferences.undo", ("u",), "undo", "Take the last change back", Scope.PREFERENCES, "undo"),
    KeySpec("preferences.new", ("n",), "new_account", "Add an account", Scope.PREFERENCES, "add an account"),
    KeySpec(
        "preferences.save",
        ("w", "ctrl+s"),
        "save",
        "See what would change, and save",
        Scope.PREFERENCES,
        "save",
    ),
)


def unbound(spec_id: str) -> str:
    """Stands for a key where there is none, so that Textual has something to put another in place of."""
    return f"none.{spec_id}"


def specs(*scopes: Scope) -> tuple[KeySpec, ...]:
    """The keys of these scopes, in the order of the list."""
    return tuple(spec for spec in KEYS if spec.scope in scopes)


def bindings(*scopes: Scope, instead: Mapping[str, str] | None = None) -> list[BindingType]:
    """Textual bindings of these scopes, hidden from Textual's own footer. `instead` gives the action of a binding's id
    where a screen has its own."""
    from textual.binding import Binding

    return [
        Binding(
            ",".join(spec.keys) or unbound(spec.id),
            (instead or {}).get(spec.id, spec.action),
            spec.description,
            show=False,
            id=spec.id,
        )
        for spec in specs(*scopes)
    ]


def app_bindings() -> list[BindingType]:
    """Those keys of everywhere that the application itself answers, over any screen. What ends the deck or finds every
    action comes before what a screen has the key for."""
    from dataclasses import replace as changed

    from textual.binding import Binding

    first = {"quit", "palette"}
    return [
        changed(one, priority=one.id in first)
        for one in bindings(Scope.ANYWHERE)
        if isinstance(one, Binding) and one.action.startswith("app.")
    ]


def actions_by_key(scope: Scope) -> dict[str, str]:
    """Textual key name to action, for a widget that takes its keys itself."""
    return {key: spec.action for spec in specs(scope) for key in spec.keys}
