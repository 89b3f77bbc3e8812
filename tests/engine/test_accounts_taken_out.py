"""A person takes an account out: every process obeys, whoever asks why is told, and it stays so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.engine_world import Serves, World, agent, ask, open_world, until

from trunkline.domain.decisions import NoRoute, RejectionCode
from trunkline.domain.errors import ConfigError
from trunkline.domain.receipts import Outcome
from trunkline.engine.engine import Engine
from trunkline.routing import rejection_sentence

POOL = Serves("pool", accounts=("a", "b"))
OTHER = Serves("other")


def standing(engine: Engine, provider: str = "pool") -> dict[str, tuple[bool, bool]]:
    """Whether each account is enabled and set aside, as panels show it."""
    (view,) = [view for view in engine.snapshot().providers if view.id == provider]
    return {account.id: (account.enabled, account.set_aside) for account in view.accounts}


async def served_by(world: World, engine: Engine, requests: int = 4) -> set[str]:
    return {(await world.run(ask(route="pool"), engine)).routes[-1] for _ in range(requests)}


async def test_every_process_obeys_and_puts_back(tmp_path: Path) -> None:
    async with open_world(tmp_path, POOL) as world, world.open("second") as second:
        world.engine.set_account("pool/a", enabled=False)
        assert standing(world.engine) == {"a": (False, True), "b": (True, False)}
        assert await served_by(world, world.engine) == {"pool/b/m"}
        await until(lambda: standing(second)["a"] == (False, True))
        assert await served_by(world, second) == {"pool/b/m"}
        assert "pool/a/m" not in second.snapshot().routes
        second.set_account("pool/a", enabled=True)
        await until(lambda: standing(world.engine)["a"] == (True, False))
        assert await served_by(world, world.engine) == {"pool/a/m", "pool/b/m"}


async def test_a_later_process_finds_it_so_and_automatic_leaves_it_so(tmp_path: Path) -> None:
    async with open_world(tmp_path, POOL) as world:
        world.engine.set_account("pool/b", enabled=False)
        world.engine.set_account("pool/a", enabled=False)
        world.engine.set_account("pool/a", enabled=True)
        world.engine.pause()
        world.engine.reset()
        await world.engine.fresh_snapshot()
        later = world.open("later")
        try:
            assert standing(later) == {"a": (True, False), "b": (False, True)}
            assert not later.snapshot().paused
        finally:
            later.close_now()
        audit = world.query("SELECT why, after FROM audit ORDER BY id")
        assert [why for why, _ in audit] == [
            "take out pool/b",
            "take out pool/a",
            "put back pool/a",
            "pause",
            "reset",
        ]
        assert [json.loads(after)["set_aside"] for _, after in audit] == [
            ["pool/b"],
            ["pool/a", "pool/b"],
            ["pool/b"],
            ["pool/b"],
            ["pool/b"],
        ]


async def test_who_asks_why_is_told_that_a_person_did_it(tmp_path: Path) -> None:
    async with open_world(tmp_path, POOL, OTHER) as world:
        world.engine.set_account("pool/a", enabled=False)
        preview = await world.engine.preview(ask())
        (one,) = [r for r in preview.decision.rejected if r.code is RejectionCode.DISABLED]
        assert rejection_sentence(one, 0) == "pool/a/*: taken out by you for now"
        world.engine.set_account("pool/b", enabled=False)
        preview = await world.engine.preview(ask(route="pool"))
        assert isinstance(preview.decision, NoRoute)
        (one,) = [r for r in preview.decision.rejected if r.code is RejectionCode.DISABLED]
        assert (one.route, one.count) == ("pool/*", 2)
        assert (await world.run(agent(route="pool"))).receipt.outcome is Outcome.FAILED
        assert (await world.run(agent())).routes == ["other/a/m"]


async def test_a_request_under_way_goes_elsewhere_too(tmp_path: Path) -> None:
    async with open_world(tmp_path, POOL) as world:
        world.fault("http", provider="pool", account="a", status=503)
        handle = world.engine.submit(ask(route="pool"))
        world.engine.set_account("pool/b", enabled=False)
        answer = await handle.answer()
        assert {attempt.route.account for attempt in answer.receipt.attempts} <= {"a"}


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("name", ["pool/c", "pool", "nobody/a", "", "pool/a/m"])
async def test_an_unknown_account_is_refused(tmp_path: Path, name: str, *, enabled: bool) -> None:
    async with open_world(tmp_path, POOL) as world:
        with pytest.raises(ConfigError, match="provider/account"):
            world.engine.set_account(name, enabled=enabled)


@pytest.mark.parametrize("enabled", [True, False])
async def test_what_the_configuration_disables_is_not_for_a_key(tmp_path: Path, *, enabled: bool) -> None:
    async with open_world(tmp_path, POOL, started=False) as world:
        world.places.providers_file.write_text(
            '[[providers.pool.accounts]]\nid = "a"\nkey = "env:POOL_A_KEY"\nenabled = false\n'
        )
        engine = world.open("configured")
        try:
            with pytest.raises(ConfigError, match=r"enabled = false"):
                engine.set_account("pool/a", enabled=enabled)
            assert standing(engine)["a"] == (False, False)
        finally:
            engine.close_now()
