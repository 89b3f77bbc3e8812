"""Decisions are given what is surely forecast, and are not made to read anew what has hardly changed."""

from __future__ import annotations

from tests.quota.scenes import NOW_MS, account, limit, route, tracker

from trunkline.domain.limits import FigureSource, Forecast, LimitScope, LimitUse, Metric, Window
from trunkline.quota.foreseen import Foreseen

KEY = ("acme", "a")
SURE = Forecast(1_000.0, None, 0.8)


def use(key: str = "k", *, used: int = 20) -> LimitUse:
    window, scope = Window.parse("day"), LimitScope.ACCOUNT
    return LimitUse(
        key, Metric.REQUESTS, window, scope, None, 100, used, None, FigureSource.CONFIGURED, NOW_MS
    )


def foreseen(forecast: Forecast) -> Foreseen:
    found = Foreseen()
    found.use({"k": forecast}, {"k"})
    return found


def test_a_sure_forecast_comes_with_its_limit_and_no_other() -> None:
    limits = (use(), use("other"))
    assert [one.forecast for one in foreseen(SURE).of(KEY, limits)] == [SURE, None]


def test_an_unsure_one_and_one_of_what_is_used_up_do_not() -> None:
    limits = (use(),)
    assert foreseen(Forecast(1_000.0, None, 0.49)).of(KEY, limits) is limits
    assert foreseen(SURE).of(KEY, (use(used=100),))[0].forecast is None


def test_limits_are_the_same_tuple_while_nothing_about_them_changes() -> None:
    found, limits = foreseen(SURE), (use(),)
    first = found.of(KEY, limits)
    assert found.of(KEY, limits) is first
    assert found.of(KEY, (use(used=21),)) is not first


def test_only_a_burn_of_another_size_is_news() -> None:
    found = foreseen(SURE)
    assert found.use({"k": Forecast(960.0, 5, 0.9)}, {"k"}) == []
    assert found.use({"k": Forecast(940.0, 5, 0.9)}, {"k"}) == ["k"]
    assert found.use({"k": Forecast(940.0, 5, 0.4)}, {"k"}) == ["k"]
    assert found.use({}, {"k"}) == []


def test_a_forecast_reaches_decisions_after_the_next_look_and_leaves_them_again() -> None:
    quota = tracker(account("a", limit(), limit(window="60s")))
    hour_ms = 3_600_000
    for hours in range(4):  # an eighth of a day is how far back a day's use matters
        quota.outlook.look(NOW_MS + hours * hour_ms, hours * hour_ms)
    day, minute = quota.routing_state(NOW_MS + 3 * hour_ms).accounts[KEY].limits
    assert day.forecast is not None
    assert (day.forecast.burn_per_hour, minute.forecast) == (0.0, None)

    told = quota.routing_state(NOW_MS + 3 * hour_ms).accounts[KEY].limits
    quota.began(route(), NOW_MS + 3 * hour_ms)
    assert quota.routing_state(NOW_MS + 3 * hour_ms).accounts[KEY].limits is told
