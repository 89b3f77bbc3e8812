"""Who comes in at the gateway: names, pages, tokens, and what is left of their allowances."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.store.samples import receipt
from tests.support.clock import FakeClock

from trunkline.domain.events import Answered, Ending
from trunkline.domain.money import MoneySum
from trunkline.domain.preferences import GatewayPolicy, ModelAlias, Preferences
from trunkline.domain.tasks import Priority
from trunkline.gateway.dialect import Problem, ProblemKind
from trunkline.gateway.guard import Client, Guard, NotNowError
from trunkline.store.gateway_tokens import GatewayToken, TokenUse, hash_of

TEXT, OTHER = "tl-" + "a" * 43, "tl-" + "b" * 43
TOKEN = GatewayToken("01A", "agent-7", hash_of(TEXT), 1)
REVOKED = GatewayToken("01B", "gone", hash_of(OTHER), 1, revoked_at_ms=2)
USD = 10**12
HERE = {"host": "127.0.0.1:8787"}
BEARER = HERE | {"authorization": f"Bearer {TEXT}"}
# The fake clock begins at 12:00 UTC on 20 November; the day ends in ten hours.
ZONE = timezone(timedelta(hours=2))
HOUR_MS = 3_600_000
TEN_HOURS_MS = 10 * HOUR_MS


@dataclass
class Course:
    estimate_pico: int | None = None
    ending: Ending | None = None


class Scene:
    """A guard with one token in force and one revoked, and what it told of their use."""

    def __init__(
        self, *, host: str = "127.0.0.1", limits: dict[str, Any] | None = None, **policy: Any
    ) -> None:
        self.clock = FakeClock()
        self.told: list[tuple[str, str, MoneySum]] = []
        zone: tzinfo = policy.pop("zone", ZONE)
        self.preferences = Preferences(gateway=GatewayPolicy(**policy))
        self.guard = Guard(
            lambda: self.preferences,
            self.clock,
            host=host,
            used=lambda token_id, day, cost: self.told.append((token_id, day, cost)),
            zone=zone,
        )
        self.know(replace(TOKEN, **(limits or {})))

    def know(self, token: GatewayToken, **uses: TokenUse) -> None:
        self.guard.learn((token, REVOKED), self.guard.day, uses)

    def check(self, headers: dict[str, str], remote: str = "127.0.0.1", **how: Any) -> Client | Problem:
        return self.guard.check(headers, how.pop("query", {}), remote, **how)

    def refused(self, headers: dict[str, str], remote: str = "127.0.0.1", **how: Any) -> Problem:
        found = self.check(headers, remote, **how)
        assert isinstance(found, Problem), found
        return found

    def client(self) -> Client:
        found = self.check(BEARER)
        assert isinstance(found, Client), found
        return found

    def not_now(self) -> Problem:
        with pytest.raises(NotNowError) as refused, self.guard.at_work(self.client(), Course()):
            raise AssertionError("it was let in")
        return refused.value.problem

    def spend(self, cost_pico: int | None, waste_pico: int = 0) -> None:
        with self.guard.at_work(self.client(), course := Course()):
            course.ending = Answered(replace(receipt(cost_pico=cost_pico), waste_pico=waste_pico))


# -- by which name it was called -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:8787",
        "127.0.0.1",
        "127.8.9.1:80",
        "localhost:8787",
        "LocalHost",
        "localhost.:8787",
        "[::1]:8787",
        "[::1]",
        "[::ffff:127.0.0.1]:8787",
        "box.example",
        "Box.Example:1234",
        "other.example:9000",
    ],
)
def test_it_is_called_by_names_of_loopback_and_those_allowed(host):
    scene = Scene(allowed_hosts=("box.example", "other.example:9000"))
    assert isinstance(scene.check(BEARER | {"host": host}), Client)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8787",
        "127.0.0.1.evil.example",
        "localhost.evil.example:8787",
        "other.example:9001",
        "other.example",
        "192.168.1.5:8787",
        "0.0.0.0:8787",
        "2130706433",
        "127.1:8787",
        "[::1]evil.example",
        "[::1].evil.example:8787",
        "::1:8787:evil",
        "127.0.0.1:8787@evil.example",
        "127.0.0.1:8787, evil.example",
        "",
    ],
)
def test_a_name_of_somebody_elses_is_refused_whatever_the_token(host):
    problem = Scene(allowed_hosts=("other.example:9000",)).refused(BEARER | {"host": host})
    assert (problem.kind, problem.code) == (ProblemKind.FORBIDDEN, "host_not_allowed")


def test_without_a_host_it_is_refused():
    assert Scene().refused({"authorization": f"Bearer {TEXT}"}).code == "host_not_allowed"


def test_where_other_machines_reach_it_any_address_is_a_name_but_no_other_name():
    scene = Scene(host="0.0.0.0", allow_remote=True)
    assert isinstance(scene.check(BEARER | {"host": "192.168.1.5:8787"}, "192.168.1.9"), Client)
    assert isinstance(scene.check(BEARER | {"host": "[fe80::1]:8787"}, "fe80::2"), Client)
    assert scene.refused(BEARER | {"host": "evil.example:8787"}).code == "host_not_allowed"


# -- from which page ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "page",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://127.0.0.1:8787"},
        {"origin": "http://good.example.evil.example"},
        {"origin": "http://good.example:81"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_page_is_refused_whatever_the_token(page):
    scene = Scene(allowed_origins=("http://good.example",), require_token=False)
    problem = scene.refused(BEARER | page)
    assert (problem.kind, problem.code) == (ProblemKind.FORBIDDEN, "origin_not_allowed")
    assert scene.guard.cors_headers(BEARER | page) == {}
    asking = page | HERE | {"access-control-request-method": "POST"}
    assert scene.guard.preflight("OPTIONS", asking) is None


def test_an_allowed_page_may_ask_and_is_shown_the_answer():
    scene = Scene(allowed_origins=("http://good.example",))
    page = BEARER | {"origin": "http://Good.example", "sec-fetch-site": "cross-site"}
    assert isinstance(scene.check(page), Client)
    shown = scene.guard.cors_headers(page)
    assert (shown["access-control-allow-origin"], shown["vary"]) == ("http://Good.example", "Origin")
    asking = HERE | {
        "origin": "http://good.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization, x-stainless-os",
        "access-control-request-private-network": "true",
    }
    answer = scene.guard.preflight("OPTIONS", asking)
    assert answer is not None
    assert answer["access-control-allow-headers"] == "authorization, x-stainless-os"
    assert answer["access-control-allow-private-network"] == "true"
    assert scene.guard.preflight("POST", asking) is None
    assert scene.guard.preflight("OPTIONS", asking | {"host": "evil.example"}) is None
    odd = scene.guard.preflight("OPTIONS", asking | {"access-control-request-headers": "a\r\nset-cookie: b"})
    assert odd is not None
    assert "access-control-allow-headers" not in odd


def test_nobody_but_a_browser_is_told_of_pages():
    scene = Scene(allowed_origins=("http://good.example",))
    assert scene.guard.cors_headers(BEARER) == {}
    assert isinstance(scene.check(BEARER | {"sec-fetch-site": "none"}), Client)


# -- with which token -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"authorization": f"Bearer {TEXT}"}, {}),
        ({"authorization": f"bearer  {TEXT} "}, {}),
        ({"x-api-key": TEXT}, {}),
        ({"x-goog-api-key": TEXT}, {}),
        ({}, {"key": TEXT}),
        ({"authorization": "Bearer sk-dummy", "x-api-key": TEXT}, {}),
    ],
)
def test_a_token_is_taken_from_where_clients_put_it(headers, query):
    found = Scene().check(HERE | headers, query=query)
    assert found == Client("01A", "agent-7")


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "token_missing"),
        ({"authorization": f"Basic {TEXT}"}, "token_missing"),
        ({"authorization": "Bearer "}, "token_missing"),
        ({"x-api-key": "x" * 10_000}, "token_missing"),
        ({"authorization": "Bearer tl-unknown"}, "token_unknown"),
        ({"authorization": f"Bearer {TEXT[:-1]}"}, "token_unknown"),
        ({"authorization": f"Bearer {TOKEN.hash}"}, "token_unknown"),
        ({"x-api-key": "\udce4\x00"}, "token_unknown"),
        ({"x-api-key": OTHER}, "token_revoked"),
    ],
)
def test_without_a_good_token_nobody_comes_in(headers, code):
    problem = Scene().refused(HERE | headers)
    assert (problem.kind, problem.code) == (ProblemKind.UNAUTHORISED, code)
    assert "trunkline tokens create" in problem.message
    assert not any(
        value.removeprefix("Bearer ") in problem.message for value in headers.values() if len(value) > 9
    )


@settings(max_examples=80, deadline=None, database=None)
@given(
    headers=st.dictionaries(
        st.sampled_from(["host", "origin", "authorization", "x-api-key", "x-goog-api-key", "sec-fetch-site"]),
        st.one_of(
            st.text(max_size=60),
            st.sampled_from(
                ["127.0.0.1", "[::1]:8787", "[", "[::1", ":", "Bearer", OTHER, "none", "@127.0.0.1"]
            ),
        ),
    ),
    key=st.text(max_size=60),
)
def test_whatever_comes_nobody_comes_in_without_the_token_and_nothing_breaks(headers, key):
    scene = Scene()
    for free in (False, True):
        found = scene.guard.check(headers, {"key": key}, "127.0.0.1", free=free)
        assert isinstance(found, Problem) or (free and found == Client())
    scene.guard.preflight("OPTIONS", headers | {"access-control-request-method": key})
    assert scene.guard.cors_headers(headers) == {}


def test_a_revoked_token_is_refused_from_when_that_is_known():
    scene = Scene()
    assert isinstance(scene.check(BEARER), Client)
    scene.know(replace(TOKEN, revoked_at_ms=3))
    assert scene.refused(BEARER).code == "token_revoked"


def test_where_none_is_needed_whoever_is_on_this_machine_comes_in():
    scene = Scene(require_token=False)
    assert scene.check(HERE) == Client()
    assert scene.check(HERE | {"authorization": "Bearer sk-dummy"}) == Client()
    assert scene.check(HERE, "::ffff:127.0.0.1") == Client()
    assert scene.client().name == "agent-7"
    assert scene.refused(HERE | {"x-api-key": OTHER}).code == "token_revoked"
    assert scene.refused(HERE, "192.168.1.9").code == "token_missing"
    assert scene.refused(HERE, "").code == "token_missing"


def test_where_other_machines_reach_it_everybody_needs_one():
    scene = Scene(host="0.0.0.0", allow_remote=True, require_token=False)
    assert scene.guard.needs_token
    assert scene.refused(HERE).code == "token_missing"


def test_what_is_free_needs_no_token_but_the_right_name_and_page():
    scene = Scene()
    assert scene.check(HERE, free=True) == Client()
    assert scene.check(HERE | {"x-api-key": OTHER}, free=True) == Client()
    assert scene.refused({"host": "evil.example"}, free=True).code == "host_not_allowed"
    assert scene.refused(HERE | {"origin": "https://evil.example"}, free=True).code == "origin_not_allowed"


def test_a_client_has_its_tokens_limits_and_aliases_opened():
    limits = {"models": ("zai", "mine", "gone"), "priority": Priority.LOW, "requests_per_minute": 3}
    scene = Scene(limits=limits | {"budget_day_pico": USD})
    scene.preferences = replace(scene.preferences, aliases=(ModelAlias("mine", ("kimi/kimi-k3", "zai")),))
    assert scene.client() == Client("01A", "agent-7", USD, ("zai", "kimi/kimi-k3", "gone"), 3, Priority.LOW)


# -- what is left ---------------------------------------------------------------------------------------------------


def test_requests_a_minute_slide():
    scene = Scene(limits={"requests_per_minute": 2})
    scene.spend(0)
    scene.clock.advance(20_000)
    scene.spend(0)
    scene.clock.advance(10_000)
    problem = scene.not_now()
    assert (problem.kind, problem.code, problem.retry_after_ms) == (ProblemKind.LIMIT, "token_rate", 30_000)
    scene.clock.advance(29_999)
    assert scene.not_now().retry_after_ms == 1
    scene.clock.advance(1)
    scene.spend(0)
    assert scene.not_now().retry_after_ms == 20_000
    assert isinstance(scene.check(BEARER), Client), "looking at models is no request"


def test_a_lower_rate_says_when_enough_of_the_minute_is_over():
    scene = Scene(limits={"requests_per_minute": 9})
    for _ in range(3):
        scene.spend(0)
        scene.clock.advance(10_000)
    scene.know(replace(TOKEN, requests_per_minute=2))
    assert scene.not_now().retry_after_ms == 40_000
    scene.clock.advance(40_000)
    scene.spend(0)


def test_a_day_costs_no_more_than_its_budget_and_then_begins_anew():
    scene = Scene(limits={"budget_day_pico": USD})
    scene.spend(3 * USD // 10, waste_pico=2 * USD // 10)
    assert scene.guard.left_pico(scene.client()) == USD // 2
    scene.spend(USD // 2)
    problem = scene.not_now()
    assert (problem.kind, problem.code) == (ProblemKind.LIMIT, "token_budget")
    assert problem.retry_after_ms == TEN_HOURS_MS
    for part in ("'agent-7'", "$1.00 a day", "$1.00 of it", "2026-11-20", "2026-11-21 00:00+02:00"):
        assert part in problem.message
    assert scene.told == [
        ("01A", "2026-11-20", MoneySum(USD // 2)),
        ("01A", "2026-11-20", MoneySum(USD // 2)),
    ]
    scene.clock.advance(TEN_HOURS_MS - 1)
    assert scene.not_now().retry_after_ms == 1
    scene.clock.advance(1)
    scene.spend(5)
    assert scene.told[-1] == ("01A", "2026-11-21", MoneySum(5))


def test_a_day_has_as_many_hours_as_its_zone_gives_it():
    scene = Scene(limits={"budget_day_pico": USD}, zone=ZoneInfo("Europe/Berlin"))
    half_past_midnight = datetime(2026, 10, 24, 22, 30, tzinfo=UTC)  # of a day that ends an hour late
    scene.clock.jump_wall(round(half_past_midnight.timestamp() * 1000) - scene.clock.wall_ms())
    scene.spend(USD)
    problem = scene.not_now()
    assert problem.retry_after_ms == 24 * HOUR_MS + HOUR_MS // 2
    assert "2026-10-26 00:00+01:00" in problem.message
    scene.clock.jump_wall(-HOUR_MS)
    assert scene.guard.day == "2026-10-24"


def test_what_is_under_way_is_spent_already():
    scene = Scene(limits={"budget_day_pico": USD})
    with ExitStack() as running:
        first, second = Course(estimate_pico=6 * USD // 10), Course()
        running.enter_context(scene.guard.at_work(scene.client(), first))
        running.enter_context(scene.guard.at_work(scene.client(), second))
        second.estimate_pico = 4 * USD // 10
        assert "requests for about $1.00 are under way" in scene.not_now().message
        first.ending = second.ending = Answered(receipt(cost_pico=USD // 10))
    assert scene.guard.left_pico(scene.client()) == 8 * USD // 10


def test_what_is_not_decided_yet_is_taken_to_cost_what_is_usual():
    scene = Scene(limits={"budget_day_pico": USD})
    scene.spend(3 * USD // 10)
    with scene.guard.at_work(scene.client(), Course()), scene.guard.at_work(scene.client(), Course()):
        assert scene.guard.left_pico(scene.client()) == USD // 10


def test_who_leaves_before_the_end_pays_what_it_should_have_cost():
    scene = Scene(limits={"budget_day_pico": USD})
    with scene.guard.at_work(scene.client(), Course(estimate_pico=USD)):
        pass
    with pytest.raises(RuntimeError), Scene().guard.at_work(scene.client(), Course()):
        raise RuntimeError
    assert scene.told == [("01A", "2026-11-20", MoneySum(USD))]
    assert scene.not_now().code == "token_budget"


def test_an_unknown_cost_is_told_as_such_and_no_call_costs_nothing():
    scene = Scene()
    scene.spend(None)
    with scene.guard.at_work(scene.client(), course := Course(estimate_pico=7)):
        course.ending = Answered(replace(receipt(cost_pico=None), attempts=()))
    assert [cost for _, _, cost in scene.told] == [MoneySum(0, 1), MoneySum()]


def test_what_others_used_counts_and_nothing_counts_twice():
    scene = Scene(limits={"budget_day_pico": USD})
    token = replace(TOKEN, budget_day_pico=USD)
    scene.spend(USD // 10)
    with scene.guard.learning():
        # Read now: the first request and one of another gateway. Over before that is known: another one of ours.
        scene.spend(2 * USD // 10)
        scene.know(token, **{"01A": TokenUse(2, MoneySum(4 * USD // 10))})
    assert scene.guard.left_pico(scene.client()) == 4 * USD // 10
    scene.spend(USD // 10)
    assert scene.guard.left_pico(scene.client()) == 3 * USD // 10


def test_figures_of_yesterday_are_not_todays():
    scene = Scene(limits={"budget_day_pico": USD})
    scene.guard.learn(
        (replace(TOKEN, budget_day_pico=USD),), "2026-11-19", {"01A": TokenUse(1, MoneySum(USD))}
    )
    assert scene.guard.left_pico(scene.client()) == USD


def test_who_has_no_token_has_no_limits():
    scene = Scene(require_token=False)
    with scene.guard.at_work(Client(), Course(estimate_pico=USD)):
        assert scene.guard.left_pico(Client()) is None
    assert scene.told == []
