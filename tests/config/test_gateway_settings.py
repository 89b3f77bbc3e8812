"""The gateway's settings and the aliases of models, from the files to what decisions use."""

from __future__ import annotations

import pytest

from trunkline.config.check import check_value
from trunkline.config.load import Loaded, load
from trunkline.config.settings import get_value, settings
from trunkline.config.shape import Bounds, Kind
from trunkline.domain.checks import ListedModel
from trunkline.domain.errors import ConfigError
from trunkline.domain.found import FoundModel, FoundServer, ServerState, WindowSource
from trunkline.domain.preferences import AliasStrategy, GatewayPolicy, ModelAlias
from trunkline.domain.routes import LocalServer
from trunkline.routing.inputs import for_deciding


def alias(name: str, models: str = '["zai/glm-5.3"]') -> str:
    return f'[aliases."{name}"]\nmodels = {models}\n'


def test_what_ships_is_loopback_with_a_token(home):
    preferences = home.load().config.preferences
    assert preferences.gateway == GatewayPolicy()
    assert (preferences.gateway.host, preferences.gateway.require_token) == ("127.0.0.1", True)
    assert preferences.aliases == ()


def test_every_setting_of_the_gateway_arrives(home):
    loaded = home.load(
        preferences="""
        [gateway]
        host = "0.0.0.0"
        port = 9000
        allow_remote = true
        tls_cert = "own.pem"
        tls_key = "/keys/own.key"
        allowed_hosts = ["Box.example", "10.0.0.7:9000"]
        allowed_origins = ["http://localhost:3000", "app://Obsidian.md"]
        require_token = false
        max_body_mb = 2
        max_concurrent = 3
        max_waiting = 0
        unknown_model = "auto"
        """
    )
    assert loaded.config.preferences.gateway == GatewayPolicy(
        host="0.0.0.0",
        port=9000,
        allow_remote=True,
        tls_cert=str(loaded.places.preferences_file.parent / "own.pem"),
        tls_key="/keys/own.key",
        allowed_hosts=("box.example", "10.0.0.7:9000"),
        allowed_origins=("http://localhost:3000", "app://obsidian.md"),
        require_token=False,
        max_body_bytes=2 * 1024 * 1024,
        max_concurrent=3,
        max_waiting=0,
        unknown_is_auto=True,
    )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('host = "0.0.0.0:80"', "an address or a name of this machine"),
        ('host = ""', "an address or a name of this machine"),
        ("port = 0", "a number of at least 1"),
        ("port = 70000", "a number of at most 65535"),
        ('allowed_hosts = ["*"]', "a name or an address by which"),
        ('allowed_hosts = ["http://box"]', "a name or an address by which"),
        ('allowed_origins = ["*"]', "the origin of a web page"),
        ('allowed_origins = ["null"]', "the origin of a web page"),
        ('allowed_origins = ["file://"]', "the origin of a web page"),
        ('allowed_origins = ["http://me:pw@a.example"]', "the origin of a web page"),
        ('allowed_origins = ["https://a.example/page"]', "without a path"),
        ('unknown_model = "guess"', "one of refuse, auto"),
        ("max_body_mb = 0", "a number of at least 1"),
        ('tls_key = "own.key"', "a certificate beside it"),
        ('hots = "::1"', "Did you mean 'host'"),
    ],
)
def test_what_cannot_be_used_is_refused_by_file_key_and_expectation(home, line, expected):
    with pytest.raises(ConfigError) as refused:
        home.load(preferences=f"[gateway]\n{line}\n")
    assert refused.value.key.startswith("gateway.")
    assert (refused.value.line, "preferences.toml" in refused.value.file) == (2, True)
    assert expected in str(refused.value)


def test_aliases_resolve_to_selectors_in_order(home):
    models = '["anthropic/claude-sonnet-5-5", "zai", "glm-5.3"]'
    text = alias("main", models) + 'strategy = "score"\n' + alias("work.2")
    assert home.load(preferences=text).config.preferences.aliases == (
        ModelAlias("main", ("anthropic/claude-sonnet-5-5", "zai", "glm-5.3"), AliasStrategy.SCORE),
        ModelAlias("work.2", ("zai/glm-5.3",)),
    )


@pytest.mark.parametrize(
    ("name", "is_already"),
    [
        ("auto", "leaves the choice"),
        ("T2", "a tier"),
        ("simple", "a task type"),
        ("Coding", "a task type"),
        ("poetry", "a task type"),
        ("anthropic", "a provider"),
        ("glm-5.3", "a model"),
    ],
)
def test_an_alias_hides_nothing(home, name, is_already):
    with pytest.raises(ConfigError) as refused:
        home.load(preferences=f'[tasks.poetry]\npriority = "low"\n{alias(name)}')
    assert is_already in refused.value.expected
    assert (refused.value.key.startswith("aliases."), refused.value.line) == (True, 3)


@pytest.mark.parametrize(
    ("models", "said"),
    [
        ('["zai/glm-5.33"]', "Did you mean 'zai/glm-5.3'"),
        ('["zai/glm-5.3", "coding"]', "a provider, account or model that exists"),
        ("[]", "at least one provider, account or model"),
        ('"zai/glm-5.3"', "a list"),
    ],
)
def test_an_alias_of_what_nobody_knows_is_refused(home, models, said):
    with pytest.raises(ConfigError, match=r"aliases\.main\.models") as refused:
        home.load(preferences=alias("main", models))
    assert said in str(refused.value)


def with_server(home, preferences: str, *models: str) -> Loaded:
    """A configuration with an Ollama on this machine that lists `models`."""
    home.write(preferences=preferences)
    found = tuple(FoundModel(ListedModel(one), 8_192, WindowSource.SET) for one in models)
    address = home.load().config.catalogue.provider("ollama").base_url
    server = FoundServer("ollama", LocalServer.OLLAMA, address, ServerState.SERVING, 1, 1, models=found)
    return load(home.places, {}, found=(server,))


def test_what_a_server_here_lists_never_breaks_an_alias(home):
    loaded = with_server(home, alias("llama3"), "llama3")
    assert loaded.config.preferences.aliases[0].models == ("zai/glm-5.3",)
    assert any("llama3" in note and "goes before" in note for note in loaded.notes)


def test_an_alias_whose_server_is_away_stands_for_nobody_and_not_for_anybody(home):
    only_here = alias("private", '["ollama/llama3"]')
    assert with_server(home, only_here, "llama3").config.preferences.aliases[0].models == ("ollama/llama3",)
    away = home.load(preferences=only_here)
    assert away.config.preferences.aliases[0].models == ("ollama/llama3",)
    assert away.config.catalogue.select("ollama/llama3") is None


def test_they_describe_themselves_to_the_preferences_screen(home):
    loaded = home.load(preferences=alias("main"))
    known = {one.key: one for one in settings(loaded)}
    assert (known["gateway.port"].kind, known["gateway.port"].bounds) == (Kind.WHOLE, Bounds(1, 65_535, 1))
    assert (known["gateway.require_token"].kind, known["gateway.tls_cert"].current) == (Kind.SWITCH, None)
    assert known["gateway.unknown_model"].choices == ("refuse", "auto")
    assert {one.title for one in known.values() if one.section == "gateway"} == {"The gateway"}
    models = known["aliases.main.models"]
    assert (models.section, models.group, models.kind, models.source.line) == (
        "aliases",
        "main",
        Kind.LIST,
        2,
    )
    assert "zai/glm-5.3" in models.suggestions
    assert known["aliases.main.strategy"].choices == ("order", "score")
    assert get_value(loaded, "gateway.max_waiting").current == 256


def test_they_are_checked_as_one_types(home):
    loaded = home.load(preferences=alias("main"))
    assert check_value(loaded, "gateway.allowed_hosts", "box.example, box:80") is None
    assert "by which the gateway is called" in (check_value(loaded, "gateway.allowed_hosts", "*") or "")
    assert check_value(loaded, "aliases.main.models", "zai, glm-5.3") is None
    assert "exists" in (check_value(loaded, "aliases.main.models", ["nobody/nothing"]) or "")
    assert "at least one" in (check_value(loaded, "aliases.main.models", []) or "")


def test_no_decision_depends_on_them_and_none_keeps_them(home):
    text = '[gateway]\ntls_cert = "/home/me/own.pem"\n' + alias("main")
    kept = for_deciding(home.load(preferences=text).config).preferences
    assert (kept.gateway, kept.aliases) == (GatewayPolicy(), ())
