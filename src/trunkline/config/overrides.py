"""Routes that variables of the environment force for a task type, a tier or a role."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from trunkline.config.catalogue import ENVIRONMENT
from trunkline.config.keys import looks_like_key
from trunkline.config.names import Names
from trunkline.config.problems import suggestion
from trunkline.domain.errors import ConfigError
from trunkline.domain.preferences import EnvironmentOverride
from trunkline.domain.tasks import Tier
from trunkline.domain.text import redact

ROUTE_PREFIX = "TRUNKLINE_ROUTE_"
OLD_OVERRIDES = {
    "MODEL_OVERRIDE_ORCHESTRATION": "orchestration",
    "MODEL_OVERRIDE_IMPLEMENTATION": "implementation",
    "MODEL_OVERRIDE_REASONING": "reasoning",
}


def overrides_of(
    environ: Mapping[str, str], names: Names, tasks: Sequence[str], roles: Sequence[str]
) -> tuple[EnvironmentOverride, ...]:
    """Routes forced by variables; the newer spelling goes before the older. Raises ConfigError, naming the
    variable, for one that leads nowhere."""
    targets = [*tasks, *(tier.value for tier in Tier), *roles]
    by_variable = {f"{ROUTE_PREFIX}{re.sub('[^A-Z0-9]', '_', target.upper())}": target for target in targets}
    for variable in environ:
        if variable.startswith(ROUTE_PREFIX) and variable not in by_variable:
            raise ConfigError(
                file=ENVIRONMENT,
                key=variable,
                value=None,
                expected=f"a variable for a task type, tier or role: {', '.join(sorted(by_variable))}",
                remedy=suggestion(variable, by_variable) or "Unset it.",
            )
    found: dict[str, EnvironmentOverride] = {}
    for variable, target in [*by_variable.items(), *OLD_OVERRIDES.items()]:
        text = environ.get(variable, "").strip()
        if not text or target in found:
            continue
        selector = names.catalogue.select(text)
        if selector is None:
            raise _wrong_override(variable, text, names)
        names.note_retired(text, selector, variable)
        found[target] = EnvironmentOverride(target, str(selector), variable)
    return tuple(found.values())


def _wrong_override(variable: str, text: str, names: Names) -> ConfigError:
    shown = None if looks_like_key(text) else redact(text)
    return ConfigError(
        file=ENVIRONMENT,
        key=variable,
        value=shown,
        expected="a provider, account or model that exists, as provider/model",
        remedy=names.remedy(text) if shown == text else "Correct the variable or unset it.",
    )
