"""A failed assertion shows its values because pytest rewrites the file that it stands in: most of what collecting
takes. Here each file is rewritten once, by one worker. Otherwise the workers of a fresh clone, which collect the same
files in the same order, rewrite all of them at the same time; and where Python is told to keep no byte code, as in many
containers, so do those of every later run. Measured with pytest 8.4.2: a worker collects all tests in 15 s of CPU, or
in 6 where the others have rewritten."""

from __future__ import annotations

from pathlib import Path

import pytest
from _pytest.assertion import rewrite
from tests.support.private_names import still_used


def rewrite_once(config: pytest.Config) -> None:
    """Have every file that is about to be collected rewritten where this run's other workers find it, and the next
    run. Each worker begins elsewhere: what it comes to later another one has done by then."""
    cache = getattr(config, "cache", None)
    state = config.stash.get(rewrite.assertstate_key, None)
    if cache is None or state is None or state.mode != "rewrite":
        return
    _keep_in(cache.mkdir("rewritten"), config.rootpath)
    files = _collected(config)
    worker, workers = _place_of(config)
    first = len(files) * worker // workers
    for file in files[first:] + files[:first]:
        kept = rewrite.get_cache_dir(file) / (file.stem + rewrite.PYC_TAIL)
        if rewrite._read_pyc(file, kept) is None:
            stat, code = rewrite._rewrite_test(file, config)
            kept.parent.mkdir(parents=True, exist_ok=True)
            rewrite._write_pyc(state, code, stat, kept)


def _keep_in(folder: Path, root: Path) -> None:
    """Have pytest look there for what became of the files under `root`."""
    load = rewrite.AssertionRewritingHook.exec_module
    for name in ("_read_pyc", "_rewrite_test", "_write_pyc", "PYC_TAIL"):
        still_used(rewrite, name, load)
    beside = rewrite.get_cache_dir

    def place(file: Path) -> Path:
        return folder / file.parent.relative_to(root) if file.is_relative_to(root) else beside(file)

    setattr(rewrite, still_used(rewrite, "get_cache_dir", load), place)


def _collected(config: pytest.Config) -> list[Path]:
    """The test files among what the command line names."""
    named = [config.invocation_params.dir / argument.partition("::")[0] for argument in config.args]
    found = {file for path in named for file in ([path] if path.is_file() else path.rglob("test_*.py"))}
    return sorted(found)


def _place_of(config: pytest.Config) -> tuple[int, int]:
    """The number of this worker, from 0, and of how many."""
    told = getattr(config, "workerinput", {"workerid": "gw0", "workercount": 1})
    return int(told["workerid"].removeprefix("gw")), int(told["workercount"])
