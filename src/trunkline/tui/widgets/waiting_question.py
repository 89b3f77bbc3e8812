"""A question of the chat that waits: until when, and what a person can do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trunkline.domain.events import Body, Held, Parked, Waiting
from trunkline.domain.snapshot import Snapshot
from trunkline.engine.api import HostedEngine
from trunkline.tui.cells import Cell, Tone
from trunkline.tui.messages import RouteWanted, WaitingChanged
from trunkline.tui.notices import (
    STOPPING,
    STOPS,
    STOPS_NEXT,
    TAKES_BACK_NEXT,
    TAKING_BACK,
    is_wait,
    notice,
    waited_notice,
    waiting_line,
)
from trunkline.tui.waiting_turns import (
    GONE_FOR_MS,
    Watched,
    in_queue,
    is_over,
    is_running,
    waiting_notice,
    waiting_turn,
)

if TYPE_CHECKING:
    from trunkline.tui.widgets.answer import AnswerBlock
    from trunkline.tui.widgets.chat_panel import ChatPanel

NOTHING_WAITS = "no question waits in this conversation"
MOST_LEFT = 200


class WaitingQuestion:
    """Of the open conversation: either the question that is on its way from here, as its events tell, or one that
    another process asked or that was left waiting, as the queue tells."""

    def __init__(self, panel: ChatPanel) -> None:
        self._panel = panel
        self._held: Waiting | Parked | Held | None = None
        self._watched: Watched | None = None
        self._left: dict[str, tuple[str, str]] = {}
        self._held_at_ms = self._waited_ms = 0
        self._taken_back: str | None = None
        self._stopped = False
        self._snapshot: Snapshot | None = None
        self._told = False

    # -- what waits -----------------------------------------------------------------------------------------

    @property
    def is_waiting(self) -> bool:
        """A question of the open conversation waits for longer than a provider asked it to."""
        return self._request_id is not None

    @property
    def _request_id(self) -> str | None:
        if isinstance(self._held, Parked | Held):
            asking = self._panel.session.asking
            return None if asking is None else asking.request_id
        watched = self._watched
        return watched.request_id if watched is not None and watched.item is not None else None

    @property
    def turn_id(self) -> str | None:
        """The turn of what waits."""
        asking = self._panel.session.asking
        if not self.is_waiting:
            return None
        if asking is not None:
            return asking.turn.id
        return None if self._watched is None else self._watched.turn_id

    @property
    def _is_kept(self) -> bool:
        """What is on its way from here is in the store, and goes on without this deck."""
        asking, snapshot = self._panel.session.asking, self._snapshot
        if asking is None or self._held is None:
            return False
        if isinstance(self._held, Parked):
            return self._held.kept
        queue = () if snapshot is None else snapshot.queue
        return any(item.kept for item in queue if item.request_id == asking.request_id)

    # -- what is told ---------------------------------------------------------------------------------------

    async def hold(self, body: Body, block: AnswerBlock) -> None:
        """An event of the answer on its way, which `block` shows; whatever is no reason to wait ends the waiting."""
        was, self._held = self._held, body if is_wait(body) else None
        if was is None and self._held is None:
            return
        now_ms = self._panel.clock.wall_ms()
        if was is not None:
            self._waited_ms += now_ms - self._held_at_ms
        self._held_at_ms = now_ms
        held = self._held
        said = waited_notice(self._waited_ms) if held is None else notice(held, now_ms, self._panel.zone)
        if said is None:
            await block.drop_wait()
        else:
            await block.tell_wait(said)
        await self.count_down()
        if held is None:
            self._panel.status(self.what_stops())

    def what_stops(self) -> Cell:
        """What esc does to the answer on its way, for the line under the editor; what only waits comes back there."""
        if self._stopped:
            return TAKING_BACK if self._taken_back is not None else STOPPING
        if self._panel.armed:
            return TAKES_BACK_NEXT if self.is_waiting else STOPS_NEXT
        held = self._held
        line = None if held is None else waiting_line(held, self._panel.clock.wall_ms())
        return line or STOPS

    async def count_down(self) -> None:
        """Bring what is said of it up to this moment."""
        if self._told != self.is_waiting:
            self._told = self.is_waiting
            self._panel.post_message(WaitingChanged())
        panel, now_ms = self._panel, self._panel.clock.wall_ms()
        asking, held = panel.session.asking, self._held
        if asking is not None and held is not None:
            panel.status(self.what_stops())
            said = notice(held, now_ms, panel.zone)
            block = panel.transcript.block(asking.turn.id)
            if block is not None and said is not None and isinstance(held, Parked | Held):
                await block.tell_wait(said)
        elif self._watched is not None and self._watched.item is not None:
            block = panel.transcript.block(self._watched.turn_id)
            if block is not None:
                await block.tell_wait(waiting_notice(self._watched.item, now_ms, panel.zone))

    async def look(self, snapshot: Snapshot) -> None:
        """What the queue has of the open conversation now, and what has become of what it had."""
        self._snapshot = snapshot
        self._tell_of_left(snapshot)
        panel = self._panel
        if panel.session.asking is None and panel.conversation.turns:
            item = in_queue(snapshot, panel.conversation.id)
            if item is not None:
                turn = waiting_turn(panel.conversation, item)
                if turn is not None:
                    await self._watch(Watched(item.request_id, turn.id, item))
            elif self._watched is not None:
                await self._follow(self._watched, snapshot)
            else:
                await self._find_left(snapshot)
        await self.count_down()

    async def _watch(self, watched: Watched) -> None:
        is_new = self._watched is None or self._watched.item is None
        self._watched = watched
        block = self._panel.transcript.block(watched.turn_id)
        if block is not None and is_new:
            block.say("waiting …")

    async def _follow(self, watched: Watched, snapshot: Snapshot) -> None:
        """It has left the queue: it is being answered, or is over, or nobody knows of it any more."""
        panel, now_ms = self._panel, self._panel.clock.wall_ms()
        if watched.item is not None:
            watched = Watched(watched.request_id, watched.turn_id, None, now_ms)
            block = panel.transcript.block(watched.turn_id)
            if block is not None:
                block.say("being answered …")
                await block.drop_wait()
        self._watched = watched
        if is_running(snapshot, watched.request_id):
            self._watched = Watched(watched.request_id, watched.turn_id, None, now_ms)
        elif is_over(snapshot, watched.request_id) or now_ms - (watched.gone_at_ms or 0) > GONE_FOR_MS:
            self._watched = None
            panel.read_answers()

    async def _find_left(self, snapshot: Snapshot) -> None:
        """What was left waiting in this conversation, and is being answered now."""
        for request_id, (conversation_id, turn_id) in self._left.items():
            if conversation_id == self._panel.conversation.id and is_running(snapshot, request_id):
                self._watched = Watched(request_id, turn_id, None, self._panel.clock.wall_ms())
                block = self._panel.transcript.block(turn_id)
                if block is not None:
                    block.say("being answered …")

    def _tell_of_left(self, snapshot: Snapshot) -> None:
        for request_id in [one for one in self._left if is_over(snapshot, one)]:
            conversation_id, _ = self._left.pop(request_id)
            if conversation_id != self._panel.conversation.id:
                self._panel.app.notify(
                    "a question that you left waiting is over; c opens its conversation",
                    timeout=8,
                    markup=False,
                )

    # -- leaving --------------------------------------------------------------------------------------------

    def leave(self) -> bool:
        """The conversation is left; says whether what is on its way stays in the queue, being kept there."""
        asking = self._panel.session.asking
        stays = self._is_kept and asking is not None and asking.request_id is not None
        if stays and asking is not None and asking.request_id is not None:
            self._left[asking.request_id] = (self._panel.conversation.id, asking.turn.id)
            for oldest in list(self._left)[:-MOST_LEFT]:
                del self._left[oldest]
            self._panel.app.notify("the question stays in the queue; 5 shows it", timeout=5, markup=False)
        self.forget()
        return stays

    def passed_on(self) -> None:
        """What was on its way from here goes on in another process, or in none for now."""
        asking = self._panel.session.asking
        self.forget()
        if asking is not None and asking.request_id is not None:
            now_ms = self._panel.clock.wall_ms()
            self._watched = Watched(asking.request_id, asking.turn.id, None, now_ms)
            self._panel.session.asking = None
            block = self._panel.transcript.block(self._watched.turn_id)
            if block is not None:
                block.say("being answered …")
                self._panel.call_later(block.drop_wait)

    def forget(self) -> None:
        """Nothing of the open conversation waits any more."""
        self._watched = None
        self._hold_nothing()

    def _hold_nothing(self) -> None:
        self._held = self._taken_back = None
        self._stopped = False
        self._waited_ms = 0

    # -- what can be done -----------------------------------------------------------------------------------

    def _engine(self) -> HostedEngine | None:
        """The engine, where something waits; says why not."""
        engine = self._panel.engine
        if not self.is_waiting or engine is None:
            self._panel.warn(NOTHING_WAITS if engine is not None else "there is no engine to ask")
            return None
        return engine

    def try_now(self) -> None:
        """Let it go before all others, and at once."""
        engine, request_id = self._engine(), self._request_id
        if engine is not None and request_id is not None:
            engine.promote(request_id)
            self._panel.app.notify("tried now", timeout=3, markup=False)

    def take_back(self) -> None:
        """Cancel it, and have the message in the editor again."""
        engine, request_id, turn_id = self._engine(), self._request_id, self.turn_id
        if engine is None or request_id is None or turn_id is None:
            return
        if self._panel.session.asking is not None:
            self.stopped()
            engine.cancel(request_id)
            self._panel.status(self.what_stops())
        else:
            engine.drop(request_id)
            self._forget_watched(turn_id)
            self._panel.orders.rewrite(turn_id)

    def stopped(self) -> None:
        """The person has stopped what is on its way: what only waits comes back into the editor."""
        self._stopped, self._taken_back = True, self.turn_id

    def ended(self, turn_id: str) -> None:
        """The answer that was on its way is over."""
        back = self._taken_back
        self._hold_nothing()
        turn = self._panel.conversation.turn(turn_id)
        if back == turn_id and turn is not None and not turn.answer:
            self._panel.orders.rewrite(turn_id)

    def choose_elsewhere(self) -> None:
        """Have a route chosen to send it down instead."""
        turn_id = self.turn_id
        if self._engine() is not None and turn_id is not None:
            self._panel.post_message(RouteWanted(turn_id))

    def send_elsewhere(self, turn_id: str, route: str) -> None:
        """Cancel what waits of a turn, and ask it down `route`."""
        panel, engine, request_id = self._panel, self._panel.engine, self._request_id
        if engine is None or request_id is None or self.turn_id != turn_id:
            panel.warn(f"{NOTHING_WAITS} any more")
            return
        if panel.session.asking is not None:
            engine.cancel(request_id)
            panel.session.asking = None
        else:
            engine.drop(request_id)
        self.forget()
        panel.orders.ask_again(turn_id, route)

    def _forget_watched(self, turn_id: str) -> None:
        self._watched = None
        block = self._panel.transcript.block(turn_id)
        if block is not None:
            block.say("taken back")
            self._panel.call_later(block.drop_wait)


def refusal_while_waiting() -> Cell:
    """Why nothing else can be asked in this conversation meanwhile."""
    return Cell("the question above waits; ctrl-n begins another conversation", Tone.WARN)
