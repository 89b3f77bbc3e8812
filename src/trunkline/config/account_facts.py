"""Accounts and their limits as a person edits them: what is written, what is inherited, where each comes from."""

from __future__ import annotations

import enum
import tomllib
from dataclasses import dataclass
from typing import Any

from trunkline.config.files import Lines, value_at
from trunkline.config.load import Loaded
from trunkline.domain.limits import LimitScope, LimitSpec, Metric
from trunkline.domain.money import PICO_PER_USD
from trunkline.domain.routes import AccountSpec, KeySource, ProviderSpec


class AccountOrigin(enum.StrEnum):
    """What makes an account: a table of the user's file, a variable of the environment, or a provider that wants no
    key, as one on this machine."""

    FILE = "file"
    VARIABLE = "variable"
    KEYLESS = "keyless"


class LimitsOrigin(enum.StrEnum):
    """Whose list of limits an account has: its own, or that of its endpoint or provider."""

    OWN = "own"
    INHERITED = "inherited"


@dataclass(frozen=True, slots=True)
class LimitText:
    """A limit as the file writes it; `amount` in USD where the metric is cost. None leaves a part out."""

    metric: str
    amount: float
    window: str = "balance"
    scope: str | None = None
    model: str | None = None

    def table(self) -> dict[str, object]:
        """As TOML has it, without what is left out."""
        whole = int(self.amount) if float(self.amount).is_integer() else self.amount
        values: dict[str, object] = {"metric": self.metric, "amount": whole, "window": self.window}
        return values | {k: v for k, v in (("scope", self.scope), ("model", self.model)) if v is not None}

    def __str__(self) -> str:
        amount = f"${self.amount:,.2f}" if self.metric == Metric.COST else f"{self.amount:,.0f}"
        about = " · ".join(part for part in (self.model, self.scope) if part)
        return f"{amount} {self.metric} / {self.window}{f' · {about}' if about else ''}"


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """An account as it stands. `key` is the reference, never the key; `billing`, `organisation`, `base_url` and
    `endpoint` are what holds. `stated` are the names of what its own table says, `line` is where that begins."""

    provider: str
    id: str
    key: str
    has_key: bool
    enabled: bool
    billing: str
    organisation: str | None
    base_url: str | None
    endpoint: str | None
    limits: tuple[LimitText, ...]
    limits_origin: LimitsOrigin
    origin: AccountOrigin
    stated: tuple[str, ...] = ()
    line: int | None = None

    @property
    def address(self) -> str:
        """`provider/account`, by which edits name it."""
        return f"{self.provider}/{self.id}"


def accounts_of_provider(loaded: Loaded, provider: str) -> tuple[AccountFacts, ...]:
    """The accounts of one provider, those of the file first."""
    spec = loaded.config.catalogue.provider(provider)
    if spec is None:
        return ()
    layer = loaded.providers_layers[-1]
    lines = Lines(layer.text)
    written = written_accounts(layer.data, provider)
    return tuple(_facts(spec, account, written, lines) for account in spec.accounts)


def all_accounts(loaded: Loaded) -> tuple[AccountFacts, ...]:
    """The accounts of every provider that has any."""
    return tuple(
        facts
        for provider in loaded.config.catalogue.providers
        for facts in accounts_of_provider(loaded, provider.id)
    )


def written_accounts(data: dict[str, Any], provider: str) -> list[dict[str, Any]]:
    """The tables of the provider's accounts in a user's file."""
    found = value_at(data, ("providers", provider, "accounts"))[1]
    return [table for table in found if isinstance(table, dict)] if isinstance(found, list) else []


def place_of(text: str, provider: str, account: str) -> int | None:
    """Which of the provider's tables in the text is that account's."""
    ids = [table.get("id") for table in written_accounts(tomllib.loads(text), provider)]
    return ids.index(account) if account in ids else None


def limit_text(limit: LimitSpec) -> LimitText:
    """A limit as the file would write it; the scope that it has anyway is left out."""
    usual = LimitScope.MODEL if limit.model else LimitScope.ACCOUNT
    return LimitText(
        metric=limit.metric.value,
        amount=limit.amount / PICO_PER_USD if limit.metric is Metric.COST else limit.amount,
        window=str(limit.window),
        scope=None if limit.scope is usual else limit.scope.value,
        model=limit.model,
    )


def _facts(
    provider: ProviderSpec, account: AccountSpec, written: list[dict[str, Any]], lines: Lines
) -> AccountFacts:
    place = next((index for index, table in enumerate(written) if table.get("id") == account.id), None)
    stated = () if place is None else tuple(written[place])
    origin = AccountOrigin.FILE
    if place is None:
        origin = AccountOrigin.KEYLESS if account.key.source is KeySource.NONE else AccountOrigin.VARIABLE
    return AccountFacts(
        provider=provider.id,
        id=account.id,
        key=str(account.key),
        has_key=account.has_key,
        enabled=account.enabled,
        billing=account.billing.value,
        organisation=account.organisation,
        base_url=account.base_url,
        endpoint=account.endpoint,
        limits=tuple(limit_text(limit) for limit in account.limits),
        limits_origin=LimitsOrigin.OWN if "limits" in stated else LimitsOrigin.INHERITED,
        origin=origin,
        stated=stated,
        line=None if place is None else lines.of(("providers", provider.id, "accounts", place)),
    )
