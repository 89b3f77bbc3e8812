from __future__ import annotations

import pytest

from trunkline.gateway.paths import Action, Protocol, Target, target_of

GEMINI = {"x-goog-api-key": "k"}


@pytest.mark.parametrize(
    ("path", "query", "headers", "expected"),
    [
        ("/v1/chat/completions", {}, {}, Target(Action.ANSWER, Protocol.OPENAI, method="POST")),
        ("/chat/completions", {}, {}, Target(Action.ANSWER, Protocol.OPENAI, method="POST")),
        ("/v1/v1/messages", {}, {}, Target(Action.ANSWER, Protocol.ANTHROPIC, method="POST")),
        ("/v1/responses", {}, {}, Target(Action.ANSWER, Protocol.RESPONSES, method="POST")),
        ("/v1/messages/count_tokens", {}, {}, Target(Action.COUNT, Protocol.ANTHROPIC, method="POST")),
        (
            "/v1beta/models/auto:generateContent",
            {},
            {},
            Target(Action.ANSWER, Protocol.GEMINI, "auto", False, "POST"),
        ),
        (
            "/v1/models/google%2Fgemini-3.8-flash:streamGenerateContent",
            {"alt": "sse"},
            {},
            Target(Action.ANSWER, Protocol.GEMINI, "google/gemini-3.8-flash", True, "POST"),
        ),
        (
            "/v1beta/models/google/gemini-3.8-flash:streamGenerateContent",
            {},
            {},
            Target(Action.ANSWER, Protocol.GEMINI_ARRAY, "google/gemini-3.8-flash", True, "POST"),
        ),
        ("/v1/models", {}, {}, Target(Action.MODELS, Protocol.OPENAI)),
        ("/v1/models/", {}, {"anthropic-version": "2023-06-01"}, Target(Action.MODELS, Protocol.ANTHROPIC)),
        ("/v1/models", {}, GEMINI, Target(Action.MODELS, Protocol.GEMINI)),
        ("/v1beta/models", {}, {}, Target(Action.MODELS, Protocol.GEMINI)),
        ("/v1/models/zai/glm-5", {}, {}, Target(Action.MODEL, Protocol.OPENAI, "zai/glm-5")),
        ("/trunkline/v1/receipts/01ABC", {}, {}, Target(Action.RECEIPT, name="01ABC")),
        ("/healthz", {}, {}, Target(Action.HEALTH)),
        ("/v1beta/models/auto:deleteEverything", {}, {}, None),
        ("/nothing", {}, {}, None),
    ],
)
def test_what_a_path_asks_for(
    path: str, query: dict[str, str], headers: dict[str, str], expected: Target | None
) -> None:
    assert target_of(path, query, headers) == expected
