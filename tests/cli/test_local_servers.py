"""What `list`, `doctor`, `ask` and plain `trunkline` make of model servers on this machine."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.conftest import Cli
from tests.cli.nursery import Nursery
from tests.support.local_servers import LocalServer, Ollama, OllamaModel, replies, serve_beside

PORTS = {
    "ollama": "OLLAMA_HOST",
    "lmstudio": "LMSTUDIO_BASE_URL",
    "llamacpp": "LLAMACPP_BASE_URL",
    "vllm": "VLLM_BASE_URL",
}


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


@pytest.fixture
def machine(tmp_path: Path, nursery: Nursery) -> Cli:
    """A home with nothing in it, on a machine where nothing listens."""
    nowhere = f"http://127.0.0.1:{closed_port()}/v1"
    return Cli(tmp_path, nursery, {"TRUNKLINE_LOCAL_SERVERS": "on", **dict.fromkeys(PORTS.values(), nowhere)})


@pytest.fixture
def fake() -> Ollama:
    return Ollama(
        OllamaModel("qwen3:8b", loaded=True, window=16_384),
        OllamaModel("gemma3:4b", trained=131_072),
        OllamaModel("nomic-embed-text", capabilities=("embedding",)),
    )


@pytest.fixture
def ollama(machine: Cli, fake: Ollama) -> Iterator[LocalServer]:
    """Ollama, at the address that its variable gives."""
    with serve_beside(fake.routes()) as server:
        machine.environment["OLLAMA_HOST"] = f"127.0.0.1:{server.port}"
        yield server


def test_list_finds_a_server_and_says_whose_each_window_is(machine: Cli, ollama: LocalServer) -> None:
    listed = machine.quick("list")
    rows = {line.split()[0]: line for line in listed.stdout.splitlines() if line}
    assert "16,384" in rows["ollama/main/qwen3:8b"]
    assert "loaded so; made for 40,960" in rows["ollama/main/qwen3:8b"]
    assert "4,096" in rows["ollama/main/gemma3:4b"]
    assert "the least it gets; not loaded; made for 131,072" in rows["ollama/main/gemma3:4b"]
    assert "vectors, no answers" in rows["ollama/main/nomic-embed-text"]
    assert "serves 3 models" in rows["ollama"]
    assert "lmstudio: start it at 127.0.0.1:" in listed.stderr
    assert "openai: set OPENAI_API_KEY for" in listed.stderr


def test_list_as_json_keeps_its_keys_and_adds_the_servers(machine: Cli, ollama: LocalServer) -> None:
    told = machine.json("list")
    assert told.keys() >= {"routes", "missing", "local"}
    (first, second, third) = told["routes"]
    assert first.keys() >= {"route", "usable", "key", "context", "retired_on"}
    assert (first["route"], first["usable"], first["context"], first["window_source"]) == (
        "ollama/main/qwen3:8b",
        True,
        16_384,
        "loaded",
    )
    assert second["window_source"] == "assumed"
    assert [one["embeds"] for one in (first, second, third)] == [False, False, True]
    states = {one["provider"]: one["state"] for one in told["local"]}
    assert states == {"ollama": "serving", "lmstudio": "absent", "llamacpp": "absent", "vllm": "absent"}
    models = {one["model"]: one for one in told["local"][0]["models"]}
    assert (models["qwen3:8b"]["trained"], models["qwen3:8b"]["loaded"]) == (40_960, 16_384)
    openai = next(one for one in told["missing"] if one["provider"] == "openai")
    assert openai["variables"] == ["OPENAI_API_KEY"]


def test_list_only_knocks_where_it_has_just_asked(machine: Cli, ollama: LocalServer) -> None:
    machine.quick("list")
    asked = len(ollama.asked)
    again = machine.quick("list")
    assert "ollama/main/qwen3:8b" in again.stdout
    assert len(ollama.asked) == asked
    machine.quick("doctor")
    assert len(ollama.asked) > asked, "doctor asks everybody anew"


def test_a_server_that_is_gone_is_gone_from_the_list_at_once(machine: Cli, fake: Ollama) -> None:
    with serve_beside(fake.routes()) as server:
        machine.environment["OLLAMA_HOST"] = f"127.0.0.1:{server.port}"
        assert "ollama/main/qwen3:8b" in machine.quick("list").stdout
    gone = machine.quick("list")
    assert gone.stdout == ""
    assert f"ollama: start it at 127.0.0.1:{server.port}" in gone.stderr
    kept = json.loads((machine.home / "local-servers.json").read_text())
    ollama = next(
        one for one in kept if one["provider"] == "ollama" and one["base_url"].endswith(f"{server.port}/v1")
    )
    assert [model["listed"]["id"] for model in ollama["models"]] == [
        "qwen3:8b",
        "gemma3:4b",
        "nomic-embed-text",
    ]


def test_with_nothing_at_all_list_says_what_to_do_next(machine: Cli) -> None:
    done = machine.quick("list")
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr.startswith("Nobody can be asked yet.")
    for part in ("OPENAI_API_KEY", "start a server on this machine", "ollama: start it at 127.0.0.1:"):
        assert part in done.stderr
    assert max(map(len, done.stderr.splitlines())) <= 90


def test_doctor_says_what_everybody_answered(machine: Cli, ollama: LocalServer) -> None:
    with serve_beside({}, otherwise=replies("<html>my app</html>")) as page:
        machine.environment["VLLM_BASE_URL"] = page.base_url
        done = machine.quick("doctor")
        told = machine.json("doctor")
    assert done.exit_code == 0
    assert "Ollama 0.14.2 serves 3 models" in done.stdout
    assert f"127.0.0.1:{page.port}" in done.stdout
    assert "what listens is not vLLM (status 200)" in done.stdout
    assert "ollama/gemma3:4b" in done.stdout
    missing = {one["provider"]: one["found"] for one in told["missing"] if one["local"]}
    assert missing == {}, "a variable that is set makes an account, whether its server runs or not"
    states = {one["provider"]: one["state"] for one in told["local"]}
    assert states == {"ollama": "serving", "lmstudio": "absent", "llamacpp": "absent", "vllm": "stranger"}


def test_the_first_question_of_all_goes_to_a_server_on_this_machine(
    machine: Cli, ollama: LocalServer
) -> None:
    done = machine.run("ask", "Where are you?")
    assert (done.returncode, done.stdout) == (0, "Here on this machine.\n"), done.stderr
    assert "ollama/main/" in done.stderr
    assert "$0.00" in done.stderr


def test_a_cut_prompt_is_told_under_the_answer(machine: Cli, ollama: LocalServer, fake: Ollama) -> None:
    (machine.home / "providers.toml").write_text('[providers.ollama.models."gemma3:4b"]\ncontext = 100000\n')
    long = "What the owner promised last year was measured and written down with its date. " * 560
    done = machine.run("ask", "--route", "ollama/gemma3:4b", "-", stdin=long)
    assert done.returncode == 0
    assert "read 4,096 of about" in done.stderr
    receipt = machine.json("ask", "--route", "ollama/gemma3:4b", long[:40_000])["receipt"]
    assert len(receipt["warnings"]) == 1
    assert "cuts a prompt" in machine.quick("log", machine.json("log")[0]["request_id"]).stdout


def test_a_broken_configuration_is_said_before_anybody_is_looked_for(machine: Cli) -> None:
    (machine.home / "preferences.toml").write_text("[thresholds]\npatience_s = 'soon'\n")
    for command in (("list",), ("doctor",), ("ask", "hi")):
        done = machine.run(*command)
        assert (done.returncode, done.stdout) == (2, "")
        assert "thresholds.patience_s" in done.stderr
