"""The accounts of a provider: those that the files name, those that variables make, and the limits of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from trunkline.config.files import KeyPath, Layer, layer_of
from trunkline.config.keys import KeyRing, NumberedVariables, parse_key_ref, pool_of_variables
from trunkline.config.problems import problem, suggestion
from trunkline.config.schema import AccountTable, EndpointTable, LimitTable, ProviderTable
from trunkline.domain.limits import FigureSource, LimitScope, LimitSpec, Metric, Window
from trunkline.domain.money import PICO_PER_USD
from trunkline.domain.routes import AccountSpec, Billing, KeyRef, KeySource
from trunkline.domain.secret import Secret


@dataclass(frozen=True, slots=True)
class Outside:
    """What a catalogue is compiled with beside the files."""

    layers: Sequence[Layer]
    environ: Mapping[str, str]
    keys: KeyRing
    numbered: NumberedVariables


def accounts_of(
    provider: str, table: ProviderTable, enabled: bool, outside: Outside, notes: list[str]
) -> list[AccountSpec]:
    """Accounts in the order of the file, then those of variables at the provider's own address, then at its
    endpoints. Appends to `notes` what the user should hear. Raises ConfigError for accounts that contradict each
    other or name what is not there."""
    accounts = [
        _configured(provider, index, account, table, enabled, outside, notes)
        for index, account in enumerate(table.accounts)
    ]
    _check_unique(provider, accounts, outside.layers)
    if not enabled:
        return accounts
    accounts += _of_variables(provider, table, accounts, outside)
    if not accounts and table.key is not None:
        ref = parse_key_ref(table.key) or KeyRef(KeySource.NONE)
        account = _automatic(provider, "main", ref, table, None, outside.layers)
        accounts.append(replace(account, has_key=outside.keys.has(ref)))
    return accounts


def _of_variables(
    provider: str, table: ProviderTable, configured: list[AccountSpec], outside: Outside
) -> list[AccountSpec]:
    """An account for every key in a variable that no configured account holds. A key that stands in an endpoint's
    variable too belongs to that endpoint."""
    refs = {account.key for account in configured}
    taken = {outside.keys.secret(ref) for ref in refs}
    ids = {account.id for account in configured}

    def unknown(stems: Sequence[str], *, first: str, pool: str) -> list[tuple[str, KeyRef]]:
        found: list[tuple[str, KeyRef]] = []
        for id_, ref in pool_of_variables(stems, outside.keys, outside.numbered, first=first, pool=pool):
            secret: Secret | None = outside.keys.secret(ref)
            if ref not in refs and secret not in taken:
                taken.add(secret)
                found.append((id_, ref))
        return found

    at_endpoints = [
        (endpoint, id_, ref)
        for endpoint, there in table.endpoints.items()
        for id_, ref in unknown(there.key_env, first=endpoint, pool=endpoint)
    ]
    at_home = unknown(table.key_env, first="main", pool=provider)
    return [
        *(_automatic(provider, _free_id(id_, ids), ref, table, None, outside.layers) for id_, ref in at_home),
        *(
            _automatic(provider, _free_id(id_, ids), ref, table, name, outside.layers)
            for name, id_, ref in at_endpoints
        ),
    ]


def _free_id(wanted: str, used: set[str]) -> str:
    """`wanted`, or `wanted-2` and so on where it is taken: by a variable of another name, or by the user."""
    free, number = wanted, 1
    while free in used:
        number += 1
        free = f"{wanted}-{number}"
    used.add(free)
    return free


def _automatic(
    provider: str,
    id_: str,
    ref: KeyRef,
    table: ProviderTable,
    endpoint: str | None,
    layers: Sequence[Layer],
) -> AccountSpec:
    there = None if endpoint is None else table.endpoints[endpoint]
    billing = (there.billing if there is not None else None) or table.billing
    return AccountSpec(
        provider=provider,
        id=id_,
        key=ref,
        billing=billing,
        base_url=None if there is None else there.base_url,
        endpoint=endpoint,
        limits=_account_limits(provider, (None, None), endpoint, billing, table, layers),
        check_ms=_check_ms(table.check_s),
    )


def _configured(
    provider: str,
    index: int,
    account: AccountTable,
    table: ProviderTable,
    enabled: bool,
    outside: Outside,
    notes: list[str],
) -> AccountSpec:
    ref = parse_key_ref(account.key) or KeyRef(KeySource.NONE)
    if ref.source in (KeySource.VAULT, KeySource.KEYRING):
        notes.append(
            f"{provider}/{account.id}: keys kept in a {ref.source.value} cannot be read yet; put the key into an "
            'environment variable and write key = "env:NAME"'
        )
    there = _endpoint(provider, index, account, table, outside.layers)
    billing = account.billing or (there.billing if there is not None else None) or table.billing
    return AccountSpec(
        provider=provider,
        id=account.id,
        key=ref,
        billing=billing,
        has_key=outside.keys.has(ref),
        organisation=account.organisation,
        enabled=account.enabled and enabled,
        base_url=account.base_url if there is None else there.base_url,
        endpoint=account.endpoint,
        limits=_account_limits(provider, (index, account), account.endpoint, billing, table, outside.layers),
        check_ms=_check_ms(table.check_s if account.check_s is None else account.check_s),
    )


def _check_ms(check_s: float | None) -> int | None:
    return None if check_s is None else round(check_s * 1000)


def _endpoint(
    provider: str, index: int, account: AccountTable, table: ProviderTable, layers: Sequence[Layer]
) -> EndpointTable | None:
    """The endpoint that an account names. Raises ConfigError where it is not there, or beside another address."""
    if account.endpoint is None:
        return None
    path: KeyPath = ("providers", provider, "accounts", index, "endpoint")
    there = table.endpoints.get(account.endpoint)
    if there is None:
        known = ", ".join(table.endpoints)
        raise problem(
            layers,
            path,
            expected=f"an endpoint of {provider}: {known}" if known else f"no endpoint: {provider} has none",
            remedy=suggestion(account.endpoint, table.endpoints)
            or "Without an endpoint the account is at the provider's base_url.",
        )
    if account.base_url is not None:
        raise problem(
            layers, path, expected="an endpoint or a base_url, not both", remedy="Take one of the two out."
        )
    return there


def _account_limits(
    provider: str,
    configured: tuple[int, AccountTable] | tuple[None, None],
    endpoint: str | None,
    billing: Billing,
    table: ProviderTable,
    layers: Sequence[Layer],
) -> tuple[LimitSpec, ...]:
    """The nearest list that is given: the account's, its endpoint's, the provider's. What the shipped catalogue
    documents is an estimate of what this account has; what the user wrote is configured."""
    index, account = configured
    there = None if endpoint is None else table.endpoints[endpoint]
    lists: list[tuple[KeyPath, list[LimitTable]]] = [(("limits",), table.limits)]
    if account is not None and account.limits is not None:
        lists = [(("accounts", index or 0, "limits"), account.limits)]
    elif there is not None and there.limits is not None:
        lists = [(("endpoints", endpoint or "", "limits"), there.limits)]
    elif billing is Billing.FREE:
        lists.append((("free_limits",), table.free_limits))
    return tuple(
        _limit(limit, table.timezone, user=layer_of(layers, ("providers", provider, *path)).user)
        for path, tables in lists
        for limit in tables
    )


def _limit(limit: LimitTable, zone: str, *, user: bool) -> LimitSpec:
    factor = PICO_PER_USD if limit.metric == "cost" else 1
    return LimitSpec(
        metric=Metric(limit.metric),
        amount=round(limit.amount * factor),
        window=Window.parse(limit.window, zone),
        scope=limit.scope or (LimitScope.MODEL if limit.model else LimitScope.ACCOUNT),
        model=limit.model,
        source=FigureSource.CONFIGURED if user else FigureSource.ESTIMATED,
    )


def _check_unique(provider: str, accounts: list[AccountSpec], layers: Sequence[Layer]) -> None:
    seen: set[str] = set()
    for index, account in enumerate(accounts):
        if account.id in seen:
            raise problem(
                layers,
                ("providers", provider, "accounts", index, "id"),
                expected="a name that no other account of the provider has",
            )
        seen.add(account.id)
