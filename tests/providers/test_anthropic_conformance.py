"""Requests held against the types of the official SDK, so that they are not merely our own idea of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Required, get_origin, get_type_hints

import orjson
import pytest
from tests.support.anthropic_wire import context_of

from trunkline.domain.messages import (
    ChatRequest,
    Effort,
    ImagePart,
    Message,
    ResponseFormat,
    Role,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
    ToolSpec,
)
from trunkline.domain.routes import ThinkingControl
from trunkline.domain.tasks import Origin, OriginKind
from trunkline.providers.anthropic.encode import encode

sdk = pytest.importorskip("anthropic.types")

KINDS = {
    "text": "TextBlockParam",
    "image": "ImageBlockParam",
    "thinking": "ThinkingBlockParam",
    "redacted_thinking": "RedactedThinkingBlockParam",
    "tool_use": "ToolUseBlockParam",
    "tool_result": "ToolResultBlockParam",
    "url": "URLImageSourceParam",
    "base64": "Base64ImageSourceParam",
    "adaptive": "ThinkingConfigAdaptiveParam",
    "enabled": "ThinkingConfigEnabledParam",
    "ephemeral": "CacheControlEphemeralParam",
}
REQUEST = ChatRequest(
    (
        Message.of(Role.SYSTEM, "word " * 1_000),
        Message(Role.USER, (TextPart("Look"), ImagePart("https://x.test/a"), ImagePart("data:image/png;base64,AA=="))),
        Message(
            Role.ASSISTANT,
            (
                ThinkingPart("hm", "p", "c2ln", "m"),
                ThinkingPart("", "p", "eA==", "m", redacted=True),
                TextPart("So:"),
                ToolCallPart("1", "weather", '{"c":"Oslo"}'),
            ),
        ),
        Message(Role.TOOL, (ToolResultPart("1", "rain", is_error=True),)),
        Message.of(Role.USER, "Well?"),
    ),
    Origin(OriginKind.CHAT),
    tools=(ToolSpec("weather", "Weather of a city", '{"properties":{}}'),),
    stop=("END",),
    response_format=ResponseFormat.JSON,
)  # fmt: skip


def check(table: dict[str, Any], kind: type, *also: str) -> None:
    """The fields of `table` are those that the SDK's type has, with all that it requires."""
    hints = get_type_hints(kind, include_extras=True)
    required = {name for name, hint in hints.items() if get_origin(hint) is Required}
    assert required
    assert required <= table.keys() <= hints.keys() | set(also), (kind, table)


def check_typed(value: Any) -> set[str]:
    """Check every table below `value` that names its own type; the types there were."""
    if isinstance(value, list):
        return {name for one in value for name in check_typed(one)}
    if not isinstance(value, dict):
        return set()
    kind = value.get("type")
    if kind in KINDS and kind != "ephemeral":
        check(value, getattr(sdk, KINDS[kind]))
    within = {name for field, one in value.items() if field != "input_schema" for name in check_typed(one)}
    return within | ({kind} if isinstance(kind, str) else set())


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("control", "thinking"),
    [
        (ThinkingControl.NONE, set()),
        (ThinkingControl.ADAPTIVE, {"adaptive"}),
        (ThinkingControl.BUDGET, {"enabled"}),
    ],
)
def test_a_request_is_what_the_sdk_would_send(
    control: ThinkingControl, thinking: set[str], stream: bool
) -> None:
    asked = replace(REQUEST, effort=Effort.HIGH, temperature=0.5, stream=stream)
    body = orjson.loads(encode(asked, context_of(thinking=control), max_output_tokens=100).body)
    # The SDK no longer has the temperature, which only older models take.
    check(body, sdk.message_create_params.MessageCreateParamsBase, "temperature", "stream")
    assert check_typed(body) == KINDS.keys() - {"adaptive", "enabled"} | thinking
    for tool in body["tools"]:
        check(tool, sdk.ToolParam)
    speakers = {"user": sdk.user_message_param.UserMessageParam}
    speakers["assistant"] = sdk.assistant_message_param.AssistantMessageParam
    for turn in body["messages"]:
        check(turn, speakers[turn["role"]])
