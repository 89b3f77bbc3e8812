"""For every test: a worker that has imported everything need not have its collector walk all of that again, reads
the certificates that are trusted once, and at its end looks twice, not five times, for what was never awaited."""

from __future__ import annotations

import gc
import os
import ssl
from collections.abc import Iterator
from typing import Any

import pytest
from _pytest import unraisableexception
from tests.support.private_names import still_used
from tests.support.rewriting import rewrite_once


def pytest_configure(config: pytest.Config) -> None:
    """pytest's five collections are for interpreters that need them. CPython's first finds everything, its second what
    finalizers leave; each walks all that a worker's tests have made, up to a second."""
    still_used(unraisableexception, "gc_collect_iterations_key", unraisableexception.cleanup)
    config.stash[unraisableexception.gc_collect_iterations_key] = 2


def pytest_collection(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput") and session.config.getoption("numprocesses", None):
        return  # the workers collect
    rewrite_once(session.config)


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


@pytest.fixture(scope="session", autouse=True)
def certificates_read_once() -> Iterator[None]:
    """They take 30 ms in every engine that makes a call, and in every client of an SDK: a fifth of what such a test
    takes. Whoever states other ones is given those."""
    make, known = ssl.create_default_context, dict[tuple[object, ...], ssl.SSLContext]()

    def context(*stated: Any, **named: Any) -> ssl.SSLContext:
        ours = (os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
        key = (*ours, *stated, *sorted(named.items()))
        if key not in known:
            known[key] = make(*stated, **named)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", context)
        yield
