"""The official SDKs of OpenAI and Google ask the gateway for embeddings, of providers of two protocols."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from google import genai
from google.genai import errors as google_errors
from google.genai import types
from tests.support.engine_world import Serves, World
from tests.support.gateway_world import GatewayThread

from trunkline.domain.faults import FaultKind
from trunkline.domain.receipts import AttemptOutcome
from trunkline.domain.tasks import EMBEDDINGS
from trunkline.simulator.protocols.embedding import vector_kind, vector_of

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


def _headers(client: openai.OpenAI, **asked: Any) -> tuple[Any, Any]:
    raw = client.embeddings.with_raw_response.create(**asked)
    return raw.parse(), raw.headers


@pytest.mark.parametrize("model", ["ownopenai/vec", "owngemini/vec-g"])
def test_numbers_and_base64_are_the_same_vectors(client: openai.OpenAI, model: str) -> None:
    numbers = client.embeddings.create(model=model, input=TEXTS[0], encoding_format="float", dimensions=5)
    packed = client.embeddings.with_raw_response.create(
        model=model, input=TEXTS[0], encoding_format="base64", dimensions=5
    )

    said = json.loads(packed.text)["data"][0]["embedding"]
    assert list(struct.unpack("<5f", base64.b64decode(said))) == numbers.data[0].embedding


def test_what_it_read_is_what_it_cost(gateway: GatewayThread, client: openai.OpenAI) -> None:
    made, headers = _headers(client, model="vec", input=TEXTS, user="somebody")

    receipt = _receipt(gateway, headers["x-trunkline-request"])
    assert receipt.usage.input_tokens == made.usage.prompt_tokens
    assert (receipt.usage.output_tokens, receipt.usage.estimated) == (0, False)
    assert receipt.cost_pico == made.usage.prompt_tokens * PICO_PER_TOKEN
    assert (receipt.task.type, receipt.conversation_id, receipt.alternative_cost_pico) == (
        EMBEDDINGS,
        None,
        None,
    )
    assert headers["x-trunkline-route"].startswith("ownopenai/")
    assert headers["x-trunkline-left-out"] == "user"
    assert float(headers["x-trunkline-estimate-usd"]) >= 0


def test_what_nobody_counted_is_estimated(gateway: GatewayThread, client: openai.OpenAI) -> None:
    made, headers = _headers(client, model="owngemini/vec-g", input=TEXTS)

    receipt = _receipt(gateway, headers["x-trunkline-request"])
    assert receipt.usage.estimated
    assert made.usage.model_extra == {"estimated": True}
    assert 0 < receipt.usage.input_tokens == made.usage.prompt_tokens < 60
    assert receipt.cost_pico == receipt.usage.input_tokens * PICO_PER_TOKEN


def test_when_one_account_is_limited_the_other_gives_the_same_vectors(
    gateway: GatewayThread, client: openai.OpenAI
) -> None:
    expected = client.embeddings.create(model="vec", input=TEXTS).data
    gateway.do(lambda world: world.fault("limited", provider="ownopenai", hint="long", first=1))

    made, headers = _headers(client, model="vec", input=TEXTS)

    assert made.data == expected
    limited, answering = _receipt(gateway, headers["x-trunkline-request"]).attempts
    assert (limited.outcome, answering.outcome) == (AttemptOutcome.REFUSED, AttemptOutcome.OK)
    assert {limited.route.account, answering.route.account} == {"a", "b"}
    assert limited.cost_pico in (0, None)


def test_a_list_that_the_client_wrote_is_tried_in_its_order(
    gateway: GatewayThread, client: openai.OpenAI
) -> None:
    first = client.embeddings.create(model="vectors", input=TEXTS)
    gateway.do(lambda world: world.fault("http", provider="owngemini", status=500))
    second = client.embeddings.create(model="vectors", input=TEXTS)

    assert (first.model, second.model) == ("owngemini/vec-g", "ownopenai/vec")


WRONG_VECTORS: list[Any] = [
    {"data": []},
    {"data": [{"index": 0, "embedding": []}]},
    {"data": [{"index": 0, "embedding": ["x"]}]},
    {"data": [{"index": 1, "embedding": [0.5]}]},
    {"data": [{"index": 0, "embedding": [1e400]}]},
    {"data": [{"index": 0, "embedding": [0.5]}, {"index": 1, "embedding": [0.5]}]},
    {"object": "list"},
]


@pytest.mark.parametrize("body", WRONG_VECTORS, ids=json.dumps)
def test_vectors_that_are_none_are_a_fault_and_another_is_asked(
    gateway: GatewayThread, client: openai.OpenAI, body: Any
) -> None:
    text = json.dumps(body).replace("Infinity", "1e400")
    gateway.do(lambda world: world.fault("http", provider="ownopenai", status=200, body=text, first=1))

    made, headers = _headers(client, model="vec", input="one text")

    assert len(made.data[0].embedding) == 12
    first, *_, last = _receipt(gateway, headers["x-trunkline-request"]).attempts
    assert (first.fault.kind, last.outcome) == (FaultKind.NETWORK, AttemptOutcome.OK)


REFUSED: list[tuple[dict[str, Any], type[openai.APIStatusError], str]] = [
    ({"model": "auto"}, openai.BadRequestError, "names no model"),
    ({"model": "t1"}, openai.BadRequestError, "names no model"),
    ({"model": "coding"}, openai.BadRequestError, "names no model"),
    ({"model": "ownopenai"}, openai.BadRequestError, "names no model"),
    ({"model": "ownopenai/m"}, openai.BadRequestError, "no embeddings; vec, vec-g can be asked"),
    ({"model": "nothing"}, openai.NotFoundError, "no model 'nothing'"),
    ({"input": [[1, 2, 3]]}, openai.BadRequestError, "check_embedding_ctx_length=False"),
    ({"input": [1, 2, 3]}, openai.BadRequestError, "text or a list of texts"),
    ({"input": []}, openai.BadRequestError, "none of them empty"),
    ({"input": ["a", ""]}, openai.BadRequestError, "none of them empty"),
    ({"input": ["a"] * 2_049}, openai.BadRequestError, "2048 are the most"),
    ({"dimensions": 0}, openai.BadRequestError, "dimensions"),
    ({"extra_body": {"input_type": "query"}}, openai.BadRequestError, "input_type"),
]


@pytest.mark.parametrize(("asked", "kind", "said"), REFUSED)
def test_what_is_refused_here_is_said_why(
    client: openai.OpenAI, asked: dict[str, Any], kind: type[openai.APIStatusError], said: str
) -> None:
    with pytest.raises(kind) as raised:
        client.embeddings.create(**{"model": "vec", "input": "text", **asked})
    assert said in str(raised.value)


def test_a_text_too_long_is_told_as_such_and_asked_of_nobody_else(
    gateway: GatewayThread, client: openai.OpenAI
) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        client.embeddings.create(model="vec", input="word " * 3_000)
    assert raised.value.code == "context_length_exceeded"
    many = client.embeddings.create(model="vec", input=["word " * 200] * 20)
    assert len(many.data) == 20, "all of them together are longer than the window of one"


def test_orders_on_who_answers_are_none_on_who_gives_vectors(
    gateway: GatewayThread, client: openai.OpenAI
) -> None:
    gateway.do(lambda world: world.engine.override("ownopenai/a/m"))
    urgent = {"x-trunkline-priority": "high"}  # what is not waits for the end of the emergency, like all else

    def asked(model: str) -> str:
        return client.embeddings.create(model=model, input="text", extra_headers=urgent).model

    try:
        assert asked("owngemini/vec-g") == "owngemini/vec-g"
        assert asked("vectors") == "owngemini/vec-g"
    finally:
        gateway.do(lambda world: world.engine.override(None))


def test_limits_come_as_the_sdks_own_error_with_when_to_ask_again(
    gateway: GatewayThread, client: openai.OpenAI
) -> None:
    gateway.do(lambda world: world.fault("limited", provider="ownopenai", hint="long"))
    with pytest.raises(openai.RateLimitError) as raised:
        client.embeddings.create(model="vec", input="text")
    assert 3_000 < int(raised.value.response.headers["retry-after"]) <= 3_600


def test_nobody_chats_with_a_model_that_gives_vectors(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="auto", messages=[{"role": "user", "content": "Hello"}])
    assert answer.model.endswith("/m")
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="ownopenai/vec", messages=[{"role": "user", "content": "Hello"}])


def test_who_gives_vectors_is_listed(client: openai.OpenAI) -> None:
    assert {"ownopenai/vec", "owngemini/vec-g"} <= {one.id for one in client.models.list().data}


# -- Google's SDK ----------------------------------------------------------------------------------------------------


@pytest.fixture
def google(gateway: GatewayThread) -> Iterator[genai.Client]:
    options = types.HttpOptions(base_url=gateway.root, retry_options=types.HttpRetryOptions(attempts=1))
    made = genai.Client(api_key="tl-test", http_options=options)
    yield made
    made.close()
    gateway.do(_healed)


@pytest.mark.parametrize(("model", "dimensions"), [("ownopenai/vec", 12), ("owngemini/vec-g", 16)])
def test_googles_sdk_is_given_each_contents_vector(google: genai.Client, model: str, dimensions: int) -> None:
    made = google.models.embed_content(model=model, contents=TEXTS)

    expected = [vector_of(model.split("/")[1], text, dimensions).tolist() for text in TEXTS]
    assert [one.values for one in made.embeddings or ()] == expected
    short = google.models.embed_content(
        model=model, contents=TEXTS[0], config=types.EmbedContentConfig(output_dimensionality=5)
    )
    assert [len(one.values or ()) for one in short.embeddings or ()] == [5]


def _left_out(made: types.EmbedContentResponse) -> str | None:
    assert made.sdk_http_response is not None
    return (made.sdk_http_response.headers or {}).get("x-trunkline-left-out")


def test_what_the_vectors_are_for_is_told_where_there_are_words_for_it(
    gateway: GatewayThread, google: genai.Client
) -> None:
    config = types.EmbedContentConfig(task_type="RETRIEVAL_DOCUMENT", title="Queues")
    at_google = google.models.embed_content(model="owngemini/vec-g", contents=TEXTS[:1], config=config)
    elsewhere = google.models.embed_content(model="ownopenai/vec", contents=TEXTS[:1], config=config)

    kind = vector_kind("RETRIEVAL_DOCUMENT", "Queues")
    for_it, plain = (
        vector_of("vec-g", kind + TEXTS[0], 16).tolist(),
        vector_of("vec", TEXTS[0], 12).tolist(),
    )
    assert [one.values for one in at_google.embeddings or ()] == [for_it]
    assert [one.values for one in elsewhere.embeddings or ()] == [plain]
    assert _left_out(at_google) is None
    assert _left_out(elsewhere) == "taskType, title"


def test_what_was_counted_is_told_and_what_was_guessed_is_not(google: genai.Client) -> None:
    counted = google.models.embed_content(model="ownopenai/vec", contents=TEXTS).usage_metadata
    guessed = google.models.embed_content(model="owngemini/vec-g", contents=TEXTS).usage_metadata
    assert counted is not None
    assert counted.prompt_token_count
    assert guessed is None


def test_googles_clients_see_who_gives_vectors(google: genai.Client) -> None:
    listed = {one.name: one.supported_actions for one in google.models.list()}
    assert listed["models/owngemini/vec-g"] == ["embedContent", "batchEmbedContents"]
    assert "generateContent" in (listed["models/owngemini/m"] or ())


@pytest.mark.parametrize("version", ["v1beta", "v1"])
@pytest.mark.parametrize("model", ["ownopenai/vec", "owngemini/vec-g"])
def test_one_content_alone_has_its_vector(gateway: GatewayThread, version: str, model: str) -> None:
    path = f"{gateway.root}/{version}/models/{model}:embedContent"
    reply = httpx.post(path, json={"content": {"parts": [{"text": TEXTS[0]}]}, "outputDimensionality": 7})
    expected = vector_of(model.split("/")[1], TEXTS[0], 7).tolist()
    assert reply.json()["embedding"] == {"values": expected}
    assert reply.headers["x-trunkline-route"].startswith(model.split("/")[0])


def test_googles_sdk_raises_its_own_errors(gateway: GatewayThread, google: genai.Client) -> None:
    with pytest.raises(google_errors.ClientError, match="no embeddings") as unfit:
        google.models.embed_content(model="owngemini/m", contents="text")
    assert (unfit.value.code, unfit.value.status) == (400, "INVALID_ARGUMENT")
    gateway.do(lambda world: world.fault("limited", provider="owngemini", hint="long"))
    with pytest.raises(google_errors.ClientError) as limited:
        google.models.embed_content(model="owngemini/vec-g", contents="text")
    assert (limited.value.code, limited.value.status) == (429, "RESOURCE_EXHAUSTED")
