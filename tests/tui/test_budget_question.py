"""Cost rule 5 in the chat: who asks again has seen what the message is."""

from __future__ import annotations

from tests.support.clock import FakeClock

from trunkline.domain.ids import IdSource
from trunkline.tui.chat_session import ChatSession


def test_only_what_is_asked_again_or_was_asked_about_may_be_over_its_budget() -> None:
    clock = FakeClock()
    session = ChatSession(IdSource(clock), clock)
    assert session.draft("how long is this?").over_budget_ok is False
    session.say("a long one", ())
    assert session.asking is not None
    assert session.asking.request.over_budget_ok is False
    session.again(session.conversation.turns[-1])
    assert session.asking.request.over_budget_ok is True
    session.say("another", (), over_budget_ok=True)
    assert session.asking.request.over_budget_ok is True
