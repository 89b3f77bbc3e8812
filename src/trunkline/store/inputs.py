"""What decisions were made from, kept so that they can be made again.

Of the state only what differs from that of the decision kept before it is written: a chain begins with a whole state,
and all its links bear one mark. A link is made on the writer's thread; the event loop only hands over what it decided
on.

    inputs  = mark of the chain (16 characters), then JSON, deflated where it is long:
              [shape, place in the chain, configuration id, ask, plain fields, of each mapping [gone keys, changed]]
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from functools import cache
from hashlib import blake2b
from itertools import compress
from operator import attrgetter, is_not
from typing import Any, NamedTuple, get_args, get_type_hints

import orjson

from trunkline.domain.decisions import Decision
from trunkline.domain.preferences import Config
from trunkline.domain.receipts import Receipt
from trunkline.domain.state import RoutingState
from trunkline.routing import Inputs, RoutingAsk
from trunkline.routing.inputs import for_deciding
from trunkline.store import positional
from trunkline.store.queries import Query, Row

# A chain ends after so many rows, whoever's: what is so much older than the oldest decision kept is in no use.
CHAIN_ROWS = 200
_MARK_BYTES = 8
_MARK_CHARS = 2 * _MARK_BYTES
_MAPPINGS = ("accounts", "routes", "providers", "cursors", "quality", "token_factors")
_mappings = attrgetter(*_MAPPINGS)
_NOTHING: tuple[Mapping[Any, Any], ...] = ({},) * len(_MAPPINGS)
# Fast rather than small: a fifth of the time of zlib's usual level, and a tenth more bytes.
_LEVEL = 1
# Most links are shorter. To deflate one takes as long as all else of it (0.04 ms) and saves a megabyte in all.
_SHORT_BYTES = 2_048


class _Link(NamedTuple):
    chain: bytes
    place: int
    request_id: str
    first_row: int
    inputs: Inputs


class InputsBook:
    """Keeps the inputs of one process's decisions; belongs to the writer's thread."""

    def __init__(self) -> None:
        self._last: _Link | None = None
        self._config: Config | None = None
        self._config_id = ""
        self._config_body = b""

    def add(self, connection: sqlite3.Connection, row: int, receipt: Receipt, inputs: Inputs) -> bytes:
        """What is to be kept with the decision of the request in `row`; its configuration is written down here."""
        if self._config is not inputs.config:
            self._use(inputs.config)
        last = self._last
        if last is None or not self._goes_on(connection, last, row, inputs):
            link = _Link(_mark_of(receipt.request_id), 0, receipt.request_id, row, inputs)
            self._keep_configuration(connection, receipt.started_at_ms)
            last = None
        else:
            link = _Link(last.chain, last.place + 1, receipt.request_id, last.first_row, inputs)
        self._last = link
        return self._packed(link, None if last is None else last.inputs.state)

    def _goes_on(self, connection: sqlite3.Connection, last: _Link, row: int, inputs: Inputs) -> bool:
        same = last.inputs.config is inputs.config
        if not (same and last.first_row <= row < last.first_row + CHAIN_ROWS):
            return False
        # It is not there where its transaction was rolled back.
        sql = """SELECT 1 FROM request JOIN decision ON decision.request = request.row
            WHERE request.id = ? AND inputs IS NOT NULL"""
        return connection.execute(sql, (last.request_id,)).fetchone() is not None

    def _use(self, config: Config) -> None:
        body = positional.encode(for_deciding(config))
        self._config = config
        self._config_id = blake2b(body + _shape().encode(), digest_size=8).hexdigest()
        self._config_body = zlib.compress(body)

    def _keep_configuration(self, connection: sqlite3.Connection, at_ms: int) -> None:
        connection.execute(
            """INSERT INTO generation VALUES (?, ?, ?)
            ON CONFLICT DO UPDATE SET at_ms = max(at_ms, excluded.at_ms)""",
            (self._config_id, at_ms, self._config_body),
        )

    def _packed(self, link: _Link, before: RoutingState | None) -> bytes:
        state = link.inputs.state
        body = [
            _shape(),
            link.place,
            self._config_id,
            link.inputs.ask,
            _plain_values()(state),
            [
                _changes(known, now)
                for known, now in zip(
                    _NOTHING if before is None else _mappings(before), _mappings(state), strict=True
                )
            ],
        ]
        data = positional.encode(body)
        return link.chain + (data if len(data) <= _SHORT_BYTES else zlib.compress(data, _LEVEL))


def _mark_of(request_id: str) -> bytes:
    return blake2b(request_id.encode(), digest_size=_MARK_BYTES).hexdigest().encode()


def _changes(before: Mapping[Any, Any], after: Mapping[Any, Any]) -> tuple[list[Any], Iterable[Any]]:
    """The keys that are gone, and the keys and values that are new or others than before."""
    if before is after:
        return [], []
    # By far the most usual, and at the speed of C: keys are compared by identity.
    if list(before) == list(after):
        changed = compress(after.items(), map(is_not, after.values(), before.values()))
        return [], list(changed)
    missing = object()
    gone = [key for key in before if key not in after]
    return gone, [one for one in after.items() if before.get(one[0], missing) is not one[1]]


# -- reading ----------------------------------------------------------------------------------------------------------

_CHAIN_OF = f"substr(inputs, 1, {_MARK_CHARS})"
_ARRAY = b"["  # no deflated data begins so
_ROW_OF = "(SELECT row FROM request WHERE id = ?)"


class UnreadableInputsError(ValueError):
    """What was kept cannot be decided again; the message says why."""


def kept_inputs(request_id: str) -> Query[Inputs | None]:
    """What the decision of the request of that id was made from; None where that is not kept, or no longer. Raises
    UnreadableInputsError."""
    links = f"""SELECT inputs FROM decision WHERE inputs IS NOT NULL AND request <= {_ROW_OF}
        AND request > {_ROW_OF} - ? AND {_CHAIN_OF} = (SELECT {_CHAIN_OF} FROM decision WHERE request = {_ROW_OF})
        ORDER BY request"""  # noqa: S608 - only texts of this module are put in
    return Query(
        (
            (links, (request_id, request_id, CHAIN_ROWS, request_id)),
            ("SELECT id, body FROM generation", ()),
        ),
        lambda results: _inputs_of(results[0], dict(results[1])),
    )


def _inputs_of(links: list[Row], configurations: Mapping[str, bytes]) -> Inputs | None:
    if not links:
        return None
    try:
        return _joined([orjson.loads(_plain(link[_MARK_CHARS:])) for (link,) in links], configurations)
    except UnreadableInputsError:
        raise
    except (ValueError, LookupError, TypeError, zlib.error) as cause:
        raise UnreadableInputsError(f"what was kept of it is damaged ({cause})") from cause


def _plain(data: bytes) -> bytes:
    return data if data.startswith(_ARRAY) else zlib.decompress(data)


def _joined(links: list[list[Any]], configurations: Mapping[str, bytes]) -> Inputs:
    if any(link[0] != _shape() for link in links):
        raise UnreadableInputsError("it was kept by another version of Trunkline")
    if [link[1] for link in links] != list(range(len(links))):
        raise UnreadableInputsError("a part of what was kept before it is missing")
    _, _, config_id, ask, plain, _ = links[-1]
    if config_id not in configurations:
        raise UnreadableInputsError("the configuration that it was made under is missing")
    hints = get_type_hints(RoutingState)
    mappings = []
    for place, name in enumerate(_MAPPINGS):
        read = _mapping_reader(hints[name])
        entries: dict[Any, Any] = {}
        for link in links:
            gone, changed = link[5][place]
            for key in gone:
                del entries[_hashable(key)]
            entries.update((_hashable(key), (key, value)) for key, value in changed)
        mappings.append(read(entries.values()))
    state = RoutingState(
        **{
            name: positional.decode(data, hints[name])
            for name, data in zip(_plain_fields(), plain, strict=True)
        },
        **dict(zip(_MAPPINGS, mappings, strict=True)),
    )
    config = positional.decode(orjson.loads(zlib.decompress(configurations[config_id])), Config)
    return Inputs(positional.decode(ask, RoutingAsk), state, config)


def _mapping_reader(wanted: Any) -> Any:
    key, value = get_args(wanted)
    return lambda entries: {
        positional.decode(name, key): positional.decode(data, value) for name, data in entries
    }


def _hashable(key: Any) -> Any:
    return tuple(key) if isinstance(key, list) else key


@cache
def _plain_fields() -> tuple[str, ...]:
    return tuple(field.name for field in fields(RoutingState) if field.name not in _MAPPINGS)


@cache
def _plain_values() -> attrgetter[tuple[Any, ...]]:
    return attrgetter(*_plain_fields())


@cache
def _shape() -> str:
    return positional.shape(Config, RoutingState, RoutingAsk, Decision)
