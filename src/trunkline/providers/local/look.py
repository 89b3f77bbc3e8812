"""A look at one address: the conversation that finds out whether the expected program is there, and what it serves."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from trunkline.domain.faults import Fault, FaultCode
from trunkline.domain.found import FoundModel, Seen, ServerState
from trunkline.domain.text import provider_sentence
from trunkline.providers.protocol import WireReply, WireRequest
from trunkline.providers.values.jsontext import count, loads, mapping, text_of

MOST_MODELS = 500
# The least that the programs give a model of which nothing is known: Ollama's default on small machines.
LEAST_WINDOW_TOKENS = 4_096
_LONGEST_ID = 200
_VECTORS = re.compile(r"embed", re.IGNORECASE)
_RANKS = re.compile(r"rerank", re.IGNORECASE)
_TIMEOUTS = (FaultCode.TOTAL_TIMEOUT, FaultCode.FIRST_TOKEN_TIMEOUT, FaultCode.CONNECT)


@dataclass(frozen=True, slots=True)
class Known:
    """What a look may rely on: models seen before by name, the names and revisions passed over, and the window that
    the server's own variable gives (`environment_tokens`), where it is on this machine."""

    models: Mapping[str, FoundModel] = field(default_factory=dict)
    passed_over: tuple[tuple[str, str], ...] = ()
    environment_tokens: int | None = None


Reply = WireReply | Fault
Look = Generator[tuple[WireRequest, ...], tuple[Reply, ...], Seen]


def get(path: str) -> WireRequest:
    """A free request. `path` counts from the program's own root, which is the base URL without its `/v1`."""
    return WireRequest("GET", path, (("Accept", "application/json"),), b"", False)


def post(path: str, body: bytes) -> WireRequest:
    """A free request with a JSON body."""
    headers = (("Accept", "application/json"), ("Content-Type", "application/json"))
    return WireRequest("POST", path, headers, body, False)


def body_of(reply: Reply, *, status: int = 200) -> dict[str, Any]:
    """The object that a reply of that status holds; an empty one for every other reply."""
    if isinstance(reply, Fault) or reply.status != status:
        return {}
    try:
        return mapping(loads(reply.body))
    except ValueError:
        return {}


def entries(body: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The objects in the list `name`, as many as anybody has."""
    listed = body.get(name)
    if not isinstance(listed, list):
        return []
    return [one for one in listed[:MOST_MODELS] if isinstance(one, dict)]


def model_id(value: object) -> str:
    """A model's name; empty where it could not be shown and sent back as it is."""
    name = text_of(value)
    return name if name and provider_sentence(name, longest=_LONGEST_ID) == name else ""


def says_vectors(name: str) -> bool:
    """Whether a model calls itself one for embeddings."""
    return _VECTORS.search(name) is not None


def says_ranks(name: str) -> bool:
    """Whether a model calls itself one that ranks, which gives neither text nor vectors."""
    return _RANKS.search(name) is not None


def gives_text(name: str) -> bool:
    """Whether a model of that name answers, as far as a name can tell; embedding models do not."""
    return not says_vectors(name) and not says_ranks(name)


def tokens(value: object) -> int | None:
    """A window; None for zero, junk and what nobody has."""
    number = count(value)
    return number if number and number < 1 << 31 else None


def version_of(body: Mapping[str, Any]) -> str:
    """The version told."""
    return provider_sentence(text_of(body.get("version")), longest=40)


def wants_key(reply: Reply) -> bool:
    """Whether a reply asks for credentials."""
    return not isinstance(reply, Fault) and reply.status in (401, 403)


def not_there(reply: Reply, program: str) -> Seen:
    """What to say of a reply that is not `program`'s."""
    if isinstance(reply, Fault):
        if reply.code in _TIMEOUTS:
            return Seen(ServerState.SILENT, "it takes connections but gave no answer in time")
        return Seen(ServerState.STRANGER, f"what listens does not speak HTTP as {program} does")
    return Seen(ServerState.STRANGER, f"what listens is not {program} (status {reply.status})")


def serving(
    program: str,
    version: str,
    models: list[FoundModel],
    passed_over: list[tuple[str, str]] | None = None,
) -> Seen:
    """What to say of a program that answered."""
    name = f"{program} {version}".rstrip()
    unique = {model.id: model for model in models}
    how_many = f"{len(unique)} model" if len(unique) == 1 else f"{len(unique) or 'no'} models"
    return Seen(
        ServerState.SERVING,
        f"{name} serves {how_many}",
        version,
        tuple(unique.values()),
        tuple(passed_over or ()),
    )
