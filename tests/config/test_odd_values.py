"""Whatever stands where a value is expected: a configuration or a sentence, never another exception."""

from __future__ import annotations

import math
import tomllib
from datetime import date, time

import pytest
import tomlkit
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from trunkline.config.files import leaves
from trunkline.config.load import load
from trunkline.config.places import shipped_preferences_file, shipped_providers_file
from trunkline.domain.errors import ConfigError

ODD = [
    3, -1, 0, 2.5, True, "x", "", " ", "zai", [], ["x"], [1], {}, {"x": 1}, [{"x": 1}], "\x1b[31m", 10**18,
    math.inf, math.nan, "2026-01-01", date(2026, 1, 1), time(1, 2),
]  # fmt: skip


def prefixes(file) -> list[tuple[str, ...]]:
    paths = [tuple(str(part) for part in path) for path, _ in leaves(tomllib.loads(file.read_text()))]
    return sorted({path[:length] for path in paths for length in range(1, len(path) + 1)})


def refused(user_text, places) -> ConfigError | None:
    try:
        load(places, {"GEMINI_API_KEY": "a"}, user_text=user_text)
    except ConfigError as error:
        return error
    return None


@pytest.mark.parametrize("half", ["providers", "preferences"])
@hypothesis_settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_an_odd_value_anywhere_is_taken_or_refused_in_words(home, half, data):
    places = home.places
    shipped, user = {
        "providers": (shipped_providers_file(), places.providers_file),
        "preferences": (shipped_preferences_file(), places.preferences_file),
    }[half]
    path = data.draw(st.sampled_from(prefixes(shipped)))
    document: dict[str, object] = {path[-1]: data.draw(st.sampled_from(ODD))}
    for part in reversed(path[:-1]):
        document = {part: document}
    refusal = refused({user: tomlkit.dumps(document)}, places)
    if refusal is not None:
        assert refusal.expected
        assert refusal.file == str(user)
        assert str(refusal).isprintable()
