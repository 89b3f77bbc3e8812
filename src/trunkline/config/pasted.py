"""Variables that were set for agents: Trunkline must not ask itself by them, nor show a provider its own token.

What `trunkline serve` prints is pasted into a shell, or into its profile, and in that shell `trunkline` is run too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from trunkline.config.schema import ProviderTable

# As `store.gateway_tokens` makes them, and what stands in their place where none is needed.
_PASTED = re.compile(r"tl-[A-Za-z0-9_-]{40,}|none-is-needed")


def without_pasted(
    environ: Mapping[str, str], providers: Mapping[str, ProviderTable]
) -> tuple[Mapping[str, str], list[str]]:
    """`environ` without the variables for a provider's keys that hold a token of the gateway, and without the one for
    the address of such a provider, which was set beside it; and what should be said about it."""
    pasted = {name for name, value in environ.items() if _PASTED.fullmatch(value.strip())}
    dropped: set[str] = set()
    notes: list[str] = []
    for provider, table in providers.items():
        stems = (*table.key_env, *(stem for there in table.endpoints.values() for stem in there.key_env))
        own = sorted(name for name in pasted if name in stems or _stem(name) in stems)
        if own:
            dropped |= {*own, *(() if table.base_url_env is None else (table.base_url_env,))}
            notes.append(
                f"{provider}: what {' and '.join(own)} holds is a token of the gateway, for agents, and no key here"
            )
    if not dropped:
        return environ, notes
    return {name: value for name, value in environ.items() if name not in dropped}, notes


def _stem(name: str) -> str:
    stem, _, number = name.rpartition("_")
    return stem if number.isdigit() else name
