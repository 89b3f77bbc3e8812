from __future__ import annotations

from pathlib import Path

from tests.support.engine_world import Serves, agent, open_world

from trunkline.domain.routes import Route


async def test_an_account_and_its_provider_must_be_of_one_call(tmp_path: Path) -> None:
    async with open_world(
        tmp_path, Serves("first", accounts=("a",)), Serves("second", accounts=("b",))
    ) as world:
        world.fault("http", provider="first", status=503)
        result = await world.run(agent(prefer=("first", "second")))
        called = {attempt.route for attempt in result.receipt.attempts}
        assert called == {Route("first", "a", "m"), Route("second", "b", "m")}
        await world.engine.fresh_snapshot()
        assert len(world.engine.past.log(5, provider="second", account="b")) == 1
        assert world.engine.past.log(5, provider="first", account="b") == ()
