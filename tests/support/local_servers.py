"""Servers on loopback that behave as the programs do that serve models on a person's machine, and some that do not."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class LocalServer:
    """A running server: its port, and the method and path of every request that came."""

    port: int = 0
    asked: list[str] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"


@asynccontextmanager
async def serve(
    routes: Mapping[str, Handler], *, server: LocalServer | None = None, otherwise: Handler | None = None
) -> AsyncIterator[LocalServer]:
    """Serve `routes` ("GET /path") until the end; everything else gets 404 or what `otherwise` says. A `server` with a
    port is served there again."""
    running = server or LocalServer()

    @web.middleware
    async def noted(request: web.Request, handler: Handler) -> web.StreamResponse:
        running.asked.append(f"{request.method} {request.path_qs}")
        return await handler(request)

    app = web.Application(middlewares=[noted])
    for name, handler in routes.items():
        method, _, path = name.partition(" ")
        app.router.add_route(method, path, handler)
    if otherwise is not None:
        app.router.add_route("*", "/{anything:.*}", otherwise)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", running.port, reuse_address=True)
    await site.start()
    running.port = runner.addresses[0][1]
    try:
        yield running
    finally:
        await runner.cleanup()


def replies(body: object, status: int = 200, **headers: str) -> Handler:
    """A handler that always says this as JSON, or as it is where it is text."""

    async def handler(_: web.Request) -> web.Response:
        if isinstance(body, str):
            return web.Response(text=body, status=status, content_type="text/html", headers=headers)
        return web.json_response(body, status=status, headers=headers)

    return handler


@dataclass
class OllamaModel:
    """A model of the fake Ollama. `window` is what it is loaded with when asked; `loaded` whether it is now."""

    name: str
    trained: int | None = 40_960
    window: int = 4_096
    loaded: bool = False
    capabilities: Sequence[str] | None = ("completion", "tools")
    parameters: str = ""
    digest: str = "sha256:1"
    architecture: str = "qwen3"
    more: Mapping[str, Any] = field(default_factory=dict)

    def listed(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "model": self.name,
            "digest": self.digest,
            "size": 5_225_388_164,
            **self.more,
        }

    def shown(self) -> dict[str, Any]:
        info: dict[str, Any] = {"general.architecture": self.architecture}
        if self.trained is not None:
            info[f"{self.architecture}.context_length"] = self.trained
        body: dict[str, Any] = {
            "model_info": info,
            "template": "{{ .Prompt }}",
            "parameters": self.parameters,
        }
        if self.capabilities is not None:
            body["capabilities"] = list(self.capabilities)
        return body


class Ollama:
    """The parts of Ollama that matter here, the silent cut of a long prompt among them."""

    def __init__(self, *models: OllamaModel, version: str = "0.14.2") -> None:
        self.models = {model.name: model for model in models}
        self.version = version
        self.cuts = True

    def routes(self) -> dict[str, Handler]:
        return {
            "GET /api/version": self._version,
            "GET /api/tags": self._tags,
            "GET /api/ps": self._ps,
            "POST /api/show": self._show,
            "GET /v1/models": self._models,
            "POST /v1/chat/completions": self._chat,
        }

    async def _models(self, _: web.Request) -> web.Response:
        listed = [{"id": name, "object": "model", "owned_by": "library"} for name in self.models]
        return web.json_response({"object": "list", "data": listed})

    async def _version(self, _: web.Request) -> web.Response:
        return web.json_response({"version": self.version})

    async def _tags(self, _: web.Request) -> web.Response:
        return web.json_response({"models": [model.listed() for model in self.models.values()]})

    async def _ps(self, _: web.Request) -> web.Response:
        loaded = [model for model in self.models.values() if model.loaded]
        return web.json_response(
            {"models": [{**model.listed(), "context_length": model.window} for model in loaded]}
        )

    async def _show(self, request: web.Request) -> web.Response:
        name = (await request.json()).get("model")
        if name not in self.models:
            return web.json_response({"error": f"model '{name}' not found"}, status=404)
        return web.json_response(self.models[name].shown())

    @staticmethod
    def _count(asked: Mapping[str, Any]) -> int:
        return round(sum(len(str(message.get("content"))) for message in asked["messages"]) / 4.5)

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        model = self.models.get(asked["model"])
        if model is None:
            refusal = {"error": {"message": f"model '{asked['model']}' not found", "type": "not_found_error"}}
            return web.json_response(refusal, status=404)
        model.loaded = True
        prompt_tokens = self._count(asked)
        if self.cuts:
            prompt_tokens = min(prompt_tokens, model.window)
        usage = {"prompt_tokens": prompt_tokens, "completion_tokens": 4}
        usage["total_tokens"] = sum(usage.values())
        if not asked.get("stream"):
            message = {"role": "assistant", "content": "Here on this machine."}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            return web.json_response({"id": "c", "model": model.name, "choices": [choice], "usage": usage})
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        deltas = [
            ({"role": "assistant", "content": "Here on "}, None),
            ({"content": "this machine."}, None),
            ({}, "stop"),
        ]
        for delta, finish in deltas:
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            await response.write(_event({"id": "c", "model": model.name, "choices": [choice]}))
        await response.write(_event({"id": "c", "model": model.name, "choices": [], "usage": usage}))
        await response.write(b"data: [DONE]\n\n")
        return response


def _event(body: object) -> bytes:
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def llamacpp(
    *,
    n_ctx: object = 8_192,
    trained: object = 131_072,
    model: str = "qwen3-coder",
    props: Mapping[str, Any] | None = None,
) -> dict[str, Handler]:
    """llama.cpp's server with one model."""
    body = {
        "default_generation_settings": {"n_ctx": n_ctx, "params": {}},
        "total_slots": 2,
        "model_path": f"/models/{model}.gguf",
        "chat_template": "{% for message in messages %}…{% endfor %}",
        "chat_template_caps": {"supports_tools": True},
        "modalities": {"vision": False, "audio": False},
        "build_info": "b8681-a1b2c3d",
        **(props or {}),
    }
    listed = {"object": "list", "data": [{"id": model, "object": "model", "meta": {"n_ctx_train": trained}}]}
    return {
        "GET /props": replies(body, Server="llama.cpp"),
        "GET /v1/models": replies(listed, Server="llama.cpp"),
    }


def lmstudio(*models: Mapping[str, Any]) -> dict[str, Handler]:
    """LM Studio with these entries in its own list; its `/v1/models` says no window."""
    plain = {"object": "list", "data": [{"id": model["id"], "object": "model"} for model in models]}
    return {
        "GET /api/v0/models": replies({"object": "list", "data": list(models)}),
        "GET /v1/models": replies(plain),
    }


def vllm(*models: Mapping[str, Any], version: str = "0.19.0") -> dict[str, Handler]:
    """vLLM with these entries."""
    listed = [{"object": "model", "owned_by": "vllm", **model} for model in models]
    return {
        "GET /version": replies({"version": version}),
        "GET /v1/models": replies({"object": "list", "data": listed}),
    }


@contextmanager
def serve_beside(routes: Mapping[str, Handler], otherwise: Handler | None = None) -> Iterator[LocalServer]:
    """`serve` on a thread of its own, for tests that have no loop."""
    started: Future[tuple[LocalServer, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def run() -> None:
        async with serve(routes, otherwise=otherwise) as server:
            done = asyncio.Event()
            started.set_result((server, asyncio.get_running_loop(), done))
            await done.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    server, loop, done = started.result(10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(10)
