"""Domain values as JSON and back.

Encoding is orjson's own walk over dataclasses. Decoding is checked by pydantic against the type, imported only
when something is decoded. An event body is tagged with the name of its class.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from trunkline.domain import events

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")


def encode(value: object) -> bytes:
    """`value` (dataclasses, enums, tuples, numbers, text) as JSON. Raises TypeError for anything else, a `Secret`
    above all."""
    return orjson.dumps(value)


def decode(data: bytes | str, wanted: type[T]) -> T:
    """A value of type `wanted` from its JSON. Raises ValueError when the JSON does not fit."""
    hashable: Any = wanted
    decoded: T = _adapter(hashable).validate_json(data)
    return decoded


def encode_event(event: events.Event) -> bytes:
    """An event as JSON: `{"request_id", "seq", "at_ms", "kind", "body"}`."""
    return orjson.dumps(
        {
            "request_id": event.request_id,
            "seq": event.seq,
            "at_ms": event.at_ms,
            "kind": type(event.body).__name__,
            "body": event.body,
        }
    )


def decode_event(data: bytes | str) -> events.Event:
    """An event from its JSON. Raises ValueError when it is none."""
    fields = orjson.loads(data)
    body_type = getattr(events, str(fields["kind"]), None)
    if not isinstance(body_type, type):
        raise ValueError(f"no event is called {fields['kind']!r}")
    body: Any = _adapter(body_type).validate_python(fields["body"])
    return events.Event(fields["request_id"], fields["seq"], fields["at_ms"], body)


@cache
def _adapter(wanted: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(wanted)
