"""What comes back of a request, brought into its turn, onto the screen and into the routing log; but for what is told
of its waiting, which changes with time."""

from __future__ import annotations

from datetime import tzinfo

from trunkline.domain.clock import Clock
from trunkline.domain.decisions import NoRoute
from trunkline.domain.events import (
    Answered,
    AttemptStarted,
    Cancelled,
    Decided,
    Event,
    Failed,
    Held,
    Parked,
    Rerouted,
    Restarted,
    TextDelta,
    ThinkingDelta,
    Waiting,
)
from trunkline.domain.receipts import Receipt
from trunkline.domain.text import strip_controls
from trunkline.tui.chat_session import ChatSession
from trunkline.tui.log_book import LogBook
from trunkline.tui.log_rows import LiveLine
from trunkline.tui.notices import is_wait, notice
from trunkline.tui.widgets.answer import AnswerBlock


class TurnFeed:
    """Takes the events of the answer on its way, one by one."""

    def __init__(self, session: ChatSession, book: LogBook, clock: Clock, zone: tzinfo | None) -> None:
        self._session = session
        self._book = book
        self._clock = clock
        self._zone = zone

    async def take(self, event: Event, block: AnswerBlock) -> Receipt | None:
        """Bring in one event; gives the receipt when it is the last."""
        body = event.body
        match body:
            case TextDelta(text):
                text = strip_controls(text)
                if not text:
                    return None
                if self._session.take_text(text):
                    await block.begin()
                block.append(text)
                return None
            case ThinkingDelta():
                if self._session.asking is not None and self._session.asking.fresh:
                    block.think()
                return None
            case AttemptStarted(_, route):
                block.name_answerer(route)
            case Waiting():
                block.say("waiting …")
            case Parked():
                block.say("parked …")
            case Held():
                block.say("held …")
            case Restarted():
                self._session.restart()
                block.restart()
            case Answered(receipt) | Failed(receipt) | Cancelled(receipt):
                await block.finish(receipt, earlier_stands=self._session.end(receipt))
                self._book.take_ending(receipt)
                return receipt
        happened = None if is_wait(body) else notice(body, self._clock.wall_ms(), self._zone)
        if happened is not None:
            await block.add_notice(happened)
        self._note_live(event)
        return None

    def _note_live(self, event: Event) -> None:
        body = event.body
        routes: tuple[str, ...] = ()
        reason = ""
        match body:
            case Rerouted(from_route, to_route, cause):
                routes, reason = (from_route.id, to_route.id), cause.value
            case AttemptStarted(_, route):
                routes = (route.id,)
            case Decided(_, decision) if not isinstance(decision, NoRoute):
                routes, reason = (decision.route.id,), decision.reason.value
            case Waiting(_, route):
                routes, reason = (route.id,), "waiting"
            case Decided():
                pass
            case _:
                return
        self._book.take_live(LiveLine(event.request_id, event.at_ms, "chat", routes, reason))


def changes_log(event: Event) -> bool:
    """Whether the routing log has another line after this event."""
    return isinstance(
        event.body, AttemptStarted | Rerouted | Waiting | Decided | Answered | Failed | Cancelled
    )
