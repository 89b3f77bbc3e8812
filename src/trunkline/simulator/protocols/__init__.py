"""The wire languages that simulated providers speak, by name: one module each."""

from __future__ import annotations

from collections.abc import Mapping

from trunkline.simulator.play import ProtocolModule
from trunkline.simulator.protocols.anthropic import AnthropicProtocol
from trunkline.simulator.protocols.gemini import GeminiProtocol
from trunkline.simulator.protocols.openai import OpenAIProtocol

PROTOCOLS: Mapping[str, ProtocolModule] = {
    "openai": OpenAIProtocol(),
    "anthropic": AnthropicProtocol(),
    "gemini": GeminiProtocol(),
}
