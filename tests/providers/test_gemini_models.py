"""Google's list of models, page by page."""

from __future__ import annotations

import pytest
from tests.support.gemini_wire import context_of
from tests.support.openai_wire import refusal

from trunkline.domain.checks import ListedModel, ModelList
from trunkline.domain.faults import Fault, FaultKind
from trunkline.domain.routes import Quirks
from trunkline.providers.gemini.wire import GEMINI

FLASH = {
    "name": "models/gemini-3.8-flash",
    "displayName": "Gemini 3.8 Flash",
    "inputTokenLimit": 1_048_576,
    "outputTokenLimit": 65_536,
    "supportedGenerationMethods": ["generateContent", "countTokens"],
    "thinking": True,
}


def read(body: object, status: int = 200) -> ModelList | Fault:
    return GEMINI.read_models(refusal(status, body), context_of())


def test_the_call_asks_for_everything_and_carries_no_key() -> None:
    request = GEMINI.models_request(context_of(quirks=Quirks(extra_headers=(("X-Title", "Trunkline"),))))
    assert (request.method, request.path, request.body) == ("GET", "/v1beta/models?pageSize=1000", b"")
    assert (request.auth_header, request.auth_prefix) == ("x-goog-api-key", "")
    assert dict(request.headers) == {"Accept": "application/json", "X-Title": "Trunkline"}


def test_a_further_page() -> None:
    request = GEMINI.models_request(context_of(), page="a/b+c=&d")
    assert request.path == "/v1beta/models?pageSize=1000&pageToken=a%2Fb%2Bc%3D%26d"


def test_models_that_chat_with_their_windows() -> None:
    embedding = {"name": "models/embed", "supportedGenerationMethods": ["embedContent"]}
    untold = {"name": "models/untold"}
    assert read({"models": [FLASH, embedding, untold], "nextPageToken": "more"}) == ModelList(
        (ListedModel("gemini-3.8-flash", 1_048_576, max_output_tokens=65_536), ListedModel("untold")), "more"
    )


@pytest.mark.parametrize("token", [None, "", 0.5, []])
def test_the_last_page_has_no_token(token: object) -> None:
    listed = read({"models": [FLASH], "nextPageToken": token})
    assert isinstance(listed, ModelList)
    assert listed.next_page is None


@pytest.mark.parametrize(
    "junk",
    [
        7,
        {},
        {"name": 7.5},
        {"name": ""},
        {"name": "models/"},
        {"name": "x", "supportedGenerationMethods": []},
    ],
)
def test_entries_that_name_no_model_are_left_out(junk: object) -> None:
    listed = read({"models": [junk, {**FLASH, "inputTokenLimit": "x", "outputTokenLimit": 0}]})
    assert listed == ModelList((ListedModel("gemini-3.8-flash"),))


@pytest.mark.parametrize("body", [b"", b"x", b"[]", {}, {"models": 7}])
def test_what_is_no_list_is_a_refusal(body: object) -> None:
    assert isinstance(read(body), Fault)


def test_trap_30_a_bad_key() -> None:
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
    fault = read(
        {"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "m", "details": [info]}}, 400
    )
    assert isinstance(fault, Fault)
    assert fault.kind is FaultKind.AUTH
