"""The answer as it grows over the calls of one request: its text, its seams, its restarts."""

from __future__ import annotations

from trunkline.domain.events import RequestBody, Restarted, Seam, TextDelta
from trunkline.domain.routes import ModelSpec, Route
from trunkline.engine.continuation import Continuation
from trunkline.engine.eventlog import EventLog

# A text cut before this many characters is begun anew: there is too little to recognise it by.
_MIN_CONTINUED_CHARS = 16
# A short text takes up ten times its length: of a long answer one is made of many from time to time.
_MOST_PIECES = 1_024


class AnswerSoFar:
    """Writes a request's events and remembers what the asker has been shown. Where `append_only`, what was shown
    cannot be taken back."""

    def __init__(self, log: EventLog, *, append_only: bool = False) -> None:
        self._log = log
        self._append_only = append_only
        self._pieces: list[str] = []
        self._cannot_continue: set[Route] = set()
        self.text_chars = 0
        self.seams: list[int] = []
        self.restarts = 0

    def emit(self, body: RequestBody) -> None:
        """Write one event."""
        kind = type(body)
        if kind is TextDelta and isinstance(body, TextDelta):
            self._pieces.append(body.text)
            self.text_chars += len(body.text)
            if len(self._pieces) > _MOST_PIECES:
                self._pieces = [self.text]
        elif isinstance(body, Seam):
            self.seams.append(body.at_char)
        self._log.append(body)

    async def room(self) -> None:
        """Wait for a reader that cannot follow."""
        await self._log.room()

    @property
    def text(self) -> str:
        """What has been shown and still counts."""
        return "".join(self._pieces)

    def bar_continuation(self, route: Route) -> None:
        """That route was asked to carry the text on and did not; it may only begin anew."""
        self._cannot_continue.add(route)

    def carry_on(self, model: ModelSpec, route: Route) -> Continuation | None:
        """How a call down `route` carries on; None when it begins anew. Text that was shown is then taken back, with a
        `Restarted` event; thinking alone is begun anew without a word, and tool calls are told of only in a reply that
        is whole."""
        if not self.text_chars:
            return None
        continues = route not in self._cannot_continue and self.text_chars >= _MIN_CONTINUED_CHARS
        if continues or self._append_only:
            return Continuation.for_model(model.prefill, self.text)
        self._pieces.clear()
        self.seams.clear()
        self.text_chars = 0
        self.restarts += 1
        self.emit(Restarted(route))
        return None
