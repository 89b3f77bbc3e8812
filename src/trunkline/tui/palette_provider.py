"""The lines of the command palette: a key and what it does, and the kept conversations that hold what is typed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from trunkline.domain.chats import ConversationSummary
from trunkline.tui import format as fmt
from trunkline.tui.attachments import title_without_files
from trunkline.tui.messages import ConversationWanted

if TYPE_CHECKING:
    from trunkline.tui.app import DeckApp

_KEY_CELLS = 14
MOST_CONVERSATIONS = 8
SHORTEST_SEARCH = 3
_PATIENCE_S = 1.0
_FOUND_IN_TEXT = 0.05  # below every hit in a name
_CHAT = "conversation"


class PaletteProvider(Provider):
    """Actions in the order of the key registry, a line each."""

    @property
    def _deck_app(self) -> DeckApp:
        return cast("DeckApp", self.app)

    async def discover(self) -> Hits:
        for command in self._deck_app.palette_commands(self.screen):
            yield DiscoveryHit(
                _line(command.key, Content(command.title), command.refusal), command.run, text=command.title
            )

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for command in self._deck_app.palette_commands(self.screen):
            score = matcher.match(command.title)
            if score > 0:
                said = _line(command.key, matcher.highlight(command.title), command.refusal)
                yield Hit(score, said, command.run, text=command.title)
        for found in await self._conversations(query):
            title = fmt.one_line(title_without_files(found.title))
            said = _line(_CHAT, matcher.highlight(title), None)
            open_it = partial(self._deck_app.deck.post_message, ConversationWanted(found.conversation_id))
            yield Hit(max(_FOUND_IN_TEXT, matcher.match(title)), said, open_it, text=title)

    async def _conversations(self, query: str) -> Iterable[ConversationSummary]:
        """Those kept that hold the words; none over another screen, and none that the store takes too long to find."""
        app = self._deck_app
        engine = app.engine if self.screen is app.deck and len(query) >= SHORTEST_SEARCH else None
        if engine is None:
            return ()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[tuple[ConversationSummary, ...]] = loop.create_future()

        def deliver(found: tuple[ConversationSummary, ...]) -> None:
            loop.call_soon_threadsafe(settle, found)

        def settle(found: tuple[ConversationSummary, ...]) -> None:
            if not answer.done():
                answer.set_result(found)

        engine.conversations(query, MOST_CONVERSATIONS, deliver)
        try:
            return await asyncio.wait_for(answer, _PATIENCE_S)
        except TimeoutError:
            return ()


def _line(key: str, title: Content, refusal: str | None) -> Content:
    pieces: list[Content | tuple[str, str]] = [
        (fmt.fit(key, _KEY_CELLS), "not bold $text-accent"),
        ("  ", ""),
        title,
    ]
    if refusal:
        pieces.append((f"  not now: {refusal}", "not bold $text-muted"))
    return Content.assemble(*pieces)
