"""What a client means by a model's name (DESIGN §6.4): a way to choose, or who may answer."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from trunkline.domain.messages import Hints
from trunkline.domain.preferences import AliasStrategy, Config, ModelAlias
from trunkline.domain.routes import Catalogue, ProviderSpec, Selector
from trunkline.domain.tasks import SIMPLE, TASK_TYPES, Tier
from trunkline.gateway.dialect import Problem, ProblemKind

AUTO = "auto"
OWN_PREFIX = "trunkline/"
"""Clients that name models `provider/model` call this gateway so."""

_DATE = re.compile(r"-(?:\d{8}|\d{4}-\d{2}-\d{2})$")
_TIERS = {tier.value: tier for tier in Tier}


@dataclass(frozen=True, slots=True)
class Named:
    """What a name comes to: hints on the task, and who may answer, in the order in which they are asked first where
    `ordered`; empty: anybody."""

    hints: Hints = field(default_factory=Hints)
    models: tuple[str, ...] = ()
    ordered: bool = True

    @property
    def pin(self) -> str | None:
        """The one that alone may answer, where there is but one."""
        return self.models[0] if len(self.models) == 1 else None


class NotNamedError(Exception):
    """A name that stands for nothing here, or for nobody whom the client may use."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


class Names:
    """The names of one configuration. With `unknown_is_auto` the name of a model that nobody here can be asked for is
    taken for `auto`."""

    def __init__(self, config: Config, *, unknown_is_auto: bool = False) -> None:
        self._catalogue: Catalogue = config.catalogue
        self._aliases: Mapping[str, ModelAlias] = {one.name: one for one in config.preferences.aliases}
        own = (policy.type for policy in config.preferences.tasks)
        self._task_types = tuple(dict.fromkeys((*TASK_TYPES, *own)))
        self._unknown_is_auto = unknown_is_auto

    def resolve(self, model: str, fallbacks: Sequence[str] = ()) -> Named:
        """What `model`, and after it `fallbacks`, stand for. With fallbacks only those that are named may answer, in
        their order. Raises NotNamedError, also where all of them are models of providers that have no account here:
        agents name the models of their makers for side jobs, and ask again and again where they are only told that
        nobody can answer now."""
        found = self._one(model)
        if found.models and not any(self._may_be_asked(name) for name in (model, *fallbacks)):
            raise NotNamedError(self._absent(model))
        if not fallbacks:
            return found
        named = (found, *(self._one(name) for name in fallbacks))
        models = tuple(dict.fromkeys(one for each in named for one in each.models))
        return Named(found.hints, models)

    @property
    def task_types(self) -> tuple[str, ...]:
        """The task types that there are."""
        return self._task_types

    def listed(self) -> tuple[str, ...]:
        """Every name that stands for a way to choose: `auto`, tiers, task types, aliases."""
        return (AUTO, *_TIERS, *self._task_types, *self._aliases)

    def _one(self, name: str) -> Named:
        name = self._meant(name)
        if name == AUTO or not name:
            return Named()
        alias = self._aliases.get(name)
        if alias is not None:
            return Named(models=alias.models, ordered=alias.strategy is AliasStrategy.ORDER)
        if name in _TIERS:
            return Named(Hints(tier=_TIERS[name]))
        if name in self._task_types:
            return Named(Hints(task_type=name, tier=Tier.T1 if name == SIMPLE else None))
        if self._catalogue.select(name) is not None:
            return (
                Named() if self._unknown_is_auto and not self._may_be_asked(name) else Named(models=(name,))
            )
        if self._unknown_is_auto:
            return Named()
        raise NotNamedError(self._unknown(name))

    def _meant(self, name: str) -> str:
        """The name as it stands here: agents ask for a model by its snapshot, `claude-haiku-4-5-20251001`, where the
        catalogue may have it without the date."""
        name = name.strip().removeprefix(OWN_PREFIX)
        undated = _DATE.sub("", name)
        if undated == name or name in self._aliases or self._catalogue.select(name) is not None:
            return name
        return undated if self._catalogue.select(undated) is not None else name

    def _may_be_asked(self, name: str) -> bool:
        """Whether some account that is switched on and has a key is behind a name, or it is none of the catalogue's."""
        name = self._meant(name)
        selector = None if name in self._aliases else self._catalogue.select(name)
        return selector is None or any(
            account.enabled and account.has_key and selector.account in (None, account.id)
            for provider in self._providers_of(selector)
            for account in provider.accounts
        )

    def _providers_of(self, selector: Selector) -> Iterator[ProviderSpec]:
        for provider in self._catalogue.providers:
            if selector.provider in (None, provider.id) and (
                selector.model is None or self._catalogue.model(provider.id, selector.model) is not None
            ):
                yield provider

    def _absent(self, name: str) -> Problem:
        selector = self._catalogue.select(self._meant(name)) or Selector()
        owners = tuple(self._providers_of(selector))
        keys = ", ".join(dict.fromkeys(key for provider in owners for key in provider.key_env))
        return Problem(
            ProblemKind.NOT_FOUND,
            f"No account here can be asked for {name!r}: whoever serves it ({', '.join(one.id for one in owners)}) has "
            f"none that is switched on and has a key{f' ({keys})' if keys else ''}. `auto` lets Trunkline choose, and "
            'gateway.unknown_model = "auto" does so for every such name.',
            code="model_not_found",
            param="model",
        )

    def _unknown(self, name: str) -> Problem:
        served = (model.id for provider in self._catalogue.providers for model in provider.models)
        known = (*self.listed(), *served)
        close = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        return Problem(
            ProblemKind.NOT_FOUND,
            f"There is no model {name!r} here.{hint} GET /v1/models lists what there is; `auto` lets Trunkline choose.",
            code="model_not_found",
            param="model",
        )


def allowed(wanted: Sequence[str], permitted: Sequence[str], catalogue: Catalogue) -> tuple[str, ...]:
    """What is left of `wanted` (empty: anybody) for a client to whom only `permitted` are open (empty: everybody), in
    the order of `wanted`. Raises NotNamedError where that is nobody."""
    if not permitted or not wanted:
        return tuple(permitted or wanted)
    left = tuple(
        dict.fromkeys(
            str(both)
            for one in _selectors(wanted, catalogue)
            for other in _selectors(permitted, catalogue)
            if (both := _both(one, other)) is not None and _is_served(both, catalogue)
        )
    )
    if left:
        return left
    raise NotNamedError(
        Problem(
            ProblemKind.FORBIDDEN,
            f"This token may not use {', '.join(wanted)}, only {', '.join(permitted)}.",
            code="model_not_allowed",
            param="model",
        )
    )


def _selectors(names: Iterable[str], catalogue: Catalogue) -> list[Selector]:
    return [selector for name in names if (selector := catalogue.select(name)) is not None]


def _is_served(selector: Selector, catalogue: Catalogue) -> bool:
    """Whether some route is in the set."""
    provider, account, model = selector.provider, selector.account, selector.model
    if provider is None:
        return True  # a bare id, that somebody serves
    return (model is None or catalogue.model(provider, model) is not None) and (
        account is None or catalogue.account(provider, account) is not None
    )


def _both(one: Selector, other: Selector) -> Selector | None:
    """The routes that are in both sets; None where there are none."""
    pairs = (
        (one.provider, other.provider),
        (one.account, other.account),
        (one.model, other.model),
    )
    if any(a is not None and b is not None and a != b for a, b in pairs):
        return None
    provider, account, model = (a if a is not None else b for a, b in pairs)
    return Selector(provider, account, model)
