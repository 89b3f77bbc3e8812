"""Scores of models: shares of the best of one column, the user's own columns included."""

from __future__ import annotations

import pytest

from trunkline.domain.errors import ConfigError

OWN = '[providers.openai.models."mine"]\ncontext = 128000\n'


def share(loaded, model: str = "mine", provider: str = "openai") -> float | None:
    return loaded.config.catalogue.model(provider, model).quality_share


def test_a_score_of_the_catalogues_column_is_a_share_of_its_best(home):
    loaded = home.load(OWN + "quality = 32.85\n")
    assert share(loaded) == pytest.approx(0.5)
    assert share(loaded, "claude-fable-5-1", "anthropic") == 1
    assert loaded.notes == ()


def test_a_score_of_another_column_is_a_share_of_that_ones_best(home):
    loaded = home.load(OWN + "quality = 1280\nquality_best = 1600\n")
    assert share(loaded) == pytest.approx(0.8)
    assert share(loaded, "claude-fable-5-1", "anthropic") == 1, "nobody else's share changes"
    assert loaded.notes == ()


def test_who_has_no_score_has_no_share(home):
    assert share(home.load(OWN)) is None
    assert share(home.load(OWN + "quality_best = 1600\n")) is None
    assert share(home.load(), "claude-opus-5-5", "anthropic") is None


def test_a_better_model_than_all_is_the_best_of_the_column(home):
    loaded = home.load(OWN + "quality = 73\n")
    assert share(loaded) == 1
    assert share(loaded, "claude-fable-5-1", "anthropic") == pytest.approx(65.7 / 73)


def test_a_model_switched_off_changes_nobody_elses_share(home):
    before = share(home.load(), "glm-5.3", "zai")
    loaded = home.load('[providers.anthropic.models."claude-fable-5-1"]\nenabled = false\n')
    assert share(loaded, "glm-5.3", "zai") == before


def test_a_score_that_cannot_be_of_the_catalogues_column_is_refused(home):
    with pytest.raises(
        ConfigError, match=r"models\.mine\.quality: 1280 .*best is 65\.7.*quality_best"
    ) as error:
        home.load(OWN + "quality = 1280\n")
    assert error.value.line == 3


def test_a_score_over_the_best_of_its_own_column_is_refused(home):
    with pytest.raises(ConfigError, match=r"at most quality_best \(100\)"):
        home.load(OWN + "quality = 101\nquality_best = 100\n")


def test_a_score_that_looks_like_another_columns_is_told_of(home):
    loaded = home.load(OWN + "quality = 0.9\n")
    (note,) = loaded.notes
    assert note.startswith("providers.openai.models.mine.quality: 0.9 is 1% of the best")
    assert "quality_best" in note


def test_where_nothing_ships_any_scale_will_do(home):
    from trunkline.config.load import load

    home.write(
        providers='[providers.a]\nprotocol = "openai"\nbase_url = "http://127.0.0.1:1"\n'
        "[providers.a.models.x]\ncontext = 9000\nquality = 1500\n"
        "[providers.a.models.y]\ncontext = 9000\nquality = 750\n"
    )
    loaded = load(home.places, {}, base_providers_text="")
    assert [share(loaded, one, "a") for one in ("x", "y")] == [1, 0.5]
