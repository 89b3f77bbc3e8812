from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.routing import build_config

from trunkline.domain.messages import Hints
from trunkline.domain.preferences import AliasStrategy, Config, ModelAlias
from trunkline.domain.tasks import Tier
from trunkline.gateway.dialect import ProblemKind
from trunkline.gateway.naming import Named, Names, NotNamedError, allowed

PROVIDERS = {
    "zai": {"accounts": ["main", "spare"], "models": {"glm-5": {}, "glm-5-air": {}}},
    "openrouter": {"accounts": ["main"], "models": {"vendor/small": {}, "glm-5": {}}},
}


@pytest.fixture
def config() -> Config:
    config = build_config({"providers": PROVIDERS})
    aliases = (
        ModelAlias("cheap", ("glm-5-air", "openrouter/vendor/small")),
        ModelAlias("any-glm", ("zai/glm-5", "openrouter/glm-5"), AliasStrategy.SCORE),
    )
    return replace(config, preferences=replace(config.preferences, aliases=aliases))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("auto", Named()),
        ("trunkline/auto", Named()),
        ("", Named()),
        ("coding", Named(Hints(task_type="coding"))),
        ("simple", Named(Hints(task_type="simple", tier=Tier.T1))),
        ("t3", Named(Hints(tier=Tier.T3))),
        ("zai/glm-5", Named(models=("zai/glm-5",))),
        ("zai/spare/glm-5", Named(models=("zai/spare/glm-5",))),
        ("glm-5", Named(models=("glm-5",))),
        ("openrouter/vendor/small", Named(models=("openrouter/vendor/small",))),
        ("cheap", Named(models=("glm-5-air", "openrouter/vendor/small"))),
        ("any-glm", Named(models=("zai/glm-5", "openrouter/glm-5"), ordered=False)),
    ],
)
def test_what_a_name_stands_for(config: Config, name: str, expected: Named) -> None:
    assert Names(config).resolve(name) == expected


def test_a_snapshot_is_the_model_where_the_catalogue_has_it_without_its_date(config: Config) -> None:
    names = Names(config)

    assert names.resolve("glm-5-20251001").models == ("glm-5",)
    assert names.resolve("zai/glm-5-2025-10-01").models == ("zai/glm-5",)
    for other in ("glm-5-2025", "glm-20251001"):
        with pytest.raises(NotNamedError):
            names.resolve(other)


def test_with_fallbacks_only_the_named_may_answer_in_their_order(config: Config) -> None:
    names = Names(config)

    assert names.resolve("glm-5", ("cheap", "glm-5")).models == (
        "glm-5",
        "glm-5-air",
        "openrouter/vendor/small",
    )
    assert names.resolve("auto", ("glm-5-air",)).pin == "glm-5-air"


def test_an_unknown_name_is_refused_with_the_nearest_or_taken_for_auto_where_wanted(config: Config) -> None:
    with pytest.raises(NotNamedError, match="Did you mean 'glm-5-air'") as refused:
        Names(config).resolve("glm-5-airy")
    assert refused.value.problem.kind is ProblemKind.NOT_FOUND
    assert refused.value.problem.param == "model"

    assert Names(config, unknown_is_auto=True).resolve("glm-5-airy") == Named()


def test_a_model_of_a_provider_without_an_account_is_no_name_here_but_one_of_several_may_be() -> None:
    config = build_config(
        {
            "providers": {
                "zai": {"accounts": ["main"], "models": {"glm-5": {}}},
                "keyless": {"accounts": [{"id": "main", "has_key": False}], "models": {"flash-lite": {}}},
                "off": {
                    "accounts": [{"id": "main", "enabled": False}],
                    "models": {"pro": {}, "flash-lite": {}},
                },
            }
        }
    )
    aliases = (ModelAlias("later", ("off/pro",)), ModelAlias("pro", ("glm-5",)))
    config = replace(config, preferences=replace(config.preferences, aliases=aliases))
    names = Names(config)

    for name in ("flash-lite", "trunkline/off/pro", "off/main/pro", "keyless"):
        with pytest.raises(NotNamedError, match="No account here can be asked for") as refused:
            names.resolve(name)
        assert refused.value.problem.kind is ProblemKind.NOT_FOUND
        assert Names(config, unknown_is_auto=True).resolve(name) == Named()
    with pytest.raises(NotNamedError, match=r"\(keyless, off\) has none"):
        names.resolve("flash-lite", ("off/pro",))
    assert names.resolve("flash-lite", ("glm-5",)).models == ("flash-lite", "glm-5")
    assert Names(config, unknown_is_auto=True).resolve("flash-lite", ("glm-5",)).models == ("glm-5",)
    assert names.resolve("pro").models == ("glm-5",)
    # What the user wrote stands for what it says, and waits for it.
    assert Names(config, unknown_is_auto=True).resolve("later").models == ("off/pro",)


@pytest.mark.parametrize(
    ("wanted", "permitted", "left"),
    [
        ((), (), ()),
        ((), ("zai",), ("zai",)),
        (("glm-5",), (), ("glm-5",)),
        (("glm-5",), ("zai",), ("zai/glm-5",)),
        (("zai/main/glm-5",), ("zai/glm-5",), ("zai/main/glm-5",)),
        (("glm-5", "vendor/small"), ("openrouter",), ("openrouter/glm-5", "openrouter/vendor/small")),
    ],
)
def test_a_token_narrows_what_a_name_may_come_to(
    config: Config, wanted: tuple[str, ...], permitted: tuple[str, ...], left: tuple[str, ...]
) -> None:
    assert allowed(wanted, permitted, config.catalogue) == left


def test_a_token_that_may_use_none_of_them_is_told_so(config: Config) -> None:
    with pytest.raises(NotNamedError) as refused:
        allowed(("glm-5-air",), ("openrouter",), config.catalogue)
    assert refused.value.problem.kind is ProblemKind.FORBIDDEN
