"""Token counts as generateContent reports them, in one shape."""

from __future__ import annotations

from trunkline.domain.money import Usage
from trunkline.providers.values.jsontext import count, mapping


def usage_of(raw: object) -> Usage | None:
    """`usageMetadata`: the input with the results of server-side tools, the output with thoughts, which the API counts
    apart from the candidates. A figure of zero is not sent, so that where a total is, a missing one is zero. None
    where it says nothing."""
    table = mapping(raw)
    prompt = count(table.get("promptTokenCount"))
    candidates = count(table.get("candidatesTokenCount"))
    thoughts = count(table.get("thoughtsTokenCount"))
    total = count(table.get("totalTokenCount"))
    if not any((prompt, candidates, thoughts, total)):
        return None
    input_tokens = None if prompt is None else prompt + (count(table.get("toolUsePromptTokenCount")) or 0)
    output_tokens: int | None = None
    if candidates is not None or thoughts is not None:
        output_tokens = (candidates or 0) + (thoughts or 0)
    elif total is not None and input_tokens is not None:
        output_tokens = max(0, total - input_tokens)
    return Usage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cached_tokens=count(table.get("cachedContentTokenCount")),
        reasoning_tokens=thoughts,
    )
