"""The list of models: windows, output limits, retirements, pages."""

from __future__ import annotations

import pytest
from tests.support.anthropic_wire import context_of
from tests.support.openai_wire import refusal

from trunkline.domain.checks import ListedModel, ModelList
from trunkline.domain.faults import Fault, FaultKind
from trunkline.domain.routes import Quirks
from trunkline.providers.anthropic.wire import ANTHROPIC


def listed(*entries: object, **top: object) -> ModelList:
    found = ANTHROPIC.read_models(refusal(200, {"data": list(entries), **top}), context_of())
    assert isinstance(found, ModelList)
    return found


def test_the_call() -> None:
    call = ANTHROPIC.models_request(context_of())
    assert (call.method, call.path, call.body, call.stream) == ("GET", "/v1/models?limit=1000", b"", False)
    assert dict(call.headers) == {"Accept": "application/json", "anthropic-version": "2023-06-01"}
    assert (call.auth_header, call.auth_prefix) == ("x-api-key", "")
    assert (
        ANTHROPIC.models_request(context_of(), page="a b&c").path
        == "/v1/models?limit=1000&after_id=a%20b%26c"
    )
    elsewhere = context_of(quirks=Quirks(models_path="/models/all"))
    assert ANTHROPIC.models_request(elsewhere).path == "/models/all?limit=1000"


def test_what_a_model_tells_of_itself() -> None:
    entry = {"type": "model", "id": "claude-x", "display_name": "X", "max_input_tokens": 1_000_000,
             "max_tokens": 128_000, "lifecycle": "deprecated", "retires_at": "2026-11-30T09:00:00Z"}  # fmt: skip
    assert listed(entry).models == (ListedModel("claude-x", 1_000_000, None, 128_000, None, "2026-11-30"),)


@pytest.mark.parametrize(
    "entry",
    [
        {"id": "m"},
        {"id": "m", "max_input_tokens": None, "max_tokens": 0, "retires_at": None, "lifecycle": "active"},
        {"id": "m", "max_input_tokens": -1, "max_tokens": "many", "retires_at": "soon", "lifecycle": 1},
        {"id": "m", "retires_at": "2026-13-45T99:00:00Z"},
    ],
    ids=["id-only", "nulls", "junk", "no-such-day"],
)
def test_what_it_does_not_tell(entry: dict[str, object]) -> None:
    assert listed(entry).models == (ListedModel("m"),)


def test_what_can_no_longer_be_called_is_left_out() -> None:
    found = listed({"id": "old", "lifecycle": "retired"}, {"id": ""}, "?", {"id": "n\x1b[1mew"})
    assert [model.id for model in found.models] == ["new"]


def test_pages() -> None:
    assert listed({"id": "a"}, has_more=True, last_id="a").next_page == "a"
    assert listed({"id": "a"}, has_more=False, last_id="a").next_page is None
    assert listed({"id": "a"}, has_more=True, last_id=None).next_page is None
    assert listed(has_more=True, last_id="a").next_page is None
    assert listed({"id": "a"}).next_page is None


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"type": "error", "error": {"type": "authentication_error", "message": "no"}}, FaultKind.AUTH),
        (200, {"type": "error", "error": {"type": "authentication_error", "message": "no"}}, FaultKind.AUTH),
        (200, b"<html></html>", FaultKind.NETWORK),
        (200, b"[]", FaultKind.OVERLOADED),
    ],
    ids=["401", "error-in-a-200", "a-web-page", "no-list"],
)
def test_what_is_no_list_is_a_refusal(status: int, body: object, kind: FaultKind) -> None:
    fault = ANTHROPIC.read_models(refusal(status, body), context_of())
    assert isinstance(fault, Fault)
    assert fault.kind is kind
