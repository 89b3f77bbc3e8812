"""One configuration with everything compiled from it. A request keeps the generation it began with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from trunkline.analysis import CountingPlan
from trunkline.domain.preferences import Config
from trunkline.domain.routes import AccountSpec, KeyRef, ModelSpec, ProviderSpec, Route, Selector
from trunkline.domain.secret import Secret
from trunkline.domain.tasks import Priority, Tier
from trunkline.engine.counting import counting_plan
from trunkline.routing import CompiledPolicy, compile_policy

_Part = TypeVar("_Part", ProviderSpec, AccountSpec, ModelSpec)


class Keys(Protocol):
    """Where keys are looked up; `config.KeyRing` is one."""

    def secret(self, ref: KeyRef) -> Secret | None:
        """The key that `ref` leads to, if there is one."""
        ...


@dataclass(frozen=True, slots=True)
class Generation:
    """A configuration, its compiled policy and its keys."""

    config: Config
    policy: CompiledPolicy
    keys: Keys
    task_priorities: Mapping[str, Priority]
    role_priorities: Mapping[tuple[str, Tier], Priority]
    counting: CountingPlan

    @classmethod
    def of(cls, config: Config, keys: Keys) -> Generation:
        """Compile `config`."""
        preferences = config.preferences
        priorities = {policy.type: policy.priority for policy in preferences.tasks}
        of_roles = {
            (task_type, role.tier): role.priority
            for one in preferences.roles
            for task_type in one.task_types
            if (role := preferences.role(task_type, one.tier)) is not None and role.priority is not None
        }
        plan = counting_plan(config.catalogue)
        return cls(config, compile_policy(config), keys, priorities, of_roles, plan)

    def provider(self, route: Route) -> ProviderSpec:
        """The provider of a route of this generation."""
        return _found(self.config.catalogue.provider(route.provider), route)

    def account(self, route: Route) -> AccountSpec:
        """The account of a route of this generation."""
        return _found(self.config.catalogue.account(route.provider, route.account), route)

    def model(self, route: Route) -> ModelSpec:
        """The model of a route of this generation."""
        return _found(self.config.catalogue.model(route.provider, route.model), route)

    def selectors(self, texts: tuple[str, ...]) -> tuple[Selector, ...]:
        """Those of `texts` that name something known."""
        found = (self.config.catalogue.select(text) for text in texts)
        return tuple(selector for selector in found if selector is not None)


def _found(part: _Part | None, route: Route) -> _Part:
    if part is None:
        raise LookupError(f"{route} is not in this configuration")
    return part
