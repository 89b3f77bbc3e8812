"""What an image takes by each provider's rule, from the size in its header."""

from __future__ import annotations

import base64
import struct

import pytest

from trunkline.analysis.images import Size, image_size, image_tokens
from trunkline.domain.counting import CountingRule

PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 640, 480) + b"rest"
GIF = b"GIF89a" + struct.pack("<HH", 640, 480) + b"rest"
VP8 = b"RIFF....WEBPVP8 ....\x30\x01\x00\x9d\x01\x2a" + struct.pack("<HH", 640 | 0x4000, 480)
VP8L = b"RIFF....WEBPVP8L....\x2f" + struct.pack("<I", 639 | 479 << 14) + b"\0" * 8
VP8X = b"RIFF....WEBPVP8X....\x10\0\0\0" + struct.pack("<I", 639)[:3] + struct.pack("<I", 479)[:3]


def jpeg(before: int = 0) -> bytes:
    """With `before` bytes of what a camera wrote, in segments."""
    segments = b""
    while before > 0:
        size = min(before, 65_000)
        segments += b"\xff\xe1" + struct.pack(">H", size + 2) + b"\xaa" * size
        before -= size
    tables = b"\xff\xc4" + struct.pack(">H", 4) + b"\0\0"
    return (
        b"\xff\xd8" + segments + tables + b"\xff\xff\xc2" + struct.pack(">HBHH", 17, 8, 480, 640) + b"\0" * 20
    )


def url(data: bytes) -> str:
    return "data:image/any;base64," + base64.b64encode(data).decode()


@pytest.mark.parametrize("data", [PNG, GIF, VP8, VP8L, VP8X, jpeg(), jpeg(30_000), jpeg(90_000)])
def test_the_size_is_read_from_the_header(data: bytes) -> None:
    assert image_size(url(data + b"\0" * 500_000)) == Size(640, 480)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://example.com/a.png",
        "data:image/png;base64",
        "data:image/png;base64,",
        "data:image/png;base64,!!!!",
        url(PNG[:20]),
        url(b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 0, 480)),
        url(jpeg(500_000)),
        url(b"\xff\xd8\xff\xe1\x00\x00" + b"\0" * 40),
        url(b"\xff\xd8" + b"\xff" * 40),
        url(b"RIFF....WEBPVP9 " + b"\0" * 20),
        url(b"<svg width='640' height='480'/>"),
    ],
)
def test_a_size_that_is_not_to_be_had_is_unknown(text: str) -> None:
    assert image_size(text) is None


def test_an_image_that_is_not_base64_is_read_too() -> None:
    data = "".join(f"%{byte:02x}" for byte in PNG)
    assert image_size(f"data:image/png,{data}") == Size(640, 480)
    wrapped = base64.encodebytes(PNG * 3).decode().replace("\n", "%0A")
    assert image_size(f"data:image/png;BASE64,{wrapped}") == Size(640, 480)


@pytest.mark.parametrize(
    ("rule", "width", "height", "tokens"),
    [
        (CountingRule.OPENAI, 1_024, 1_024, 765),
        (CountingRule.OPENAI, 2_048, 4_096, 1_105),
        (CountingRule.OPENAI, 500, 500, 255),
        (CountingRule.OPENAI_PATCHES, 256, 256, 77),
        (CountingRule.OPENAI_PATCHES, 1_024, 1_024, 1_229),
        (CountingRule.OPENAI_PATCHES, 4_000, 4_000, 1_844),
        (CountingRule.ANTHROPIC, 200, 200, 64),
        (CountingRule.ANTHROPIC, 1_000, 1_000, 1_296),
        (CountingRule.ANTHROPIC, 4_000, 3_000, 1_568),
        (CountingRule.ANTHROPIC_LARGE, 4_000, 3_000, 4_784),
        (CountingRule.GEMINI, 384, 200, 258),
        (CountingRule.GEMINI, 768, 768, 1_032),
        (CountingRule.GEMINI, 960, 540, 1_548),
        (CountingRule.GEMINI_3, 4_000, 3_000, 1_120),
    ],
)
def test_each_rule_as_its_provider_or_its_users_state_it(
    rule: CountingRule, width: int, height: int, tokens: int
) -> None:
    assert image_tokens(Size(width, height), rule) == tokens


@pytest.mark.parametrize("rule", CountingRule)
def test_an_image_of_unknown_size_is_taken_for_a_photograph(rule: CountingRule) -> None:
    assert 700 <= image_tokens(None, rule) <= 2_500
    assert image_tokens(Size(1, 20_000), rule) > 0
