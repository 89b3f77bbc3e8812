"""From the checked providers.toml to the frozen `Catalogue`, with the accounts that variables make."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from trunkline.config.files import KeyPath, Layer, layer_of
from trunkline.config.keys import (
    KeyRing,
    NumberedVariables,
    numbered_variables,
    parse_key_ref,
    pool_of_variables,
)
from trunkline.config.problems import problem, suggestion
from trunkline.config.schema import (
    AccountTable,
    LimitTable,
    ModelTable,
    PriceTable,
    ProvidersFile,
    ProviderTable,
    QuirksTable,
)
from trunkline.domain.errors import ConfigError
from trunkline.domain.limits import LimitScope, LimitSpec, Metric, Window
from trunkline.domain.money import PICO_PER_USD, Price, pico_per_token
from trunkline.domain.routes import (
    AccountSpec,
    Billing,
    Capability,
    Catalogue,
    EndpointSpec,
    KeyRef,
    KeySource,
    ModelSpec,
    ProviderSpec,
    Quirks,
    RetiredModel,
)

ENVIRONMENT = "environment"


@dataclass(frozen=True, slots=True)
class Outside:
    """What a catalogue is compiled with beside the files."""

    layers: Sequence[Layer]
    environ: Mapping[str, str]
    keys: KeyRing
    numbered: NumberedVariables


def compile_catalogue(
    file: ProvidersFile, layers: Sequence[Layer], environ: Mapping[str, str], keys: KeyRing
) -> tuple[Catalogue, list[str]]:
    """The catalogue, and what should be said about it. Raises ConfigError for values that contradict each
    other."""
    outside = Outside(layers, environ, keys, numbered_variables(environ))
    best = max(
        (m.quality for p in file.providers.values() for m in p.models.values() if m.enabled and m.quality),
        default=None,
    )
    notes: list[str] = []
    providers = tuple(_provider(name, table, best, outside, notes) for name, table in file.providers.items())
    return Catalogue(providers), notes


def _provider(
    name: str, table: ProviderTable, best: float | None, outside: Outside, notes: list[str]
) -> ProviderSpec:
    base_url, overridden = _base_url(table, outside.environ)
    enabled = table.enabled or overridden
    _check_models(name, table, outside.layers)
    accounts = _accounts(name, table, enabled, outside, notes)
    if any(account.has_key and account.key.source is not KeySource.NONE for account in accounts) and _is_open(
        base_url
    ):
        notes.append(f"{name}: {base_url} is not encrypted; keys and prompts can be read on the way")
    quirks = table.quirks.model_dump(exclude={"extra_headers", "extra_body"})
    return ProviderSpec(
        id=name,
        protocol=table.protocol,
        base_url=base_url,
        pool=table.pool,
        billing=table.billing,
        timezone=table.timezone,
        accounts=tuple(accounts),
        models=tuple(
            _model(name, id_, m, best, table.quirks) for id_, m in table.models.items() if m.enabled
        ),
        quirks=Quirks(
            **quirks,
            extra_headers=tuple(table.quirks.extra_headers.items()),
            extra_body=tuple((field, json.dumps(value)) for field, value in table.quirks.extra_body.items()),
        ),
        retired=tuple(RetiredModel(id_, r.on, r.successor) for id_, r in table.retired.items()),
        endpoints=tuple(
            EndpointSpec(id_, e.base_url, e.billing, e.note) for id_, e in table.endpoints.items()
        ),
        key_env=tuple(table.key_env),
    )


def _base_url(table: ProviderTable, environ: Mapping[str, str]) -> tuple[str, bool]:
    """The address, and whether the environment gave it: a host alone takes scheme, port and path from the file."""
    given = environ.get(table.base_url_env, "").strip() if table.base_url_env else ""
    if not given:
        return table.base_url, False
    default = urlsplit(table.base_url)
    schemed = "://" in given
    parts = urlsplit(given if schemed else f"//{given}")
    try:
        port = parts.port
    except ValueError:
        port = -1
    host = parts.hostname
    if not host or port == -1 or parts.username or (schemed and parts.scheme not in ("http", "https")):
        raise ConfigError(
            file=ENVIRONMENT,
            key=str(table.base_url_env),
            value=None,
            expected=f"an address such as {table.base_url}, without a user name in it",
            remedy="Correct the variable or unset it.",
        )
    if host in ("0.0.0.0", "::"):  # noqa: S104 - a server's "every interface", which is no address to call
        host = "127.0.0.1"
    if port is None and not schemed:
        port = default.port
    netloc = f"[{host}]" if ":" in host else host
    netloc = netloc if port is None else f"{netloc}:{port}"
    path = parts.path.rstrip("/") or default.path
    return f"{parts.scheme if schemed else default.scheme}://{netloc}{path}", True


def _is_open(base_url: str) -> bool:
    """Plain HTTP to a host that is neither this machine nor one of a private network."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if parts.scheme != "http" or ("." not in host.strip(".") and ":" not in host):
        return False
    try:
        return not ipaddress.ip_address(host).is_private
    except ValueError:
        return not host.endswith((".local", ".lan", ".internal", ".localhost", ".home.arpa"))


def _accounts(
    name: str, table: ProviderTable, enabled: bool, outside: Outside, notes: list[str]
) -> list[AccountSpec]:
    accounts = [
        _configured(name, index, account, table, enabled, outside, notes)
        for index, account in enumerate(table.accounts)
    ]
    _check_unique(name, accounts, outside.layers)
    if not enabled:
        return accounts
    used = {account.id for account in accounts}
    known_secrets = [outside.keys.secret(account.key) for account in accounts]
    for id_, ref in pool_of_variables(name, tuple(table.key_env), outside.keys, outside.numbered):
        if any(account.key == ref for account in accounts) or outside.keys.secret(ref) in known_secrets:
            continue
        accounts.append(_automatic(name, _free_id(id_, used), ref, table))
    if not accounts and table.key is not None:
        ref = parse_key_ref(table.key) or KeyRef(KeySource.NONE)
        account = _automatic(name, "main", ref, table)
        accounts.append(replace(account, has_key=outside.keys.has(ref)))
    return accounts


def _free_id(wanted: str, used: set[str]) -> str:
    """`wanted`, or `wanted-2` and so on where it is taken: by a variable of another name, or by the user."""
    free, number = wanted, 1
    while free in used:
        number += 1
        free = f"{wanted}-{number}"
    used.add(free)
    return free


def _automatic(provider: str, id_: str, ref: KeyRef, table: ProviderTable) -> AccountSpec:
    return AccountSpec(
        provider=provider,
        id=id_,
        key=ref,
        billing=table.billing,
        limits=_account_limits(None, table.billing, table),
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
    billing = account.billing or table.billing
    return AccountSpec(
        provider=provider,
        id=account.id,
        key=ref,
        billing=billing,
        has_key=outside.keys.has(ref),
        organisation=account.organisation,
        enabled=account.enabled and enabled,
        base_url=account.base_url,
        limits=_account_limits(account, billing, table),
    )


def _account_limits(
    account: AccountTable | None, billing: Billing, table: ProviderTable
) -> tuple[LimitSpec, ...]:
    if account is not None and account.limits is not None:
        tables = account.limits
    elif billing is Billing.FREE:
        tables = [*table.limits, *table.free_limits]
    else:
        tables = table.limits
    return tuple(_limit(limit, table.timezone) for limit in tables)


def _limit(limit: LimitTable, zone: str) -> LimitSpec:
    factor = PICO_PER_USD if limit.metric is Metric.COST else 1
    return LimitSpec(
        metric=limit.metric,
        amount=round(limit.amount * factor),
        window=Window.parse(limit.window, zone),
        scope=limit.scope or (LimitScope.MODEL if limit.model else LimitScope.ACCOUNT),
        model=limit.model,
    )


def _capabilities(table: ModelTable, quirks: QuirksTable) -> tuple[Capability, ...]:
    by_address = Capability.IMAGES in table.capabilities and quirks.image_urls
    return (*table.capabilities, Capability.IMAGE_URLS) if by_address else tuple(table.capabilities)


def _model(provider: str, id_: str, table: ModelTable, best: float | None, quirks: QuirksTable) -> ModelSpec:
    return ModelSpec(
        provider=provider,
        id=id_,
        context_tokens=table.context,
        max_output_tokens=table.max_output,
        price=_price(table.price),
        quality=table.quality,
        quality_share=None if table.quality is None or not best else table.quality / best,
        preference=table.preference,
        capabilities=_capabilities(table, quirks),
        tags=tuple(table.tags),
        prefill=table.prefill,
        temperature=table.temperature,
        thinking=table.thinking,
        retired_on=table.retired_on,
        successor=table.successor,
        first_token_ms=table.first_token_ms,
        tokens_per_s=table.tokens_per_s,
    )


def _price(table: PriceTable) -> Price:
    return Price(_pico(table.input), _pico(table.output), _pico(table.cached), _pico(table.written))


def _pico(usd_per_million: float | None) -> int | None:
    return None if usd_per_million is None else pico_per_token(usd_per_million)


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


def _check_models(provider: str, table: ProviderTable, layers: Sequence[Layer]) -> None:
    """Successors and limits must name models of the provider; what shipped is trusted to."""
    root: KeyPath = ("providers", provider)
    known = {*table.models, *table.retired}
    named: list[tuple[KeyPath, str | None]] = [
        *(((*root, "models", id_, "successor"), m.successor) for id_, m in table.models.items()),
        *(((*root, "retired", id_, "successor"), r.successor) for id_, r in table.retired.items()),
        *(((*root, "limits", index, "model"), limit.model) for index, limit in enumerate(table.limits)),
    ]
    for index, account in enumerate(table.accounts):
        for number, limit in enumerate(account.limits or ()):
            named.append(((*root, "accounts", index, "limits", number, "model"), limit.model))
    for path, model in named:
        if model is not None and model not in known and layer_of(layers, path).user:
            raise problem(
                layers,
                path,
                expected=f"a model of {provider}",
                remedy=suggestion(model, known)
                or f'Add [providers.{provider}.models."{model}"] with its context.',
            )
