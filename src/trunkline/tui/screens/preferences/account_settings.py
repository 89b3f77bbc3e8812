"""Accounts and their limits as settings of a section of their own, and their changes as edits of providers.toml."""

from __future__ import annotations

from trunkline.config.account_edits import ACCOUNT_FIELDS, AccountEdit
from trunkline.config.account_facts import AccountFacts, LimitsOrigin, LimitText, all_accounts
from trunkline.config.desk import Edit, TextEdit
from trunkline.config.load import Loaded
from trunkline.config.schema import AccountTable
from trunkline.config.settings import Setting, Source, SourceKind
from trunkline.config.shape import Kind, choices_of, kind_of, type_name
from trunkline.tui.screens.preferences.draft import Draft

ACCOUNTS = "accounts"
ACCOUNTS_TITLE = "Accounts and limits"
_LIMITS = "limits"
_FIRST = ("enabled", "key", _LIMITS)
_FIELDS = (*_FIRST, *(name for name in ACCOUNT_FIELDS if name not in (*_FIRST, "id")))


def account_settings(loaded: Loaded) -> tuple[Setting, ...]:
    """A setting for each field of each account, what is changed most often first."""
    file = str(loaded.places.providers_file)
    return tuple(_setting(facts, name, file) for facts in all_accounts(loaded) for name in _FIELDS)


def field_of_account(setting: Setting) -> str | None:
    """The field that the setting is of an account; None for any other setting."""
    return setting.key.rpartition(".")[2] if setting.section == ACCOUNTS else None


def account_of_group(group: str) -> str | None:
    """The account, as `provider/account`, that a group of settings is of; None for any other group."""
    section, _, account = group.partition(".")
    return account if section == ACCOUNTS and account else None


def holds_limits(setting: Setting) -> bool:
    """Whether the setting's entries are limits."""
    return field_of_account(setting) == _LIMITS


def edits_of(draft: Draft) -> tuple[Edit | TextEdit, ...]:
    """What is to be saved, in the order of the settings; all changes of an account are one edit."""
    plain: list[Edit | TextEdit] = []
    of_accounts: dict[str, dict[str, object | None]] = {}
    for key, setting in draft.settings.items():
        if key not in draft.changes:
            continue
        field = field_of_account(setting)
        if field is None:
            plain.append(Edit(key, draft.changes[key]))
        else:
            of_accounts.setdefault(setting.group, {})[field] = _written(draft.changes[key])
    return (*plain, *(AccountEdit(account, changes) for account, changes in of_accounts.items()))


def _written(value: object) -> object:
    if not isinstance(value, list):
        return value
    return [one.table() if isinstance(one, LimitText) else one for one in value]


def _setting(facts: AccountFacts, name: str, file: str) -> Setting:
    field = AccountTable.model_fields[name]
    is_limits = name == _LIMITS
    stated = name in facts.stated
    current: object = list(facts.limits) if is_limits else getattr(facts, name)
    return Setting(
        key=f"{ACCOUNTS}.{facts.address}.{name}",
        type="list of limits" if is_limits else type_name(field.annotation),
        choices=choices_of(field.annotation),
        default=_default(facts, name, current, stated=stated),
        current=current,
        stated=stated,
        file=file,
        help=field.description or "",
        kind=Kind.LIST if is_limits else kind_of(field.annotation),
        section=ACCOUNTS,
        title=ACCOUNTS_TITLE,
        group=facts.address,
        required=name == "key",
        source=Source(SourceKind.USER, line=facts.line) if stated else Source(SourceKind.SHIPPED),
    )


def _default(facts: AccountFacts, name: str, current: object, *, stated: bool) -> object:
    """What holds where the account says nothing; None where that is not known here."""
    if name == "enabled":
        return True
    if name == _LIMITS:
        return list(facts.limits) if facts.limits_origin is LimitsOrigin.INHERITED else None
    return None if stated else current
