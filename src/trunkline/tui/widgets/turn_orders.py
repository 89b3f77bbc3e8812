"""What a key or a command wants done with a turn: asked again, elsewhere, rewritten, taken out of the chat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trunkline.domain.errors import TrunklineError
from trunkline.domain.learned import Received, Verdict, thumb_of
from trunkline.domain.receipts import Outcome
from trunkline.tui.cells import Cell, Tone
from trunkline.tui.commands import as_typed
from trunkline.tui.conversation import Turn
from trunkline.tui.messages import AnswerJudged, ReceiptWanted
from trunkline.tui.widgets.transcript import Order

if TYPE_CHECKING:
    from trunkline.tui.widgets.chat_panel import ChatPanel

NOTHING_SAID = "nothing is said in this conversation yet"


class TurnOrders:
    """Carries out orders on the turns of a chat; one that cannot be carried out says why."""

    def __init__(self, panel: ChatPanel) -> None:
        self._panel = panel

    def carry_out(self, order: Order, turn_id: str | None) -> None:
        """Do what a key wants."""
        panel = self._panel
        turn = panel.conversation.turn(turn_id or "")
        if turn is None:
            panel.warn(NOTHING_SAID)
            return
        match order:
            case Order.WHY:
                self._why(turn)
            case Order.AGAIN if panel.waiting.turn_id == turn.id:
                panel.waiting.try_now()
            case Order.ELSEWHERE if panel.waiting.turn_id == turn.id:
                panel.waiting.choose_elsewhere()
            case Order.AGAIN:
                self.ask_again(turn.id)
            case Order.ELSEWHERE:
                self.ask_elsewhere(turn.id)
            case Order.EDIT:
                self._edit(turn)
            case Order.COPY:
                panel.files.copy_answer(turn)
            case Order.SAVE:
                panel.files.save_answer(turn)
            case Order.EXPORT:
                panel.export("")
            case Order.GOOD:
                self._judge(turn, Verdict.UP)
            case Order.BAD:
                self._judge(turn, Verdict.DOWN)

    def _why(self, turn: Turn) -> None:
        asking = self._panel.session.asking
        if turn.request_id is not None:
            self._panel.post_message(ReceiptWanted(turn.request_id, turn.id))
        elif asking is not None and asking.turn is turn:
            self._panel.warn("the receipt comes with the end of the answer")
        else:
            self._panel.warn("there is no receipt: no answer of it was kept; r asks again")

    # -- how the answer was ---------------------------------------------------------------------------------

    def _judge(self, turn: Turn, thumb: Verdict) -> None:
        """Say that a turn's answer was good or bad; what was said already is taken back."""
        panel, engine = self._panel, self._panel.engine
        if engine is None:
            panel.warn("the engine is not there to be told" if panel.dead else "the engine is still starting")
        elif (request_id := _answered_by(turn)) is None:
            panel.warn("there is no answer here yet that could be good or bad")
        else:
            before = None if turn.receipt is None else thumb_of(turn.receipt.verdicts)
            said = None if before is thumb else thumb

            def deliver(received: Received) -> None:
                panel.transcript.post_message(AnswerJudged(received))

            engine.feedback(request_id, said, deliver)

    # -- asking again ---------------------------------------------------------------------------------------

    def ask_last_again(self, route: str) -> None:
        """The last turn again: down `route`, or where it is empty not where it was answered."""
        turns = self._panel.conversation.turns
        if not turns:
            self._panel.warn(NOTHING_SAID)
        elif route:
            self.ask_again(turns[-1].id, route)
        else:
            self.ask_elsewhere(turns[-1].id)

    def ask_again(self, turn_id: str, route: str | None = None, avoid: tuple[str, ...] = ()) -> None:
        """Ask a turn again: as before, down `route`, or not down `avoid`. Its answer stays until another begins."""
        panel = self._panel
        turn, block = panel.conversation.turn(turn_id), panel.transcript.block(turn_id)
        if (refusal := panel.refusal()) is not None:
            panel.status(refusal)
        elif turn is None or block is None:
            panel.warn("that message is not in the open conversation, or too far back to be shown")
        else:
            panel.session.again(turn, route, avoid)
            block.ask_again()
            panel.begin(block)

    def ask_elsewhere(self, turn_id: str) -> None:
        """Ask a turn again, not whoever answered it or failed to last."""
        turn = self._panel.conversation.turn(turn_id)
        receipt = turn.receipt if turn is not None else None
        route = None
        if receipt is not None:
            route = receipt.route or (receipt.attempts[-1].route if receipt.attempts else None)
        if route is None:
            self._panel.warn("it is not known who answered, so nobody can be left out; r asks again")
        else:
            self.ask_again(turn_id, avoid=(route.id,))

    # -- rewriting ------------------------------------------------------------------------------------------

    def rewrite(self, turn_id: str) -> None:
        """Bring a message back into the editor."""
        turn = self._panel.conversation.turn(turn_id)
        if turn is not None:
            self._edit(turn)

    def _edit(self, turn: Turn) -> None:
        panel = self._panel
        if (refusal := panel.refusal()) is not None:
            panel.status(refusal)
        elif panel.prompt.text.strip() and panel.session.rewriting is None:
            panel.warn("the editor holds another message: send it or clear it first")
        else:
            panel.session.rewriting = turn
            panel.prompt.fill(as_typed(turn.asked))
            panel.prompt.focus()
            panel.retitle()

    def leave_rewriting(self) -> bool:
        """Keep the message that is being rewritten as it was; False where none is."""
        panel = self._panel
        if panel.session.rewriting is None:
            return False
        panel.session.rewriting = None
        panel.prompt.text = ""
        panel.retitle()
        return True

    async def undo(self) -> bool:
        """Take back that a message was sent in place of another; False where there is nothing to take back."""
        panel = self._panel
        if not panel.session.can_undo:
            return False
        engine = panel.engine
        if (refusal := panel.refusal()) is not None or engine is None:
            panel.status(refusal or Cell("the engine is still starting", Tone.WARN))
            return True
        changed = panel.session.undo()
        if changed is not None:
            back, gone = changed
            try:
                engine.drop_turns(panel.conversation.id, back, dropped=False)
                engine.drop_turns(panel.conversation.id, gone)
            except TrunklineError as error:
                panel.warn(f"shown as it was, but not kept: {error}")
            await panel.transcript.show_turns(panel.conversation.turns, panel.flush_s)
            panel.retitle()
        return True


def _answered_by(turn: Turn) -> str | None:
    """The request that gave a turn's answer; None where there is none, or none yet."""
    receipt = turn.receipt
    if receipt is None:
        return turn.request_id if turn.whole else None
    return receipt.request_id if receipt.outcome is Outcome.ANSWERED else None
