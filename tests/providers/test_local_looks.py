"""What local servers answer, read without a socket: which program it is, its models, and the windows that count."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Any

import pytest

from trunkline.domain.faults import Fault, FaultCode, FaultKind, FaultScope
from trunkline.domain.found import FoundModel, Seen, ServerState, WindowSource
from trunkline.domain.routes import Capability, LocalServer
from trunkline.providers.local.look import Known
from trunkline.providers.local.programs import LOOKS
from trunkline.providers.protocol import WireReply, WireRequest

Answer = WireReply | Fault
TOOLS, IMAGES, JSON, THINKING = Capability.TOOLS, Capability.IMAGES, Capability.JSON, Capability.THINKING
EMBEDDINGS = Capability.EMBEDDINGS


def reply(body: object, status: int = 200, **headers: str) -> WireReply:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return WireReply(status, headers, raw)


def failure(code: str) -> Fault:
    return Fault(FaultKind.NETWORK, FaultScope.PROVIDER, code, "broken")


NOT_FOUND = reply({"detail": "Not Found"}, 404)
PAGE = reply(b"<!doctype html><title>my app</title>")


def look(
    program: LocalServer, answers: Mapping[str, Answer], known: Known | None = None
) -> tuple[Seen, list[WireRequest]]:
    """Hold a conversation in which every request is answered from `answers`, by path, or by path and model asked."""
    conversation = LOOKS[program](known or Known())
    asked: list[WireRequest] = []
    try:
        requests = next(conversation)
        while True:
            asked += requests
            requests = conversation.send(tuple(answers.get(_name(one), NOT_FOUND) for one in requests))
    except StopIteration as end:
        seen = end.value
        assert isinstance(seen, Seen)
        return seen, asked


def _name(request: WireRequest) -> str:
    if request.method == "POST":
        return f"{request.path} {json.loads(request.body).get('model')}"
    return request.path


def ollama(models: Mapping[str, Mapping[str, Any]], ps: object = ()) -> dict[str, Answer]:
    """Ollama with these models: name to the body of `/api/show`."""
    listed = [{"name": name, "model": name, "digest": f"sha256:{name}"} for name in models]
    return {
        "/api/version": reply({"version": "0.14.2"}),
        "/api/tags": reply({"models": listed}),
        "/api/ps": reply({"models": ps}),
        **{f"/api/show {name}": reply(shown) for name, shown in models.items()},
    }


QWEN = {
    "capabilities": ["completion", "tools", "thinking"],
    "model_info": {"general.architecture": "qwen3", "qwen3.context_length": 40_960},
}
LOADED = [{"name": "qwen3:8b", "model": "qwen3:8b", "context_length": 32_768}]


@pytest.mark.parametrize(
    ("shown", "ps", "environment", "window", "source"),
    [
        pytest.param(QWEN, LOADED, None, 32_768, WindowSource.LOADED, id="loaded: what it was loaded with"),
        pytest.param(
            QWEN, [], None, 4_096, WindowSource.ASSUMED, id="trap 22: not loaded: the least it may get"
        ),
        pytest.param(
            {
                **QWEN,
                "parameters": 'num_ctx                        16384\nstop                           "<|im_end|>"',
            },
            [],
            None,
            16_384,
            WindowSource.SET,
            id="its Modelfile sets num_ctx",
        ),
        pytest.param(QWEN, [], 8_192, 8_192, WindowSource.ENVIRONMENT, id="the server's variable"),
        pytest.param(QWEN, LOADED, 8_192, 32_768, WindowSource.LOADED, id="loaded goes before the variable"),
        pytest.param(
            QWEN, [], 1 << 20, 40_960, WindowSource.ENVIRONMENT, id="never more than it was made for"
        ),
        pytest.param(
            QWEN, [{"name": "qwen3:8b"}], None, 4_096, WindowSource.ASSUMED, id="an older /api/ps: no window"
        ),
        pytest.param({}, [], None, 4_096, WindowSource.ASSUMED, id="nothing told at all"),
    ],
)
def test_the_window_of_an_ollama_model(
    shown: Mapping[str, Any], ps: object, environment: int | None, window: int, source: WindowSource
) -> None:
    seen, _ = look(LocalServer.OLLAMA, ollama({"qwen3:8b": shown}, ps), Known(environment_tokens=environment))
    assert seen.state is ServerState.SERVING
    (model,) = seen.models
    assert (model.window_tokens, model.window_source) == (window, source)
    assert model.listed.context_tokens == (40_960 if shown else None)


def test_ollama_tells_capabilities_and_who_gives_vectors_and_what_gives_neither_is_left_out() -> None:
    seen, _ = look(
        LocalServer.OLLAMA,
        ollama(
            {
                "qwen3:8b": QWEN,
                "llava": {"capabilities": ["completion", "vision"]},
                "nomic-embed-text": {"capabilities": ["embedding"]},
                "all-minilm": {"model_info": {"general.architecture": "bert", "bert.context_length": 512}},
                "flux": {"capabilities": ["image"]},
                "old": {"template": "{{ if .Tools }}{{ .Tools }}{{ end }}{{ .Prompt }}"},
            }
        ),
    )
    assert {model.id: model.capabilities for model in seen.models} == {
        "qwen3:8b": (TOOLS, THINKING, JSON),
        "llava": (IMAGES, JSON),
        "old": (TOOLS, JSON),
        "nomic-embed-text": (EMBEDDINGS,),
        "all-minilm": (EMBEDDINGS,),
    }
    assert {name for name, _ in seen.passed_over} == {"flux"}
    assert "5 models" in seen.said


def test_a_model_seen_before_is_not_described_again_and_its_loaded_window_is_remembered() -> None:
    answers = ollama({"qwen3:8b": QWEN, "flux": {"capabilities": ["image"]}}, LOADED)
    first, asked = look(LocalServer.OLLAMA, answers)
    assert sum(one.method == "POST" for one in asked) == 2
    known = Known({model.id: model for model in first.models}, first.passed_over)
    answers["/api/ps"] = reply({"models": []})
    second, asked = look(LocalServer.OLLAMA, answers, known)
    assert [one.path for one in asked] == ["/api/version", "/api/tags", "/api/ps"]
    assert second.models == first.models
    assert second.passed_over == first.passed_over
    changed = {"name": "qwen3:8b", "model": "qwen3:8b", "digest": "sha256:other"}
    answers["/api/tags"] = reply({"models": [changed]})
    third, asked = look(LocalServer.OLLAMA, answers, known)
    assert [one.path for one in asked][3:] == ["/api/show"]
    assert third.models[0].window_source is WindowSource.ASSUMED


def test_a_model_that_ollama_has_run_elsewhere_has_its_whole_window() -> None:
    answers = ollama({"gpt-oss:120b-cloud": {"model_info": {"gptoss.context_length": 131_072}}})
    entry = {
        "model": "gpt-oss:120b-cloud",
        "remote_model": "gpt-oss:120b",
        "remote_host": "https://ollama.com",
    }
    answers["/api/tags"] = reply({"models": [entry]})
    seen, _ = look(LocalServer.OLLAMA, answers)
    assert seen.models[0].window_tokens == 131_072


PROPS = {
    "default_generation_settings": {"n_ctx": 8_192},
    "total_slots": 4,
    "chat_template": "…",
    "build_info": "b8681",
}


def llamacpp(props: Mapping[str, Any], *entries: Mapping[str, Any], **more: Answer) -> dict[str, Answer]:
    listed = list(entries) or [{"id": "qwen", "meta": {"n_ctx_train": 131_072}}]
    return {"/props": reply({**PROPS, **props}), "/v1/models": reply({"data": listed}), **more}


def test_llamacpp_gives_each_slot_its_part_of_the_window() -> None:
    told = {"chat_template_caps": {"supports_tools": True}, "modalities": {"vision": True}}
    seen, _ = look(LocalServer.LLAMACPP, llamacpp(told))
    (model,) = seen.models
    assert (model.window_tokens, model.window_source) == (8_192, WindowSource.LOADED)
    assert model.listed.context_tokens == 131_072
    assert model.capabilities == (TOOLS, IMAGES, JSON)
    assert seen.version == "b8681"


def test_llamacpp_that_loads_its_model_serves_none_yet() -> None:
    loading = reply({"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}, 503)
    seen, _ = look(LocalServer.LLAMACPP, {"/props": loading})
    assert (seen.state, seen.models) == (ServerState.LOADING, ())


def test_a_llamacpp_router_is_asked_about_without_loading_anything() -> None:
    awake = {"id": "org/awake", "status": {"value": "loaded"}}
    asleep = {
        "id": "asleep",
        "status": {"value": "unloaded", "args": ["llama-server", "--ctx-size", "16384"]},
    }
    bare = {"id": "bare", "status": {"value": "unloaded", "args": ["-c", "0"]}}
    embedder = {"id": "nomic-embed", "status": {"value": "unloaded"}}
    answers = llamacpp(
        {"role": "router", "default_generation_settings": {"n_ctx": 0}}, awake, asleep, bare, embedder
    )
    answers["/props?model=org%2Fawake&autoload=false"] = reply(PROPS)
    seen, asked = look(LocalServer.LLAMACPP, answers)
    assert {model.id: (model.window_tokens, model.window_source) for model in seen.models} == {
        "org/awake": (8_192, WindowSource.LOADED),
        "asleep": (16_384, WindowSource.SET),
        "bare": (4_096, WindowSource.ASSUMED),
    }
    assert all("autoload=false" in one.path for one in asked if "model=" in one.path)


NO_VECTORS = reply(
    {
        "error": {
            "code": 501,
            "message": "This server does not support embeddings. Start it with `--embeddings`",
        }
    },
    501,
)
LACKS_INPUT = reply({"error": {"code": 400, "message": '"input" or "content" must be provided'}}, 400)
NOT_POOLED = reply({"error": {"code": 400, "message": "Pooling type 'none' is not OAI compatible."}}, 400)


@pytest.mark.parametrize(
    ("name", "refusal", "gives"),
    [
        ("bge-m3.gguf", LACKS_INPUT, (EMBEDDINGS,)),
        ("nomic-embed-text.gguf", LACKS_INPUT, (EMBEDDINGS,)),
        ("qwen.gguf", NO_VECTORS, (JSON,)),
        ("qwen.gguf", NOT_POOLED, (JSON,)),
        ("qwen.gguf", failure(FaultCode.TOTAL_TIMEOUT), (JSON,)),
        ("nomic-embed-text.gguf", NO_VECTORS, None),
        ("bge-reranker-v2-m3.gguf", LACKS_INPUT, None),
    ],
)
def test_llamacpp_gives_vectors_where_it_only_lacks_the_texts(
    name: str, refusal: Answer, gives: tuple[Capability, ...] | None
) -> None:
    answers = llamacpp({}, {"id": name, "meta": {"n_ctx_train": 8_192}})
    seen, asked = look(LocalServer.LLAMACPP, answers | {"/v1/embeddings None": refusal})
    assert [model.capabilities for model in seen.models] == ([] if gives is None else [gives])
    assert asked[-1].body == b"{}", "a question that costs nothing"


def test_a_llamacpp_that_sleeps_is_not_woken_and_gives_what_it_gave() -> None:
    answers = llamacpp({}, {"id": "bge-m3.gguf"})
    awake, _ = look(LocalServer.LLAMACPP, answers | {"/v1/embeddings None": LACKS_INPUT})
    known = Known({model.id: model for model in awake.models})
    seen, asked = look(LocalServer.LLAMACPP, llamacpp({"is_sleeping": True}, {"id": "bge-m3.gguf"}), known)
    assert [model.capabilities for model in seen.models] == [(EMBEDDINGS,)]
    assert {one.path for one in asked} == {"/props", "/v1/models"}


def test_a_llamacpp_router_tells_who_gives_vectors_by_its_command_line() -> None:
    embedder = {"id": "bge-m3", "status": {"value": "unloaded", "args": ["llama-server", "--embeddings"]}}
    unsure = {"id": "nomic-embed", "status": {"value": "unloaded", "args": ["llama-server"]}}
    answers = llamacpp({"role": "router", "default_generation_settings": {"n_ctx": 0}}, embedder, unsure)
    seen, asked = look(LocalServer.LLAMACPP, answers)
    assert [(model.id, model.capabilities) for model in seen.models] == [("bge-m3", (EMBEDDINGS,))]
    assert all(one.method == "GET" for one in asked)


LM_ENTRIES = [
    {
        "id": "qwen2.5-coder-7b",
        "type": "llm",
        "state": "loaded",
        "max_context_length": 32_768,
        "loaded_context_length": 16_384,
        "capabilities": ["tool_use"],
    },
    {"id": "llava-7b", "type": "vlm", "state": "not-loaded", "max_context_length": 8_192},
    {"id": "text-embedding-nomic", "type": "embeddings", "state": "not-loaded", "max_context_length": 2_048},
]


def test_trap_23_lm_studio_says_windows_in_its_own_list_only() -> None:
    seen, asked = look(
        LocalServer.LMSTUDIO, {"/api/v0/models": reply({"object": "list", "data": LM_ENTRIES})}
    )
    assert [one.path for one in asked] == ["/api/v0/models"]
    assert {
        model.id: (model.window_tokens, model.window_source, model.capabilities) for model in seen.models
    } == {
        "qwen2.5-coder-7b": (16_384, WindowSource.LOADED, (TOOLS,)),
        "llava-7b": (8_192, WindowSource.TRAINED, (IMAGES,)),
        "text-embedding-nomic": (2_048, WindowSource.TRAINED, (EMBEDDINGS,)),
    }


UNKNOWN_PATH = reply({"error": "Unexpected endpoint or method. (GET /api/v0/models)"})


def test_an_lm_studio_without_that_list_is_asked_for_its_newer_one() -> None:
    loaded = {"id": "gpt-oss", "config": {"context_length": 12_000}}
    models = [
        {
            "type": "llm",
            "key": "openai/gpt-oss-20b",
            "max_context_length": 131_072,
            "loaded_instances": [loaded],
            "capabilities": {"vision": False, "trained_for_tool_use": True},
        },
        {"type": "embedding", "key": "nomic", "max_context_length": 2_048},
    ]
    answers = {"/api/v0/models": UNKNOWN_PATH, "/api/v1/models": reply({"models": models})}
    seen, _ = look(LocalServer.LMSTUDIO, answers)
    assert [(m.id, m.window_tokens, m.capabilities) for m in seen.models] == [
        ("openai/gpt-oss-20b", 12_000, (TOOLS,)),
        ("nomic", 2_048, (EMBEDDINGS,)),
    ]


def test_an_old_lm_studio_tells_names_only_and_little_is_assumed() -> None:
    named = [{"id": "phi-3"}, {"id": "text-embedding-bge-m3"}, {"id": "my-embedder"}]
    answers = {"/api/v0/models": UNKNOWN_PATH, "/v1/models": reply({"data": named})}
    seen, _ = look(LocalServer.LMSTUDIO, answers)
    assert [(m.id, m.window_tokens, m.window_source, m.capabilities) for m in seen.models] == [
        ("phi-3", 4_096, WindowSource.ASSUMED, ()),
        ("text-embedding-bge-m3", 4_096, WindowSource.ASSUMED, (EMBEDDINGS,)),
    ]


def test_vllm_tells_the_window_it_was_started_with_and_an_adapter_has_its_parents() -> None:
    listed = [
        {"id": "Qwen/Qwen3-8B", "owned_by": "vllm", "max_model_len": 40_960},
        {"id": "sql-lora", "owned_by": "vllm", "parent": "Qwen/Qwen3-8B", "max_model_len": None},
        {"id": "BAAI/bge-reranker", "owned_by": "vllm", "max_model_len": 512},
    ]
    answers = {"/version": reply({"version": "0.19.0"}), "/v1/models": reply({"data": listed})}
    seen, _ = look(LocalServer.VLLM, answers)
    assert {model.id: model.window_tokens for model in seen.models} == {
        "Qwen/Qwen3-8B": 40_960,
        "sql-lora": 40_960,
    }
    assert seen.version == "0.19.0"


THERE, ABSENT = reply({"detail": "Method Not Allowed"}, 405), NOT_FOUND
NO_TELLING = reply({"detail": "Not authenticated"}, 403)


@pytest.mark.parametrize(
    ("name", "chats", "embeds", "gives"),
    [
        pytest.param("BAAI/bge-m3", ABSENT, THERE, (EMBEDDINGS,), id="vectors and no chat"),
        pytest.param("Qwen/Qwen3-8B", ABSENT, ABSENT, (JSON,), id="neither: as its name, it may be hidden"),
        pytest.param("Qwen/Qwen3-8B", THERE, ABSENT, (JSON,), id="chat and no vectors"),
        pytest.param("Qwen/Qwen3-8B", THERE, THERE, (JSON,), id="older: every path, a plain name"),
        pytest.param("Qwen/Qwen3-Embedding-8B", THERE, THERE, (EMBEDDINGS,), id="older: its name tells"),
        pytest.param("Qwen/Qwen3-8B", NO_TELLING, NO_TELLING, (JSON,), id="no telling: as its name"),
        pytest.param("Qwen/Qwen3-Embedding-8B", NO_TELLING, NO_TELLING, None, id="no telling: nothing"),
        pytest.param("BAAI/bge-reranker-v2", ABSENT, THERE, None, id="a ranker"),
    ],
)
def test_vllm_serves_the_paths_of_what_its_model_gives(
    name: str, chats: Answer, embeds: Answer, gives: tuple[Capability, ...] | None
) -> None:
    listed = [{"id": name, "owned_by": "vllm", "max_model_len": 8_192}]
    answers = {"/version": reply({"version": "0.21"}), "/v1/models": reply({"data": listed})}
    seen, _ = look(LocalServer.VLLM, answers | {"/v1/chat/completions": chats, "/v1/embeddings": embeds})
    assert [model.capabilities for model in seen.models] == ([] if gives is None else [gives])


OPENAI_LIST = reply({"object": "list", "data": [{"id": "m", "object": "model", "owned_by": "me"}]})
STRANGERS = [
    pytest.param({}, id="404 everywhere"),
    pytest.param(
        dict.fromkeys(["/api/version", "/props", "/api/v0/models", "/version"], PAGE),
        id="a page for all paths",
    ),
    pytest.param(
        {"/version": reply({"version": "2.3"}), "/api/version": reply({"version": "2.3"})},
        id="only a version",
    ),
    pytest.param(
        {
            "/version": reply({"version": "2.3"}),
            "/api/version": reply({"version": "2.3"}),
            "/v1/models": OPENAI_LIST,
            "/api/v0/models": OPENAI_LIST,
            "/api/tags": reply({"tags": ["red"]}),
        },
        id="another gateway with a version and models",
    ),
    pytest.param(
        {"/props": reply({"title": "shop", "default_generation_settings": None}), "/api/tags": reply([])},
        id="properties of something else",
    ),
    pytest.param(
        dict.fromkeys(
            ["/api/version", "/props", "/api/v0/models", "/version"], reply({"detail": "who?"}, 401)
        ),
        id="wants a password",
    ),
    pytest.param(
        dict.fromkeys(["/api/version", "/props", "/api/v0/models", "/version"], failure(FaultCode.MALFORMED)),
        id="no HTTP",
    ),
]


@pytest.mark.parametrize("answers", STRANGERS)
@pytest.mark.parametrize("program", list(LOOKS))
def test_whatever_else_listens_there_is_not_mistaken(
    program: LocalServer, answers: dict[str, Answer]
) -> None:
    seen, _ = look(program, answers)
    assert (seen.state, seen.models) == (ServerState.STRANGER, ())
    assert seen.said


@pytest.mark.parametrize("program", list(LOOKS))
def test_no_answer_in_time_is_silence(program: LocalServer) -> None:
    silent = failure(FaultCode.TOTAL_TIMEOUT)
    seen, _ = look(program, dict.fromkeys(["/api/version", "/props", "/api/v0/models", "/version"], silent))
    assert seen.state is ServerState.SILENT


@pytest.mark.parametrize(
    ("program", "answers"),
    [
        pytest.param(
            LocalServer.LLAMACPP,
            {
                "/props": reply(
                    {"error": {"code": 401, "message": "Invalid API Key"}}, 401, server="llama.cpp"
                )
            },
            id="llama.cpp",
        ),
        pytest.param(
            LocalServer.LMSTUDIO,
            {"/api/v0/models": reply({"error": {"message": "An LM Studio API token is required"}}, 401)},
            id="LM Studio",
        ),
        pytest.param(
            LocalServer.VLLM,
            {"/version": reply({"version": "0.19"}), "/v1/models": reply({"error": "Unauthorized"}, 401)},
            id="vLLM",
        ),
    ],
)
def test_a_server_that_wants_a_key_is_said_to(program: LocalServer, answers: dict[str, Answer]) -> None:
    seen, _ = look(program, answers)
    assert (seen.state, seen.models) == (ServerState.LOCKED, ())


def test_a_name_that_cannot_be_shown_as_it_is_is_no_model() -> None:
    names = ["fine", "evil\x1b[2J", "two\nlines", "", "x" * 300, "a\u202eb"]
    listed = [{"id": name, "owned_by": "vllm", "max_model_len": 10} for name in names]
    answers = {"/version": reply({"version": "\x1b[31m1"}), "/v1/models": reply({"data": listed})}
    seen, _ = look(LocalServer.VLLM, answers)
    assert [model.id for model in seen.models] == ["fine"]
    assert seen.version.isprintable()


GOOD: list[tuple[LocalServer, dict[str, Answer]]] = [
    (LocalServer.OLLAMA, ollama({"qwen3:8b": {**QWEN, "parameters": "num_ctx 1"}}, LOADED)),
    (
        LocalServer.LLAMACPP,
        llamacpp({"role": "router"}, {"id": "a", "status": {"value": "loaded", "args": ["-c", "1"]}}),
    ),
    (LocalServer.LMSTUDIO, {"/api/v0/models": reply({"object": "list", "data": LM_ENTRIES})}),
    (
        LocalServer.VLLM,
        {"/version": reply({"version": "1"}), "/v1/models": reply({"data": [{"max_model_len": 1}]})},
    ),
]
JUNK: list[object] = [None, True, -1, 1.5, 10**30, "", "x", [], [[]], {}, {"a": []}, [None, 3], float("nan")]


@pytest.mark.parametrize(("program", "answers"), GOOD, ids=[program.value for program, _ in GOOD])
def test_junk_in_any_place_never_raises(program: LocalServer, answers: dict[str, Answer]) -> None:
    draw = random.Random(7)
    known = Known(look(program, answers)[0].models and {m.id: m for m in look(program, answers)[0].models})
    for _ in range(600):
        spoiled: dict[str, Answer] = {}
        for path, good in answers.items():
            assert isinstance(good, WireReply)
            body = _spoil(json.loads(good.body), draw)
            raw = json.dumps(body).encode()
            spoiled[path] = WireReply(good.status, good.headers, raw[: draw.choice([len(raw), len(raw), 5])])
        seen, _ = look(program, spoiled, known)
        assert isinstance(seen.state, ServerState)
        for model in seen.models:
            assert isinstance(model, FoundModel)
            assert 0 < model.window_tokens < 1 << 31


def _spoil(value: Any, draw: random.Random) -> Any:
    """`value` with about every eighth part of it replaced by junk."""
    if draw.random() < 0.12:
        return draw.choice(JUNK)
    if isinstance(value, dict):
        return {key: _spoil(inner, draw) for key, inner in value.items()}
    if isinstance(value, list):
        return [_spoil(inner, draw) for inner in value]
    return value
