"""What is not configured, and what would change that, in words."""

from __future__ import annotations

from trunkline.config.load import MissingKey


def missing_lines(missing: tuple[MissingKey, ...], local_found: frozenset[str] | None) -> list[str]:
    """What each missing key or local server would add, a line each. `local_found` None: nobody looked."""
    lines: list[str] = []
    for one in missing:
        switch = f"set {' or '.join(one.variables)}" if one.variables else "enable it in providers.toml"
        if not one.local:
            lines.append(f"  {one.provider}: {switch} for {_count(len(one.adds), 'model')}")
            continue
        if not one.adds:
            switch += " and name its models in providers.toml"
        if local_found is None:
            lines.append(f"  {one.provider}: {switch}")
        elif one.provider in local_found:
            lines.append(f"  {one.provider}: something listens at {one.base_url}; {switch} to use it")
        else:
            lines.append(f"  {one.provider}: nothing listens at {one.base_url}; start it, {switch}")
    return lines


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
