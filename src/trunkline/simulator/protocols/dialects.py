"""How the replies of OpenAI's relatives depart from its own, as data: one entry a style."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class UsagePlace(StrEnum):
    """Where a stream tells its usage: in a chunk of its own where asked for, or always; beside the finish reason;
    within the choice (trap 2); in `x_groq`."""

    TRAILING = "trailing"
    TRAILING_ALWAYS = "trailing_always"
    FINISH = "finish"
    CHOICE = "choice"
    X_GROQ = "x_groq"


class CachedPlace(StrEnum):
    """Where usage tells what was cached: in `prompt_tokens_details`, at its top, or as DeepSeek's hit and miss."""

    DETAILS = "details"
    TOP = "top"
    HIT_MISS = "hit_miss"


class ReasoningForm(StrEnum):
    """How reasoning is shown: not at all, in a field, with OpenRouter's `reasoning_details`, in `<think>` tags within
    the content, or as Mistral's list of chunks."""

    HIDDEN = "hidden"
    CONTENT = "reasoning_content"
    REASONING = "reasoning"
    DETAILS = "reasoning_details"
    TAGS = "tags"
    LIST = "list"


@dataclass(frozen=True, slots=True)
class Dialect:
    """One provider's habits. `usage_null`: earlier chunks say `usage: null` where usage was asked for. `role` is the
    first delta's. `opening` are bytes before a stream, `between` before its first text, `leading` before a whole
    reply. `done`: `[DONE]` ends a stream. `chunk_extras` and `whole_extras` are at the top of every chunk and whole
    reply. `finishes` renames finish reasons. `call_index`: fragments of calls are numbered; `call_whole`: a call comes
    in one. `context_field` is where a list of models tells the window, `id_prefix` what its ids begin with."""

    usage: UsagePlace = UsagePlace.TRAILING
    usage_null: bool = False
    cached: CachedPlace = CachedPlace.DETAILS
    cost: bool = False
    reasoning: ReasoningForm = ReasoningForm.CONTENT
    role: str = "assistant"
    opening: bytes = b""
    between: bytes = b""
    leading: bytes = b""
    done: bool = True
    chunk_extras: Mapping[str, Any] = field(default_factory=dict)
    whole_extras: Mapping[str, Any] = field(default_factory=dict)
    finishes: Mapping[str, str] = field(default_factory=dict)
    call_index: bool = True
    call_whole: bool = False
    context_field: str | None = None
    id_prefix: str = ""


_MINIMAX_FLAGS = {"input_sensitive": False, "output_sensitive": False}

DIALECTS: Mapping[str, Dialect] = {
    "openai": Dialect(usage_null=True, reasoning=ReasoningForm.HIDDEN),
    "gemini_compat": Dialect(
        usage=UsagePlace.FINISH,
        reasoning=ReasoningForm.HIDDEN,
        finishes={"tool_calls": "stop"},
        call_index=False,
        call_whole=True,
        id_prefix="models/",
    ),
    "zai": Dialect(usage=UsagePlace.FINISH, finishes={"content_filter": "sensitive"}, call_whole=True),
    "moonshot": Dialect(usage=UsagePlace.CHOICE, cached=CachedPlace.TOP, context_field="context_length"),
    "minimax": Dialect(
        usage=UsagePlace.FINISH,
        reasoning=ReasoningForm.TAGS,
        role="",
        done=False,
        chunk_extras=_MINIMAX_FLAGS,
        whole_extras=_MINIMAX_FLAGS | {"base_resp": {"status_code": 0, "status_msg": ""}},
    ),
    "openrouter": Dialect(
        usage=UsagePlace.TRAILING_ALWAYS,
        cost=True,
        reasoning=ReasoningForm.DETAILS,
        opening=b": OPENROUTER PROCESSING\n\n",
        between=b": OPENROUTER PROCESSING\n\n",
        chunk_extras={"provider": "sim"},
        whole_extras={"provider": "sim"},
        context_field="context_length",
    ),
    "groq": Dialect(
        usage=UsagePlace.X_GROQ,
        reasoning=ReasoningForm.REASONING,
        call_whole=True,
        context_field="context_window",
    ),
    "mistral": Dialect(
        usage=UsagePlace.FINISH,
        reasoning=ReasoningForm.LIST,
        call_whole=True,
        context_field="max_context_length",
    ),
    "deepseek": Dialect(
        usage=UsagePlace.FINISH,
        cached=CachedPlace.HIT_MISS,
        opening=b": keep-alive\n\n",
        between=b"\n\n: keep-alive\n\n",
        leading=b"\n\n\n",
    ),
    "xai": Dialect(usage=UsagePlace.TRAILING_ALWAYS, call_whole=True),
    "cerebras": Dialect(
        usage=UsagePlace.FINISH,
        reasoning=ReasoningForm.REASONING,
        chunk_extras={"time_info": {"total_time": 0.01}},
    ),
    "ollama": Dialect(reasoning=ReasoningForm.REASONING, call_whole=True),
    "vllm": Dialect(reasoning=ReasoningForm.REASONING, context_field="max_model_len"),
    "llamacpp": Dialect(whole_extras={"timings": {"predicted_n": 1}}),
    "lmstudio": Dialect(),
}
USUAL = Dialect()
