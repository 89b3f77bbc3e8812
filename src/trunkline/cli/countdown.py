"""A line on stderr that counts down, while that is a terminal."""

from __future__ import annotations

import asyncio
import sys
import time

import click

from trunkline.cli.output import span

_EVERY_S = 1.0


class Countdown:
    """Belongs to one event loop; `shown` False keeps it silent."""

    def __init__(self, *, shown: bool) -> None:
        self._shown = shown and sys.stderr.isatty()
        self._counting: asyncio.Task[None] | None = None

    def begin(self, until_ms: int | None) -> None:
        """Count down to that moment (wall time) until `end`; nothing is counted where there is none."""
        self.end()
        if self._shown and until_ms is not None:
            self._counting = asyncio.get_running_loop().create_task(_count(until_ms))

    def end(self) -> None:
        """Take the line away."""
        if self._counting is not None:
            self._counting.cancel()
            self._counting = None
            click.echo("\r\x1b[K", err=True, nl=False)


async def _count(until_ms: int) -> None:
    while (left_ms := until_ms - time.time_ns() // 1_000_000) > 0:
        click.echo(f"\r  in {span(left_ms)}\x1b[K", err=True, nl=False)
        await asyncio.sleep(_EVERY_S)
