"""What a person pastes into an agent so that it asks the gateway: address, token, model.

Environment variables as the programs read them: those of the `openai`, `anthropic` and `google-genai` packages by
their source; Claude Code's as 2.1.197 took them (it adds `/v1/messages` to the address itself, and puts a set
ANTHROPIC_API_KEY before the token; side jobs and subagents ask for haiku, sonnet, opus and fable, which the
ANTHROPIC_DEFAULT_… name). Codex 0.169 takes its address from its settings alone; as a provider of its own it sends
plain requests at once, and keeps a prompt that is not written for one of OpenAI's models. Gemini CLI takes `auto` for
a choice of its own, so that the name is prefixed there; from 0.44 to 0.61 at least it refuses to start with a base
URL from the environment where its settings do not say that a key is meant (google-gemini/gemini-cli#27550).
OpenClaw's block was checked with `openclaw config validate` of 2026.9: several agents want `ownership` and one that
does what is nobody's own, and it sends how long to think only where `compat` says so.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trunkline.domain.preferences import GatewayPolicy
from trunkline.domain.tasks import Tier
from trunkline.gateway.naming import AUTO, OWN_PREFIX

UNSHOWN_TOKEN = '<the token that "trunkline tokens create" showed>'  # noqa: S105 - stands where a token would
NO_TOKEN = "none-is-needed"  # noqa: S105 - as above
"""Given where no token is needed: clients do not begin without any."""

_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - read, not listened on
_PROVIDER = OWN_PREFIX.rstrip("/")
# Six of seven models of the shipped catalogue take so much and more: an agent that keeps to it has a choice left.
_WINDOW_TOKENS, _OUTPUT_TOKENS = 200_000, 32_000
_OPENCLAW_NAMES = {
    AUTO: "Trunkline: whoever suits the request",
    Tier.T1.value: "Trunkline: simple work",
    Tier.T2.value: "Trunkline: medium work",
    Tier.T3.value: "Trunkline: complex work",
}
_CLAUDE_NAMES = " ".join(
    f"ANTHROPIC_DEFAULT_{name}_MODEL={tier}"
    for name, tier in (("HAIKU", Tier.T1), ("SONNET", Tier.T2), ("OPUS", Tier.T3), ("FABLE", Tier.T3))
)
_OPENCLAW_AGENTS = {"main": Tier.T3.value, "work": Tier.T2.value, "personal": Tier.T1.value}


@dataclass(frozen=True, slots=True)
class Snippet:
    """What one kind of client is told. `lines` are to be pasted as they are; `note` is for the person."""

    client: str
    title: str
    lines: tuple[str, ...]
    note: str = ""


def base_url_of(policy: GatewayPolicy, *, host: str | None = None, port: int | None = None) -> str:
    """Where a client of this machine finds the gateway, or one that listens on another `host` and `port`; without a
    path."""
    address = policy.host if host is None else host
    shown = _EVERY_ADDRESS.get(address) or (f"[{address}]" if ":" in address else address)
    scheme = "http" if policy.tls_cert is None else "https"
    return f"{scheme}://{shown}:{policy.port if port is None else port}"


def snippets(base_url: str, token: str | None, *, needs_token: bool = True) -> tuple[Snippet, ...]:
    """For every kind of client; `token` None: it is not known any more, and said where it was shown."""
    given = token or (UNSHOWN_TOKEN if needs_token else NO_TOKEN)
    return (
        Snippet(
            "openai",
            "OpenAI-style clients",
            (
                f"export OPENAI_BASE_URL={base_url}/v1",
                f"export OPENAI_API_KEY={_quoted(given)}",
                f"model: {AUTO}",
            ),
            "or in code: base_url, api_key and model; task types, tiers, aliases and provider/model are models too",
        ),
        Snippet(
            "claude-code",
            "Claude Code",
            (
                f"export ANTHROPIC_BASE_URL={base_url}",
                f"export ANTHROPIC_AUTH_TOKEN={_quoted(given)} ANTHROPIC_API_KEY=",
                f"export ANTHROPIC_MODEL={AUTO} {_CLAUDE_NAMES}",
            ),
        ),
        Snippet(
            "codex",
            "Codex, beside the OpenAI-style lines",
            (
                f'model = "{AUTO}"',
                f'model_provider = "{_PROVIDER}"',
                f"model_context_window = {_WINDOW_TOKENS}",
                f"[model_providers.{_PROVIDER}]",
                'name = "Trunkline"',
                f'base_url = "{base_url}/v1"',
                'env_key = "OPENAI_API_KEY"',
            ),
            "at the head of ~/.codex/config.toml. That it has no metadata of the model is a remark, and no fault",
        ),
        Snippet(
            "gemini",
            "Gemini clients",
            (
                f"export GOOGLE_GEMINI_BASE_URL={base_url}",
                f"export GEMINI_API_KEY={_quoted(given)}",
                f"export GEMINI_MODEL={OWN_PREFIX}{AUTO}",
            ),
            'or in code: genai.Client(api_key=…, http_options={"base_url": …})',
        ),
        Snippet(
            "gemini-cli",
            "Gemini CLI, beside these lines",
            _laid_out(_gemini_cli()),
            "merged into ~/.gemini/settings.json",
        ),
        Snippet(
            "openclaw",
            "OpenClaw",
            _laid_out(openclaw(base_url, given)),
            "merged into ~/.openclaw/openclaw.json; keep the agents that you have, and what your file says of "
            '"ownership" and "systemAgent"; then `openclaw config validate`',
        ),
    )


def _gemini_cli() -> dict[str, Any]:
    """Gemini CLI's settings: that a key is meant, and the same model for all that it does. Its summaries, searches
    and subagents ask for Google's models by name otherwise, and for ever where one of these is not to be had."""
    everything = ({"overrideScope": "core"}, {"model": "base"})
    model = {"model": f"{OWN_PREFIX}{AUTO}"}
    return {
        "security": {"auth": {"selectedType": "gemini-api-key"}},
        "modelConfigs": {"customOverrides": [{"match": one, "modelConfig": model} for one in everything]},
    }


def openclaw(base_url: str, token: str) -> dict[str, Any]:
    """OpenClaw's configuration: a provider with its models, and which agent asks for which."""
    return {
        "models": {
            "mode": "merge",
            "providers": {
                _PROVIDER: {
                    "baseUrl": f"{base_url}/v1",
                    "apiKey": token,
                    "api": "openai-completions",
                    "headers": {"User-Agent": "OpenClaw"},
                    "models": [_openclaw_model(name, title) for name, title in _OPENCLAW_NAMES.items()],
                }
            },
        },
        "agents": {
            "ownership": "explicit",
            "defaults": {
                "model": {"primary": f"{OWN_PREFIX}{AUTO}"},
                "systemAgent": {"agentId": next(iter(_OPENCLAW_AGENTS))},
            },
            "entries": {agent: {"model": f"{OWN_PREFIX}{name}"} for agent, name in _OPENCLAW_AGENTS.items()},
        },
    }


def snippets_json(found: Sequence[Snippet]) -> dict[str, dict[str, Any]]:
    """For `--json`: by client."""
    return {one.client: {"title": one.title, "lines": list(one.lines), "note": one.note} for one in found}


def _laid_out(table: dict[str, Any], indent: str = "", ends: str = "") -> tuple[str, ...]:
    """JSON in few lines: what has no table within stands on one."""
    if not any(isinstance(value, dict | list) for value in table.values()):
        return (f"{indent}{json.dumps(table)}{ends}",)
    lines: list[str] = [f"{indent}{{"]
    for number, (name, value) in enumerate(table.items(), 1):
        comma = "," if number < len(table) else ""
        key = f"{indent}  {json.dumps(name)}: "
        if isinstance(value, dict):
            first, *rest = _laid_out(value, f"{indent}  ", comma)
            lines += [key + first.lstrip(), *rest]
        elif isinstance(value, list) and any(isinstance(one, dict) for one in value):
            entries = [f"{indent}    {json.dumps(one)}" for one in value]
            lines += [f"{key}[", *(f"{one}," for one in entries[:-1]), entries[-1], f"{indent}  ]{comma}"]
        else:
            lines.append(f"{key}{json.dumps(value)}{comma}")
    return (*lines, f"{indent}}}{ends}")


def _openclaw_model(name: str, title: str) -> dict[str, Any]:
    return {
        "id": name,
        "name": title,
        "reasoning": name != Tier.T1.value,
        "input": ["text", "image"],
        "contextWindow": _WINDOW_TOKENS,
        "maxTokens": _OUTPUT_TOKENS,
        "compat": {"supportsReasoningEffort": True},
    }


def _quoted(token: str) -> str:
    """A token as a shell takes it; what stands in its place is no command either."""
    return f"'{token}'" if token == UNSHOWN_TOKEN else token
