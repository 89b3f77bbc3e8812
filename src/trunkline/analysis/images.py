"""What an image takes of a prompt, by each provider's rule, from the size that its own header states.

Rules as documented by OpenAI (tiles, patches), Anthropic and Google in 2025–26; OpenAI's factor for patches and
Anthropic's patches of 28 pixels as measured by users (community.openai.com/t/1344040; jackin.tailrocks.com, area 42).
"""

from __future__ import annotations

import base64
import binascii
import math
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from trunkline.domain.counting import CountingRule

# A JPEG states its size after whatever its camera wrote; nearly always within the second many characters of base64.
_READ_CHARS = (2_048, 131_072)


class Size(NamedTuple):
    """In pixels."""

    width: int
    height: int


# What an image whose size nobody states is taken for: a photograph as chat programs send it.
_TYPICAL = Size(1_280, 960)


def image_tokens(size: Size | None, rule: CountingRule) -> int:
    """Tokens of one image, in the detail that providers choose for it by themselves."""
    size = size or _TYPICAL
    match rule:
        case CountingRule.OPENAI:
            return _openai_tiles(size)
        case CountingRule.OPENAI_PATCHES:
            return math.ceil(1.2 * _patches(size, 32, most=1_536, longest=2_048))
        case CountingRule.ANTHROPIC:
            return _patches(size, 28, most=1_568, longest=1_568)
        case CountingRule.ANTHROPIC_LARGE:
            return _patches(size, 28, most=4_784, longest=2_576)
        case CountingRule.GEMINI:
            return _gemini_tiles(size)
        case CountingRule.GEMINI_3:
            return 1_120


def _openai_tiles(size: Size) -> int:
    """85 and 170 a tile of 512 pixels, of the image made to fit 2,048 and then its shorter side 768."""
    scale = min(1.0, 2_048 / max(size))
    scale = min(scale, 768 / min(size))
    tiles = math.ceil(size.width * scale / 512) * math.ceil(size.height * scale / 512)
    return 85 + 170 * tiles


def _patches(size: Size, side: int, *, most: int, longest: int) -> int:
    scale = min(1.0, longest / max(size))
    count = math.ceil(size.width * scale / side) * math.ceil(size.height * scale / side)
    return min(most, count)


def _gemini_tiles(size: Size) -> int:
    """258 for a small image and for each tile of a larger one, tiles being as large as two thirds of its shorter side,
    from 256 to 768 pixels."""
    if max(size) <= 384:
        return 258
    side = min(768, max(256, min(size) / 1.5))
    return 258 * math.ceil(size.width / side) * math.ceil(size.height / side)


def image_size(url: str) -> Size | None:
    """The size of an inline PNG, GIF, WebP or JPEG, from its header; None where it is not to be had. Never reads more
    than the first 96 KB."""
    head, comma, _ = url[:256].partition(",")
    if not comma or head[:5].lower() != "data:":
        return None
    for chars in _READ_CHARS:
        size = _size_of(_decoded(url, len(head) + 1, chars, head))
        if size is not None:
            return size if min(size) > 0 else None
    return None


def _decoded(url: str, start: int, chars: int, head: str) -> bytes:
    data = url[start : start + chars]
    if ";base64" not in head.lower():
        return unquote_to_bytes(data)
    data = "".join(unquote_to_bytes(data).decode("ascii", "ignore").split())
    try:
        return base64.b64decode(data[: len(data) // 4 * 4])
    except (binascii.Error, ValueError):
        return b""


def _size_of(data: bytes) -> Size | None:
    if data.startswith(b"\x89PNG\r\n\x1a\n") and len(data) >= 24:
        return Size(int.from_bytes(data[16:20]), int.from_bytes(data[20:24]))
    if data[:6] in (b"GIF87a", b"GIF89a") and len(data) >= 10:
        return Size(int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little"))
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP" and len(data) >= 30:
        return _webp(data)
    return _jpeg(data) if data.startswith(b"\xff\xd8") else None


def _webp(data: bytes) -> Size | None:
    match data[12:16]:
        case b"VP8 ":
            sides = (int.from_bytes(data[26:28], "little"), int.from_bytes(data[28:30], "little"))
            return Size(sides[0] & 0x3FFF, sides[1] & 0x3FFF)
        case b"VP8L":
            bits = int.from_bytes(data[21:25], "little")
            return Size((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
        case b"VP8X":
            return Size(int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1)
    return None


def _jpeg(data: bytes) -> Size | None:
    """From the frame header, which follows segments that each state their length."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return Size(int.from_bytes(data[at + 7 : at + 9]), int.from_bytes(data[at + 5 : at + 7]))
        at += 1 if marker == 0xFF else 2 + int.from_bytes(data[at + 2 : at + 4])
    return None
