"""Changes of accounts and limits in the user's providers.toml, for `ConfigDesk.plan`. An account is addressed as
`provider/account`.

An account that a variable made stands in no file: its first change writes a table of its id that refers to the
variable, after which the file says what it is. Its limits are then its own: those it had from the provider are
written out with the first change of them, so that no allowance is lost by adding one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from trunkline.config.account_facts import LimitText, limit_text, place_of, written_accounts
from trunkline.config.check import check_field
from trunkline.config.desk import TextEdit
from trunkline.config.edit import added, edited
from trunkline.config.files import KeyPath
from trunkline.config.load import Loaded
from trunkline.config.schema import AccountTable, LimitTable
from trunkline.domain.errors import ConfigError
from trunkline.domain.routes import AccountSpec
from trunkline.domain.text import redact

ACCOUNT_FIELDS = ("id", "key", "enabled", "billing", "organisation", "endpoint", "base_url")
LIMIT_FIELDS = ("metric", "amount", "window", "scope", "model")


def check_account(name: str, value: object) -> str | None:
    """What was expected of a field of an account, where `value` cannot be used; None where it can. Never repeats the
    value."""
    return check_field(AccountTable, (name,), value)


def check_limit(name: str, value: object) -> str | None:
    """What was expected of a field of a limit, where `value` cannot be used; None where it can."""
    return check_field(LimitTable, (name,), value)


@dataclass(frozen=True)
class _InProviders(TextEdit):
    """An edit of one account in the user's providers.toml."""

    account: str

    def file(self, loaded: Loaded) -> Path:
        return loaded.places.providers_file

    @property
    def provider(self) -> str:
        return self.account.partition("/")[0]

    @property
    def id(self) -> str:
        return self.account.partition("/")[2]

    def _spec(self, loaded: Loaded) -> AccountSpec:
        spec = loaded.config.catalogue.account(self.provider, self.id)
        if spec is None:
            raise self._refusal("an account that exists", "`trunkline doctor` lists them.")
        return spec

    def _table(self, loaded: Loaded, text: str) -> tuple[str, KeyPath]:
        """The text with a table of this account in it, and where that is."""
        place = place_of(text, self.provider, self.id)
        if place is None:
            spec = self._spec(loaded)
            text = added(text, self._list, {"id": spec.id, "key": str(spec.key), "endpoint": spec.endpoint})
            place = len(written_accounts(tomllib.loads(text), self.provider)) - 1
        return text, (*self._list, place)

    @property
    def _list(self) -> KeyPath:
        return ("providers", self.provider, "accounts")

    def _refusal(self, expected: str, remedy: str = "") -> ConfigError:
        return ConfigError(
            file="config", key=redact(self.account), value=None, expected=expected, remedy=remedy
        )


@dataclass(frozen=True)
class AccountEdit(_InProviders):
    """Fields of an account set to plain TOML values; None takes one out, so that the provider's holds again."""

    changes: Mapping[str, object | None] = field(default_factory=dict)

    def apply(self, loaded: Loaded, text: str) -> str:
        text, path = self._table(loaded, text)
        for name, value in self.changes.items():
            text = edited(text, (*path, name), value)
        return text


@dataclass(frozen=True)
class NewAccount(_InProviders):
    """An account that is not there yet. `key` refers to where its key is: `env:NAME`, or `none`."""

    key: str = "none"
    more: Mapping[str, object | None] = field(default_factory=dict)

    def apply(self, loaded: Loaded, text: str) -> str:
        if loaded.config.catalogue.account(self.provider, self.id) is not None:
            raise self._refusal("a name that no other account of the provider has")
        if not self.id:
            raise self._refusal("a provider and a name, as provider/account")
        return added(text, self._list, {"id": self.id, "key": self.key, **self.more})


@dataclass(frozen=True)
class RemovedAccount(_InProviders):
    """An account's table taken out of the file."""

    def apply(self, loaded: Loaded, text: str) -> str:
        place = place_of(text, self.provider, self.id)
        if place is None:
            spec = self._spec(loaded)
            made_by = f"{spec.key.name} is set" if spec.key.name else f"{self.provider} wants no key"
            raise self._refusal(
                "an account of your file", f"This one is there because {made_by}: disable it instead."
            )
        return edited(text, (*self._list, place), None)


@dataclass(frozen=True)
class LimitEdit(_InProviders):
    """One limit of an account: the `at`-th set to `limit`, taken out where `limit` is None, added where `at` is
    None."""

    at: int | None = None
    limit: LimitText | None = None

    def apply(self, loaded: Loaded, text: str) -> str:
        limits = self._limits(loaded, text)
        if self.at is not None and not 0 <= self.at < len(limits):
            raise self._refusal(f"one of its {len(limits)} limits")
        if self.at is None:
            limits += [self.limit.table()] if self.limit is not None else []
        else:
            limits[self.at : self.at + 1] = [self.limit.table()] if self.limit is not None else []
        text, path = self._table(loaded, text)
        return edited(text, (*path, "limits"), limits)

    def _limits(self, loaded: Loaded, text: str) -> list[dict[str, object]]:
        """What its table says, else what it has from its endpoint or provider."""
        place = place_of(text, self.provider, self.id)
        if place is not None:
            written = written_accounts(tomllib.loads(text), self.provider)[place].get("limits")
            if isinstance(written, list):
                return list(written)
        return [limit_text(limit).table() for limit in self._spec(loaded).limits]


@dataclass(frozen=True)
class InheritedLimits(_InProviders):
    """The account's own limits taken out, so that those of its endpoint or provider hold again."""

    def apply(self, loaded: Loaded, text: str) -> str:
        place = place_of(text, self.provider, self.id)
        return text if place is None else edited(text, (*self._list, place, "limits"), None)
