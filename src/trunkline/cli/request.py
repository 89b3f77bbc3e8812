"""A request from what was typed on a command line."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from trunkline.config.problems import suggestion
from trunkline.domain.messages import ChatRequest, Hints, Message, Role
from trunkline.domain.preferences import Config
from trunkline.domain.routes import Catalogue
from trunkline.domain.tasks import TASK_TYPES, Origin, OriginKind, Priority

STDIN = "-"


def prompt_text(words: Sequence[str]) -> str:
    """The words of a prompt as one text; all of stdin for `-`, and for no words when stdin is no terminal. Raises
    UsageError when there is nothing in it, or what is no text."""
    if not words and sys.stdin.isatty():
        raise click.UsageError("there is no prompt; `-` reads it from stdin")
    if tuple(words) in ((), (STDIN,)):
        data = sys.stdin.buffer.read()
        if b"\0" in data:
            raise click.UsageError("stdin holds no text in UTF-8: there are zero bytes in it")
        text = data.decode("utf-8", "replace")
    else:
        # An argument that is no UTF-8 arrives with lone surrogates, which no provider and no file would take.
        text = " ".join(words).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if not text.strip():
        raise click.UsageError("the prompt is empty")
    return text


def request_from(
    config: Config,
    prompt: str,
    *,
    task_type: str | None = None,
    priority: str | None = None,
    route: str | None = None,
    model: str | None = None,
    system: str | None = None,
    max_output_tokens: int | None = None,
) -> ChatRequest:
    """The request of `ask` and `explain`. Raises UsageError for a route or model that nobody serves, and for a task
    type that is neither shipped nor the user's own."""
    if route and model:
        raise click.UsageError("--route and --model exclude each other")
    pinned = route or model
    if pinned is not None:
        require_known_route(config.catalogue, pinned)
    if task_type is not None:
        require_known_task(config, task_type)
    messages = [Message.of(Role.SYSTEM, system)] if system else []
    messages.append(Message.of(Role.USER, prompt))
    return ChatRequest(
        messages=tuple(messages),
        origin=Origin(OriginKind.ASK),
        hints=Hints(task_type=task_type),
        priority=Priority(priority) if priority else None,
        route=pinned,
        max_output_tokens=max_output_tokens,
        critical=True,  # a person waits for it
    )


def require_known_route(catalogue: Catalogue, text: str) -> None:
    """Raises UsageError, with the nearest names, when `text` names no provider, account, model or route."""
    if catalogue.select(text) is not None:
        return
    names: set[str] = set()
    for provider in catalogue.providers:
        accounts = [f"{provider.id}/{account.id}" for account in provider.accounts]
        models = [model.id for model in provider.models]
        names.update((provider.id, *accounts, *models))
        names.update(f"{owner}/{model}" for owner in (provider.id, *accounts) for model in models)
    remedy = suggestion(text, sorted(names)) or "`trunkline list` shows what there is."
    raise click.UsageError(f"{text!r} is no provider, account, model or route here. {remedy}")


def require_known_name(what: str, text: str, known: Sequence[str]) -> None:
    """Raises UsageError, with the nearest names, when `text` is not one of `known`."""
    if text not in known:
        remedy = suggestion(text, known) or f"There are {', '.join(known)}."
        raise click.UsageError(f"there is no {what} {text!r}. {remedy}")


def require_known_task(config: Config, task_type: str) -> None:
    """Raises UsageError, with the nearest names, for a task type that is neither shipped nor the user's own."""
    own = (policy.type for policy in config.preferences.tasks)
    require_known_name("task type", task_type, tuple(dict.fromkeys((*TASK_TYPES, *own))))
