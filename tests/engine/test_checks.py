"""Free calls to accounts: what they give and what is learned from them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.support.check_world import (
    KEY,
    REFUSED,
    Answer,
    Answers,
    Heard,
    Provider,
    account,
    models,
    place,
)
from tests.support.engine_world import ask, until
from tests.support.odd_server import Peer, Received, free_port

from trunkline.domain.checks import Balance, CheckResult
from trunkline.domain.decisions import Decision
from trunkline.domain.errors import ConfigError
from trunkline.domain.events import Alert, BreakerChanged, Event
from trunkline.domain.faults import FaultCode, FaultKind
from trunkline.domain.limits import FigureSource, Metric
from trunkline.engine.api import EngineReady
from trunkline.engine.host import EngineHost


async def test_an_account_that_answers_says_which_models_it_has(tmp_path: Path) -> None:
    table = {
        "models": {
            "m": {"context": 1000},
            "gone": {"context": 1000},
            "old": {"context": 9, "retired_on": "2020-01-01"},
        }
    }
    one = Provider({"/v1/models": models("m", "n")}, table)
    async with place(tmp_path, one=one) as home, home.open() as engine:
        [result] = await engine.check()
        assert (result.provider, result.account, result.fault, result.hint) == ("one", "main", None, "")
        assert [model.id for model in result.models or ()] == ["m", "n"]
        assert result.missing == ("gone",)
        assert result.took_ms > 0
        assert account(engine, "one").block is None
        decision = engine.preview_now(ask(route="one/gone")).decision
        assert isinstance(decision, Decision)  # what is not listed may be asked all the same
        assert str(decision.route) == "one/main/gone"
    assert one.asked("/v1/models")[0].headers["authorization"] == f"Bearer {KEY}"
    assert len(one.server.requests) == 1


async def test_every_page_of_a_list_is_read_and_one_that_never_ends_is_left(tmp_path: Path) -> None:
    def page(request: Received) -> Answer:
        number = int(request.path.partition("after_id=m")[2].partition("&")[0] or "0") + 1
        last = number == 3 and not endless
        body = {
            "data": [{"id": f"m{number}", "type": "model"}],
            "has_more": not last,
            "last_id": f"m{number}",
        }
        return 200, body

    class Pages(dict[str, Any]):
        def get(self, path: str, default: Any = None) -> Any:
            return page

    endless = False
    table = {"protocol": "anthropic", "base_url": "{url}"}
    async with place(tmp_path, one=Provider(Pages(), table)) as home, home.open() as engine:
        [result] = await engine.check()
        assert [model.id for model in result.models or ()] == ["m1", "m2", "m3"]
        endless = True
        [result] = await engine.check()
        assert result.fault is None
        assert len(result.models or ()) == 20


async def test_every_account_is_asked_and_one_provider_or_account_where_it_is_named(tmp_path: Path) -> None:
    accounts = [{"id": name, "key": "env:ONE_KEY"} for name in ("a", "b")] + [
        {"id": "off", "key": "env:ONE_KEY", "enabled": False}
    ]
    one = Provider({"/v1/models": models("m")}, {"accounts": accounts})
    two = Provider({"/v1/models": models("m")})
    async with place(tmp_path, one=one, two=two) as home, home.open() as engine:

        async def names(selector: str | None) -> list[str]:
            return [f"{result.provider}/{result.account}" for result in await engine.check(selector)]

        assert await names(None) == ["one/a", "one/b", "two/main"]
        assert await names("one") == ["one/a", "one/b"]
        assert await names("one/b") == ["one/b"]
        assert await names("one/off") == ["one/off"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [("oen", "'one'"), ("one/mian", "'one/main'"), ("one/", "'one'"), ("", "trunkline list")],
)
async def test_an_unknown_name_is_refused_with_what_may_be_meant(
    tmp_path: Path, name: str, meant: str
) -> None:
    async with place(tmp_path, one=Provider({})) as home, home.open() as engine:
        with pytest.raises(ConfigError, match=meant):
            await engine.check(name)


async def test_a_slow_account_holds_up_nobody_and_ends_in_time(tmp_path: Path) -> None:
    released = asyncio.Event()

    async def wait(peer: Peer, request: Received) -> None:
        await released.wait()

    slow, quick = Provider({"/v1/models": models("m")}, slow=wait), Provider({"/v1/models": models("m")})
    done: list[str] = []
    async with place(tmp_path, slow=slow, quick=quick) as home, home.open() as engine:
        results = await engine.check(timeout_ms=150, on_result=lambda result: done.append(result.provider))
        released.set()
    assert done == ["quick", "slow"]
    assert [(one.provider, one.fault.code if one.fault else None) for one in results] == [
        ("slow", FaultCode.TOTAL_TIMEOUT), ("quick", None),
    ]  # fmt: skip
    assert results[0].took_ms < 3_000
    assert "--timeout" in results[0].hint


OPENROUTER = {
    "quirks": {"self_report": "openrouter"},
    "models": {"a:free": {"context": 1000}, "b": {"context": 1000}},
}


async def test_limits_that_an_account_tells_of_are_learned_and_kept(tmp_path: Path) -> None:
    data = {
        "limit": 20, "limit_remaining": 5, "limit_reset": "monthly",
        "free_model_daily_requests": {"limit": 50, "used": 20, "remaining": 30},
    }  # fmt: skip
    answers: Answers = {"/v1/models": models("a:free", "b"), "/v1/key": (200, {"data": data})}
    async with place(tmp_path, one=Provider(answers, OPENROUTER)) as home:
        async with home.open() as engine:
            [result] = await engine.check("one")
            assert {reading.metric for reading in result.readings} == {Metric.COST, Metric.REQUESTS}
            assert result.report is not None
        async with home.open() as later:
            limits = {limit.metric: limit for limit in account(later, "one").limits}
    cost, free = limits[Metric.COST], limits[Metric.REQUESTS]
    assert (cost.amount, cost.used, cost.source) == (20 * 10**12, 15 * 10**12, FigureSource.REPORTED)
    assert (free.amount, free.used, free.model) == (50, 20, "*:free")


async def test_a_key_that_only_the_account_endpoint_rejects_is_rejected(tmp_path: Path) -> None:
    """OpenRouter shows its models to anybody."""
    answers: Answers = {"/v1/models": models("a:free", "b"), "/v1/key": REFUSED, "/v1/credits": REFUSED}
    async with place(tmp_path, one=Provider(answers, OPENROUTER)) as home, home.open() as engine:
        [result] = await engine.check()
        assert result.fault is not None
        assert result.fault.kind is FaultKind.AUTH
        block = account(engine, "one").block
        assert block is not None
        assert block.until_ms is None


async def test_a_rejected_key_blocks_its_account_and_is_said_once_and_a_taken_one_heals_it(
    tmp_path: Path,
) -> None:
    one = Provider({"/v1/models": REFUSED})
    async with place(tmp_path, one=one) as home:
        async with home.open() as engine:
            heard = Heard(engine)
            for _ in range(2):
                [result] = await engine.check()
                assert result.fault is not None
                assert result.hint == "127.0.0.1 rejects the key at env:ONE_KEY: put a valid one there"
            assert account(engine, "one").health == 0
            await until(lambda: heard.of(Alert))
            assert len(heard.of(Alert)) == 1
        one.answers["/v1/models"] = models("m")
        async with home.open() as later:
            assert account(later, "one").block is not None
            heard = Heard(later)
            [result] = await later.check()
            assert result.fault is None
            assert account(later, "one").block is None
            await until(lambda: heard.of(BreakerChanged))
        async with home.open() as last:
            assert account(last, "one").block is None


DEEPSEEK = {"quirks": {"self_report": "deepseek"}}


def credit(amount: str, *, available: bool) -> Answer:
    return 200, {"is_available": available, "balance_infos": [{"currency": "USD", "total_balance": amount}]}


async def test_an_empty_balance_blocks_until_there_is_credit(tmp_path: Path) -> None:
    one = Provider({"/v1/models": models("m"), "/user/balance": credit("0.00", available=False)}, DEEPSEEK)
    async with place(tmp_path, one=one) as home, home.open() as engine:
        [result] = await engine.check()
        assert result.fault is not None
        assert (result.fault.kind, result.fault.message) == (
            FaultKind.BILLING, "out of credit: the balance is 0.00 USD",
        )  # fmt: skip
        assert "add credit" in result.hint
        assert account(engine, "one").block is not None
        one.answers["/user/balance"] = credit("12.34", available=True)
        [result] = await engine.check()
        assert result.report is not None
        assert (result.fault, result.report.balance) == (None, Balance(12_340_000, "USD"))
        assert account(engine, "one").block is None


async def test_an_account_endpoint_that_fails_is_a_note_and_no_fault(tmp_path: Path) -> None:
    one = Provider({"/v1/models": models("m"), "/user/balance": (503, "<html>busy</html>")}, DEEPSEEK)
    async with place(tmp_path, one=one) as home, home.open() as engine:
        [result] = await engine.check()
        assert result.fault is None
        assert result.report is not None
        assert result.report.notes[0].startswith("the account endpoint: ")


async def test_a_provider_without_a_list_answers_by_its_report(tmp_path: Path) -> None:
    one = Provider({"/user/balance": credit("1.00", available=True)}, DEEPSEEK)
    async with place(tmp_path, one=one) as home, home.open() as engine:
        [result] = await engine.check()
        assert (result.fault, result.models) == (None, None)
        assert result.hint.startswith("its list of models was not told")


@pytest.mark.parametrize(
    "body", ["", "<!doctype html><html>Sign in</html>", "[" * 10_000, "7", '{"data": 5}']
)
async def test_what_is_no_list_is_no_answer(tmp_path: Path, body: str) -> None:
    async with place(tmp_path, one=Provider({"/v1/models": (200, body)})) as home, home.open() as engine:
        [result] = await engine.check()
        assert result.fault is not None
        assert result.models is None
        assert account(engine, "one").block is None


async def test_who_is_not_there_is_no_answer_and_blocks_nothing(tmp_path: Path) -> None:
    table = {"base_url": f"http://127.0.0.1:{free_port()}/v1"}
    async with place(tmp_path, one=Provider({}, table)) as home, home.open() as engine:
        [result] = await engine.check()
        assert result.fault is not None
        assert result.fault.code == FaultCode.CONNECT
        assert "cannot be reached" in result.hint
        assert account(engine, "one").block is None


async def test_no_key_is_in_a_result_an_event_or_the_store(tmp_path: Path) -> None:
    def echo(request: Received) -> Answer:
        return 401, {"error": {"message": f"bad key: {request.headers['authorization']}"}}

    one = Provider({"/v1/models": echo, "/v1/key": echo, "/v1/credits": echo}, OPENROUTER)
    async with place(tmp_path, one=one) as home:
        async with home.open() as engine:
            heard = Heard(engine)
            results = await engine.check()
            await until(lambda: heard.of(Alert))
        assert KEY not in repr(results)
        assert KEY not in repr(heard.events)
    files = list(tmp_path.glob("trunkline.db*"))  # noqa: ASYNC240 - the engine is closed
    assert files
    assert all(KEY.encode() not in file.read_bytes() for file in files)


async def test_a_hosted_engine_delivers_its_results_and_refusals(tmp_path: Path) -> None:
    async with place(tmp_path, one=Provider({"/v1/models": models("m")})) as home:
        news: list[Any] = []
        given: list[tuple[CheckResult, ...]] = []
        host = EngineHost(home.open)
        host.start(news.append)
        try:
            host.check("one", given.append)
            host.check("oen", given.append)
            await until(lambda: given)
            await until(
                lambda: [one for one in news if isinstance(one, Event) and isinstance(one.body, Alert)]
            )
        finally:
            await asyncio.to_thread(host.close)
    assert any(isinstance(one, EngineReady) for one in news)
    assert [result.fault for result in given[0]] == [None]
    assert len(given) == 1
