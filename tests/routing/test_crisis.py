"""When there is a crisis: how providers stand, and what is made of that over time, as tables."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.clock import START_MS
from tests.support.routing import build_config, build_state

from trunkline.domain.preferences import CrisisPolicy
from trunkline.routing.crisis import (
    ProviderStanding,
    Standing,
    Watched,
    back_at_ms,
    is_over,
    lost_for_long,
    reminded,
    standings_of,
    watched,
)

USABLE, UNPROVEN, LOST = Standing.USABLE, Standing.UNPROVEN, Standing.LOST
POLICY = CrisisPolicy()
CONFIG = build_config(
    {
        "providers": {
            "pair": {"accounts": ["a", "b"], "models": {"m": {}, "n": {}}},
            "keyless": {"accounts": [{"id": "a", "has_key": False}], "models": {"m": {}}},
            "off": {"accounts": [{"id": "a", "enabled": False}], "models": {"m": {}}},
        }
    }
)
DOWN: dict[str, Any] = {"until_s": 600, "failures": 3}


@pytest.mark.parametrize(
    ("state", "standing", "back_in_s"),
    [
        pytest.param({}, USABLE, None, id="nothing is known"),
        pytest.param({"blocks": {"pair": DOWN}}, LOST, 600, id="its own block holds"),
        pytest.param({"accounts": {"pair/a": {"block": DOWN}}}, USABLE, None, id="another account is there"),
        pytest.param(
            {"accounts": {"pair/a": {"block": DOWN}, "pair/b": {"block": {**DOWN, "until_s": 60}}}},
            LOST,
            60,
            id="both accounts are out, until the first is back",
        ),
        pytest.param(
            {"accounts": {"pair/a": {"block": DOWN}, "pair/b": {"limits": [["requests", "day", 20, 20]]}}},
            LOST,
            600,
            id="one is blocked, one used up without saying until when",
        ),
        pytest.param(
            {
                "accounts": {
                    "pair/a": {"block": DOWN},
                    "pair/b": {"limits": [["requests", "60s", 20, 20]]},
                }
            },
            USABLE,
            None,
            id="a window that only paces is no loss",
        ),
        pytest.param(
            {
                "accounts": {
                    "pair/a": {"block": DOWN},
                    "pair/b": {"limits": [["concurrency", "balance", 2, 2]]},
                }
            },
            USABLE,
            None,
            id="calls under way are no loss",
        ),
        pytest.param(
            {
                "accounts": {
                    "pair/a": {"block": DOWN},
                    "pair/b": {"limits": [["total_tokens", "day", 10_000, 9_950]]},
                }
            },
            LOST,
            600,
            id="too few tokens for any call",
        ),
        pytest.param(
            {
                "accounts": {"pair/a": {"block": DOWN}, "pair/b": {}},
                "routes": {"pair/b/m": {"block": DOWN}, "pair/b/n": {"block": {**DOWN, "until_s": 30}}},
            },
            LOST,
            30,
            id="every model of the other account is out",
        ),
        pytest.param(
            {"accounts": {"pair/a": {"block": DOWN}, "pair/b": {}}, "routes": {"pair/b/m": {"block": DOWN}}},
            USABLE,
            None,
            id="the other account has a model left",
        ),
        pytest.param({"blocks": {"pair": {"until_s": -1}}}, UNPROVEN, None, id="its block has ended"),
        pytest.param({"blocks": {"pair": {"until_s": 5, "half_open": True}}}, UNPROVEN, None, id="half-open"),
        pytest.param(
            {"blocks": {"pair": {"kind": "quota_window", "since_s": -120, "until_s": -1}}},
            USABLE,
            None,
            id="the stated reset of its limit has passed",
        ),
        pytest.param(
            {"blocks": {"pair": {"kind": "quota_window", "since_s": -50, "until_s": -1}}},
            UNPROVEN,
            None,
            id="a limit of which nobody said when it resets",
        ),
        pytest.param(
            {"blocks": {"pair": {"kind": "overloaded", "since_s": -120, "until_s": -1}}},
            UNPROVEN,
            None,
            id="down for a stated time that has passed",
        ),
        pytest.param(
            {"blocks": {"pair": {"until_s": 0.9, "since_s": 0, "failures": 1}}}, UNPROVEN, None, id="a hiccup"
        ),
        pytest.param({"blocks": {"pair": {"kind": "auth"}}}, LOST, None, id="until a person acts"),
    ],
)
def test_how_a_provider_stands(state: dict[str, Any], standing: Standing, back_in_s: float | None) -> None:
    (found,) = standings_of(CONFIG.catalogue, build_state(CONFIG, state))
    assert (found.provider, found.standing) == ("pair", standing)
    back_in = None if found.back_at_ms is None else (found.back_at_ms - START_MS) / 1000
    assert back_in == back_in_s


def test_what_is_lost_counts_from_the_last_loss_and_of_one_account_from_the_first() -> None:
    state = {
        "blocks": {"pair": {"until_s": -1, "since_s": -90}},
        "accounts": {
            "pair/a": {"block": {**DOWN, "since_s": -50}},
            "pair/b": {"block": {**DOWN, "since_s": -20}, "limits": [["requests", "day", 2, 2]]},
        },
    }
    (found,) = standings_of(CONFIG.catalogue, build_state(CONFIG, state))
    assert found.since_ms == START_MS - 20_000


# -- over time: each step is (second, how a, b, c stand) and what is made of it ---------------------------------------

Step = tuple[float, str]
_WORDS = {"+": USABLE, "?": UNPROVEN, "-": LOST}


def play(*steps: Step, policy: CrisisPolicy = POLICY) -> list[bool]:
    """Whether there is a crisis after each step."""
    seen = Watched()
    crisis, told = False, []
    for second, stands in steps:
        now_ms = START_MS + round(1000 * second)
        standings = [ProviderStanding(name, _WORDS[how]) for name, how in zip("abcd", stands, strict=False)]
        seen = watched(seen, standings, policy, now_ms, in_crisis=crisis)
        if crisis:
            crisis = not is_over(seen, standings, policy)
        else:
            crisis = bool(lost_for_long(seen, standings, policy, now_ms, {}))
        told.append(crisis)
    return told


@pytest.mark.parametrize(
    ("steps", "crisis"),
    [
        pytest.param(
            [(0, "+++"), (1, "--+"), (60, "--+"), (61, "--+")], [0, 0, 0, 1], id="two of three for a minute"
        ),
        pytest.param([(0, "-++"), (120, "-++")], [0, 0], id="one is no crisis"),
        pytest.param([(0, "--"), (120, "--")], [0, 0], id="of two providers there is none"),
        pytest.param([(0, "--++"), (60, "--++")], [0, 1], id="two of four are enough"),
        pytest.param(
            [(0, "-++"), (50, "--+"), (61, "--+"), (111, "--+")], [0, 0, 0, 1], id="the later loss counts"
        ),
        pytest.param(
            [(0, "--+"), (30, "-?+"), (40, "--+"), (60, "--+")],
            [0, 0, 0, 1],
            id="a trial that failed proves nothing",
        ),
        pytest.param(
            [(0, "--+"), (30, "-++"), (34, "--+"), (60, "--+")], [0, 0, 0, 1], id="well for 4 s is not back"
        ),
        pytest.param(
            [(0, "--+"), (30, "-++"), (36, "-++"), (37, "--+"), (61, "--+"), (97, "--+")],
            [0, 0, 0, 0, 0, 1],
            id="well for 6 s is back, and the minute begins anew",
        ),
        pytest.param(
            [(0, "--+"), (60, "-?+"), (61, "--+")], [0, 0, 1], id="it begins only while both are lost"
        ),
        pytest.param(
            [(0, "--+"), (60, "--+"), (70, "-++"), (74, "-++"), (75, "-++")],
            [0, 1, 1, 1, 0],
            id="it ends when one has been well for 5 s",
        ),
        pytest.param(
            [(0, "--+"), (60, "--+"), (70, "-++"), (73, "--+"), (80, "-++"), (84, "-++")],
            [0, 1, 1, 1, 1, 1],
            id="one that comes and goes does not end it",
        ),
        pytest.param(
            [(0, "--+"), (60, "--+"), (70, "-?+"), (130, "-?+"), (86_400, "-?+")],
            [0, 1, 1, 1, 1],
            id="one that nobody tries is not back, however long",
        ),
        pytest.param(
            [(0, "--+"), (30, "-?+"), (90, "-?+"), (91, "--+"), (120, "--+"), (151, "--+")],
            [0, 0, 0, 0, 0, 1],
            id="one that nobody tried for a minute was no loss before there is a crisis",
        ),
        pytest.param(
            [(0, "--+"), (60, "--+"), (70, "-?+"), (90, "-++"), (94, "-++"), (95, "-++")],
            [0, 1, 1, 1, 1, 0],
            id="one that was tried and answered is back after 5 s",
        ),
        pytest.param(
            [(0, "--++"), (60, "--++"), (65, "+--+"), (71, "+--+")],
            [0, 1, 1, 1],
            id="another is lost instead",
        ),
        pytest.param(
            [(0, "--+"), (60, "--+"), (-500, "--+"), (61, "--+")], [0, 1, 1, 1], id="the clock is set back"
        ),
        pytest.param(
            [(0, "+++"), (0, "--+"), (86_400, "+++")], [0, 0, 0], id="the machine slept, and all is well"
        ),
    ],
)
def test_when_it_begins_and_ends(steps: list[Step], crisis: list[int]) -> None:
    assert play(*steps) == [bool(one) for one in crisis]


def test_a_loss_that_the_crisis_before_found_to_be_over_counts_anew_from_then() -> None:
    standings = [
        ProviderStanding("a", LOST),
        ProviderStanding("b", LOST, START_MS),
        ProviderStanding("c", USABLE),
    ]
    seen = watched(reminded(Watched(), ("a",), START_MS), standings, POLICY, START_MS, in_crisis=False)
    back = {"b": START_MS + 40_000}
    assert lost_for_long(seen, standings, POLICY, START_MS + 60_000, {}) == ("a", "b")
    assert lost_for_long(seen, standings, POLICY, START_MS + 99_000, back) == ()
    assert lost_for_long(seen, standings, POLICY, START_MS + 100_000, back) == ("a", "b")


def test_without_crisis_mode_there_is_none_and_one_under_way_ends() -> None:
    off = CrisisPolicy(enabled=False)
    assert play((0, "--+"), (100, "--+"), policy=off) == [False, False]
    standings = [ProviderStanding(name, LOST) for name in "abc"]
    assert is_over(watched(Watched(), standings, POLICY, START_MS, in_crisis=True), standings, off)


def test_it_ends_where_too_few_providers_are_left_in_the_configuration() -> None:
    standings = [ProviderStanding(name, LOST) for name in "ab"]
    assert is_over(watched(Watched(), standings, POLICY, START_MS, in_crisis=True), standings, POLICY)


def test_a_process_that_begins_in_a_crisis_believes_it_until_it_sees_otherwise() -> None:
    began_at_ms = START_MS - 30_000
    unproven = [
        ProviderStanding("a", UNPROVEN, START_MS - 10),
        ProviderStanding("b", LOST),
        ProviderStanding("c", USABLE),
    ]
    seen = watched(reminded(Watched(), ("a", "b"), began_at_ms), unproven, POLICY, START_MS, in_crisis=True)
    assert not is_over(seen, unproven, POLICY)
    assert seen.lost_since_ms == {"a": began_at_ms, "b": began_at_ms}
    well = [ProviderStanding(name, USABLE) for name in "abc"]
    well_now = watched(seen, well, POLICY, START_MS, in_crisis=True)
    later = watched(well_now, well, POLICY, START_MS + 5_000, in_crisis=True)
    assert is_over(later, well, POLICY)


def test_the_earliest_stated_return_of_those_who_are_lost() -> None:
    standings = [
        ProviderStanding("a", LOST, None, START_MS + 500),
        ProviderStanding("b", LOST, None, START_MS + 300),
        ProviderStanding("c", LOST, None, START_MS - 5),
        ProviderStanding("d", LOST, None, START_MS + 100),
    ]
    assert back_at_ms(standings, ("a", "b", "c"), START_MS) == START_MS + 300
    assert back_at_ms(standings, ("c",), START_MS) is None
