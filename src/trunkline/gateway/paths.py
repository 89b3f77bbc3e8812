"""What a path asks for, and in which protocol the answer is expected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from urllib.parse import unquote

# Clients that are given a base URL with a version where they add one themselves, or without where they do not.
_DOUBLED = re.compile(r"^/(v1|v1beta)/(v1|v1beta)/")
_GEMINI = re.compile(r"^/(?:v1|v1beta)/models/(?P<model>[^:]+):(?P<method>\w+)$")
_MODEL = re.compile(r"^/(?P<version>v1|v1beta)/models/(?P<model>.+)$")
_UNVERSIONED = ("/chat/completions", "/responses", "/messages", "/embeddings", "/models")


class Protocol(Enum):
    """What a client speaks."""

    OPENAI = auto()
    RESPONSES = auto()
    ANTHROPIC = auto()
    GEMINI = auto()
    GEMINI_ARRAY = auto()
    """Gemini's, whose stream is one JSON array: without `alt=sse`."""


class Action(Enum):
    """What is to be done."""

    ANSWER = auto()
    COUNT = auto()
    EMBED = auto()
    MODELS = auto()
    MODEL = auto()
    HEALTH = auto()
    METRICS = auto()
    RECEIPT = auto()
    STATUS = auto()
    GREETING = auto()


@dataclass(frozen=True, slots=True)
class Target:
    """What a request is for. `name` is what its path names: a model, or a receipt; `stream` is set where the path says
    it. `one`: of vectors there is to be one, and no list."""

    action: Action
    protocol: Protocol = Protocol.OPENAI
    name: str | None = None
    stream: bool | None = None
    method: str = "GET"
    one: bool = False


_FIXED: Mapping[str, Target] = {
    "/": Target(Action.GREETING),
    "/healthz": Target(Action.HEALTH),
    "/metrics": Target(Action.METRICS),
    "/v1/chat/completions": Target(Action.ANSWER, method="POST"),
    "/v1/responses": Target(Action.ANSWER, Protocol.RESPONSES, method="POST"),
    "/v1/messages": Target(Action.ANSWER, Protocol.ANTHROPIC, method="POST"),
    "/v1/messages/count_tokens": Target(Action.COUNT, Protocol.ANTHROPIC, method="POST"),
    "/v1/embeddings": Target(Action.EMBED, method="POST"),
    "/trunkline/v1/status": Target(Action.STATUS),
}
_RECEIPTS = "/trunkline/v1/receipts/"
_GEMINI_METHODS = {
    "generateContent": (Action.ANSWER, False),
    "streamGenerateContent": (Action.ANSWER, True),
    "countTokens": (Action.COUNT, None),
    "embedContent": (Action.EMBED, None),
    "batchEmbedContents": (Action.EMBED, None),
}
_ONE_VECTOR = "embedContent"


def target_of(path: str, query: Mapping[str, str], headers: Mapping[str, str]) -> Target | None:
    """What `path` (as it was sent, with its escapes) asks for; None where there is no such thing."""
    path = _DOUBLED.sub(r"/\2/", path)
    if path.startswith(_UNVERSIONED):
        path = f"/v1{path}"
    path = path.rstrip("/") or "/"
    fixed = _FIXED.get(path)
    if fixed is not None:
        return fixed
    if path.startswith(_RECEIPTS):
        return Target(Action.RECEIPT, name=unquote(path.removeprefix(_RECEIPTS)))
    if path in ("/v1/models", "/v1beta/models"):
        return Target(Action.MODELS, _listing_protocol(path, headers))
    if gemini := _GEMINI.match(path):
        found = _GEMINI_METHODS.get(gemini["method"])
        if found is None:
            return None
        action, stream = found
        array = stream and query.get("alt") != "sse"
        protocol = Protocol.GEMINI_ARRAY if array else Protocol.GEMINI
        one = gemini["method"] == _ONE_VECTOR
        return Target(action, protocol, unquote(gemini["model"]), stream, "POST", one)
    if model := _MODEL.match(path):
        return Target(Action.MODEL, _listing_protocol(path, headers), unquote(model["model"]))
    return None


def protocol_of(path: str, headers: Mapping[str, str]) -> Protocol:
    """In whose words to refuse what is asked of a path that may not exist."""
    if path.startswith("/v1beta") or ":" in path:
        return Protocol.GEMINI
    if "/messages" in path:
        return Protocol.ANTHROPIC
    return _listing_protocol(path, headers)


def _listing_protocol(path: str, headers: Mapping[str, str]) -> Protocol:
    """`anthropic-version`, `x-goog-api-key`, else OpenAI (DESIGN §6.4)."""
    if "anthropic-version" in headers:
        return Protocol.ANTHROPIC
    if "x-goog-api-key" in headers or path.startswith("/v1beta"):
        return Protocol.GEMINI
    return Protocol.OPENAI
