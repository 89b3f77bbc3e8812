"""The official OpenAI SDK asks the gateway for embeddings, of providers of two protocols."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from tests.support.engine_world import Serves, World
from tests.support.gateway_world import GatewayThread

from trunkline.simulator.protocols.embedding import vector_of

EMBEDS = {"capabilities": ["embeddings"], "context": 2_000, "price": {"input": 0.02, "output": 0.0}}
TEXTS = ["who owns the queue", "the retry policy", "who owns the queue"]
PICO_PER_TOKEN = 20_000
ALIASES = """
[gateway]
require_token = false
[aliases.vectors]
models = ["owngemini/vec-g", "ownopenai/vec"]
"""


def _provider(protocol: str, vectors: str, accounts: tuple[str, ...], dimensions: int) -> Serves:
    played = {"m": {}, vectors: {"dimensions": dimensions, "context": 2_000}}
    return Serves(
        f"own{protocol}",
        accounts=accounts,
        models={"m": {}, vectors: EMBEDS},
        protocol=protocol,
        simulated={"models": played},
    )


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayThread]:
    providers = _provider("openai", "vec", ("a", "b"), 12), _provider("gemini", "vec-g", ("a",), 16)
    with GatewayThread(tmp_path_factory.mktemp("gateway"), *providers, preferences=ALIASES) as running:
        yield running


@pytest.fixture
def client(gateway: GatewayThread) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key="tl-test", base_url=f"{gateway.root}/v1", max_retries=0) as made:
        yield made
    gateway.do(_healed)


def _healed(world: World) -> None:
    world.simulator.faults.remove(None)
    world.engine.reset()


def _receipt(gateway: GatewayThread, request_id: str) -> Any:
    async def read() -> Any:
        await gateway.world.engine.flush()
        return await gateway.world.engine.receipt(request_id)

    return gateway.run(read())


@pytest.mark.parametrize(("model", "dimensions"), [("ownopenai/vec", 12), ("owngemini/vec-g", 16)])
def test_each_text_has_its_vector_in_the_order_of_the_texts(
    client: openai.OpenAI, model: str, dimensions: int
) -> None:
    made = client.embeddings.create(model=model, input=TEXTS)

    assert [one.index for one in made.data] == [0, 1, 2]
    expected = [vector_of(model.split("/")[1], text, dimensions).tolist() for text in TEXTS]
    assert [one.embedding for one in made.data] == expected
    assert made.model == model
    assert made.usage.prompt_tokens == made.usage.total_tokens > 0
