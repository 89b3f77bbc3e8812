"""Every official SDK at the gateway, with every protocol behind it: what is asked in one tongue is answered in it,
whatever the provider speaks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.conformance.asking import ARGUMENTS
from tests.conformance.gateway_clients import CLIENTS, Client
from tests.support.engine_world import Serves, World
from tests.support.gateway_world import OPEN, GatewayThread

UPSTREAMS = ("openai", "anthropic", "gemini")
ABLE = {"capabilities": ["tools", "images", "json", "thinking"]}
PROMPT = "Explain who owns the queue."
QUICKLY_S = 0.1


def _provider(protocol: str) -> Serves:
    """A model that can do everything, one that a fault makes refuse, and one with a small window."""
    models: dict[str, Any] = {"m": ABLE, "limited": {}, "small": {"context": 40}}
    return Serves(f"own{protocol}", models=models, protocol=protocol, played={"thinks": "asked"})


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayThread]:
    providers = [_provider(protocol) for protocol in UPSTREAMS]
    # A cut answer is tried once more and no oftener: who cannot carry it on is known after that.
    preferences = f"{OPEN}[thresholds]\nmax_attempts = 2\n"
    home = tmp_path_factory.mktemp("gateway")
    with GatewayThread(home, *providers, preferences=preferences) as running:
        yield running


@pytest.fixture(params=CLIENTS, ids=lambda made: made.name)
def client(request: pytest.FixtureRequest, gateway: GatewayThread) -> Client:
    make: Callable[[str, str], Client] = request.param
    return make(gateway.root, "tl-test")


@pytest.fixture(params=UPSTREAMS)
def upstream(request: pytest.FixtureRequest) -> str:
    return f"own{request.param}"


@pytest.fixture(params=[False, True], ids=["whole", "stream"])
def stream(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def fault(gateway: GatewayThread, upstream: str) -> Iterator[Callable[..., None]]:
    """Puts faults in force at the one upstream, and takes them away."""

    def strike(kind: str, **rule: Any) -> None:
        gateway.do(lambda world: world.fault(kind, provider=upstream, **rule))

    yield strike
    gateway.do(_healed)


def _healed(world: World) -> None:
    world.simulator.faults.remove(None)
    world.engine.reset()


def test_words_come_whole_with_their_usage_and_say_who_answered(
    client: Client, upstream: str, stream: bool
) -> None:
    told = client.tell(f"{upstream}/m", PROMPT, stream=stream)

    assert len(told.text) > 60
    assert told.finish == client.whole
    assert told.model == f"{upstream}/m"
    assert told.input_tokens > 0
    assert told.output_tokens > 10


def test_an_answer_that_reached_its_limit_says_so(client: Client, upstream: str, stream: bool) -> None:
    told = client.tell(f"{upstream}/m", PROMPT, stream=stream, most_tokens=5)

    assert told.finish == client.cut_short
    assert told.output_tokens == 5


def test_parallel_calls_are_made_and_their_results_quoted(
    client: Client, upstream: str, stream: bool
) -> None:
    made, said = client.call_tools(f"{upstream}/m", stream=stream)

    assert made == ARGUMENTS
    assert "12 of get_weather" in said
    assert "12 of get_time" in said


def test_a_tool_that_is_forced_is_called(client: Client, upstream: str) -> None:
    assert client.forced(f"{upstream}/m") == ["get_time"]


def test_a_picture_is_seen(client: Client, upstream: str) -> None:
    assert client.look(f"{upstream}/m").startswith("I was shown 1 image.")


def test_json_fits_its_schema(client: Client, upstream: str, stream: bool) -> None:
    filled = client.fill(f"{upstream}/m", stream=stream)

    assert set(filled) == {"city", "people"}
    assert isinstance(filled["city"], str)
    assert isinstance(filled["people"], int)


ERRORS = {
    "limit": {"openai": "RateLimitError", "responses": "RateLimitError", "anthropic": "RateLimitError"},
    "context": {"openai": "BadRequestError", "responses": "BadRequestError", "anthropic": "BadRequestError"},
    "not found": {"openai": "NotFoundError", "responses": "NotFoundError", "anthropic": "NotFoundError"},
}


@pytest.mark.parametrize(
    ("error", "model", "prompt", "status"),
    [
        ("limit", "limited", "Hi", 429),
        ("context", "small", "Explain the queue to somebody who has never seen one. " * 9, 400),
        ("not found", "nothing", "Hi", 404),
    ],
    ids=["limit", "context", "not found"],
)
def test_refusals_are_the_sdks_own_errors(
    client: Client,
    upstream: str,
    stream: bool,
    error: str,
    model: str,
    prompt: str,
    status: int,
    fault: Callable[..., None],
) -> None:
    fault("limited", model="limited", hint="long", wrong="rate")
    refusal = client.refused(f"{upstream}/{model}", prompt, stream=stream)

    expected = ERRORS[error].get(client.name, "ClientError")
    assert (refusal.status, refusal.kind) == (status, expected), refusal.said


def test_a_cut_stream_is_an_error_and_never_an_end(
    client: Client, upstream: str, fault: Callable[..., None]
) -> None:
    fault("cut", model="m", after=3)

    refusal = client.refused(f"{upstream}/m", PROMPT, stream=True)

    assert "broke off" in refusal.said


def test_a_client_that_leaves_takes_its_call_upstream_along(
    gateway: GatewayThread, client: Client, upstream: str, fault: Callable[..., None]
) -> None:
    fault("stall", model="m", after=3)

    with client.pieces(f"{upstream}/m", PROMPT) as pieces:
        assert next(pieces)
        assert gateway.do(lambda world: world.simulator.record.open_streams) == 1
        left_s = time.monotonic()

    while gateway.do(lambda world: world.simulator.record.open_streams):
        assert time.monotonic() - left_s < 2.0
    assert (
        time.monotonic() - left_s < QUICKLY_S * 5
    )  # the promise is 100 ms; a busy machine is given more here
