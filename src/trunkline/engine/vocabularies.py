"""Vocabularies of tiktoken: loaded once a process, on a thread, and never asked of the network again and again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Mapping

from trunkline.analysis import CountText
from trunkline.domain.clock import Clock
from trunkline.domain.counting import Tokenizer

LoadVocabulary = Callable[[Tokenizer], CountText]

_NAMES = {Tokenizer.O200K: "o200k_base", Tokenizer.CL100K: "cl100k_base"}
_RETRY_MS = 3_600_000.0
_log = logging.getLogger(__name__)


def tiktoken_vocabulary(tokenizer: Tokenizer) -> CountText:
    """Load a vocabulary with tiktoken, which keeps it in its cache folder and fetches it the first time. Blocks, and
    for some hundred milliseconds so does the whole process. Raises whatever tiktoken does where it is not to be had."""
    import tiktoken

    encode = tiktoken.get_encoding(_NAMES[tokenizer]).encode_ordinary

    def count(text: str) -> int:
        return len(encode(text))

    return count


class Vocabularies:
    """Those of one engine. `on_loaded` is called on the loading thread with all that are loaded by then."""

    def __init__(
        self,
        clock: Clock,
        load: LoadVocabulary | None,
        on_loaded: Callable[[Mapping[Tokenizer, CountText]], None],
    ) -> None:
        self._clock = clock
        self._load = load
        self._on_loaded = on_loaded
        self._loaded: dict[Tokenizer, CountText] = {}
        self._retry_at_mono_ms: dict[Tokenizer, float] = {}
        self._thread: threading.Thread | None = None

    def want(self, wanted: Collection[Tokenizer]) -> None:
        """Have these loaded soon, unless they are, or are being, or could not be within the last hour. Returns at
        once."""
        if self._load is None or (self._thread is not None and self._thread.is_alive()):
            return
        now_ms = self._clock.mono_ms()
        missing = [
            one
            for one in wanted
            if one in _NAMES and one not in self._loaded and self._retry_at_mono_ms.get(one, now_ms) <= now_ms
        ]
        if missing:
            for one in missing:
                self._retry_at_mono_ms[one] = now_ms + _RETRY_MS
            arguments = (self._load, tuple(missing))
            name = "trunkline-vocabulary"
            self._thread = threading.Thread(target=self._run, args=arguments, name=name, daemon=True)
            self._thread.start()

    def wait(self, timeout_s: float) -> None:
        """Until what is being loaded is; blocks. For a command that has the time."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _run(self, load: LoadVocabulary, wanted: tuple[Tokenizer, ...]) -> None:
        for one in wanted:
            try:
                self._loaded[one] = load(one)
            except (
                Exception
            ) as error:  # tiktoken raises what its HTTP library, its files and its check of them raise
                _log.info("no vocabulary %s, tokens are estimated: %s", one, type(error).__name__)
            else:
                self._on_loaded(dict(self._loaded))
