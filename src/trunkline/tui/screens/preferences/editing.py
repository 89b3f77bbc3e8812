"""Which question a line of the preferences asks when it is opened, and what becomes of the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trunkline.config.account_edits import NewAccount
from trunkline.config.account_facts import LimitText, all_accounts
from trunkline.config.load import Loaded
from trunkline.config.settings import Setting
from trunkline.config.shape import Kind
from trunkline.tui.keymap import keys_in_force
from trunkline.tui.screens.preferences import changes
from trunkline.tui.screens.preferences.account import AccountScreen
from trunkline.tui.screens.preferences.account_settings import holds_limits
from trunkline.tui.screens.preferences.choice import ChoiceScreen
from trunkline.tui.screens.preferences.field import FieldScreen
from trunkline.tui.screens.preferences.items import Item, ItemKind
from trunkline.tui.screens.preferences.key_capture import KeyCaptureScreen
from trunkline.tui.screens.preferences.known_settings import key_id, refusal_of_keys
from trunkline.tui.screens.preferences.limit import LimitScreen
from trunkline.tui.screens.preferences.problems import refusal_of_text, refusal_of_value, with_unsaved
from trunkline.tui.screens.preferences.themes import THEME
from trunkline.tui.screens.preferences.values import bounds_text, read_typed, sentence, shown, typed_text

if TYPE_CHECKING:
    from trunkline.tui.screens.preferences.screen import PreferencesScreen


def edit_item(screen: PreferencesScreen, loaded: Loaded, item: Item) -> None:
    """Open the question of a line; the answer goes to the screen as another draft."""
    if item.kind in (ItemKind.SECTION, ItemKind.GROUP):
        screen.toggle(item.name)
        return
    if item.kind is ItemKind.NEW:
        ask_account(screen, loaded)
        return
    setting = screen.draft.settings[item.name]
    loaded = with_unsaved(loaded, screen.draft)
    if item.kind in (ItemKind.ENTRY, ItemKind.ADD) and holds_limits(setting):
        _ask_limit(screen, setting, item)
    elif item.kind in (ItemKind.ENTRY, ItemKind.ADD):
        _ask_entry(screen, loaded, setting, item)
    elif key_id(setting) is not None:
        _ask_keys(screen, setting)
    elif setting.kind is Kind.LIST:
        screen.toggle(item.name)
    elif setting.kind is Kind.SWITCH:
        screen.apply(changes.step(screen.draft, item, 1))
    elif setting.kind is Kind.TABLE:
        screen.apply(f"{setting.key} has parts of its own: it is changed in {setting.file}.")
    elif setting.choices or setting.suggestions:
        _ask_choice(screen, loaded, setting)
    else:
        _ask_text(screen, loaded, setting)


def ask_account(screen: PreferencesScreen, loaded: Loaded) -> None:
    """Ask for an account that is not there yet; it is saved with everything that is unsaved."""

    def answered(account: NewAccount | None) -> None:
        if account is not None:
            screen.plan_account(f"Add {account.account}", account)

    catalogue = loaded.config.catalogue
    screen.app.push_screen(
        AccountScreen(
            tuple(one.id for one in catalogue.providers),
            frozenset(facts.address for facts in all_accounts(loaded)),
        ),
        answered,
    )


def _ask_choice(screen: PreferencesScreen, loaded: Loaded, setting: Setting) -> None:
    is_theme = setting.key == THEME

    def check(word: str) -> str | None:
        if is_theme and (reason := screen.themes.refusal(word)) is not None:
            return reason
        return refusal_of_value(loaded, setting, word)

    def answered(word: str | None) -> None:
        screen.themes.show(screen.app, screen.draft)
        if word is not None:
            screen.apply(screen.draft.with_value(setting.key, word))

    current = screen.draft.value(setting.key)
    screen.app.push_screen(
        ChoiceScreen(
            setting.key,
            setting.choices or setting.suggestions,
            current if isinstance(current, str) else None,
            check=None if setting.choices else check,
            preview=(lambda name: screen.themes.show_name(screen.app, name)) if is_theme else None,
        ),
        answered,
    )


def _ask_entry(screen: PreferencesScreen, loaded: Loaded, setting: Setting, item: Item) -> None:
    def answered(word: str | None) -> None:
        if word is not None:
            screen.apply(changes.put_entry(screen.draft, item, word))

    title = f"{setting.key}: {'another entry' if item.kind is ItemKind.ADD else f'entry {item.label}'}"
    taken = set(screen.draft.entries(setting.key)) - {item.entry}
    if not setting.suggestions:
        screen.app.push_screen(
            FieldScreen(
                title, sentence(setting.help), item.entry, lambda text: _refused_entry(loaded, setting, text)
            ),
            answered,
        )
        return
    screen.app.push_screen(
        ChoiceScreen(
            title,
            tuple(one for one in setting.suggestions if one not in taken),
            item.entry or None,
            check=lambda text: refusal_of_value(loaded, setting, text),
        ),
        answered,
    )


def _ask_limit(screen: PreferencesScreen, setting: Setting, item: Item) -> None:
    entries = screen.draft.entries(setting.key)
    limit = entries[item.index] if item.kind is ItemKind.ENTRY else None

    def answered(answer: LimitText | None) -> None:
        if answer is not None:
            screen.apply(changes.put_entry(screen.draft, item, answer))

    screen.app.push_screen(
        LimitScreen(setting.group, limit if isinstance(limit, LimitText) else None), answered
    )


def _refused_entry(loaded: Loaded, setting: Setting, text: str) -> str | None:
    return refusal_of_value(loaded, setting, text.strip()) if text.strip() else "expected a text"


def _ask_text(screen: PreferencesScreen, loaded: Loaded, setting: Setting) -> None:
    def answered(text: str | None) -> None:
        if text is not None:
            screen.apply(screen.draft.with_value(setting.key, read_typed(setting, text)))

    default = "" if setting.required else f" Default {shown(setting.default)}."
    takes = ", ".join(filter(None, (setting.type, bounds_text(setting))))
    screen.app.push_screen(
        FieldScreen(
            setting.key,
            f"{sentence(setting.help)}\nTakes {takes}.{default}",
            typed_text(screen.draft.value(setting.key)),
            lambda text: refusal_of_text(loaded, setting, text),
            placeholder="" if setting.required else "empty: the default",
        ),
        answered,
    )


def _ask_keys(screen: PreferencesScreen, setting: Setting) -> None:
    draft = screen.draft
    spec = keys_in_force(screen).named(key_id(setting) or "")
    overrides = {
        key_id(one) or "": str(draft.value(one.key) or "")
        for one in draft.settings.values()
        if key_id(one) is not None and not draft.is_default(one.key)
    }

    def answered(keys: tuple[str, ...] | None) -> None:
        if keys is not None:
            screen.apply(draft.with_value(setting.key, ",".join(keys)))

    screen.app.push_screen(
        KeyCaptureScreen(spec, lambda keys: refusal_of_keys(overrides, spec.id, keys)), answered
    )
