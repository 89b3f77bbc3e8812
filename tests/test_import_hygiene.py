"""What a command loads before it can begin: heavy libraries only where they are used, layers only downwards."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

UI = {"textual", "click", "rich"}
HTTP = {"httpx", "httpx_aiohttp", "aiohttp"}
HEAVY = {"tiktoken", "tomlkit", "platformdirs"}


def loaded_by(code: str, **environment: str) -> set[str]:
    """The names of all modules that are loaded once `code` has run in a fresh interpreter."""
    script = f"import json, sys\n{code}\nsys.stderr.write('\\n' + json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1]))


def heavy(modules: set[str], unwanted: set[str]) -> set[str]:
    return {name for name in modules if name.partition(".")[0] in unwanted}


def test_the_engine_loads_no_user_interface_and_no_http_library() -> None:
    assert not heavy(loaded_by("import trunkline.engine.engine"), UI | HTTP | HEAVY)


def test_the_domain_loads_nothing_but_the_standard_library() -> None:
    ours = loaded_by(
        "import pkgutil, importlib, trunkline.domain as d\n"
        "for found in pkgutil.iter_modules(d.__path__): importlib.import_module(f'trunkline.domain.{found.name}')"
    )
    bare = loaded_by("import pkgutil, importlib")
    foreign = {name.partition(".")[0] for name in ours - bare} - set(sys.stdlib_module_names)
    assert foreign - {"ulid", "typing_extensions"} == {"trunkline"}


def test_the_program_loads_no_command_before_it_is_called() -> None:
    modules = loaded_by("import trunkline.cli.program")
    assert not {name for name in modules if name.startswith("trunkline.cli.commands")}
    assert not heavy(modules, {"pydantic", "sqlite3", "asyncio", "textual"} | HTTP | HEAVY)


def test_commands_that_make_no_call_load_no_http_library_and_no_textual(tmp_path: Path) -> None:
    code = (
        "from trunkline.cli.program import program\n"
        "for arguments in (['explain', 'hello'], ['status'], ['log'], ['config', 'get', 'mode']):\n"
        "    try: program.main(arguments, standalone_mode=False)\n"
        "    except SystemExit: pass"
    )
    modules = loaded_by(code, TRUNKLINE_HOME=str(tmp_path), TRUNKLINE_LOCAL_SERVERS="off")
    assert not heavy(modules, {"textual", "rich"} | HTTP | HEAVY)


def test_ask_loads_no_textual() -> None:
    assert not heavy(loaded_by("import trunkline.cli.commands.ask"), {"textual", "rich"} | HTTP | HEAVY)


def test_asking_loads_no_textual_either(tmp_path: Path) -> None:
    (tmp_path / "providers.toml").write_text(
        '[providers.nobody]\nprotocol = "openai"\nbase_url = "http://127.0.0.1:9/v1"\nkey = "none"\n'
        "[providers.nobody.models.m]\ncontext = 1000\n"
    )
    (tmp_path / "preferences.toml").write_text("[thresholds]\npatience_s = 0.1\n")
    code = (
        "from trunkline.cli.program import program\n"
        "assert program.main(['ask', '-q', 'hello'], standalone_mode=False) == 1"
    )
    modules = loaded_by(code, TRUNKLINE_HOME=str(tmp_path), TRUNKLINE_LOCAL_SERVERS="off")
    assert not heavy(modules, {"textual"} | HEAVY)
    assert "httpx" in modules, "a call was tried"


def test_the_simulator_shares_nothing_of_ours_but_the_domain() -> None:
    modules = loaded_by("import trunkline.simulator.__main__, trunkline.simulator.server")
    rooms = {name.split(".")[1] for name in modules if name.startswith("trunkline.")}
    assert rooms == {"simulator", "domain"}


def test_opening_the_deck_loads_textual_only_then() -> None:
    assert not heavy(
        loaded_by("import trunkline.cli.commands.deck, trunkline.cli.commands.demo"), {"textual", "rich"}
    )
