"""A decision frees what it made when it returns. What refers to itself waits for Python's collector instead, and that
stops whichever request comes next: it was a third of the slowest decisions."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.routing import build_ask, build_config, build_state

from trunkline.routing import compile_policy, decide
from trunkline.routing.candidates import Scan

PROVIDERS = {"p": {"accounts": ["a", "b"], "models": {"m": {"price": [1, 2]}, "n": {"price": [0, 0]}}}}
LIMITED = {"limits": [["requests", "day", 10, 9]]}


@pytest.fixture(autouse=True)
def _collector_off() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"accounts": {"p/a": LIMITED, "p/b": {"block": {"until_s": 60}}}},
        {"conversation": {"route": "p/a/m", "warm_s": 60, "cached": 900}},
        {"accounts": {"p/a": {"block": {"until_s": 60}}, "p/b": {"block": {"until_s": 60}}}},
    ],
)
def test_nothing_of_a_decision_is_left(state: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    scans: list[weakref.ref[Scan]] = []

    class Watched(Scan):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            scans.append(weakref.ref(self))

    monkeypatch.setattr("trunkline.routing.decision.Scan", Watched)
    config = build_config({"providers": PROVIDERS})

    decision = decide(build_ask(config, {}), compile_policy(config), build_state(config, state))

    assert decision is not None
    assert [scan() for scan in scans] == [None]
