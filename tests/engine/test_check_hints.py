"""Free calls to accounts that do not answer: what a person is told to do, and which address is tried instead."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.check_world import (
    KEY,
    REFUSED,
    Answer,
    Answers,
    Provider,
    account,
    models,
    place,
)
from tests.support.engine_world import ask, told
from tests.support.odd_server import Received


async def test_a_missing_key_names_its_variable_and_nobody_is_asked(tmp_path: Path) -> None:
    one = Provider({"/v1/models": models("m")})
    bare = Provider({}, {"accounts": [], "key_env": ["BARE_API_KEY"]})
    async with place(tmp_path, {}, one=one, bare=bare) as home, home.open() as engine:
        [keyless] = await engine.check("one")
        [nobody] = await engine.check("bare")
        assert [result.provider for result in await engine.check()] == ["one"]
    assert keyless.fault is not None
    assert keyless.hint == "set ONE_KEY to a key of one"
    assert (nobody.account, nobody.hint) == ("", "set BARE_API_KEY to a key of bare")
    assert not one.server.requests


QUOTA = "/api/monitor/usage/quota/limit"
PLAN = {"code": 200, "success": True, "data": {"limits": [
    {"type": "TOKENS_LIMIT", "unit": 3, "number": 5, "percentage": 42, "nextResetTime": 4_070_908_800_000},
]}}  # fmt: skip
BAD_PLAN_KEY = {"code": 401, "msg": "token expired or incorrect", "success": False}
ZAI = {
    "base_url": "{url}/api/paas/v4",
    "quirks": {"self_report": "zai"},
    "endpoints": {
        "coding": {
            "base_url": "{url}/api/coding/paas/v4", "billing": "subscription", "key_env": ["ZAI_CODING_API_KEY"],
        },
        "china": {"base_url": "{url}/china/v4"},
    },
}  # fmt: skip
GENERAL_MODELS, CODING_MODELS, CHINA_MODELS = (
    "/api/paas/v4/models", "/api/coding/paas/v4/models", "/china/v4/models",
)  # fmt: skip
TO_CODING = 'put endpoint = "coding" into its account, or the key into ZAI_CODING_API_KEY'


async def test_trap_10_a_plans_key_that_the_general_address_refuses_works_at_another(tmp_path: Path) -> None:
    answers: Answers = {
        GENERAL_MODELS: REFUSED,
        CODING_MODELS: models("m"),
        CHINA_MODELS: REFUSED,
        QUOTA: (200, PLAN),
    }
    zai = Provider(answers, ZAI)
    async with place(tmp_path, zai=zai) as home, home.open() as engine:
        [result] = await engine.check()
    assert result.hint == f"this key works at endpoint coding: {TO_CODING}"
    assert result.fault is not None


async def test_trap_10_a_plan_that_is_told_of_at_the_general_address_is_not_used_there(
    tmp_path: Path,
) -> None:
    zai = Provider({GENERAL_MODELS: models("m"), QUOTA: (200, PLAN)}, ZAI)
    async with place(tmp_path, zai=zai) as home, home.open() as engine:
        [result] = await engine.check()
    assert result.fault is None
    assert result.hint == f"this key has a plan, which counts at endpoint coding: {TO_CODING}"
    assert result.report is not None
    assert result.report.shares[0].used_percent == 42
    assert [request.path for request in zai.server.requests].count(CODING_MODELS) == 0


@pytest.mark.parametrize(
    ("billing", "hint"),
    [("credits", 'this key has a plan, which counts at endpoint plan: put endpoint = "plan" into its account'),
     ("subscription", "")],
)  # fmt: skip
async def test_a_plan_at_the_address_itself_is_offered_to_who_does_not_have_it_yet(
    tmp_path: Path, billing: str, hint: str
) -> None:
    left = {"model_name": "M*", "current_interval_remaining_percent": 60}
    answers: Answers = {"/v1/models": models("m"), "/v1/token_plan/remains": (200, {"model_remains": [left]})}
    table = {
        "quirks": {"self_report": "minimax"}, "billing": billing,
        "endpoints": {"plan": {"base_url": "{url}/v1", "billing": "subscription"}},
    }  # fmt: skip
    async with place(tmp_path, one=Provider(answers, table)) as home, home.open() as engine:
        [result] = await engine.check()
    assert (result.fault, result.hint) == (None, hint)


async def test_minimax_is_asked_at_its_older_address_where_the_newer_is_not_there(tmp_path: Path) -> None:
    left = {"model_name": "M*", "current_interval_remaining_percent": 60}
    older = "/v1/api/openplatform/coding_plan/remains"
    answers: Answers = {"/v1/models": models("m"), older: (200, {"model_remains": [left]})}
    table = {"quirks": {"self_report": "minimax"}}
    async with place(tmp_path, one=Provider(answers, table)) as home, home.open() as engine:
        [result] = await engine.check()
    assert result.report is not None
    assert [share.used_percent for share in result.report.shares] == [40.0]


async def test_trap_10_calls_refused_with_1113_are_offered_the_plans_address(tmp_path: Path) -> None:
    refusal = (429, {"error": {"code": "1113", "message": "Insufficient balance or no resource package."}})
    answers: Answers = {
        GENERAL_MODELS: models("m"), CODING_MODELS: models("m"), CHINA_MODELS: REFUSED,
        QUOTA: (200, BAD_PLAN_KEY), "/api/paas/v4/chat/completions": refusal,
    }  # fmt: skip
    async with place(tmp_path, zai=Provider(answers, ZAI)) as home, home.open() as engine:
        await told(engine.submit(ask(deadline_at_ms=engine._core.clock.wall_ms() + 300)))
        [result] = await engine.check()
        assert result.hint == f"if this is a plan's key, it works at endpoint coding: {TO_CODING}"
        assert account(engine, "zai").block is not None  # a list says nothing of credit


async def test_trap_12_a_key_that_the_quota_endpoint_rejects_is_tried_as_a_bearer_and_noted(
    tmp_path: Path,
) -> None:
    def quota(request: Received) -> Answer:
        return 200, PLAN if request.headers["authorization"].startswith("Bearer ") else BAD_PLAN_KEY

    zai = Provider({GENERAL_MODELS: models("m"), QUOTA: quota}, ZAI)
    async with place(tmp_path, zai=zai) as home, home.open() as engine:
        [result] = await engine.check()
        assert result.report is not None
        assert [request.headers["authorization"] for request in zai.asked(QUOTA)] == [KEY, f"Bearer {KEY}"]
        assert len(result.report.shares) == 1
        zai.answers[QUOTA] = (200, BAD_PLAN_KEY)
        [result] = await engine.check()
        assert result.fault is None
        assert result.report is not None
        assert result.report.notes == ("the account endpoint: the quota endpoint rejects the key",)


async def test_a_key_of_another_region_and_one_of_nowhere(tmp_path: Path) -> None:
    answers: Answers = {GENERAL_MODELS: REFUSED, CODING_MODELS: REFUSED, CHINA_MODELS: models("m")}
    zai = Provider(answers, ZAI)
    async with place(tmp_path, zai=zai) as home, home.open() as engine:
        [result] = await engine.check()
        assert result.hint == 'this key works at endpoint china: put endpoint = "china" into its account'
        zai.answers[CHINA_MODELS] = REFUSED
        [result] = await engine.check()
        assert "and so do coding, china" in result.hint
        assert "env:ZAI_KEY" in result.hint


async def test_a_key_at_an_address_of_its_own_is_shown_to_nobody_else(tmp_path: Path) -> None:
    accounts = [{"id": "main", "key": "env:ZAI_KEY", "base_url": "{url}/mine"}]
    zai = Provider({"/mine/models": REFUSED, CODING_MODELS: models("m")}, ZAI | {"accounts": accounts})
    async with place(tmp_path, zai=zai) as home, home.open() as engine:
        await engine.check()
    assert {request.path for request in zai.server.requests} == {"/mine/models", QUOTA}
