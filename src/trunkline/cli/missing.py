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
    local = {one.provider: one for one in missing if one.local}
    if servers is None:
        return [*lines, *(_local_line(name, one.base_url, one.variables) for name, one in local.items())]
    off = f"{SWITCH_VARIABLE} is off" if not is_wanted(os.environ) else "switched off in providers.toml"
    looked_for = {server.provider for server in servers}
    lines += [f"  {name}: not looked for, {off}" for name in local if name not in looked_for]
    return lines + [
        _local_line(
            server.provider,
            server.base_url,
            local[server.provider].variables if server.provider in local else (),
        )
        for server in servers
        if server.state is ServerState.ABSENT
    ]


def _local_line(provider: str, base_url: str, variables: tuple[str, ...]) -> str:
    elsewhere = f", or set {' or '.join(variables)} to where it is" if variables else ""
    return f"  {provider}: start it at {address(base_url)}{elsewhere}"


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
