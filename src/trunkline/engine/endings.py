"""How a request ends: its receipt, who has it first, and what is done after that."""

from __future__ import annotations

import asyncio
import logging

from trunkline.domain.events import Ending, Event
from trunkline.domain.receipts import Outcome, Receipt
from trunkline.engine.accounting import Books
from trunkline.engine.answer import AnswerSoFar
from trunkline.engine.calling import Calling
from trunkline.engine.core import EngineCore
from trunkline.engine.eventlog import EventLog
from trunkline.engine.generation import Generation
from trunkline.engine.keeping import request_over
from trunkline.engine.receipt import Course, receipt_of
from trunkline.engine.ticket import Ticket

_log = logging.getLogger(__name__)


class Endings:
    """Of one request, which has one."""

    def __init__(
        self,
        core: EngineCore,
        ticket: Ticket,
        course: Course,
        books: Books,
        answer: AnswerSoFar,
        calling: Calling,
        log: EventLog,
    ) -> None:
        self._core = core
        self._ticket = ticket
        self._course = course
        self._books = books
        self._answer = answer
        self._calling = calling
        self._log = log

    def receipt(self, outcome: Outcome, generation: Generation) -> Receipt:
        """What is known of the request by now, as that it came to."""
        reference = generation.policy.reference_price
        return receipt_of(self._ticket, outcome, self._course, self._books, self._answer, reference)

    def end(self, ending: Ending, generation: Generation) -> None:
        """End the log. Whoever waits for the answer has it before anything is done that only others want: what it
        taught is taken in, and it is kept and told, as soon as those have been woken."""
        event = self._log.append(ending)
        asyncio.get_running_loop().call_soon(self._after, event, ending, generation)

    def _after(self, event: Event, ending: Ending, generation: Generation) -> None:
        try:
            self._calling.learn()
        except Exception:
            _log.exception("what a call taught was lost", extra={"request_id": self._log.request_id})
        request_over(
            self._core, self._ticket.request, ending, self._log.text(), generation, self._course.inputs
        )
        self._core.bus.forward(event)
        self._core.store.hasten()
