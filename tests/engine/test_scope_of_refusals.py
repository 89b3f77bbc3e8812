"""The scope of refusals, over real HTTP: what is called again and what is not, and what another process knows of it."""

from __future__ import annotations

from pathlib import Path

from tests.support.engine_world import Serves, World, ask, open_world, until

from trunkline.domain.limits import FigureSource
from trunkline.domain.snapshot import AccountView, SharedAllowance
from trunkline.engine.engine import Engine
from trunkline.quota.suspicion import Suspicion
from trunkline.store.suspicions import save_suspicion

SILENT = {"style": "mistral"}
"""Names neither model nor organisation when it refuses."""
ONE_TEAM = {
    "accounts": [{"id": one, "key": f"sim-acme-{one}", "organisation": "me"} for one in "ab"],
}


def account_of(engine: Engine, account: str) -> AccountView:
    found = [a for p in engine.snapshot().providers for a in p.accounts if a.id == account]
    assert len(found) == 1
    return found[0]


def shares(engine: Engine, account: str) -> tuple[SharedAllowance, ...]:
    return account_of(engine, account).shares_with


async def refused_together(world: World) -> None:
    """`a` has just answered; then it is refused, and so is `b` on its first call."""
    await world.run(ask(route="acme/a/m"))
    for account in "ab":
        world.fault("limited", provider="acme", account=account, hint="long")
    for account in "ab":
        await world.run(
            ask(route=f"acme/{account}/m", deadline_at_ms=world.engine._core.clock.wall_ms() + 200)
        )


async def test_three_models_refused_are_the_account_and_the_fourth_is_not_called(tmp_path: Path) -> None:
    models = {name: {} for name in "mnop"}
    async with open_world(tmp_path, Serves("acme", models=models, simulated=SILENT)) as world:
        soon_ms = world.engine._core.clock.wall_ms() + 400
        for model in "mno":
            world.fault("limited", provider="acme", model=model, hint="long")
        for model in "mno":
            await world.run(ask(route=f"acme/a/{model}", deadline_at_ms=soon_ms))
        asked = world.served("acme")
        block = next(one for one in world.engine._core.tracker.blocks() if one.target == "acme/a")
        assert "models refused" in block.evidence
        assert block.confidence < 0.9
        assert block.provider_text == "Rate limit exceeded"
        told = await world.run(ask(route="acme/a/p", deadline_at_ms=soon_ms))
        assert told.routes == []
        assert world.served("acme") == asked


async def test_a_suspicion_is_shown_kept_and_seen_by_other_processes(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("acme", accounts=("a", "b"), simulated=SILENT)) as world:
        await refused_together(world)
        (said,) = shares(world.engine, "a")
        assert (said.account, said.confidence >= 0.5) == ("b", True)
        await world.engine._core.store.flush()
        other = world.open("other")
        other.start()
        try:
            assert shares(other, "a") == (said,)
            later_ms = world.engine._core.clock.wall_ms() + 60_000
            cleared = Suspicion("acme", "a", "b", 0.0, "cleared", later_ms)
            await world.engine._core.store.write(lambda connection: save_suspicion(connection, cleared))
            await until(lambda: shares(other, "a") == ())
        finally:
            await other.aclose()


async def test_refusals_that_name_one_organisation_leave_no_doubt(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("acme", accounts=("a", "b"), simulated=ONE_TEAM)) as world:
        await refused_together(world)
        (said,) = shares(world.engine, "b")
        assert (said.account, said.confidence) == ("a", 0.98)
        assert said.evidence == "the refusals of a and b name one organisation"


async def test_refusals_that_name_two_organisations_are_no_suspicion(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("acme", accounts=("a", "b"))) as world:
        await refused_together(world)
        assert shares(world.engine, "a") == shares(world.engine, "b") == ()


async def test_a_refusal_without_figures_teaches_what_was_counted_and_that_is_kept(tmp_path: Path) -> None:
    async with open_world(tmp_path, Serves("acme", simulated=SILENT)) as world:
        for _ in range(3):
            await world.run(ask(route="acme/a/m"))
        world.fault("limited", provider="acme", hint="none")
        await world.run(ask(route="acme/a/m", deadline_at_ms=world.engine._core.clock.wall_ms() + 50))
        (learned,) = world.engine._core.tracker.learned()
        assert (learned.reading.amount, learned.reading.source, str(learned.reading.window)) == (
            3,
            FigureSource.LEARNED,
            "60s",
        )
        await world.engine._core.store.flush()
        other = world.open("other")
        try:
            assert other._core.tracker.learned() == (learned,)
        finally:
            await other.aclose()


async def test_a_model_overloaded_on_two_accounts_is_not_asked_of_the_third(tmp_path: Path) -> None:
    """Capacity is the provider's: with five accounts, two calls are wasted and not five."""
    accounts = ("a", "b", "c", "d", "e")
    async with open_world(tmp_path, Serves("acme", accounts=accounts), Serves("spare")) as world:
        world.draw = 1.0
        world.fault("http", status=503, provider="acme")
        told = await world.run(ask(prefer=("acme/m", "spare/m")))
        refused = {one.split("/")[1] for one in told.routes if one.startswith("acme")}
        assert len(refused) == 2
        assert told.routes[-1] == "spare/a/m"
