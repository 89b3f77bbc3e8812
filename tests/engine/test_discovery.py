"""Local servers found by an engine over real HTTP: what is offered, kept, taken back, and what a cut prompt teaches."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from tests.support.clock import FakeClock
from tests.support.engine_world import QUICK, ask, told, until
from tests.support.local_servers import (
    LocalServer,
    Ollama,
    OllamaModel,
    llamacpp,
    lmstudio,
    replies,
    serve,
    vllm,
)
from tests.support.odd_server import OddServer, Peer, Received

from trunkline.config.found import LocalTarget, read_found, write_found
from trunkline.config.places import Places
from trunkline.domain import routes
from trunkline.domain.clock import SystemClock
from trunkline.domain.events import ConfigChanged
from trunkline.domain.found import FoundServer, ServerState, WindowSource
from trunkline.domain.receipts import Outcome
from trunkline.domain.routes import KeyRef, KeySource
from trunkline.engine.discovery import Surroundings, listens, look_around
from trunkline.engine.engine import Engine
from trunkline.engine.settings import EngineSettings
from trunkline.providers.transport import HttpTransport

NO_KEY = KeyRef(KeySource.NONE)


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def catalogue(**addresses: str) -> str:
    """A catalogue of local providers at these addresses, as the shipped one has them."""
    return "\n".join(
        f'[providers.{name}]\nprotocol = "openai"\nbase_url = "{url}"\nkey = "none"\nbilling = "local"\n'
        f'enabled = false\n[providers.{name}.quirks]\nlocal_server = "{name}"\n'
        for name, url in addresses.items()
    )


def settings_at(home: Path, environ: Mapping[str, str] | None = None, **addresses: str) -> EngineSettings:
    """Settings of an engine with nobody but local providers."""
    preferences = home / "preferences.toml"
    if not preferences.exists():
        preferences.write_text(QUICK)
    return EngineSettings(Places(home, home, home), environ or {}, "test", catalogue(**addresses))


@asynccontextmanager
async def engine_at(
    home: Path, environ: Mapping[str, str] | None = None, **addresses: str
) -> AsyncIterator[Engine]:
    """Such an engine, at work."""
    async with Engine.open(settings_at(home, environ, **addresses)) as engine:
        yield engine


def offered(engine: Engine) -> dict[str, int]:
    """Window by route of everything that may be asked."""
    return {
        f"{provider.id}/{account.id}/{model.id}": model.context_tokens
        for provider in engine.generation.config.catalogue.providers
        for account in provider.accounts
        if account.enabled
        for model in provider.models
    }


async def look(
    *targets: LocalTarget, known: tuple[FoundServer, ...] = (), reply_ms: int = 5_000
) -> tuple[FoundServer, ...]:
    """A look around over real HTTP; `reply_ms` is short only where somebody is to be found silent."""
    clock = SystemClock()
    transport = HttpTransport(clock, user_agent="test")
    try:
        return await look_around(
            targets, known, Surroundings(transport.fetch, lambda _: None, {}, clock, reply_ms=reply_ms)
        )
    finally:
        await transport.aclose()


def target(program: str, base_url: str) -> LocalTarget:
    return LocalTarget(program, routes.LocalServer(program), base_url, NO_KEY)


async def test_the_four_programs_are_found_at_once_and_told_apart() -> None:
    async with (
        serve(Ollama(OllamaModel("qwen3:8b", loaded=True, window=16_384)).routes()) as first,
        serve(llamacpp(n_ctx=8_192)) as second,
        serve(
            lmstudio({"id": "phi-4", "type": "llm", "state": "not-loaded", "max_context_length": 16_000})
        ) as third,
        serve(vllm({"id": "Qwen/Qwen3-8B", "max_model_len": 40_960})) as fourth,
    ):
        programs = ("ollama", "llamacpp", "lmstudio", "vllm")
        servers = (first, second, third, fourth)
        found = await look(*(target(p, s.base_url) for p, s in zip(programs, servers, strict=True)))
        assert {server.provider: [(m.id, m.window_tokens) for m in server.models] for server in found} == {
            "ollama": [("qwen3:8b", 16_384)],
            "llamacpp": [("qwen3-coder", 8_192)],
            "lmstudio": [("phi-4", 16_000)],
            "vllm": [("Qwen/Qwen3-8B", 40_960)],
        }
        assert all(server.state is ServerState.SERVING for server in found)
        # Each at the port of the next: nobody is mistaken for another, though each speaks some OpenAI.
        crossed = zip(programs, (*servers[1:], servers[0]), strict=True)
        for server in await look(*(target(program, other.base_url) for program, other in crossed)):
            assert (server.state, server.models) == (ServerState.STRANGER, ()), server


async def test_a_web_application_on_all_four_ports_is_none_of_them() -> None:
    async with serve({}, otherwise=replies("<html>my app</html>")) as page:
        programs = ("ollama", "llamacpp", "lmstudio", "vllm")
        for server in await look(*(target(program, page.base_url) for program in programs)):
            assert server.state is ServerState.STRANGER
            assert "not " in server.said
        assert not [one for one in page.asked if not one.startswith("GET ")]


async def test_what_speaks_no_http_or_never_answers_is_said_in_bounded_time() -> None:
    async def babble(peer: Peer, _: Received) -> None:
        await peer.send(b"\x15\x03\x01\x00\x02\x02\x46")
        peer.writer.close()

    async def wait(peer: Peer, _: Received) -> None:
        await peer.until_closed()

    async with OddServer(babble) as babbling, OddServer(wait) as waiting:
        async with asyncio.timeout(5.0):
            found = await look(
                target("vllm", f"{babbling.url}/v1"),
                target("ollama", f"{waiting.url}/v1"),
                target("llamacpp", f"http://127.0.0.1:{free_port()}/v1"),
                reply_ms=300,
            )
    assert [server.state for server in found] == [
        ServerState.STRANGER,
        ServerState.SILENT,
        ServerState.ABSENT,
    ]


async def test_a_server_that_is_only_slow_for_once_keeps_its_models() -> None:
    async def wait(peer: Peer, _: Received) -> None:
        await peer.until_closed()

    async with OddServer(wait) as waiting:
        there = target("ollama", f"{waiting.url}/v1")
        model = (await found_models())[0]
        served = FoundServer(
            "ollama", there.program, there.base_url, ServerState.SERVING, 1, served_at_ms=1, models=(model,)
        )
        (once,) = await look(there, known=(served,), reply_ms=300)
        assert (once.state, once.usable, once.models) == (ServerState.SILENT, True, (model,))
        assert not replace(once, misses=2).usable


async def found_models() -> tuple[object, ...]:
    async with serve(Ollama(OllamaModel("qwen3:8b")).routes()) as server:
        (found,) = await look(target("ollama", server.base_url))
    return found.models


async def test_an_address_that_is_none_is_nobody() -> None:
    assert await listens("http://127.0.0.1:99999/v1") is False
    assert await listens("nonsense") is False


async def test_the_engine_offers_what_it_found_and_asks_it(tmp_path: Path) -> None:
    fake = Ollama(OllamaModel("qwen3:8b", window=8_192))
    async with serve(fake.routes()) as server, engine_at(tmp_path, ollama=server.base_url) as engine:
        assert offered(engine) == {}
        before = engine.generation
        await until(lambda: offered(engine))
        assert offered(engine) == {"ollama/main/qwen3:8b": 4_096}
        assert engine.generation.config.generation != before.config.generation
        assert "ollama/main/qwen3:8b" in engine.snapshot().routes
        receipt = (await told(engine.submit(ask("Where are you?")))).receipt
        assert (str(receipt.route), receipt.cost_pico) == ("ollama/main/qwen3:8b", 0)
        assert receipt.warnings == ()
        # The first call has loaded the model: its server is asked at once with which window.
        await until(lambda: offered(engine) == {"ollama/main/qwen3:8b": 8_192})


async def test_the_next_start_and_another_process_know_it_at_once(tmp_path: Path) -> None:
    async with serve(Ollama(OllamaModel("qwen3:8b")).routes()) as server:
        async with engine_at(tmp_path, ollama=server.base_url) as first:
            await until(lambda: offered(first))
        kept = Places(tmp_path, tmp_path, tmp_path).found_file
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert not Path(kept).with_name(f".{kept.name}.{os.getpid()}").exists()
        server.asked.clear()
        idle = Engine.open(settings_at(tmp_path, ollama=server.base_url))
        try:
            assert offered(idle) == {"ollama/main/qwen3:8b": 4_096}
        finally:
            idle.close_now()
        assert server.asked == []
    elsewhere = Engine.open(settings_at(tmp_path, ollama="http://127.0.0.1:1/v1"))
    try:
        assert offered(elsewhere) == {}, "what was found at one address says nothing of another"
    finally:
        elsewhere.close_now()


async def test_what_another_process_finds_is_offered_here(tmp_path: Path) -> None:
    """Only the other process looks: this one is kept from it by its environment."""
    off = {"TRUNKLINE_LOCAL_SERVERS": "off"}
    async with (
        serve(Ollama(OllamaModel("qwen3:8b")).routes()) as server,
        engine_at(tmp_path, off, ollama=server.base_url) as here,
    ):
        async with engine_at(tmp_path, ollama=server.base_url) as there:
            await until(lambda: offered(there))
        await until(lambda: offered(here))
        assert offered(here) == {"ollama/main/qwen3:8b": 4_096}


async def test_a_server_that_goes_away_takes_its_models_with_it_and_comes_back(tmp_path: Path) -> None:
    fake, server = Ollama(OllamaModel("qwen3:8b")), LocalServer()
    async with serve(fake.routes(), server=server), engine_at(tmp_path, ollama=server.base_url) as engine:
        await until(lambda: offered(engine))
    async with engine_at(tmp_path, ollama=server.base_url) as engine:
        news: list[object] = []
        following = asyncio.create_task(_collect(engine, news))
        await until(lambda: not offered(engine))
        await until(lambda: any(isinstance(one, ConfigChanged) for one in news))
        refused = (await told(engine.submit(ask("Anybody?")))).receipt
        assert (refused.outcome, refused.attempts) == (Outcome.FAILED, ())
        (gone,) = read_found(Places(tmp_path, tmp_path, tmp_path).found_file)
        assert (gone.state, [model.id for model in gone.models]) == (ServerState.ABSENT, ["qwen3:8b"])
        assert gone.served_at_ms is not None
        async with serve(fake.routes(), server=server):
            engine._upkeep.discovery.hurry()
            await until(lambda: offered(engine))
        following.cancel()


async def _collect(engine: Engine, into: list[object]) -> None:
    async for event in engine.subscribe():
        into.append(event.body)


async def test_a_request_under_way_keeps_its_generation(tmp_path: Path) -> None:
    """The server stops listening while it answers: its models go, the answer comes."""
    release, fake = asyncio.Event(), Ollama(OllamaModel("qwen3:8b"))
    chat = fake._chat

    async def slowly(request):  # type: ignore[no-untyped-def]
        await release.wait()
        return await chat(request)

    routes_ = {**fake.routes(), "POST /v1/chat/completions": slowly}
    async with serve(routes_) as server, engine_at(tmp_path, ollama=server.base_url) as engine:
        await until(lambda: offered(engine))
        handle = engine.submit(ask("Slowly"))
        await until(lambda: any(one.startswith("POST /v1/chat") for one in server.asked))
        fake.models.clear()
        fake.models["other"] = OllamaModel("other")
        engine._upkeep.discovery.hurry()
        await until(lambda: list(offered(engine)) == ["ollama/main/other"])
        fake.models["qwen3:8b"] = OllamaModel("qwen3:8b")
        release.set()
        receipt = (await told(handle)).receipt
        assert (receipt.outcome, str(receipt.route)) == (Outcome.ANSWERED, "ollama/main/qwen3:8b")


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        pytest.param("[providers.ollama]\nenabled = false\n", {}, id="switched off: not even looked for"),
        pytest.param(
            '[providers.ollama.models."qwen3:8b"]\ncontext = 30000\nmax_output = 700\n',
            {"ollama/main/qwen3:8b": 30_000},
            id="a window written by hand stays",
        ),
        pytest.param(
            '[providers.ollama]\naccounts = [{ id = "mine", key = "none" }]\nenabled = true\n',
            {"ollama/mine/qwen3:8b": 4_096},
            id="an account written by hand is the one",
        ),
    ],
)
async def test_what_the_user_wrote_counts_first(tmp_path: Path, user: str, expected: dict[str, int]) -> None:
    (tmp_path / "providers.toml").write_text(user)
    sentinel = Ollama(OllamaModel("sentinel"))
    async with serve(Ollama(OllamaModel("qwen3:8b")).routes()) as server, serve(sentinel.routes()) as other:
        addresses = {"ollama": server.base_url, "vllm": other.base_url}
        async with engine_at(tmp_path, **addresses) as engine:
            kept = engine._upkeep.discovery
            await until(lambda: {one.provider for one in kept.servers} >= {"vllm"})
            await until(lambda: offered(engine) == expected)
            assert bool(server.asked) is bool(expected)
            model = engine.generation.config.catalogue.model("ollama", "qwen3:8b")
            if model is not None:
                assert routes.Capability.TOOLS in model.capabilities, "what was not written is as found"


async def test_a_preference_may_name_a_model_whether_its_server_runs_or_not(tmp_path: Path) -> None:
    (tmp_path / "preferences.toml").write_text(QUICK + '[tasks.coding]\nprefer = ["ollama/qwen3:8b"]\n')
    fake = Ollama(OllamaModel("qwen3:8b"), OllamaModel("another"))
    async with serve(fake.routes()) as server, engine_at(tmp_path, ollama=server.base_url) as engine:
        assert any("no server here lists" in note for note in engine.loaded.notes)
        await until(lambda: offered(engine))
        coding = next(one for one in engine.generation.config.preferences.tasks if one.type == "coding")
        assert coding.prefer == ("ollama/qwen3:8b",)


async def test_trap_22_a_prompt_cut_in_silence_is_said_once_and_the_window_lowered(tmp_path: Path) -> None:
    """The user wrote a window that Ollama does not give: it reads 4,096 tokens of some 9,000."""
    (tmp_path / "providers.toml").write_text('[providers.ollama.models."qwen3:8b"]\ncontext = 32768\n')
    fake = Ollama(OllamaModel("qwen3:8b", window=4_096))
    long = "What the owner promised last year was measured and written down with its date. " * 560
    async with serve(fake.routes()) as server, engine_at(tmp_path, ollama=server.base_url) as engine:
        await until(lambda: offered(engine) == {"ollama/main/qwen3:8b": 32_768})
        short = (await told(engine.submit(ask("short")))).receipt
        assert short.warnings == ()
        receipt = (await told(engine.submit(ask(long)))).receipt
        (warning,) = receipt.warnings
        assert "read 4,096 of about" in warning
        kept = await engine.receipt(receipt.request_id)
        assert kept is not None
        assert kept.warnings == receipt.warnings
        await until(lambda: offered(engine) == {"ollama/main/qwen3:8b": 4_096})
        again = (await told(engine.submit(ask(long)))).receipt
        assert (again.outcome, again.attempts) == (Outcome.FAILED, ()), "it is not sent to be cut again"
        after = (await told(engine.submit(ask("short")))).receipt
        assert (after.outcome, after.warnings) == (Outcome.ANSWERED, ())


async def test_a_low_count_is_forgiven_when_the_server_shows_a_window_that_held_it_all(
    tmp_path: Path,
) -> None:
    """Whatever made it report so little, it was not a cut: the model has room."""
    fake = Ollama(OllamaModel("qwen3:8b", window=40_960, loaded=True))
    long = "well? " * 10_000
    async with serve(fake.routes()) as server, engine_at(tmp_path, ollama=server.base_url) as engine:
        await until(lambda: offered(engine) == {"ollama/main/qwen3:8b": 40_960})
        fake._count = lambda _: 12  # type: ignore[attr-defined]
        receipt = (await told(engine.submit(ask(long)))).receipt
        assert len(receipt.warnings) == 1
        await until(lambda: engine._core.window_watch.lowered == {})
        await until(lambda: offered(engine) == {"ollama/main/qwen3:8b": 40_960})


async def test_a_server_that_loads_is_asked_again_soon(tmp_path: Path) -> None:
    clock, ready = FakeClock(), llamacpp()
    loading = replies({"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}, 503)
    answers = {"GET /props": loading}

    async def props(request: web.Request) -> web.StreamResponse:
        return await answers["GET /props"](request)

    async with serve({**ready, "GET /props": props}) as server:
        settings = settings_at(tmp_path, llamacpp=server.base_url)
        async with Engine.open(settings, clock=clock) as engine:
            found = engine._upkeep.discovery
            await until(lambda: any(one.state is ServerState.LOADING for one in found.servers))
            assert offered(engine) == {}
            answers.update(ready)
            before_ms = clock.mono_ms()
            await until(lambda: clock.advance(500) or offered(engine))
            assert offered(engine) == {"llamacpp/main/qwen3-coder": 8_192}
            await until(lambda: clock.advance(500) or clock.mono_ms() - before_ms > 20_000)
            asked = len(server.asked)
            await until(lambda: clock.advance(500) or len(server.asked) > asked)
            assert clock.mono_ms() - before_ms > 60_000, "a server that serves is looked at once a minute"


@pytest.mark.parametrize(
    "junk",
    [b"", b"{}", b"[1]", b"\xff\xfe", b'[{"provider": "ollama"}]', b"[" * 5_000],
    ids=["empty", "an object", "numbers", "no text", "half an entry", "deep"],
)
def test_a_file_of_found_servers_that_is_none_is_nothing_known(tmp_path: Path, junk: bytes) -> None:
    file = tmp_path / "local-servers.json"
    file.write_bytes(junk)
    assert read_found(file) == ()
    write_found(file, ())
    assert json.loads(file.read_bytes()) == []


def test_where_nobody_listens_no_http_library_is_imported() -> None:
    code = f"""
import asyncio, sys
from trunkline.config.found import LocalTarget
from trunkline.domain.clock import SystemClock
from trunkline.domain.routes import KeyRef, KeySource, LocalServer
from trunkline.engine.discovery import Surroundings, look_around
target = LocalTarget("ollama", LocalServer.OLLAMA, "http://127.0.0.1:{free_port()}/v1", KeyRef(KeySource.NONE))
found = asyncio.run(look_around([target], (), Surroundings(None, None, {{}}, SystemClock())))
print(found[0].state.value, [name for name in ("httpx", "aiohttp", "pydantic", "ssl") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split(" ", 1)[0] == "absent"
    assert "httpx" not in done.stdout
    assert "aiohttp" not in done.stdout


def test_window_sources_are_all_in_words() -> None:
    from trunkline.cli.local import window_words

    model = next(iter(asyncio.run(found_models())))
    for source in WindowSource:
        assert window_words(replace(model, window_source=source))  # type: ignore[type-var]


async def test_a_server_that_starts_later_is_found_by_knocking(tmp_path: Path) -> None:
    clock, server = FakeClock(), LocalServer(port=free_port())
    async with Engine.open(settings_at(tmp_path, ollama=server.base_url), clock=clock) as engine:
        found = engine._upkeep.discovery
        await until(lambda: any(one.state is ServerState.ABSENT for one in found.servers))
        begun_ms = clock.mono_ms()
        async with serve(Ollama(OllamaModel("qwen3:8b")).routes(), server=server):
            await until(lambda: clock.advance(200) or offered(engine))
        assert clock.mono_ms() - begun_ms < 40_000


async def test_a_refused_connection_is_reason_enough_to_look(tmp_path: Path) -> None:
    """Nobody need wait a minute to be rid of a server that died: the first call that fails tells."""
    server = LocalServer()
    async with Engine.open(settings_at(tmp_path, ollama=f"http://127.0.0.1:{free_port()}/v1")) as engine:
        address = next(iter(engine._upkeep.discovery.targets)).base_url
        server.port = int(address.rpartition(":")[2].partition("/")[0])
        async with serve(Ollama(OllamaModel("qwen3:8b")).routes(), server=server):
            engine._upkeep.discovery.hurry()
            await until(lambda: offered(engine))
        failed = (await told(engine.submit(ask("Still there?")))).receipt
        assert failed.outcome is Outcome.FAILED
        await until(lambda: not offered(engine))
