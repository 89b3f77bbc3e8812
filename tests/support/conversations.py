"""Conversations and JSON made up by hypothesis."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import orjson
from hypothesis import strategies as st

from trunkline.domain.messages import (
    ImagePart,
    Message,
    Role,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
    ToolSpec,
)

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every table or list in `value` with each of its keys."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


@st.composite
def spoiled(draw: st.DrawFn, sound: dict[str, Any]) -> dict[str, Any]:
    """`sound` with something else in up to three of its places, so that all but these is as it should be."""
    body = deepcopy(sound)
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(body))
        table, key = places[draw(st.integers(0, len(places) - 1))]
        table[key] = draw(ANY_JSON)
    return body


_CHARACTERS = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"))
TEXTS = st.text(_CHARACTERS, min_size=1, max_size=12).filter(str.strip)
TOOLS = tuple(
    ToolSpec(name, "what it does", '{"type":"object","properties":{"a":{"type":"string"}}}') for name in "ab"
)
_ARGUMENTS = st.dictionaries(st.text("abc", min_size=1, max_size=4), st.integers(0, 9) | TEXTS, max_size=2)
_IMAGE = ImagePart("data:image/png;base64,iVBO")


@st.composite
def conversations(draw: st.DrawFn, provider: str, *, signed_calls: bool = False) -> tuple[Message, ...]:
    """Turns that `provider` takes as they are, with its own signed thinking; the calls signed where it does that."""
    messages = [Message.of(Role.SYSTEM, draw(TEXTS)), Message.of(Role.USER, draw(TEXTS))]
    for turn in range(draw(st.integers(0, 2))):
        calls = tuple(
            ToolCallPart(
                f"toolu_{turn}_{number}",
                draw(st.sampled_from("ab")),
                orjson.dumps(draw(_ARGUMENTS)).decode(),
                "c2ln" if signed_calls else None,
                provider if signed_calls else None,
            )
            for number in range(draw(st.integers(1, 2)))
        )
        thought = ThinkingPart(draw(TEXTS), provider, "c2ln", None)
        messages.append(Message(Role.ASSISTANT, (thought, TextPart(draw(TEXTS)), *calls)))
        results = (ToolResultPart(call.call_id, draw(TEXTS), draw(st.booleans())) for call in calls)
        messages.append(Message(Role.TOOL, tuple(results)))
        messages.append(Message(Role.USER, (TextPart(draw(TEXTS)), _IMAGE)))
    return tuple(messages)
