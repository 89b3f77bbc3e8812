"""When the writer's thread is woken for what nobody waits for."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.store.samples import opened

from trunkline.store import writer


class CountingBell(writer._Bell):
    rung = 0

    def ring(self) -> None:
        self.rung += 1
        super().ring()


@pytest.mark.parametrize(("waited_within_s", "wakes"), [(-1.0, 1), (3_600.0, 0)], ids=["few", "many"])
async def test_what_is_posted_wakes_the_writer_when_told_to_and_nobody_waited_just_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waited_within_s: float, wakes: int
) -> None:
    monkeypatch.setattr(writer, "_Bell", CountingBell)
    monkeypatch.setattr(writer, "_DENSE_S", waited_within_s)
    async with opened(tmp_path / "t.db") as store:
        bell = store._writer._wanted
        assert isinstance(bell, CountingBell)
        await store.flush()
        before = bell.rung
        store.hasten()
        assert bell.rung == before, "there is nothing to write"
        store.post(lambda _: None)
        assert bell.rung == before
        store.hasten()
        assert bell.rung == before + wakes
