"""A request from what was typed on a command line."""

from __future__ import annotations

import sys

import click

from trunkline.domain.messages import ChatRequest, Hints, Message, Role
from trunkline.domain.routes import Catalogue
from trunkline.domain.tasks import Origin, OriginKind, Priority


def prompt_text(prompt: str) -> str:
    """The prompt itself, or all of stdin for `-`. Raises UsageError when there is nothing in it."""
    text = sys.stdin.read() if prompt == "-" else prompt
    if not text.strip():
        raise click.UsageError("the prompt is empty")
    return text


def request_from(
    catalogue: Catalogue,
    prompt: str,
    *,
    task_type: str | None = None,
    priority: str | None = None,
    route: str | None = None,
    model: str | None = None,
    system: str | None = None,
    max_output_tokens: int | None = None,
    stream: bool = True,
) -> ChatRequest:
    """The request of `ask` and `explain`. Raises UsageError for a route or model that nobody serves."""
    if route and model:
        raise click.UsageError("--route and --model exclude each other")
    pinned = route or model
    if pinned is not None and catalogue.select(pinned) is None:
        raise click.UsageError(
            f"{pinned!r} is no provider, account, model or route here; `trunkline list` shows what there is"
        )
    messages = [Message.of(Role.SYSTEM, system)] if system else []
    messages.append(Message.of(Role.USER, prompt))
    return ChatRequest(
        messages=tuple(messages),
        origin=Origin(OriginKind.ASK),
        hints=Hints(task_type=task_type),
        priority=Priority(priority) if priority else None,
        route=pinned,
        max_output_tokens=max_output_tokens,
        stream=stream,
    )
