"""What decisions were made from comes back as it was, whatever became of the decisions before."""

from __future__ import annotations

import random
import sqlite3
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from tests.routing.test_scenarios import load
from tests.store.samples import ROUTE, TASK, inputs, opened, receipt
from tests.support.clock import START_MS, FakeClock
from tests.support.routing import build_ask, build_config, build_state

from trunkline.domain.counting import Counted, CountingRule, PromptCount, Tokenizer
from trunkline.domain.crisis import CrisisStep
from trunkline.domain.decisions import Decision, Pin, PinScope
from trunkline.domain.faults import FaultKind, FaultScope
from trunkline.domain.learned import Verdicts
from trunkline.domain.limits import FigureSource, Forecast, LimitScope, LimitUse, Metric, Window
from trunkline.domain.preferences import Config, Preferences
from trunkline.domain.routes import (
    AccountSpec,
    Billing,
    Catalogue,
    KeyRef,
    KeySource,
    ProviderSpec,
    Quirks,
    Route,
    Selector,
)
from trunkline.domain.state import AccountState, Block, ConversationState, RouteState, RoutingState
from trunkline.routing import Inputs, RoutingAsk, decide_again, differences
from trunkline.routing.inputs import for_deciding
from trunkline.store.inputs import CHAIN_ROWS, UnreadableInputsError, kept_inputs
from trunkline.store.store import Store, StoreReader

BLOCK = Block(
    "zai", FaultScope.PROVIDER, FaultKind.OVERLOADED, "503", "busy", START_MS, START_MS + 1, failures=3
)
CONFIG = inputs().config


def full_state(draw: random.Random) -> RoutingState:
    """With something in every place, much of it at random."""
    limit = LimitUse(
        "k", Metric.COST, Window.parse("day", "Asia/Tokyo"), LimitScope.MODEL, "*:free", 10**15, draw.randrange(10**14),
        START_MS, FigureSource.LEARNED, START_MS, 0.1 + draw.random(), "odd", Forecast(draw.random(), None, 1 / 3),
    )  # fmt: skip
    accounts = {
        ("zai", f"a{n}"): AccountState("zai", f"a{n}", (limit,), BLOCK, draw.randrange(101), concurrency=n)
        for n in range(draw.randrange(1, 6))
    }
    routes = {
        Route("zai", f"a{n}", "x/y"): RouteState(None, 7, draw.random()) for n in range(draw.randrange(4))
    }
    return RoutingState(
        START_MS + draw.randrange(10**6),
        accounts,
        routes,
        {"zai": BLOCK} if draw.random() < 0.5 else {},
        {"zai": f"a{draw.randrange(3)}"},
        "health_first",
        Pin(Selector("zai"), PinScope.EVERYTHING, None),
        ConversationState("c", ROUTE, 9, "coding", "t2", home=ROUTE, turns_left=2.5),
        draw.randrange(10**13),
        draw.random(),
        (CrisisStep(next(iter(CrisisStep))),),
        Selector(model="x/y"),
        {("coding", "t2"): {"x/y": Verdicts(draw.random(), 1e-17)}},
        True,
        draw.random(),
        {("zai", "x/y"): {Tokenizer.CL100K: 1.1 + draw.random()}},
    )


def full_ask() -> RoutingAsk:
    counted = PromptCount((Counted(Tokenizer.O200K, CountingRule.GEMINI, 12),), (("zai", 3),))
    return RoutingAsk(
        replace(TASK, counted=counted),
        Selector("zai"),
        (Selector(model="x/y"),),
        (),
        frozenset({ROUTE, Route("zai", "a1", "x/y")}),
        ROUTE,
        5,
        True,
        7,
    )


async def kept(store: Store, request_id: str) -> Inputs | None:
    await store.flush()
    return await store.ask(kept_inputs(request_id))


async def test_every_part_comes_back_whatever_changed_in_between(tmp_path: Path) -> None:
    draw = random.Random(3)
    asked = [Inputs(full_ask(), full_state(draw), CONFIG) for _ in range(60)]
    async with opened(tmp_path / "t.db") as store, opened(tmp_path / "t.db") as other:
        for n, one in enumerate(asked):
            (store if draw.random() < 0.7 else other).record(receipt(f"r{n:02}"), inputs=one)
            if draw.random() < 0.3:
                await store.flush()
                await other.flush()
        await other.flush()
        for n, one in enumerate(asked):
            assert await kept(store, f"r{n:02}") == replace(one, config=for_deciding(CONFIG))
    reader = StoreReader.open(tmp_path / "t.db", FakeClock())
    assert reader.ask(kept_inputs("r59")) is not None
    assert reader.ask(kept_inputs("none")) is None
    reader.close()


async def test_every_scenario_of_routing_is_decided_again_bit_for_bit_from_what_is_kept(
    tmp_path: Path,
) -> None:
    decided = []
    async with opened(tmp_path / "t.db") as store:
        for n, param in enumerate(load()):
            case = param.values[0]
            config = build_config(case)
            made_from = Inputs(build_ask(config, case["ask"]), build_state(config, case["state"]), config)
            made = decide_again(made_from)
            over = replace(receipt(f"r{n}"), decision=made if isinstance(made, Decision) else None)
            store.record(over, inputs=made_from)
            decided.append((f"r{n}", made, param.id))
        await store.flush()
        for request_id, made, name in decided:
            found = await store.ask(kept_inputs(request_id))
            assert found is not None
            again = decide_again(found)
            assert again == made, name
            assert differences(made, again) == ()
            if isinstance(made, Decision):
                over = await store.receipt(request_id)
                assert over is not None
                assert over.decision == made, name
    assert len(decided) > 150


def plain(kept: bytes) -> bytes:
    """What is kept as JSON: deflated where that is worth it."""
    body = kept[16:]
    return body if body.startswith(b"[") else zlib.decompress(body)


async def test_a_state_that_did_not_change_is_not_written_again(tmp_path: Path) -> None:
    state = full_state(random.Random(1))
    async with opened(tmp_path / "t.db") as store:
        for n in range(3):
            store.record(receipt(f"r{n}"), inputs=Inputs(full_ask(), replace(state, now_ms=n), CONFIG))
        await store.flush()
        sizes = [len(plain(row[0])) for row in query(store, "SELECT inputs FROM decision ORDER BY request")]
        assert sizes[1] < sizes[0] / 3
        assert sizes[2] == pytest.approx(sizes[1], abs=8)


async def test_a_link_whose_transaction_was_rolled_back_is_not_counted_on(tmp_path: Path) -> None:
    state = full_state(random.Random(1))

    async with opened(tmp_path / "t.db") as store:
        store.record(receipt("r0"), inputs=Inputs(full_ask(), state, CONFIG))
        lost = store.recording(
            receipt("r1"), inputs=Inputs(full_ask(), replace(state, cursors={"zai": "z"}), CONFIG)
        )

        def failing(connection: sqlite3.Connection) -> None:
            lost(connection)
            raise ValueError("undone")

        store.post(failing)
        store.record(receipt("r2"), inputs=Inputs(full_ask(), replace(state, cursors={"zai": "z"}), CONFIG))
        found = await kept(store, "r2")
        assert found is not None
        assert found.state.cursors == {"zai": "z"}
        assert await kept(store, "r0") is not None


async def test_what_is_missing_damaged_or_of_another_version_is_said(tmp_path: Path) -> None:
    async with opened(tmp_path / "t.db") as store:
        for n in range(4):
            store.record(receipt(f"r{n}"), inputs=inputs(RoutingState(n), CONFIG))
        store.record(receipt("bare"))
        assert await kept(store, "bare") is None
        await store.write(lambda c: c.execute("UPDATE decision SET inputs = NULL WHERE request = 2"))
        with pytest.raises(UnreadableInputsError, match="missing"):
            await kept(store, "r3")
        await store.write(
            lambda c: c.execute("UPDATE decision SET inputs = substr(inputs, 1, 20) WHERE request = 1")
        )
        with pytest.raises(UnreadableInputsError, match="damaged"):
            await kept(store, "r0")


async def test_inputs_of_a_class_that_has_changed_since_are_not_misread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path / "t.db") as store:
        store.record(receipt(), inputs=inputs())
        await store.flush()
        monkeypatch.setattr("trunkline.store.inputs._shape", lambda: "another")
        with pytest.raises(UnreadableInputsError, match="another version"):
            await kept(store, receipt().request_id)


async def test_a_configuration_is_kept_once_and_goes_with_the_last_decision_under_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunkline.store.upkeep.SNAPSHOTS_KEPT", 3 - CHAIN_ROWS)
    other = Config("h", Catalogue(), Preferences(mode="cheap"))
    async with opened(tmp_path / "t.db") as store:
        for n, config in enumerate([CONFIG, CONFIG, other, other, other]):
            at = replace(receipt(f"r{n}"), started_at_ms=START_MS + n)
            store.record(at, inputs=inputs(RoutingState(n), config))
        await store.flush()
        assert query(store, "SELECT count(*) FROM generation") == [(2,)]
        await store.write(store._upkeep._tidy)
        assert query(store, "SELECT count(*) FROM generation") == [(1,)]
        assert await kept(store, "r1") is None
        found = await kept(store, "r4")
        assert found is not None
        assert found.config.preferences.mode == "cheap"


def test_nothing_that_a_person_may_have_put_into_an_address_or_a_header_is_kept() -> None:
    secret = "canary-5f1c"
    account = AccountSpec(
        "p", "a", KeyRef(KeySource.ENV, "P_KEY"), Billing.CREDITS, base_url=secret, endpoint=secret
    )
    quirks = Quirks(extra_headers=(("x", secret),), extra_body=(("y", secret),))
    provider = ProviderSpec("p", "openai", f"https://{secret}/", accounts=(account,), quirks=quirks)
    config = for_deciding(Config(secret, Catalogue((provider,)), Preferences(keymap=(("a", secret),))))
    assert secret not in repr(config)
    assert "P_KEY" in repr(config)


def query(store: Store, sql: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(store.path)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()
