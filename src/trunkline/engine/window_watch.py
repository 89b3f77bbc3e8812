"""Noticing that a local server has cut a prompt without saying so, by what it says that it read.

Ollama does: through `/v1` it ignores any window asked for and drops what is beyond the one it loaded the model with
(ollama/ollama issue 5902).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from trunkline.domain.found import FoundServer, WindowSource
from trunkline.domain.messages import ChatRequest
from trunkline.domain.routes import LocalServer, ModelSpec, ProviderSpec

# The estimate is rather high, and small prompts or odd content can halve it; a cut prompt loses more than that.
_FAR_BELOW = 0.5
_WORTH_LOOKING_TOKENS = 1_000
_LEAST_WINDOW_TOKENS = 2_048


class WindowWatch:
    """What this process has learned of the windows of local models. `lowered` holds, by provider and model, the window
    that is believed in instead of a larger one."""

    def __init__(self) -> None:
        self._lowered: dict[tuple[str, str], int] = {}
        self._needed: dict[tuple[str, str], tuple[int, int]] = {}
        self._called: set[tuple[str, str]] = set()
        self.changed = False

    @property
    def lowered(self) -> Mapping[tuple[str, str], int]:
        return self._lowered

    def first_call(self, provider: ProviderSpec, model: ModelSpec) -> bool:
        """Whether this is the first call to a local model: it is loaded now, and its server can say with what."""
        key = (provider.id, model.id)
        if provider.quirks.local_server is LocalServer.NONE or key in self._called:
            return False
        self._called.add(key)
        return True

    def check(
        self,
        request: ChatRequest,
        provider: ProviderSpec,
        model: ModelSpec,
        *,
        estimate_tokens: int,
        reported_tokens: int | None,
        now_ms: int,
    ) -> str | None:
        """The warning for a receipt, where a local server read far less than was sent; the model's window is lowered
        then. None where there is nothing to warn of."""
        if (
            provider.quirks.local_server is LocalServer.NONE
            or reported_tokens is None
            or _has_images(request)
        ):
            return None
        if estimate_tokens < _WORTH_LOOKING_TOKENS or reported_tokens >= estimate_tokens * _FAR_BELOW:
            return None
        window = max(_LEAST_WINDOW_TOKENS, 1 << max(0, reported_tokens - 1).bit_length())
        key = (provider.id, model.id)
        if window < self._lowered.get(key, model.context_tokens):
            self._lowered[key] = window
            self._needed[key] = (estimate_tokens, now_ms)
            self.changed = True
        return (
            f"{provider.id} read {reported_tokens:,} of about {estimate_tokens:,} tokens: it cuts a prompt that is "
            f"longer than the window it loaded {model.id} with, and does not say so; give the model a larger window"
        )

    def heard(self, servers: Iterable[FoundServer]) -> None:
        """A server has said since with which window a model is loaded: that counts, not what was guessed."""
        for server in servers:
            for model in server.models:
                key = (server.provider, model.id)
                needed_tokens, since_ms = self._needed.get(key, (0, 0))
                told = model.listed.loaded_context_tokens
                if key not in self._lowered or told is None or (server.served_at_ms or 0) <= since_ms:
                    continue
                if model.window_source is not WindowSource.LOADED or self._lowered[key] == told:
                    continue
                if told < needed_tokens:
                    self._lowered[key] = told
                else:
                    del self._lowered[key]
                self.changed = True


def _has_images(request: ChatRequest) -> bool:
    """What an image costs differs too much from model to model for an estimate to say anything."""
    return any(message.images for message in request.messages)
