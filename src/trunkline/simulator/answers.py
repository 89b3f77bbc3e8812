"""What simulated models say: text made of our own templates, the same for the same prompt whoever answers.

Because the text depends on the prompt alone, any model can carry on where another was cut off.
"""

from __future__ import annotations

import hashlib
import math
import random
import re
from collections.abc import Callable, Iterator

CHARS_PER_TOKEN = 4
CONTINUE_LINE = "Continue exactly where you stopped. Begin by repeating these last characters verbatim:"
_ANCHOR = re.compile(r"<anchor>\r?\n?(.*?)\r?\n?</anchor>", re.DOTALL)

_OPENERS = (
    "The short answer is that it depends on {a}, and the rest follows from there.",
    "Start with {a}: it decides most of what comes after.",
    "There are two things to settle first, {a} and {b}.",
    "In practice {a} matters more than {b}.",
    "This is easier than it looks once {a} is out of the way.",
)
_SENTENCES = (
    "Keep {a} small, so that {b} can be checked on its own.",
    "If {a} changes often, put it behind {b} and leave the callers alone.",
    "Measure {a} before and after; without a number, {b} is a guess.",
    "A good default for {a} is to do nothing until {b} asks for it.",
    "When {a} fails, say so at once and let {b} decide what happens next.",
    "The usual mistake is to treat {a} as if it were {b}.",
    "It helps to write down what {a} promises, because {b} will rely on it.",
    "Two of three times the slow part is {a}, not {b}.",
    "Once {a} is in place, {b} becomes a matter of a few lines.",
    "You can leave {a} for later as long as {b} is recorded.",
    "Nothing here needs {a} to be fast; it needs {b} to be predictable.",
    "Should {a} grow, split it where {b} already draws a line.",
)
_THINGS = (
    "the input format", "the queue", "the retry policy", "the schema", "the cache", "the deadline", "the log",
    "the error path", "the index", "the first request", "the owner of the data", "the test suite", "the interface",
    "the nightly job", "the report", "the configuration", "the batch size", "the time zone", "the fallback",
    "the summary", "the reader", "the smallest case", "the review", "the migration", "the budget",
)  # fmt: skip
_HEADINGS = (
    "Overview",
    "What to do first",
    "Details",
    "Edge cases",
    "How to check it",
    "Open points",
    "Next steps",
)
_NAMES = ("merge", "collect", "normalise", "partition", "summarise", "schedule", "validate", "rotate")
_CODE = (
    "def {f}(left, right):\n    result = []\n    i = j = 0\n    while i < len(left) and j < len(right):\n"
    "        if left[i] <= right[j]:\n            result.append(left[i])\n            i += 1\n        else:\n"
    "            result.append(right[j])\n            j += 1\n    return result + left[i:] + right[j:]\n",
    "def {f}(items, key):\n    groups = {{}}\n    for item in items:\n"
    "        groups.setdefault(key(item), []).append(item)\n"
    "    return {{name: sorted(group) for name, group in groups.items()}}\n",
    "class {c}:\n    def __init__(self, limit):\n        self.limit = limit\n        self.entries = []\n\n"
    "    def add(self, entry):\n        if len(self.entries) >= self.limit:\n            self.entries.pop(0)\n"
    "        self.entries.append(entry)\n",
    "def test_{f}():\n    assert {f}([1, 4], [2, 3]) == [1, 2, 3, 4]\n    assert {f}([], [5]) == [5]\n",
)
_SPACE_RUN = re.compile(r"\s*\S+\s?")


def tokens_of(text: str) -> int:
    """About four characters a token."""
    return math.ceil(len(text) / CHARS_PER_TOKEN)


def prompt_key(text: str) -> int:
    """A number that stands for a prompt; the same on every machine."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "big")


def find_anchor(text: str) -> str | None:
    """The characters that a request to continue asks to be repeated first, if it is one."""
    if CONTINUE_LINE not in text:
        return None
    found = _ANCHOR.search(text, text.index(CONTINUE_LINE))
    return found[1] if found else None


def answer_text(prompt: str, length_chars: int) -> str:
    """The answer to `prompt`, of at least `length_chars` and whole blocks, so that it reads as one that is finished. A
    shorter answer is the beginning of a longer."""
    lowered = prompt.lower()
    if "heartbeat_ok" in lowered:
        return "HEARTBEAT_OK"
    rng = random.Random(prompt_key(prompt))
    text = ""
    for block in _blocks(lowered, rng):
        text += block
        if len(text) >= length_chars:
            break
    return text.rstrip()


def _blocks(prompt: str, rng: random.Random) -> Iterator[str]:
    writers: tuple[Callable[[random.Random], str], ...]
    if re.search(r"\b(code|function|class|implement|python|script|refactor|unit test|bug)\b", prompt):
        writers = (_prose, _code, _prose, _list)
    elif re.search(r"\b(json|csv|table|figures|data)\b", prompt):
        writers = (_prose, _table, _list)
    elif re.search(r"\b(list|steps|checklist|ideas|plan)\b", prompt):
        writers = (_prose, _list, _prose)
    elif re.search(r"\b(document|docs|readme|guide|explain|describe)\b", prompt):
        writers = (_prose, _section, _list, _section)
    else:
        writers = (_prose, _prose, _list)
    yield _fill(rng.choice(_OPENERS), rng) + " "
    while True:
        for write in writers:
            yield write(rng)


def _fill(template: str, rng: random.Random) -> str:
    first, second = rng.sample(_THINGS, 2)
    return template.format(a=first, b=second)


def _prose(rng: random.Random) -> str:
    return " ".join(_fill(rng.choice(_SENTENCES), rng) for _ in range(rng.randint(2, 4))) + "\n\n"


def _list(rng: random.Random) -> str:
    lines = [f"- {_fill(rng.choice(_SENTENCES), rng)}" for _ in range(rng.randint(3, 5))]
    return "\n".join(lines) + "\n\n"


def _section(rng: random.Random) -> str:
    return f"## {rng.choice(_HEADINGS)}\n\n{_prose(rng)}"


def _code(rng: random.Random) -> str:
    name = rng.choice(_NAMES)
    return f"```python\n{rng.choice(_CODE).format(f=name, c=name.title())}```\n\n"


def _table(rng: random.Random) -> str:
    rows = [
        f"| {thing[4:]} | {rng.randint(1, 400)} | {rng.uniform(0, 99):.1f} % |"
        for thing in rng.sample(_THINGS, 4)
    ]
    return "| part | count | share |\n|---|---|---|\n" + "\n".join(rows) + "\n\n"


def pieces(text: str, chunk_tokens: int) -> list[str]:
    """`text` cut at words into chunks of about `chunk_tokens` tokens, as a stream would bring it."""
    size = chunk_tokens * CHARS_PER_TOKEN
    found: list[str] = []
    gathered = ""
    at = 0
    for word in _SPACE_RUN.finditer(text):
        gathered += word[0]
        at = word.end()
        if len(gathered) >= size:
            found.append(gathered)
            gathered = ""
    gathered += text[at:]
    if gathered:
        found.append(gathered)
    return found


def continuation(whole: str, begun: str, anchor: str | None) -> str:
    """What follows of `whole` after the text already `begun`, with the anchor repeated first if one was asked for.
    Text that is not the beginning of `whole` is carried on from the nearest likeness of its end."""
    if whole.startswith(begun):
        return (anchor or "") + whole[len(begun) :]
    tail = (anchor or begun)[-24:]
    place = whole.find(tail) if tail else -1
    rest = whole[place + len(tail) :] if place >= 0 else " " + whole
    return (anchor or "") + rest
