"""Which conversation finds which program."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from trunkline.domain.routes import LocalServer
from trunkline.providers.local import llamacpp, lmstudio, ollama, vllm
from trunkline.providers.local.look import Known, Look

LOOKS: Mapping[LocalServer, Callable[[Known], Look]] = {
    LocalServer.OLLAMA: ollama.look,
    LocalServer.LLAMACPP: llamacpp.look,
    LocalServer.LMSTUDIO: lmstudio.look,
    LocalServer.VLLM: vllm.look,
}
NAMES: Mapping[LocalServer, str] = {
    LocalServer.OLLAMA: ollama.NAME,
    LocalServer.LLAMACPP: llamacpp.NAME,
    LocalServer.LMSTUDIO: lmstudio.NAME,
    LocalServer.VLLM: vllm.NAME,
}
