"""Token counts as Anthropic's API and those that imitate it report them, in one shape."""

from __future__ import annotations

from dataclasses import dataclass

from trunkline.domain.money import Usage
from trunkline.providers.values.jsontext import count, mapping


@dataclass(slots=True)
class Tally:
    """The usage of one call, reported several times: figures are cumulative, the later one replaces the earlier.

    `input_tokens` leaves out what came from the cache or went into it, so that all three make up the input. Gateways
    that count it all as `input_tokens` are found out where they say so first and tell of the cache later, without
    lowering the figure; one that does so in a single report cannot be told from the real thing.
    """

    _fresh: int | None = None
    _cached: int | None = None
    _written: int | None = None
    _output: int | None = None
    _thinking: int | None = None
    _fresh_alone: int | None = None

    def add(self, raw: object) -> None:
        """Take in a `usage` table; whatever is no count is left out."""
        table = mapping(raw)
        fresh = count(table.get("input_tokens"))
        cached = count(table.get("cache_read_input_tokens"))
        written = count(table.get("cache_creation_input_tokens"))
        if fresh is not None and (fresh or cached or written or not self._fresh):
            if self._fresh is None and not cached and not written:
                self._fresh_alone = fresh
            self._fresh = fresh
        self._cached = self._cached if cached is None else cached
        self._written = self._written if written is None else written
        output = count(table.get("output_tokens"))
        self._output = self._output if output is None else output
        thinking = count(mapping(table.get("output_tokens_details")).get("thinking_tokens"))
        self._thinking = self._thinking if thinking is None else thinking

    @property
    def usage(self) -> Usage | None:
        """What was told so far; None where that is nothing."""
        around_cache = (self._cached or 0) + (self._written or 0)
        input_tokens = self._fresh
        if input_tokens is not None or around_cache:
            input_tokens = (input_tokens or 0) + (0 if self._includes_cache(around_cache) else around_cache)
        if not input_tokens and not self._output:
            return None
        return Usage(
            input_tokens=input_tokens,
            output_tokens=self._output,
            cached_tokens=self._cached,
            written_tokens=self._written,
            reasoning_tokens=self._thinking,
        )

    def _includes_cache(self, around_cache: int) -> bool:
        alone = self._fresh_alone
        return alone is not None and self._fresh == alone and 0 < around_cache <= alone
