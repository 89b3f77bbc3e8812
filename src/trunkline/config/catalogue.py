"""From the checked providers.toml to the frozen `Catalogue`, with the accounts that variables make."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from trunkline.config.accounts import Outside, accounts_of
from trunkline.config.counting import counting_rule
from trunkline.config.files import KeyPath, Layer, layer_of
from trunkline.config.hours import parse_hours
from trunkline.config.keys import KeyRing, numbered_variables
from trunkline.config.problems import problem, suggestion
from trunkline.config.quality import Shares, quality_shares
from trunkline.config.schema import (
    AcceptsTable,
    BandTable,
    CacheTable,
    LimitTable,
    ModelTable,
    PeakTable,
    PriceTable,
    ProvidersFile,
    ProviderTable,
    QuirksTable,
)
from trunkline.domain.accepts import Accepts
from trunkline.domain.caching import PromptCache
from trunkline.domain.errors import ConfigError
from trunkline.domain.limits import model_matches
from trunkline.domain.money import Price, PriceBand, pico_per_token
from trunkline.domain.routes import (
    AccountSpec,
    Capability,
    Catalogue,
    EndpointSpec,
    KeySource,
    ModelSpec,
    ProviderSpec,
    Quirks,
    RetiredModel,
)

ENVIRONMENT = "environment"
_EMBED = ("openai", "gemini")


def compile_catalogue(
    file: ProvidersFile, layers: Sequence[Layer], environ: Mapping[str, str], keys: KeyRing
) -> tuple[Catalogue, list[str]]:
    """The catalogue, and what should be said about it. Raises ConfigError for values that contradict each
    other."""
    outside = Outside(layers, environ, keys, numbered_variables(environ))
    shares, notes = quality_shares(file, layers)
    providers = tuple(
        _provider(name, table, shares, outside, notes) for name, table in file.providers.items()
    )
    return Catalogue(providers), notes


def _provider(
    name: str, table: ProviderTable, shares: Shares, outside: Outside, notes: list[str]
) -> ProviderSpec:
    base_url, overridden = _base_url(table, outside.environ)
    enabled = table.enabled or overridden
    _check_models(name, table, outside.layers)
    accounts = accounts_of(name, table, enabled, outside, notes)
    notes += [
        f"{name}: {address} is not encrypted; keys and prompts can be read on the way"
        for address in _open_addresses(accounts, base_url)
    ]
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
            _model(name, id_, m, shares.get((name, id_)), table)
            for id_, m in table.models.items()
            if m.enabled
        ),
        quirks=Quirks(
            **quirks,
            extra_headers=tuple(table.quirks.extra_headers.items()),
            extra_body=tuple((field, json.dumps(value)) for field, value in table.quirks.extra_body.items()),
        ),
        retired=tuple(RetiredModel(id_, r.on, r.successor) for id_, r in table.retired.items()),
        endpoints=tuple(
            EndpointSpec(id_, e.base_url, e.billing, e.note, tuple(e.key_env))
            for id_, e in table.endpoints.items()
        ),
        key_env=tuple(table.key_env),
        accepts=_accepts(table.accepts),
    )


def _accepts(table: AcceptsTable) -> Accepts:
    lists = {name: value for name, value in table if isinstance(value, list)}
    return Accepts(**(table.model_dump() | {name: tuple(value) for name, value in lists.items()}))


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


def _open_addresses(accounts: Sequence[AccountSpec], base_url: str) -> list[str]:
    """The addresses that keys are sent to in the clear."""
    keyed = [a for a in accounts if a.has_key and a.key.source is not KeySource.NONE]
    return [address for address in dict.fromkeys(a.base_url or base_url for a in keyed) if _is_open(address)]


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


def _capabilities(table: ModelTable, quirks: QuirksTable) -> tuple[Capability, ...]:
    by_address = Capability.IMAGES in table.capabilities and quirks.image_urls
    return (*table.capabilities, Capability.IMAGE_URLS) if by_address else tuple(table.capabilities)


def _model(
    provider: str, id_: str, table: ModelTable, quality_share: float | None, owner: ProviderTable
) -> ModelSpec:
    return ModelSpec(
        provider=provider,
        id=id_,
        context_tokens=table.context,
        max_output_tokens=table.max_output,
        price=_price(table.price, table.peak or owner.peak),
        quality=table.quality,
        quality_share=quality_share,
        preference=table.preference,
        capabilities=_capabilities(table, owner.quirks),
        tags=tuple(table.tags),
        prefill=table.prefill,
        temperature=table.temperature,
        thinking=table.thinking,
        tokenizer=table.tokenizer,
        counting=counting_rule(owner.protocol, id_),
        retired_on=table.retired_on,
        successor=table.successor,
        first_token_ms=table.first_token_ms,
        tokens_per_s=table.tokens_per_s,
        cache=_cache(table.cache, owner.cache),
    )


def _cache(own: CacheTable, of_provider: CacheTable) -> PromptCache:
    """What is said of the model, else of its provider, else what holds where nothing is said."""
    minutes = of_provider.minutes if own.minutes is None else own.minutes
    least_tokens = own.least_tokens or of_provider.least_tokens
    unsaid = PromptCache()
    return PromptCache(
        warm_ms=unsaid.warm_ms if minutes is None else round(60_000 * minutes),
        least_tokens=least_tokens or unsaid.least_tokens,
    )


def _price(table: PriceTable, peak: PeakTable | None) -> Price:
    return Price(
        input=_pico(table.input),
        output=_pico(table.output),
        cached=_pico(table.cached),
        written=_pico(table.written),
        bands=tuple(_band(band) for band in table.above),
        peaks=() if peak is None else tuple(hours for text in peak.hours for hours in parse_hours(text)),
        peak_percent=100 if peak is None else peak.percent,
    )


def _band(table: BandTable) -> PriceBand:
    return PriceBand(
        above_input_tokens=table.tokens,
        input=pico_per_token(table.input),
        output=pico_per_token(table.output),
        cached=_pico(table.cached),
        written=_pico(table.written),
    )


def _pico(usd_per_million: float | None) -> int | None:
    return None if usd_per_million is None else pico_per_token(usd_per_million)


def _check_models(provider: str, table: ProviderTable, layers: Sequence[Layer]) -> None:
    """Successors and limits must name models of the provider; what shipped is trusted to. Vectors can be asked for in
    some protocols only."""
    root: KeyPath = ("providers", provider)
    for id_, model_table in table.models.items():
        if Capability.EMBEDDINGS in model_table.capabilities and table.protocol not in _EMBED:
            raise problem(
                layers,
                (*root, "models", id_, "capabilities"),
                expected=f'"embeddings" only at a provider of protocol {" or ".join(_EMBED)}',
                remedy=f"{provider} speaks {table.protocol}, which has none.",
            )
    known = {*table.models, *table.retired}
    named: list[tuple[KeyPath, str | None]] = [
        *(((*root, "models", id_, "successor"), m.successor) for id_, m in table.models.items()),
        *(((*root, "retired", id_, "successor"), r.successor) for id_, r in table.retired.items()),
    ]
    for place, limits in _limit_lists(table):
        named += [((*root, *place, index, "model"), limit.model) for index, limit in enumerate(limits)]
    for path, model in named:
        if model is None or model in known or not layer_of(layers, path).user:
            continue
        pattern = path[-1] == "model" and "*" in model
        if pattern and (not known or any(model_matches(model, one) for one in known)):
            continue
        raise problem(
            layers,
            path,
            expected=f"a pattern that a model of {provider} fits" if pattern else f"a model of {provider}",
            remedy=suggestion(model, known)
            or ("" if pattern else f'Add [providers.{provider}.models."{model}"] with its context.'),
        )


def _limit_lists(table: ProviderTable) -> list[tuple[KeyPath, Sequence[LimitTable]]]:
    """Every list of limits of a provider, with its path under the provider."""
    return [
        (("limits",), table.limits),
        (("free_limits",), table.free_limits),
        *((("endpoints", id_, "limits"), there.limits or ()) for id_, there in table.endpoints.items()),
        *((("accounts", index, "limits"), one.limits or ()) for index, one in enumerate(table.accounts)),
    ]
