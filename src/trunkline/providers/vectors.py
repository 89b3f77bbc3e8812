"""Vectors as providers send them, packed: each becomes little-endian 32-bit floats."""

from __future__ import annotations

import base64
import binascii
import math
import sys
from array import array
from collections.abc import Sequence

SAYS_WHY = ("message", "msg", "detail", "code", "status")
"""Where a reply without vectors tells why there are none."""
LENGTHS_DIFFER = "the provider sent vectors of different lengths"
_FLOAT_BYTES = 4


class NoVectorsError(ValueError):
    """What was sent are not the vectors that were asked for."""


def packed(sent: Sequence[object], wanted: int) -> tuple[bytes, ...]:
    """Each of `sent`, a list of numbers or base64 of what this gives, packed. Raises NoVectorsError unless there are
    as many as `wanted`, none is empty, all are of one length and every number is one."""
    if len(sent) != wanted:
        raise NoVectorsError(f"the provider sent {len(sent)} vectors for {wanted} texts")
    vectors = tuple(_decoded(one) if isinstance(one, str) else _floats(one) for one in sent)
    if len({len(one) for one in vectors}) > 1:
        raise NoVectorsError(LENGTHS_DIFFER)
    if not all(vectors):
        raise NoVectorsError("the provider sent an empty vector")
    return vectors


def unpacked(vector: bytes) -> list[float]:
    """The numbers of a packed vector."""
    values = array("f", vector)
    if sys.byteorder == "big":
        values.byteswap()
    return values.tolist()


def _floats(sent: object) -> bytes:
    if not isinstance(sent, list):
        raise NoVectorsError("the provider sent something else than a vector")
    try:
        values = array("f", sent)
    except (TypeError, OverflowError) as error:
        raise NoVectorsError("the provider sent a vector with something else than numbers in it") from error
    return _sound(values)


def _decoded(sent: str) -> bytes:
    try:
        data = base64.b64decode(sent, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoVectorsError("the provider sent a vector that is not base64") from error
    if len(data) % _FLOAT_BYTES:
        raise NoVectorsError("the provider sent a vector that ends in the middle of a number")
    values = array("f", data)
    if sys.byteorder == "big":
        values.byteswap()
    return _sound(values)


def _sound(values: array[float]) -> bytes:
    # What is not finite makes their sum so too, and 32-bit numbers add up to nothing that a 64-bit one cannot hold.
    if not math.isfinite(sum(values)):
        raise NoVectorsError("the provider sent a vector with something else than numbers in it")
    if sys.byteorder == "big":
        values.byteswap()
    return values.tobytes()
