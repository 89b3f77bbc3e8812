from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.simulator.worlds import world

from trunkline import simulator
from trunkline.domain.errors import ConfigError
from trunkline.simulator.agents import agent_schedule
from trunkline.simulator.loading import load_description, read_description

HERE = Path(simulator.__file__).parent


def _provider(**changes: Any) -> dict[str, Any]:
    return {"providers": {"p": world()["providers"]["p"] | changes}}


WRONG: list[tuple[dict[str, Any], str, str]] = [
    (world(faults=({"kind": "flood"},)), "faults[0].kind", "one of http,"),
    (world(faults=({"kind": "cut", "after": "three"},)), "faults[0].after", "a whole number"),
    (world(faults=({"kind": "limited", "hint": "loud"},)), "faults[0].hint", "one of none, short"),
    (world(faults=({"kind": "http", "wrong": "odd"},)), "faults[0].wrong", "billing"),
    (world(faults=({"kind": "cut", "provider": "q"},)), "faults[0].provider", "one of p"),
    (world(faults=({"kind": "cut", "at_s": 5, "until_s": 4},)), "faults[0].until_s", "a time after at_s"),
    (world(faults=({"kind": "cut", "status": 500},)), "faults[0].status", "one of the keys"),
    (world({"metric": "cost", "amount": 1}), "providers.p.accounts[0].limits[0].metric", "one of requests"),
    (world({"metric": "requests", "amount": -1}), "providers.p.accounts[0].limits[0].amount", "at least 0"),
    (
        world({"metric": "requests", "amount": 1, "window": "soon"}),
        "providers.p.accounts[0].limits[0].window",
        "60s",
    ),
    (_provider(style="acme"), "providers.p.style", "one of openai"),
    (_provider(protocol="smoke"), "providers.p.protocol", "one of openai"),
    (_provider(accounts=[]), "providers.p.accounts", "at least one"),
    (_provider(models={"m": {"tokens_per_s": [1, 2]}}), "providers.p.models.m.tokens_per_s", "jitter"),
    (_provider(models={"m": {"contxt": 9}}), "providers.p.models.m.contxt", "one of the keys"),
    ({"story": {"loop": True}}, "story.loop", "story.length_s"),
]


@pytest.mark.parametrize(("values", "key", "expected"), WRONG)
def test_a_wrong_value_is_refused_with_its_place(values: dict[str, Any], key: str, expected: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_description(values, file="x.toml")
    assert (refused.value.file, refused.value.key) == ("x.toml", key)
    assert expected in refused.value.expected


@pytest.mark.parametrize("write", [lambda path: None, lambda path: path.write_text("a = ")])
def test_an_unreadable_file_is_refused(tmp_path: Path, write: Callable[[Path], object]) -> None:
    write(tmp_path / "x.toml")
    with pytest.raises(ConfigError, match=r"x\.toml"):
        load_description(tmp_path / "x.toml")


def test_the_demo_catalogue_states_what_the_demo_plays() -> None:
    played = load_description(HERE / "demo.toml").providers
    stated = tomllib.loads((HERE / "demo_providers.toml").read_text())["providers"]
    assert list(played) == list(stated)
    assert {provider.protocol for provider in played.values()} == {"openai", "anthropic", "gemini"}
    for name, provider in played.items():
        catalogue = stated[name]
        assert catalogue["protocol"] == provider.protocol
        version = "/v1" if provider.protocol == "openai" else ""
        assert catalogue["base_url"] == f"http://127.0.0.1:{{port}}/{name}{version}"
        assert [account.id for account in provider.accounts.values()] == [
            a["id"] for a in catalogue["accounts"]
        ]
        sizes = {model.id: model.context_tokens for model in provider.models.values()}
        assert sizes == {model: table["context"] for model, table in catalogue["models"].items()}
        for account, entry in zip(provider.accounts.values(), catalogue["accounts"], strict=True):
            limits = [(str(x.metric), x.amount, str(x.window), str(x.scope)) for x in account.limits]
            entries = entry.get("limits", catalogue.get("limits", []))
            assert limits == [
                (x["metric"], x["amount"], x["window"], x.get("scope", "account")) for x in entries
            ]


def test_the_agents_schedule_is_the_seeds_and_speed_only_compresses_it() -> None:
    calm = list(agent_schedule(3, 60))
    assert calm == list(agent_schedule(3, 60))
    assert calm != list(agent_schedule(4, 60))
    assert 4 <= len(calm) / 60 <= 6
    assert [prompt.at_s for prompt in calm] == sorted(prompt.at_s for prompt in calm)
    assert len({prompt.agent_name for prompt in calm}) == 8
    assert {prompt.stream for prompt in calm} == {True, False}
    quick = list(agent_schedule(3, 10, 6.0))
    assert [prompt.prompt for prompt in quick] == [prompt.prompt for prompt in calm]
    assert [prompt.at_s for prompt in quick] == pytest.approx([prompt.at_s / 6 for prompt in calm])
    assert not any("{" in prompt.prompt for prompt in calm)
