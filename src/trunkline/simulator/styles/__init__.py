"""How each provider words a refusal and reports its limits. Bodies follow the providers' documented shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from trunkline.simulator.styles import openai_family, plans
from trunkline.simulator.styles.anthropic import anthropic
from trunkline.simulator.styles.complaint import Complaint, Refusal, Wrong, go_duration
from trunkline.simulator.styles.gemini import gemini
from trunkline.simulator.styles.headers import HEADER_STYLES, Standing
from trunkline.simulator.styles.openrouter import openrouter

STYLES: Mapping[str, Callable[[Complaint], Refusal]] = {
    "openai": openai_family.openai,
    "anthropic": anthropic,
    "gemini": gemini,
    "gemini_compat": openai_family.gemini_compat,
    "zai": plans.zai,
    "moonshot": plans.moonshot,
    "minimax": plans.minimax,
    "minimax_anthropic": plans.minimax_anthropic,
    "openrouter": openrouter,
    "groq": openai_family.groq,
    "mistral": openai_family.mistral,
    "deepseek": openai_family.deepseek,
    "xai": openai_family.xai,
    "cerebras": openai_family.cerebras,
    "ollama": openai_family.ollama,
    "vllm": openai_family.vllm,
    "llamacpp": openai_family.llamacpp,
    "lmstudio": openai_family.lmstudio,
}

__all__ = ["HEADER_STYLES", "STYLES", "Complaint", "Refusal", "Standing", "Wrong", "go_duration"]
