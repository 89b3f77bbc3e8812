"""Line by line what `policy.md` says, of the preferences that ship; and the settings that have no table there."""

from __future__ import annotations

import pytest

from trunkline.config.desk import set_value
from trunkline.config.settings import get_value
from trunkline.domain.errors import ConfigError
from trunkline.domain.preferences import BudgetMode, LearningPolicy, QualityMode, Rules
from trunkline.domain.tasks import Priority, Tier

# Of the tables of tasks and roles: who is first and then, by what their ids contain, the budget and the priority.
MATRIX = {
    "audit": (["claude-sonnet", "claude-opus", "gemini", "llama-3.3-70b"], 100_000, Priority.HIGH),
    "coding": (["openai/", "claude-sonnet", "zai/", "kimi/", "llama-3.3-70b"], 80_000, Priority.HIGH),
    "reasoning": (["anthropic/", "kimi/", "openai/", "google/"], 80_000, Priority.HIGH),
    "creative": (["openai/", "kimi/", "zai/"], 40_000, Priority.MEDIUM),
    "simple": (["google/", "zai/", "kimi"], 20_000, Priority.MEDIUM),
    "data_analysis": (
        ["claude-haiku", "claude-sonnet", "qwen3-next-80b", "step-3.5-flash"],
        50_000,
        Priority.MEDIUM,
    ),
    "documentation": (
        ["claude-haiku", "qwen3-next-80b", "gemma", "claude-sonnet"],
        40_000,
        Priority.LOW,
    ),
    "operations": (["claude-haiku", "step-3.5-flash", "claude-sonnet"], 50_000, Priority.MEDIUM),
    "orchestration": (["gemini", "claude-haiku"], 15_000, Priority.MEDIUM),
}
ROLES = {
    "implementation": (("coding",), Tier.T2, "claude-haiku", "coding", 25_000, Priority.MEDIUM),
    "design_review": (("reasoning", "audit"), Tier.T3, "claude-sonnet", "audit", 100_000, Priority.HIGH),
}
TIERS = {
    Tier.T1: (["minimax", "gemini", "kimi"], 0.0001),
    Tier.T2: (["gemini", "kimi", "minimax"], 0.001),
    Tier.T3: (["claude-opus", "claude-sonnet", "kimi"], 0.015),
}
NUMBERS = {
    "tier_simple_below": 0.3,
    "tier_complex_above": 0.7,
    "switch_below_tokens": 5_000,
    "warn_at": 0.80,
    "critical_at": 0.95,
    "route_away_at": 0.95,
    "estimate_margin": 1.1,
    "provider_check_ms": 60_000,
    "throttle_below": 20,
    "throttle_ms": 5_000,
    "medium_lane_ms": 2_000,
    "low_lane_ms": 5_000,
    "rule1_below_tokens": 20_000,
    "rule2_above_queued": 5,
    "rule3_health_above": 80,
    "rule4_load_below": 0.5,
    "night_from_hour": 22,
    "night_until_hour": 7,
}


@pytest.fixture(scope="module")
def preferences(tmp_path_factory):
    from trunkline.config.load import load
    from trunkline.config.places import find_places

    return load(find_places({"TRUNKLINE_HOME": str(tmp_path_factory.mktemp("home"))}), {}).config.preferences


def of_kinds(listed: tuple[str, ...], kinds: list[str]) -> bool:
    return len(listed) == len(kinds) and all(kind in text for text, kind in zip(listed, kinds, strict=True))


def test_every_task_type_has_its_list_budget_and_priority(preferences):
    assert {task.type for task in preferences.tasks} == set(MATRIX)
    for task in preferences.tasks:
        kinds, budget, priority = MATRIX[task.type]
        assert of_kinds(task.prefer, kinds), task
        assert (task.budget_tokens, task.priority) == (budget, priority), task


def test_roles_put_one_model_before_the_list_of_their_task(preferences):
    assert {role.role for role in preferences.roles} == set(ROLES)
    for role in preferences.roles:
        tasks, tier, first, list_of, budget, priority = ROLES[role.role]
        assert (role.task_types, role.tier, role.budget_tokens, role.priority) == (
            tasks, tier, budget, priority,
        )  # fmt: skip
        assert first in role.prefer[0]
        rest = [one for one in preferences.task(list_of).prefer if one != role.prefer[0]]
        assert list(role.prefer[1:]) == rest


def test_tiers_have_three_in_order_a_ceiling_and_an_emergency(preferences):
    for tier, (kinds, usd_per_1k) in TIERS.items():
        policy = preferences.tier(tier)
        assert of_kinds(policy.prefer, kinds)
        assert policy.ceiling_pico_per_token == round(usd_per_1k * 1_000_000_000)
    assert [preferences.tier(tier).pauses for tier in Tier] == [True, True, False]
    assert [preferences.tier(tier).emergency for tier in Tier] == [None, None, "google/gemini-3.8-flash"]


def test_both_axes_have_their_lists(preferences):
    assert dict(preferences.budget_lists) == {
        BudgetMode.COST_FIRST: ("kimi", "google", "zai", "anthropic", "openai")
    }
    assert dict(preferences.quality_lists) == {
        QualityMode.BALANCED: ("zai",),
        QualityMode.MAX_SPEED: ("google", "zai", "kimi"),
        QualityMode.MAX_QUALITY: ("openai", "anthropic"),
        QualityMode.MAX_CONTEXT: ("google", "kimi", "anthropic"),
    }
    assert preferences.default_prefer == ("zai/glm-5.3", "zai")


def test_every_number(preferences):
    assert {name: getattr(preferences.thresholds, name) for name in NUMBERS} == NUMBERS
    history = preferences.history
    assert (history.window_share, history.topic_share, history.recent_share, history.summary_share) == (
        0.7, 0.4, 0.3, 0.3,
    )  # fmt: skip
    assert (history.internal_share, history.trim_share, history.compress_by, history.keep_turns) == (
        0.7, 0.8, 0.3, 5,
    )  # fmt: skip
    assert preferences.quality_floor == 0.7
    assert preferences.budget_conversation_pico == 500_000_000_000


def test_preference_of_a_model_where_no_list_names_it(home):
    catalogue = home.load().config.catalogue
    examples = [
        ("zai", "glm-5.3"),
        ("kimi", "kimi-k3"),
        ("google", "gemini-3.8-flash"),
        ("openai", "gpt-5.6"),
    ]
    assert [catalogue.model(*one).preference for one in examples] == [50, 60, 70, 80]


# -- floors -----------------------------------------------------------------------------------------------------------


def test_floors_by_tier_rise_and_leave_room_for_the_lists_own_models(home):
    config = home.load().config
    for task in config.preferences.tasks:
        floors = [config.preferences.floor(task.type, tier) for tier in Tier]
        assert floors == sorted(floors), task.type
        for text in task.prefer:
            selector = config.catalogue.select(text)
            model = config.catalogue.model(selector.provider, selector.model) if selector.model else None
            if model is not None and model.quality_share is not None:
                assert model.quality_share >= floors[1], text


def test_the_nearest_floor_holds(home):
    preferences = home.load(
        preferences="quality_floor = 0.65\n"
        "[tiers.t2]\nquality_floor = 0.55\n"
        "[tasks.coding.floors]\nt1 = 0.0\n"
        "[tasks.my_own]\nfloors.t3 = 0.9\n"
    ).config.preferences
    assert [preferences.floor("coding", tier) for tier in Tier] == [0.0, 0.6, 0.75]
    assert [preferences.floor("creative", tier) for tier in Tier] == [0.4, 0.6, 0.7]
    assert [preferences.floor("my_own", tier) for tier in Tier] == [0.65, 0.55, 0.9]
    assert [preferences.floor("never heard of", tier) for tier in Tier] == [0.65, 0.55, 0.65]


# -- settings ---------------------------------------------------------------------------------------------------------


def test_new_settings_can_be_read_set_and_refused(home):
    for key, text in [
        ("rules.price_ceilings", "false"),
        ("rules.token_budgets", "false"),
        ("rules.upgrade_tier", "false"),
        ("rules.switch_for_saving", "false"),
        ("learning.enabled", "false"),
        ("learning.prior_weight", "5"),
        ("learning.half_life_days", "7"),
        ("learning.explore_share", "0.1"),
        ("tasks.coding.floors.t1", "0.2"),
        ("tiers.t1.emergency", "anybody"),
    ]:
        assert set_value(home.load(), {}, key, text), key
    preferences = home.load().config.preferences
    assert preferences.rules == Rules(
        price_ceilings=False, token_budgets=False, upgrade_tier=False, switch_for_saving=False
    )
    assert preferences.learning == LearningPolicy(
        enabled=False, prior_weight=5.0, half_life_days=7.0, explore_share=0.1
    )
    assert preferences.floor("coding", Tier.T1) == 0.2
    assert (preferences.tier(Tier.T1).pauses, preferences.tier(Tier.T1).emergency) == (False, None)
    setting = get_value(home.load(), "tasks.coding.floors.t1")
    assert (setting.current, setting.default, setting.group) == (0.2, 0.5, "coding")
    with pytest.raises(ConfigError, match=r"learning\.half_life_days"):
        set_value(home.load(), {}, "learning.half_life_days", "0")


# -- names ------------------------------------------------------------------------------------------------------------


def test_a_retired_id_is_told_once_however_often_it_stands_there(home):
    loaded = home.load(
        preferences='default = ["gemini-2.0-flash", "zai", "google/gemini-3.8-flash"]\n'
        '[tasks.coding]\nprefer = ["kimi", "gemini-2.0-flash"]\n',
        environ={"TRUNKLINE_ROUTE_T1": "gemini-2.0-flash"},
    )
    preferences = loaded.config.preferences
    assert preferences.default_prefer == ("google/gemini-3.8-flash", "zai")
    assert preferences.task("coding").prefer == ("kimi", "google/gemini-3.8-flash")
    (note,) = loaded.notes
    assert note == (
        "default[0], tasks.coding.prefer[1], TRUNKLINE_ROUTE_T1 name 'gemini-2.0-flash', which is retired; "
        "google/gemini-3.8-flash stands in for it"
    )


def test_a_users_role_goes_before_a_shipped_one(home):
    preferences = home.load(
        preferences='[roles.mine]\ntasks = ["coding"]\ntier = "t2"\nprefer = ["kimi"]\nbudget_tokens = 9000\n'
    ).config.preferences
    assert preferences.role("coding", Tier.T2).role == "mine"
    assert preferences.role("coding", Tier.T1) is None
    assert preferences.role("audit", Tier.T3).role == "design_review"


def test_a_chain_of_successors_is_followed_to_its_end(home):
    loaded = home.load(
        providers='[providers.zai.retired."glm-1"]\non = "2024-01-01"\nsuccessor = "glm-2"\n'
        '[providers.zai.retired."glm-2"]\non = "2025-01-01"\nsuccessor = "glm-5"\n'
        '[providers.zai.retired."round"]\non = "2025-01-01"\nsuccessor = "about"\n'
        '[providers.zai.retired."about"]\non = "2025-01-01"\nsuccessor = "round"\n'
        '[providers.zai.models."glm-5"]\nretired_on = "2027-01-01"\nsuccessor = "glm-5.1"\n'
        '[providers.zai.models."glm-5.1"]\nretired_on = "2027-06-01"\nsuccessor = "glm-5.3"\n',
        preferences='default = ["zai/glm-1", "zai/glm-5.1", "kimi"]\n',
    )
    assert loaded.config.preferences.default_prefer == ("zai/glm-5", "zai/glm-5.1", "zai/glm-5.3", "kimi")
    assert loaded.config.catalogue.select("zai/round") is None


def test_a_variable_can_be_set_for_any_name_of_a_task_type(home):
    overrides = home.load(
        preferences='[tasks."my.own-kind"]\n', environ={"TRUNKLINE_ROUTE_MY_OWN_KIND": "kimi"}
    ).config.preferences.overrides
    assert [(one.target, one.selector) for one in overrides] == [("my.own-kind", "kimi")]


@pytest.mark.parametrize(
    "name", ["TRUNKLINE_ROUTE_T2", "TRUNKLINE_ROUTE_DESIGN_REVIEW", "MODEL_OVERRIDE_IMPLEMENTATION"]
)
def test_a_variable_that_names_nothing_is_named_in_the_error(home, name):
    with pytest.raises(ConfigError) as error:
        home.load(environ={name: "anthropic/claude-nix"})
    assert (error.value.key, error.value.value) == (name, "anthropic/claude-nix")
    assert name in str(error.value)
