"""Token estimates without a tokenizer, calibrated by kind of content."""

from __future__ import annotations

import re
from collections import OrderedDict

from trunkline.domain.messages import (
    ImagePart,
    Message,
    Part,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)

# Characters per token by kind of content, a little below what o200k needs: an estimate should rather be high.
_PROSE = 4.9
_CODE = 4.2
_JSON = 2.5
_CJK = 1.25
_OTHER_SCRIPT = 2.4
# Every message costs a few tokens of its own in every chat format.
MESSAGE_TOKENS = 4
IMAGE_TOKENS = 1_100
_SAMPLE = 4_000
_WIDE = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af\U00020000-\U0003134f]")
_PUNCTUATION = re.compile(r"[^\w\s]")


def estimate_tokens(text: str) -> int:
    """Tokens of `text`, judged by its first and last 2,000 characters and scaled to its length."""
    length = len(text)
    if length == 0:
        return 0
    half = _SAMPLE // 2
    sample = text if length <= _SAMPLE else text[:half] + text[-half:]
    return max(1, round(length / _characters_per_token(sample)))


def _characters_per_token(sample: str) -> float:
    if sample.isascii():
        return _ascii_ratio(sample)
    wide = len(_WIDE.findall(sample))
    ascii_count = len(sample.encode("ascii", "ignore"))
    other = len(sample) - ascii_count - wide
    plain = _ascii_ratio(sample)
    tokens = wide / _CJK + other / _OTHER_SCRIPT + ascii_count / plain
    return len(sample) / tokens


def _ascii_ratio(sample: str) -> float:
    length = len(sample)
    marks = len(_PUNCTUATION.findall(sample))
    share = marks / length
    if share > 0.16 and sample.count('"') * 16 > length and sample.lstrip()[:1] in ("{", "["):
        return _JSON
    if share < 0.05:
        return _PROSE
    # Between prose (few marks) and code (many), in proportion.
    return max(_JSON, _PROSE - (share - 0.05) * (_PROSE - _CODE) / 0.07)


class TokenCounter:
    """Counts messages once: a conversation that grows costs only its new part. Remembers at most `capacity`
    counts by the message's hash (no text is held), the longest unused forgotten first."""

    def __init__(self, capacity: int = 4_096) -> None:
        self._capacity = capacity
        self._counts: OrderedDict[int, int] = OrderedDict()

    def message_tokens(self, message: Message) -> int:
        """Tokens of one message in a prompt."""
        key = hash(message)
        known = self._counts.get(key)
        if known is not None:
            self._counts.move_to_end(key)
            return known
        count = MESSAGE_TOKENS + sum(map(_part_tokens, message.parts))
        self._counts[key] = count
        if len(self._counts) > self._capacity:
            self._counts.popitem(last=False)
        return count

    def __len__(self) -> int:
        return len(self._counts)


def _part_tokens(part: Part) -> int:
    match part:
        case TextPart(text) | ToolResultPart(_, text) | ThinkingPart(text):
            return estimate_tokens(text)
        case ToolCallPart(_, name, arguments):
            return estimate_tokens(name) + estimate_tokens(arguments)
        case ImagePart():
            return IMAGE_TOKENS
