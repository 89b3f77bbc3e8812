"""Prices as the catalogue writes them: bands for long inputs, hours that cost more."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from trunkline.config.hours import parse_hours
from trunkline.domain.money import PeakHours, Price

WEEKDAYS = (0, 1, 2, 3, 4)
MODEL = """
[providers.mine]
protocol = "openai"
base_url = "https://llm.example.org/v1"
key = "none"
{provider}
[providers.mine.models.m]
context = 1000000
price = {{ input = 1, output = 4, cached = 0.1{price} }}
{model}
"""
NOON = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp() * 1000)  # a Friday
PEAK = NOON - 4 * 3_600_000


def price_of(home, *, provider: str = "", price: str = "", model: str = "") -> Price:
    text = MODEL.format(provider=provider, price=price, model=model)
    return home.load(text).config.catalogue.model("mine", "m").price


def test_a_band_prices_the_whole_call(home):
    bands = ", above = [{ tokens = 1000, input = 2, output = 6, cached = 0.2, written = 3 }, " + (
        "{ tokens = 5000, input = 4, output = 8 }]"
    )
    price = price_of(home, price=bands)
    assert price.at(1_000, NOON) == Price(1_000_000, 4_000_000, 100_000)
    assert price.at(1_001, NOON) == Price(2_000_000, 6_000_000, 200_000, 3_000_000)
    assert price.at(5_001, NOON) == Price(4_000_000, 8_000_000)


ALWAYS = 'peak = { percent = 200, hours = ["daily 00:00-24:00"] }'


@pytest.mark.parametrize(
    ("provider", "model", "at_peak", "at_noon"),
    [
        ('peak = { percent = 200, hours = ["Mon-Fri 06:00-10:00"] }', "", 2_000_000, 1_000_000),
        ("", 'peak = { percent = 150, hours = ["daily 06:00-10:00"] }', 1_500_000, 1_000_000),
        (ALWAYS, 'peak = { percent = 300, hours = ["Fri 08:00-09:00"] }', 3_000_000, 1_000_000),
        (ALWAYS, "peak = { percent = 100, hours = [] }", 1_000_000, 1_000_000),
    ],
    ids=["the provider's", "the model's", "the model's in place of the provider's", "none for this model"],
)
def test_peaks_multiply_the_price_in_their_hours(home, provider, model, at_peak, at_noon):
    price = price_of(home, provider=provider, model=model)
    assert (price.at(10, PEAK).input, price.at(10, NOON).input) == (at_peak, at_noon)


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("Mon-Fri 01:00-04:00", (PeakHours(WEEKDAYS, 60, 240),)),
        ("mon 00:00-24:00", (PeakHours((0,), 0, 1440),)),
        ("Sat,Sun 09:30 - 18:00", (PeakHours((5, 6), 570, 1080),)),
        ("Fri-Mon 01:00-02:00", (PeakHours((0, 4, 5, 6), 60, 120),)),
        ("Sun 22:00-02:00", (PeakHours((6,), 1320, 1440), PeakHours((0,), 0, 120))),
        ("daily 22:00-00:00", (PeakHours(tuple(range(7)), 1320, 1440),)),
    ],
)
def test_hours(text, hours):
    assert parse_hours(text) == hours


@pytest.mark.parametrize(
    "text",
    ["", "01:00-04:00", "Mon", "Mon 1:00-4:00", "Mon 01:00-01:00", "Mon 24:00-25:00", "Mon 01:60-02:00",
     "Mon 01:00-24:01", "Montag 01:00-02:00", "Mon- 01:00-02:00", "Mon,,Tue 01:00-02:00"],
)  # fmt: skip
def test_no_hours(text):
    with pytest.raises(ValueError, match="hours of the week in UTC"):
        parse_hours(text)
