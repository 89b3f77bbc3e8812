"""What is not configured, and what would change that, in words."""

from __future__ import annotations

import os
from collections.abc import Sequence

from trunkline.cli.local import address
from trunkline.config.load import MissingKey
from trunkline.domain.found import FoundServer, ServerState
from trunkline.engine.discovery import SWITCH_VARIABLE, is_wanted

_LINE = 79


def missing_lines(missing: tuple[MissingKey, ...], servers: Sequence[FoundServer] | None = None) -> list[str]:
    """What each missing key would add, a line each, and what the local servers that are not there would. `servers` are
    those looked for; None: nobody looked."""
    lines = [_key_line(one) for one in missing if not one.local]
    local = [one for one in missing if one.local]
    if servers is not None:
        absent = {one.provider for one in servers if one.state is ServerState.ABSENT}
        looked_for = {one.provider for one in servers}
        why = (
            "switched off in providers.toml"
            if is_wanted(os.environ)
            else f"not looked for: {SWITCH_VARIABLE} is off"
        )
        lines += [f"  {one.provider}: {why}" for one in local if one.provider not in looked_for]
        local = [one for one in local if one.provider in absent]
    if local:
        where = ", ".join(f"{one.provider} ({address(one.base_url)})" for one in local)
        variables = ", ".join(name for one in local for name in one.variables)
        lines.append(f"  not running here: {where}")
        lines.append("  start one and its models are found; where one listens elsewhere, say so in")
        lines.append(f"  {variables}")
    return lines


def _key_line(one: MissingKey) -> str:
    switch = f"set {' or '.join(one.variables)}" if one.variables else "enable it in providers.toml"
    line = f"  {one.provider}: {switch} for {len(one.adds)} model{'' if len(one.adds) == 1 else 's'}"
    named = ""
    for number, model in enumerate(one.adds, 1):
        longer = f"{named}, {model}" if named else model
        more = ", …" if number < len(one.adds) else ""
        if len(f"{line} ({longer}{more})") > _LINE:
            break
        named = longer
    if not named:
        return line
    return f"{line} ({named}{', …' if named.count(', ') + 1 < len(one.adds) else ''})"
