"""Take README's pictures from the running deck, on the demo's world: `python -m tests.assets.make_pictures`.

They show what the deck showed in that minute; nothing is drawn by hand. Takes half a minute.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.pilot import Pilot

FOLDER = Path(__file__).parent
SIZE = (150, 44)
QUESTION = "Write a Python function that merges two sorted lists."
STORY_S = 24.0
_FONT_FACE = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


async def take() -> None:
    """Run the demo's deck for a while, walk through it, and write the pictures."""
    os.environ["TEXTUAL_ANIMATIONS"] = "none"
    os.environ["TEXTUAL_COLOR_SYSTEM"] = "truecolor"
    from trunkline.cli.demo_agents import DemoHost
    from trunkline.cli.demo_world import DemoDesk, DemoWorld
    from trunkline.domain.clock import SystemClock
    from trunkline.domain.ids import IdSource
    from trunkline.tui.app import DeckApp
    from trunkline.tui.engine_link import EngineLink
    from trunkline.tui.options import DeckOptions

    world = DemoWorld.start(seed=7, speed=1.0)
    clock = SystemClock()
    link = EngineLink(lambda: DemoHost(world, seed=7))
    app = DeckApp(link, clock, IdSource(clock), DeckOptions(desk=DemoDesk(world)))
    try:
        async with app.run_test(size=SIZE) as pilot:
            await _wait(pilot, STORY_S)
            await pilot.press(*(_KEYS.get(letter, letter) for letter in QUESTION), "enter")
            await _wait(pilot, 8.0)
            _write("deck", app.export_screenshot(title="trunkline demo"))
            await _walk(pilot, ("escape", "enter"))
            _write("receipt", app.export_screenshot(title="why this answer"))
            await _walk(pilot, ("escape", "comma", *("j",) * 8))
            _write("preferences", app.export_screenshot(title="preferences"))
    finally:
        link.close()
        world.close()


_KEYS = {" ": "space", ".": "full_stop"}


async def _wait(pilot: Pilot[None], seconds: float) -> None:
    """Let the deck live for so long: these are pictures of something that moves."""
    end_s = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end_s:
        await pilot.pause(0.1)


async def _walk(pilot: Pilot[None], keys: Sequence[str]) -> None:
    for key in keys:
        await pilot.press(key)
        await _wait(pilot, 0.4)
    await _wait(pilot, 1.0)


def _write(name: str, svg: str) -> None:
    """Without fonts from elsewhere, and with the blanks that some viewers would swallow."""
    drawn = _FONT_FACE.sub("", svg).replace("<text ", '<text xml:space="preserve" ')
    (FOLDER / f"{name}.svg").write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(take())
