"""What a person pastes into an agent."""

from __future__ import annotations

import json
import shlex
import tomllib

import pytest

from trunkline.domain.preferences import GatewayPolicy
from trunkline.gateway.agents import name_of
from trunkline.gateway.guard import Client
from trunkline.gateway.snippets import NO_TOKEN, UNSHOWN_TOKEN, Snippet, base_url_of, snippets, snippets_json

URL, TOKEN = "http://127.0.0.1:8787", "tl-" + "a" * 43


def of(client: str, token: str | None = TOKEN, *, needs_token: bool = True) -> Snippet:
    found = snippets(URL, token, needs_token=needs_token)
    return next(one for one in found if one.client == client)


def exported(snippet: Snippet) -> dict[str, str]:
    """The variables that a shell sets by these lines."""
    words = [word for line in snippet.lines if line.startswith("export ") for word in shlex.split(line)[1:]]
    return dict(word.split("=", 1) for word in words)


@pytest.mark.parametrize(
    ("client", "variables"),
    [
        ("openai", {"OPENAI_BASE_URL": f"{URL}/v1", "OPENAI_API_KEY": TOKEN}),
        (
            "claude-code",
            {
                "ANTHROPIC_BASE_URL": URL,
                "ANTHROPIC_AUTH_TOKEN": TOKEN,
                "ANTHROPIC_API_KEY": "",
                "ANTHROPIC_MODEL": "auto",
                "ANTHROPIC_DEFAULT_HAIKU_MODEL": "t1",
                "ANTHROPIC_DEFAULT_SONNET_MODEL": "t2",
                "ANTHROPIC_DEFAULT_OPUS_MODEL": "t3",
                "ANTHROPIC_DEFAULT_FABLE_MODEL": "t3",
            },
        ),
        (
            "gemini",
            {"GOOGLE_GEMINI_BASE_URL": URL, "GEMINI_API_KEY": TOKEN, "GEMINI_MODEL": "trunkline/auto"},
        ),
    ],
)
def test_three_lines_that_a_shell_takes(client, variables):
    assert exported(of(client)) == variables
    assert len(of(client).lines) == 3


def test_openclaw_has_a_provider_with_four_models_and_its_agents_ask_for_them():
    block = json.loads("\n".join(of("openclaw").lines))
    provider = block["models"]["providers"]["trunkline"]
    assert (provider["baseUrl"], provider["apiKey"]) == (f"{URL}/v1", TOKEN)
    assert provider["api"] == "openai-completions"
    names = [model["id"] for model in provider["models"]]
    assert sorted(names) == ["auto", "t1", "t2", "t3"]
    asked = [block["agents"]["defaults"]["model"]["primary"]]
    asked += [agent["model"] for agent in block["agents"]["entries"].values()]
    assert sorted(asked) == sorted(f"trunkline/{name}" for name in names)
    assert list(block["agents"]["entries"]) == ["main", "work", "personal"]


def test_openclaws_block_stands_on_its_own_and_says_who_asks():
    """Several agents without these are refused by its `config validate`, or have a warning."""
    block = json.loads("\n".join(of("openclaw").lines))
    assert block["agents"]["ownership"] == "explicit"
    assert block["agents"]["defaults"]["systemAgent"]["agentId"] in block["agents"]["entries"]
    provider = block["models"]["providers"]["trunkline"]
    assert name_of(Client(), {"user-agent": provider["headers"]["User-Agent"]}) == "openclaw"
    assert all(model["compat"] == {"supportsReasoningEffort": True} for model in provider["models"])


def test_codex_has_a_provider_that_takes_the_token_from_the_lines_before() -> None:
    settings = tomllib.loads("\n".join(of("codex").lines))
    provider = settings["model_providers"][settings["model_provider"]]
    assert (settings["model"], provider["base_url"]) == ("auto", f"{URL}/v1")
    assert exported(of("openai"))[provider["env_key"]] == TOKEN


def test_gemini_cli_is_told_that_a_key_is_meant_and_asks_for_one_model_in_all_that_it_does():
    settings = json.loads("\n".join(of("gemini-cli").lines))
    assert settings["security"] == {"auth": {"selectedType": "gemini-api-key"}}
    overrides = settings["modelConfigs"]["customOverrides"]
    assert [one["match"] for one in overrides] == [{"overrideScope": "core"}, {"model": "base"}]
    models = {one["modelConfig"]["model"] for one in overrides}
    assert models == {exported(of("gemini"))["GEMINI_MODEL"]}


@pytest.mark.parametrize("client", ["openai", "claude-code", "gemini", "openclaw"])
def test_a_token_that_is_not_known_any_more_is_said_to_be_so(client):
    assert TOKEN not in str(of(client, None))
    text = "\n".join(of(client, None).lines)
    assert (UNSHOWN_TOKEN if client != "openclaw" else json.dumps(UNSHOWN_TOKEN)) in text
    assert NO_TOKEN in "\n".join(of(client, None, needs_token=False).lines)


def test_json_is_by_client():
    shown = snippets_json(snippets(URL, None))
    assert list(shown) == ["openai", "claude-code", "codex", "gemini", "gemini-cli", "openclaw"]
    assert shown["openai"]["lines"][2] == "model: auto"


@pytest.mark.parametrize(
    ("policy", "at", "url"),
    [
        (GatewayPolicy(), {}, "http://127.0.0.1:8787"),
        (GatewayPolicy(host="0.0.0.0"), {}, "http://127.0.0.1:8787"),
        (GatewayPolicy(host="::"), {"port": 9}, "http://[::1]:9"),
        (GatewayPolicy(), {"host": "::1", "port": 80}, "http://[::1]:80"),
        (GatewayPolicy(host="box.example", tls_cert="/c.pem", port=443), {}, "https://box.example:443"),
    ],
)
def test_the_address_is_one_that_a_client_can_use(policy, at, url):
    assert base_url_of(policy, **at) == url
