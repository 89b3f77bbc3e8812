"""From TOML to a `Description`, checked by hand: start-up has no time for a validation library."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trunkline.domain.errors import ConfigError
from trunkline.domain.limits import LimitScope, Metric, Window
from trunkline.simulator.description import (
    ANY_KEY,
    Account,
    Description,
    FaultRule,
    Limit,
    Model,
    Provider,
    Spread,
)
from trunkline.simulator.faults import KINDS, PARAM_WORDS
from trunkline.simulator.protocols import PROTOCOLS
from trunkline.simulator.reading import Table, is_number
from trunkline.simulator.styles import HEADER_STYLES, STYLES

_METRICS = {metric.value: metric for metric in Metric if metric is not Metric.COST} | {
    "tokens": Metric.TOTAL_TOKENS
}
# Which headers a protocol's own provider sends.
_HEADERS = {"openai": "openai", "anthropic": "anthropic", "gemini": "none"}


def load_description(path: Path) -> Description:
    """Read a description from a TOML file. Raises ConfigError for whatever cannot be played."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            file=path, key="", value=None, expected=f"a readable file ({error.strerror})"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(file=path, key="", value=None, expected=f"valid TOML: {error}") from error
    return read_description(values, file=str(path))


def read_description(values: Mapping[str, Any], file: str = "description") -> Description:
    """Read a description from what TOML gave. Raises ConfigError for whatever cannot be played."""
    table = Table(file, "", values)
    seed = table.whole("seed", 0)
    story = table.table("story")
    story_s = story.maybe("length_s", lambda name: story.number(name, least=0.1))
    loop = story.flag("loop", default=False)
    story.end()
    if loop and story_s is None:
        story.refuse("loop", "story.length_s beside it", value=True)
    providers = {name: _read_provider(name, inner) for name, inner in table.named("providers").items()}
    faults = tuple(read_fault(fault, str(index)) for index, fault in enumerate(table.tables("faults")))
    table.end()
    for index, rule in enumerate(faults):
        if rule.provider is not None and rule.provider not in providers:
            raise ConfigError(
                file=file, key=f"faults[{index}].provider", value=rule.provider, expected=_one_of(providers)
            )
    return Description(providers, faults, seed, story_s, loop, file)


def _one_of(names: Mapping[str, object]) -> str:
    return "one of " + ", ".join(names) if names else "a provider of the description"


def _read_provider(name: str, table: Table) -> Provider:
    shared = tuple(_read_limit(limit) for limit in table.tables("limits"))
    accounts: dict[str, Account] = {}
    for inner in table.tables("accounts"):
        account = _read_account(inner, shared)
        if account.key in accounts:
            inner.refuse("key", "a key that no other account of the provider has")
        accounts[account.key] = account
    if not accounts:
        table.refuse("accounts", "at least one account")
    protocol = table.word("protocol", PROTOCOLS, "openai")
    words = PROTOCOLS[protocol].strict
    provider = Provider(
        id=name,
        protocol=protocol,
        style=table.word("style", STYLES, protocol),
        headers=table.word("headers", HEADER_STYLES, _HEADERS[protocol]),
        retry_after=table.flag("retry_after", default=protocol != "gemini"),
        accounts=accounts,
        models={model: _read_model(model, inner, words) for model, inner in table.named("models").items()},
        strict=_read_strict(table, words),
        any_model=table.flag("any_model", default=False),
        balance=table.number("balance", 10.0, least=-1e9),
    )
    table.end()
    return provider


def _read_strict(table: Table, words: frozenset[str]) -> frozenset[str]:
    found = table.texts("strict")
    for word in found:
        if word not in words:
            table.refuse("strict", "of " + ", ".join(sorted(words)), word)
    return frozenset(found)


def _read_account(table: Table, shared: tuple[Limit, ...]) -> Account:
    account = Account(
        id=table.text("id"),
        key=table.text("key", ANY_KEY),
        organisation=table.maybe("organisation", table.text),
        without=table.texts("without"),
        limits=shared + tuple(_read_limit(limit) for limit in table.tables("limits")),
    )
    table.end()
    return account


def _read_limit(table: Table) -> Limit:
    metric = _METRICS[table.word("metric", _METRICS)]
    window_text = table.text("window", "60s")
    try:
        window = Window.parse(window_text, table.text("zone", "UTC"))
    except ValueError:
        table.refuse("window", "a window such as 60s, day, session:5h or balance")
    scope = LimitScope(table.word("scope", [scope.value for scope in LimitScope], "account"))
    limit = Limit(metric, table.whole("amount"), window, scope, table.maybe("model", table.text))
    table.end()
    return limit


def _read_spread(table: Table, name: str, default: Spread) -> Spread:
    value = table.raw(name)
    if value is None:
        return default
    figures = value if isinstance(value, list) else [value]
    sound = 1 <= len(figures) <= 3 and all(is_number(figure) and figure >= 0 for figure in figures)
    if not sound or any(figure > 1 for figure in figures[1:]):
        table.refuse(name, "a mean, or [mean, jitter, tail] with jitter and tail between 0 and 1")
    return Spread(*(float(figure) for figure in figures))


def _read_model(name: str, table: Table, words: frozenset[str]) -> Model:
    usual = Model(name)
    model = Model(
        id=name,
        context_tokens=table.whole("context", usual.context_tokens, least=1),
        max_output_tokens=table.whole("max_output", usual.max_output_tokens, least=1),
        first_token_ms=_read_spread(table, "first_token_ms", usual.first_token_ms),
        tokens_per_s=_read_spread(table, "tokens_per_s", usual.tokens_per_s),
        output_tokens=_read_spread(table, "output_tokens", usual.output_tokens),
        chunk_tokens=table.whole("chunk_tokens", usual.chunk_tokens, least=1),
        answers=table.texts("answers"),
        continues=table.flag("continues", usual.continues),
        fixed_chunks=table.whole("fixed_chunks", 0),
        thinks=table.word("thinks", ("always", "asked", "never"), usual.thinks),
        cache_least_tokens=table.whole("cache_least_tokens", usual.cache_least_tokens),
        strict=_read_strict(table, words),
        dimensions=table.whole("dimensions", usual.dimensions),
    )
    table.end()
    return model


def read_fault(table: Table, label: str) -> FaultRule:
    """Read one fault rule; what is not of the rule itself is a parameter of its kind. Raises ConfigError."""
    kind_name = table.word("kind", KINDS)
    rule = FaultRule(
        name=table.text("name", f"{kind_name}-{label}"),
        kind=kind_name,
        params={name: _read_param(table, name, usual) for name, usual in KINDS[kind_name].params.items()},
        provider=table.maybe("provider", table.text),
        account=table.maybe("account", table.text),
        model=table.maybe("model", table.text),
        stream=table.maybe("stream", lambda name: table.flag(name, default=True)),
        at_s=table.number("at_s", 0.0),
        until_s=table.maybe("until_s", table.number),
        first=table.maybe("first", lambda name: table.whole(name, least=1)),
        every=table.maybe("every", lambda name: table.whole(name, least=1)),
        probability=table.maybe("probability", table.number),
    )
    if rule.probability is not None and rule.probability > 1:
        table.refuse("probability", "a share between 0 and 1")
    if rule.until_s is not None and rule.until_s <= rule.at_s:
        table.refuse("until_s", "a time after at_s")
    table.end()
    return rule


def _read_param(table: Table, name: str, usual: str | float | bool) -> str | float | bool:
    if isinstance(usual, bool):
        return table.flag(name, usual)
    if isinstance(usual, int):
        return table.whole(name, usual)
    if isinstance(usual, float):
        return table.number(name, usual)
    return table.word(name, PARAM_WORDS[name], usual) if name in PARAM_WORDS else table.text(name, usual)
