"""What rate headers say, family by family. The clock stands at 2026-11-20T12:00:00Z."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.clock import START_MS
from tests.support.openai_wire import context_of

from trunkline.domain.limits import LimitReading, Metric, Window
from trunkline.domain.routes import Quirks
from trunkline.providers.limits.families import read_limits
from trunkline.providers.limits.words import read_refusal
from trunkline.providers.values.durations import DAY_MS, delay_ms, go_duration_ms

REQUESTS, TOKENS = Metric.REQUESTS, Metric.TOTAL_TOKENS
MINUTE, DAY = Window.parse("60s"), Window.parse("1d")
GROQ = Quirks(requests_window="1d")


def reading(
    metric: Metric, window: Window, amount: int | None, remaining: int | None, reset_in_ms: int | None
) -> LimitReading:
    resets_at_ms = None if reset_in_ms is None else START_MS + reset_in_ms
    return LimitReading(metric, window, amount, remaining, resets_at_ms)


@pytest.mark.parametrize(
    ("quirks", "headers", "expected"),
    [
        pytest.param(
            Quirks(),
            {"limit-requests": "500", "remaining-requests": "499", "reset-requests": "120ms",
             "limit-tokens": "30000", "remaining-tokens": "29000", "reset-tokens": "6m0s"},
            [reading(REQUESTS, MINUTE, 500, 499, 120), reading(TOKENS, MINUTE, 30_000, 29_000, 360_000)],
            id="openai"),
        pytest.param(
            Quirks(),
            {"limit-tokens": "30000", "remaining-tokens": "29000", "reset-tokens": "2s",
             "limit-tokens_usage_based": "30000", "remaining-tokens_usage_based": "29000",
             "limit-project-tokens": "10000", "remaining-project-tokens": "9000", "reset-project-tokens": "6s",
             "limit-project-requests": "50", "remaining-project-requests": "49",
             "limit-requests": "500", "remaining-requests": "10"},
            [reading(TOKENS, MINUTE, 10_000, 9_000, 6000), reading(REQUESTS, MINUTE, 500, 10, None)],
            id="openai-the-least-left-of-organisation-and-project"),
        pytest.param(
            Quirks(), {"limit-requests": "200", "remaining-requests": "197", "reset-requests": "16m17.764s",
                       "limit-tokens": "40000", "remaining-tokens": "39929", "reset-tokens": "106ms"},
            [reading(REQUESTS, DAY, 200, 197, 977_764), reading(TOKENS, MINUTE, 40_000, 39_929, 106)],
            id="openai-requests-of-the-day-under-the-minutes-name"),
        pytest.param(
            GROQ,
            {"limit-requests": "14400", "remaining-requests": "14370", "reset-requests": "2m59.56s",
             "limit-tokens": "18000", "remaining-tokens": "17997", "reset-tokens": "7.66s"},
            [reading(REQUESTS, DAY, 14_400, 14_370, 179_560), reading(TOKENS, MINUTE, 18_000, 17_997, 7_660)],
            id="groq-requests-are-of-the-day"),
        pytest.param(
            Quirks(),
            {"limit-tokens-minute": "500000", "remaining-tokens-minute": "400000", "limit-req-minute": "60",
             "remaining-req-minute": "59", "limit-tokens-month": "1000000000", "tokens-query-cost": "12"},
            [reading(TOKENS, MINUTE, 500_000, 400_000, None), reading(REQUESTS, MINUTE, 60, 59, None),
             reading(TOKENS, Window.parse("month"), 1_000_000_000, None, None)],
            id="mistral"),
        pytest.param(
            GROQ,
            {"limit-requests-day": "14400", "remaining-requests-day": "0", "reset-requests-day": "33011.382867",
             "limit-tokens-minute": "60000", "remaining-tokens-minute": "59000", "reset-tokens-minute": "11.38"},
            [reading(REQUESTS, DAY, 14_400, 0, 33_011_383), reading(TOKENS, MINUTE, 60_000, 59_000, 11_380)],
            id="cerebras"),
        pytest.param(
            Quirks(), {"limit-requests": "480", "remaining-requests": "479", "limit-tokens": "2000000",
                       "remaining-tokens": "1999000"},
            [reading(REQUESTS, MINUTE, 480, 479, None), reading(TOKENS, MINUTE, 2_000_000, 1_999_000, None)], id="xai"),
        pytest.param(
            Quirks(), {"limit-requests-hour": "900", "remaining-requests-hour": "899", "reset-requests-hour": "1800.5",
                       "limit-requests-second": "1", "limit-tokens-day": "1000000"},
            [reading(REQUESTS, Window.parse("1h"), 900, 899, 1_800_500), reading(REQUESTS, Window.parse("1s"), 1, None,
             None), reading(TOKENS, DAY, 1_000_000, None, None)], id="every-period-in-a-name"),
        pytest.param(
            Quirks(), {"limit": "200", "remaining": "3", "reset": str((START_MS + 9000) // 1000)},
            [reading(REQUESTS, MINUTE, 200, 3, 9000)], id="kimi-epoch-seconds"),
        pytest.param(
            Quirks(), {"limit": "50", "remaining": "0", "reset": str(START_MS + 9000)},
            [reading(REQUESTS, MINUTE, 50, 0, 9000)], id="openrouter-epoch-milliseconds"),
        pytest.param(
            Quirks(), {"remaining-requests": "7"}, [reading(REQUESTS, MINUTE, None, 7, None)], id="xai-part"),
        pytest.param(Quirks(), {"limit-requests": "10", "remaining-requests": "99", "reset-requests": "later"},
            [reading(REQUESTS, MINUTE, 10, 10, None)], id="more-left-than-there-is"),
        pytest.param(Quirks(), {"limit": "50", "remaining": "0", "reset": str(START_MS + DAY_MS // 2)},
            [reading(REQUESTS, DAY, 50, 0, DAY_MS // 2)], id="openrouter-a-reset-that-no-minute-has"),
        pytest.param(Quirks(), {"limit-requests": "10, 10", "remaining-requests": "9, 7", "reset-requests": "1s, 3s"},
            [reading(REQUESTS, MINUTE, 10, 7, 3000)], id="headers-sent-twice"),
        pytest.param(Quirks(), {"limit-requests": "10, many", "remaining-requests": "7"},
            [reading(REQUESTS, MINUTE, None, 7, None)], id="headers-sent-twice-one-junk"),
        *(pytest.param(Quirks(), {"limit-requests": junk, "reset-requests": "1s"}, [], id=f"junk-{junk}")
          for junk in ("", "-1", "0", "many", "nan", "inf", "1e300", "0x10", "9" * 50, ",", "1_000", "10;w=60")),
        *(pytest.param(Quirks(), {"limit-requests": "10", "reset-requests": junk},
                       [reading(REQUESTS, MINUTE, 10, None, None)], id=f"junk-reset-{junk}")
          for junk in ("", "-1s", "0", "soon", "nan", "1e999", "9999999999h", "2039-01-01T00:00:00Z", "4070908800",
                       "Sat, 01 Jan 2039 00:00:00 GMT", "Thu, 99 Foo", "2026-11-20T11:59:59Z", "99999999999999999")),
    ],
)  # fmt: skip
def test_header_families(quirks: Quirks, headers: dict[str, str], expected: list[LimitReading]) -> None:
    named = {f"x-ratelimit-{name}": value for name, value in headers.items()} | {"content-type": "text/plain"}
    readings = read_limits(named, context_of(quirks=quirks))
    assert [replace(one, flaw="") for one in readings] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "on tokens per min (TPM): Limit 30000, Used 29000, Requested 2000",
            (TOKENS, "60s", 30_000, 1_000),
        ),
        ("on requests per day (RPD): Limit 200, Used 200, Requested 1", (REQUESTS, "1d", 200, 0)),
        ("on tokens per day (TPD): Limit 100,000, Used 99,950", (TOKENS, "1d", 100_000, 50)),
        ("request reached organization max RPM: 3, please try again", (REQUESTS, "60s", 3, None)),
        ("request reached max concurrency: 1", (Metric.CONCURRENCY, "1s", 1, None)),
        ("Rate limit reached", None),
        ("tokens per min (TPM): Limit 0", None),
    ],
)
def test_limits_in_the_words_of_a_refusal(
    text: str, expected: tuple[Metric, str, int, int | None] | None
) -> None:
    readings = read_refusal(text)
    assert [(r.metric, str(r.window), r.amount, r.remaining) for r in readings] == (
        [] if expected is None else [expected]
    )


@pytest.mark.parametrize(
    ("text", "expected_ms"),
    [
        ("9ms", 9), ("1s", 1000), ("1m30.5s", 90_500), ("6m0s", 360_000), ("2h3m4s", 7_384_000), ("1d", DAY_MS),
        ("0s", None), ("", None), ("s", None), ("1", None), ("-1s", None), ("1x", None), ("9999999h", None),
    ],
)  # fmt: skip
def test_go_durations(text: str, expected_ms: float | None) -> None:
    assert go_duration_ms(text) == expected_ms


@pytest.mark.parametrize(
    ("text", "expected_ms"),
    [
        pytest.param("30", 30_000, id="seconds-from-now"),
        pytest.param("33011.382867", 33_011_382.867, id="cerebras-seconds"),
        pytest.param(str(START_MS // 1000 + 9), 9_000, id="epoch-seconds"),
        pytest.param(str(START_MS + 9_000), 9_000, id="openrouter-epoch-milliseconds"),
        pytest.param("2m59.56s", 179_560, id="groq-duration"),
        pytest.param("2026-11-20T12:00:09Z", 9_000, id="rfc-3339"),
        pytest.param("2026-11-20T21:00:09+09:00", 9_000, id="rfc-3339-with-an-offset"),
        pytest.param("Fri, 20 Nov 2026 12:00:09 GMT", 9_000, id="http-date"),
        pytest.param(str(START_MS - 9_000), None, id="past"),
        pytest.param("2036-11-20T12:00:00Z", None, id="ten-years-ahead"),
    ],
)
def test_every_reset_format(text: str, expected_ms: float | None) -> None:
    assert delay_ms(text, START_MS) == (None if expected_ms is None else pytest.approx(expected_ms))


_JUNK = st.text("0123456789.-+eEhms,: naifTZ", max_size=24) | st.text(max_size=8)
_NAMES = st.sampled_from(
    [
        f"x-ratelimit-{figure}{of}"
        for figure in ("limit", "remaining", "reset")
        for of in (
            "",
            "-requests",
            "-tokens",
            "-req-minute",
            "-project-tokens",
            "-tokens_usage_based",
            "-tokens-month",
        )
    ]
)


@given(headers=st.dictionaries(_NAMES, _JUNK, max_size=12))
def test_junk_gives_sane_readings_or_none(headers: dict[str, str]) -> None:
    readings = read_limits(headers, context_of())
    for one in readings:
        assert one.amount is None or 0 < one.amount <= 10**15
        assert one.remaining is None or 0 <= one.remaining <= (one.amount or 10**15)
        assert one.resets_at_ms is None or START_MS < one.resets_at_ms <= START_MS + 400 * DAY_MS
    assert len({(one.metric, one.window) for one in readings}) == len(readings)


@given(text=st.text("0123456789.-+eEhmsdTZ: naif", max_size=30) | st.text(max_size=20))
def test_a_wait_is_sane_or_none(text: str) -> None:
    wait_ms = delay_ms(text, START_MS)
    assert wait_ms is None or 0 < wait_ms <= 400 * DAY_MS
