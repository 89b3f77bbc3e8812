"""Our own examples: lines of choices, drawn from with a fixed seed."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from importlib.resources import files

from trunkline.domain.tasks import TASK_TYPES

# Draws a line gives at most, and the share of drawn examples that stand behind an agent's boilerplate.
_DRAWS = 8
_BOILERPLATE_SHARE = 0.15

_CHOICE = re.compile(r"\{([^{}]*)\}")
_BODY = re.compile(r" ?<(code|table|log|shell|trace|diff|options|quote)> ?")
# Whole alternatives of a line, outside of braces.
_LINES = re.compile(r" \| (?![^{}]*\})")
_LEVEL = re.compile(r"(0\.\d+) ")


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt with its task type; `complexity` 0..1 where the line says so. `line` groups what one line gave."""

    text: str
    type: str
    complexity: float | None
    line: str


def own_examples(seed: int = 7, draws: int = _DRAWS) -> list[Example]:
    """All examples, in a fixed order."""
    room = files("trunkline.analysis.training").joinpath("examples")
    lists = _lists(room.joinpath("lists.txt").read_text("utf-8"))
    bodies = _bodies(room.joinpath("bodies.txt").read_text("utf-8"))
    examples: dict[str, Example] = {}
    for kind in TASK_TYPES:
        lines = room.joinpath(f"{kind}.txt").read_text("utf-8").splitlines()
        for number, line in enumerate(lines):
            if not line or line.startswith("#"):
                continue
            level = _LEVEL.match(line)
            pattern = line[level.end() :] if level else line
            chance = random.Random(f"{seed} {kind} {number}")  # noqa: S311 - examples, no secrets
            for _ in range(_draws_of(pattern, draws)):
                text = _with_bodies(_drawn(pattern, lists, chance), bodies, chance)
                if chance.random() < _BOILERPLATE_SHARE:
                    text = f"{chance.choice(lists['boilerplate'])}{chance.choice(lists['marker'])}{text}"
                elif chance.random() < 0.2:
                    text = text.lower().rstrip(".?!") if len(text) < 120 else text
                examples.setdefault(
                    text, Example(text, kind, float(level[1]) if level else None, f"{kind} {number}")
                )
    return list(examples.values())


def _draws_of(pattern: str, draws: int) -> int:
    """More for a line with many variants, none wasted on one with few."""
    variants = 1
    for choice in _CHOICE.findall(pattern):
        variants *= 8 if "|" not in choice else choice.count("|") + 1
    tops = len(_LINES.split(pattern))
    return min(draws * (1 + (variants > 60) + (variants > 1_000)), 2 * variants) + 2 * (tops - 1)


def _drawn(pattern: str, lists: dict[str, list[str]], chance: random.Random) -> str:
    pattern = chance.choice(_LINES.split(pattern))
    while (choice := _CHOICE.search(pattern)) is not None:
        inside = choice[1]
        chosen = chance.choice(lists[inside[1:]] if inside[1:] in lists else inside.split("|"))
        pattern = pattern[: choice.start()] + chosen + pattern[choice.end() :]
    return pattern.replace("\\n", "\n").replace("«", "{").replace("»", "}").strip()


def _with_bodies(text: str, bodies: dict[str, list[str]], chance: random.Random) -> str:
    def body(found: re.Match[str]) -> str:
        return (
            f"\n\n{chance.choice(bodies[found[1]])}\n\n"
            if found[1] != "options"
            else chance.choice(bodies["options"])
        )

    return _BODY.sub(body, text).strip()


def _lists(text: str) -> dict[str, list[str]]:
    named = (line.partition(": ") for line in text.splitlines())
    return {name: [item.replace("\\n", "\n") for item in items.split("|")] for name, _, items in named}


def _bodies(text: str) -> dict[str, list[str]]:
    bodies: dict[str, list[str]] = {}
    for part in text.split("=== ")[1:]:
        kind, _, body = part.partition("\n")
        bodies.setdefault(kind, []).append(body.rstrip("\n"))
    return bodies
