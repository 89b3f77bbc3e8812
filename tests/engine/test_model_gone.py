"""A model that its provider no longer serves: blocked for that account for good, said once, routed around."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from tests.support.engine_world import QUICK, Told, ask, sse, told, until
from tests.support.odd_server import OddServer, Peer, Received

from trunkline.config.places import Places
from trunkline.domain.events import Alert, AlertLevel
from trunkline.domain.faults import FaultCode, FaultKind
from trunkline.domain.receipts import Outcome
from trunkline.domain.snapshot import Status
from trunkline.engine.checks import _has_version
from trunkline.engine.engine import Engine
from trunkline.engine.settings import EngineSettings
from trunkline.routing import standing_words
from trunkline.tui.account_rows import account_detail
from trunkline.tui.limit_words import block_sentence

GONE = (404, {"error": {"message": "The model `old` does not exist", "code": "model_not_found"}})
OTHER_GONE = (
    404, [{"error": {"code": 404, "status": "NOT_FOUND", "message": "models/old is not found for API version v1"}}],
)  # fmt: skip
FIRST_OLD = 'default = ["one/old", "one/new"]\n'


class Upstream:
    """Serves `new`, refuses `old` as gone, and lists what it is told to."""

    def __init__(self) -> None:
        self.refusal: tuple[int, Any] = GONE
        self.asked: list[str] = []
        self.listed = ["new"]
        self.serves_old = False
        self.server = OddServer(self._serve)

    async def _serve(self, peer: Peer, request: Received) -> None:
        if request.method == "GET":
            await peer.reply(json.dumps({"data": [{"id": one} for one in self.listed]}))
            return
        model = json.loads(request.body)["model"]
        self.asked.append(model)
        if model.startswith("old") and not self.serves_old:
            status, body = self.refusal
            await peer.reply(json.dumps(body), status=f"{status} Gone")
            return
        await peer.begin()
        await peer.chunk(sse("It is you."))
        await peer.chunk("")


class Home:
    """Engines on one store and one upstream."""

    def __init__(self, folder: Path, upstream: Upstream, accounts: tuple[str, ...]) -> None:
        self._folder = folder
        self._environ = {f"KEY_{one.upper()}": f"sk-test-gone-{one}" for one in accounts}
        models = {
            "old": {"context": 8000, "preference": 90, "successor": "new", "retired_on": "2099-01-01"},
            "new": {"context": 8000, "preference": 10},
        }
        provider = {
            "protocol": "openai",
            "base_url": f"{upstream.server.url}/v1",
            "accounts": [{"id": one, "key": f"env:KEY_{one.upper()}"} for one in accounts],
            "pool": "priority",
            "models": models,
        }
        self._catalogue = tomlkit.dumps({"providers": {"one": provider}})
        (folder / "preferences.toml").write_text(FIRST_OLD + QUICK)

    def rekey(self, account: str) -> None:
        """Give the account another key."""
        self._environ[f"KEY_{account.upper()}"] += "-2"

    def open(self, name: str = "test") -> Engine:
        places = Places(self._folder, self._folder, self._folder)
        settings = EngineSettings(places, self._environ, name, base_providers_text=self._catalogue)
        return Engine.open(settings)


@asynccontextmanager
async def home(folder: Path, *accounts: str) -> AsyncIterator[tuple[Home, Upstream]]:
    upstream = Upstream()
    async with upstream.server:
        yield Home(folder, upstream, accounts or ("a",)), upstream


class Alerts:
    """The alerts of an engine."""

    def __init__(self, engine: Engine) -> None:
        self.all: list[Alert] = []
        self._task = asyncio.get_running_loop().create_task(self._listen(engine))

    async def _listen(self, engine: Engine) -> None:
        async for event in engine.subscribe():
            if isinstance(event.body, Alert):
                self.all.append(event.body)


async def asked(engine: Engine, **fields: Any) -> Told:
    return await told(engine.submit(ask(**fields)))


@pytest.mark.parametrize("refusal", [GONE, OTHER_GONE], ids=["openai-code", "gemini-list-404"])
async def test_it_is_left_for_the_next_route_said_once_and_not_asked_again(
    tmp_path: Path, refusal: tuple[int, Any]
) -> None:
    async with home(tmp_path) as (place, upstream), place.open() as engine:
        upstream.refusal = refusal
        alerts = Alerts(engine)
        await asyncio.sleep(0)
        first = await asked(engine)
        assert first.receipt.outcome is Outcome.ANSWERED
        assert first.routes == ["one/a/old", "one/a/new"]
        fault = first.receipt.attempts[0].fault
        assert fault is not None
        assert (fault.code, fault.kind) == (FaultCode.MODEL_GONE, FaultKind.ENTITLEMENT)
        for _ in range(2):
            assert (await asked(engine)).routes == ["one/a/new"]
        await until(lambda: alerts.all)
        assert upstream.asked == ["old", "new", "new", "new"]
        [alert] = alerts.all
        assert alert.level is AlertLevel.WARNING
        assert alert.text == (
            "one/a/old: no such model, or no longer, for this account; it is left out from now on; new takes its place"
        )


async def test_requests_at_the_same_time_say_it_once(tmp_path: Path) -> None:
    async with home(tmp_path) as (place, _), place.open() as engine:
        alerts = Alerts(engine)
        await asyncio.sleep(0)
        results = await asyncio.gather(*(asked(engine) for _ in range(8)))
        assert all(one.receipt.outcome is Outcome.ANSWERED for one in results)
        await until(lambda: alerts.all)
        assert len(alerts.all) == 1


async def test_the_next_process_knows_and_says_nothing(tmp_path: Path) -> None:
    async with home(tmp_path) as (place, upstream):
        async with place.open() as engine:
            await asked(engine)
        async with place.open() as later:
            alerts = Alerts(later)
            await asyncio.sleep(0)
            assert (await asked(later)).routes == ["one/a/new"]
            assert alerts.all == []
        assert upstream.asked == ["old", "new", "new"]


async def test_a_process_beside_learns_it_from_the_store(tmp_path: Path) -> None:
    async with home(tmp_path) as (place, upstream), place.open() as engine, place.open("other") as other:
        alerts = Alerts(other)
        await asked(engine)
        await until(lambda: other._core.tracker.blocks())
        assert (await asked(other)).routes == ["one/a/new"]
        assert alerts.all == []
        assert upstream.asked.count("old") == 1


async def test_it_is_of_that_account_and_another_may_still_be_asked(tmp_path: Path) -> None:
    async with home(tmp_path, "a", "b") as (place, upstream), place.open() as engine:
        alerts = Alerts(engine)
        await asyncio.sleep(0)
        assert (await asked(engine)).routes[:2] == ["one/a/old", "one/b/old"]
        await until(lambda: len(alerts.all) == 2)
        assert [alert.text.partition(":")[0] for alert in alerts.all] == ["one/a/old", "one/b/old"]
        assert (await asked(engine)).routes[0].endswith("/new")
        assert upstream.asked.count("old") == 2


async def test_the_account_is_well_and_shows_what_it_lacks(tmp_path: Path) -> None:
    async with home(tmp_path) as (place, _), place.open() as engine:
        await asked(engine)
        snapshot = await engine.fresh_snapshot()
        [view] = snapshot.providers[0].accounts
        assert view.status is Status.HEALTHY
        assert view.gone == ("old",)
        assert "not served to it any more: old" in account_detail(snapshot, "one/a", snapshot.at_ms)


async def test_another_key_may_be_served_what_this_one_was_not(tmp_path: Path) -> None:
    async with home(tmp_path) as (place, upstream):
        async with place.open() as engine:
            await asked(engine)
        place.rekey("a")
        async with place.open() as later:
            await asked(later)
        assert upstream.asked.count("old") == 2


async def test_a_check_that_finds_it_listed_again_lets_it_be_asked_and_one_that_does_not_says_so(
    tmp_path: Path,
) -> None:
    async with home(tmp_path) as (place, upstream), place.open() as engine:
        await asked(engine)
        [result] = await engine.check()
        assert (result.fault, result.missing) == (None, ("old",))
        assert (await asked(engine)).routes == ["one/a/new"]
        upstream.listed = ["new", "old"]
        await engine.check()
        assert (await asked(engine)).routes == ["one/a/old", "one/a/new"]


async def test_what_a_check_finds_unlisted_is_asked_last_until_a_list_or_an_answer_has_it(
    tmp_path: Path,
) -> None:
    async with home(tmp_path) as (place, upstream), place.open() as engine:
        await engine.check()
        first = (await asked(engine)).receipt
        assert [attempt.route.model for attempt in first.attempts] == ["new"]
        assert first.decision is not None
        last = first.decision.ranking[-1]
        assert (last.route.model, standing_words(last, first.decision)) == (
            "old",
            "not listed by its provider",
        )
        (account,) = engine.snapshot().providers[0].accounts
        assert account.status is Status.HEALTHY
        (block,) = account.model_blocks
        sentence = block_sentence(block, account.billing, engine.snapshot().at_ms, None)
        assert re.fullmatch(
            r"not listed by its provider on \d{4}-\d\d-\d\d; the others go before it", sentence
        )
        async with place.open("later") as later:
            assert (await asked(later)).routes == ["one/a/new"]
        # Nobody else may answer: it is asked, and what it answers counts for more than a list.
        upstream.serves_old = True
        assert (await asked(engine, route="one/old")).routes == ["one/a/old"]
        assert (await asked(engine)).routes == ["one/a/old"]
        assert engine.snapshot().providers[0].accounts[0].model_blocks == ()


async def test_an_unlisted_model_that_is_listed_later_goes_first_again(tmp_path: Path) -> None:
    async with home(tmp_path) as (place, upstream), place.open() as engine:
        await engine.check()
        upstream.serves_old = True
        assert (await asked(engine)).routes == ["one/a/new"]
        upstream.listed = ["new", "old-2026-01-01"]
        await engine.check()
        assert (await asked(engine)).routes == ["one/a/old"]
        # It has answered lately: that a list lacks it says nothing.
        upstream.listed = ["new"]
        await engine.check()
        assert (await asked(engine)).routes == ["one/a/old"]


@pytest.mark.parametrize(
    ("model", "listed", "has"),
    [
        ("claude-x", ["claude-x-20260101"], True),
        ("claude-x-latest", ["claude-x-20260101"], True),
        ("llama:latest", ["llama"], True),
        ("deep/r1:free", ["deep/r1"], False),
    ],
)
def test_a_version_of_a_model_in_a_list_is_that_model(model: str, listed: list[str], has: bool) -> None:
    assert _has_version(model, listed) is has


async def test_a_list_of_other_names_puts_nobody_behind(tmp_path: Path) -> None:
    async with home(tmp_path) as (place, upstream), place.open() as engine:
        upstream.listed, upstream.serves_old = ["models/something"], True
        await engine.check()
        assert (await asked(engine)).routes == ["one/a/old"]


async def test_a_list_gone_stale_does_not_use_up_every_attempt(tmp_path: Path) -> None:
    upstream = Upstream()
    async with upstream.server:
        stale = {f"old-{n}": {"context": 8000, "preference": 90} for n in range(8)}
        listed = {
            name: {
                "protocol": "openai",
                "base_url": f"{upstream.server.url}/v1",
                "accounts": [{"id": "a", "key": "env:KEY"}],
                "models": models,
            }
            for name, models in (("one", stale), ("two", {"new": {"context": 8000, "preference": 10}}))
        }
        (tmp_path / "preferences.toml").write_text(QUICK)
        settings = EngineSettings(
            Places(tmp_path, tmp_path, tmp_path),
            {"KEY": "sk-test-gone-stale"},
            "test",
            base_providers_text=tomlkit.dumps({"providers": listed}),
        )
        async with Engine.open(settings) as engine:
            receipt = (await asked(engine)).receipt
    assert receipt.outcome is Outcome.ANSWERED
    assert [attempt.route.provider for attempt in receipt.attempts] == ["one", "one", "two"]
