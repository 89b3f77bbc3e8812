"""Token counts as OpenAI-shaped providers report them, in one shape."""

from __future__ import annotations

import math
from typing import Any

from trunkline.domain.money import Usage, pico_from_usd
from trunkline.providers.values.jsontext import count, mapping

_LARGEST_COST_USD = 1_000_000


def usage_of(raw: object) -> Usage | None:
    """`usage` of a reply: cached tokens from `prompt_tokens_details`, the top level (Kimi) or DeepSeek's
    `prompt_cache_hit_tokens`; cost in USD where the provider states it (OpenRouter). None where it says nothing,
    which is also what intermediate chunks with zeros mean (MiniMax)."""
    table = mapping(raw)
    if not table:
        return None
    prompt_details = mapping(table.get("prompt_tokens_details"))
    completion_details = mapping(table.get("completion_tokens_details"))
    hit_tokens = count(table.get("prompt_cache_hit_tokens"))
    input_tokens = _input_tokens(table, hit_tokens)
    output_tokens = count(table.get("completion_tokens"))
    if not input_tokens and not output_tokens:
        return None
    return Usage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cached_tokens=_first(
            count(prompt_details.get("cached_tokens")), count(table.get("cached_tokens")), hit_tokens
        ),
        written_tokens=count(prompt_details.get("cache_write_tokens")),
        reasoning_tokens=_first(
            count(completion_details.get("reasoning_tokens")), count(table.get("reasoning_tokens"))
        ),
        cost_pico=_cost_pico(table.get("cost")),
    )


def merged(earlier: Usage | None, later: Usage) -> Usage:
    """One usage from two reports of the same call: the later figure wins where it has one."""
    if earlier is None:
        return later
    return Usage(
        input_tokens=_first(later.input_tokens, earlier.input_tokens),
        output_tokens=_first(later.output_tokens, earlier.output_tokens),
        cached_tokens=_first(later.cached_tokens, earlier.cached_tokens),
        written_tokens=_first(later.written_tokens, earlier.written_tokens),
        reasoning_tokens=_first(later.reasoning_tokens, earlier.reasoning_tokens),
        cost_pico=_first(later.cost_pico, earlier.cost_pico),
    )


def _input_tokens(table: dict[str, Any], hit_tokens: int | None) -> int | None:
    prompt_tokens = count(table.get("prompt_tokens"))
    miss_tokens = count(table.get("prompt_cache_miss_tokens"))
    if prompt_tokens is None and hit_tokens is not None and miss_tokens is not None:
        return hit_tokens + miss_tokens
    return prompt_tokens


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)


def _cost_pico(cost_usd: object) -> int | None:
    if isinstance(cost_usd, bool) or not isinstance(cost_usd, int | float):
        return None
    if not math.isfinite(cost_usd) or not 0 <= cost_usd <= _LARGEST_COST_USD:
        return None
    return pico_from_usd(cost_usd)
