"""Looking for local model servers on their usual ports."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from trunkline.config.load import MissingKey

_CONNECT_LIMIT_S = 0.3


async def listening(missing: tuple[MissingKey, ...]) -> frozenset[str]:
    """Which of the local providers in `missing` have something listening at their address, tried all at once."""
    local = [one for one in missing if one.local]
    answers = await asyncio.gather(*(_listens(one.base_url) for one in local))
    return frozenset(one.provider for one, answer in zip(local, answers, strict=True) if answer)


async def _listens(base_url: str) -> bool:
    parts = urlsplit(base_url)
    if parts.hostname is None:
        return False
    try:
        async with asyncio.timeout(_CONNECT_LIMIT_S):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
