"""The choice among routes of one request."""

from __future__ import annotations

from pathlib import Path

from tests.support.engine_world import Serves, ask, open_world

from trunkline.domain.decisions import Decision
from trunkline.domain.routes import Route
from trunkline.engine.accounting import Books
from trunkline.engine.choice import Choice


async def test_asking_who_else_could_answer_changes_nothing_of_what_was_decided_on(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("one"), Serves("two")) as world:
        core, request = world.engine._core, ask()
        books = Books(core.ledger, core.tracker, core.clock, core.generation, "r1")
        choice, task = Choice(core, request, books), core.analyse(request, core.generation)
        decision = choice.decide(task, core.generation)
        assert isinstance(decision, Decision)
        made_from = choice.inputs
        everybody = (Route("one", "a", "m"), Route("two", "a", "m"))
        assert choice.has_another_model(task, decision.route, core.generation)
        assert choice.has_another(task, core.generation, everybody[:1])
        assert not choice.has_another(task, core.generation, everybody)
        assert choice.inputs is made_from
        assert choice.decide(task, core.generation) == decision
