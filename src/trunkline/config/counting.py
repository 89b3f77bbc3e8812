"""By whose rule a model counts what is not text, as far as its id and its provider's protocol tell."""

from __future__ import annotations

import re

from trunkline.domain.counting import CountingRule

# Claude reads larger images from Opus 4.7 on; OpenAI's small models, and all from GPT-5.2 on, read patches, not tiles.
_LARGE_CLAUDE = re.compile(r"opus-4[-.][7-9]|(opus|sonnet|haiku|fable)-[5-9]")
_PATCHES = re.compile(r"mini|nano|gpt-5\.[2-9]|gpt-[6-9]")
_GEMINI_3 = re.compile(r"gemini-[3-9]")


def counting_rule(protocol: str, model: str) -> CountingRule:
    """Of a model as one provider serves it; behind a router its id begins with its maker's name."""
    maker, _, name = model.rpartition("/")
    if protocol == "anthropic" or maker == "anthropic":
        return CountingRule.ANTHROPIC_LARGE if _LARGE_CLAUDE.search(name) else CountingRule.ANTHROPIC
    if protocol == "gemini" or maker == "google":
        return CountingRule.GEMINI_3 if _GEMINI_3.search(name) else CountingRule.GEMINI
    of_openai = maker == "openai" or name.startswith(("gpt-", "o1", "o3", "o4"))
    return CountingRule.OPENAI_PATCHES if of_openai and _PATCHES.search(name) else CountingRule.OPENAI
