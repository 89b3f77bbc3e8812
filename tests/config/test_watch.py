"""A change on disk is seen once, and a wrong file leaves the last good configuration in force."""

from __future__ import annotations

import os

from trunkline.config.edit import write_private
from trunkline.config.watch import ConfigWatcher
from trunkline.domain.errors import ConfigError


def test_changes_are_seen_once(home):
    file = home.places.preferences_file
    watcher = ConfigWatcher([home.places.providers_file, file])
    assert not watcher.changed()
    file.write_text('mode = "cost_first"\n')
    assert watcher.changed()
    assert not watcher.changed()
    file.unlink()
    assert watcher.changed()


def test_a_replaced_file_of_equal_size_and_time_is_a_change(home):
    file = home.places.preferences_file
    file.write_text("quality_floor = 0.5\n")
    stamp = file.stat()
    watcher = ConfigWatcher([file])
    write_private(file, "quality_floor = 0.6\n")
    os.utime(file, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert watcher.changed()


def test_the_last_good_configuration_survives_a_wrong_edit(home):
    good = home.load(preferences="quality_floor = 0.5\n")
    watcher = ConfigWatcher(good.sources)
    in_force = good
    seen: list[str] = []
    for text in ("quality_floor = 7\n", "quality_floor =\n", "quality_floor = 0.25\n"):
        home.write(preferences=text)
        assert watcher.changed()
        try:
            in_force = home.load()
        except ConfigError as error:
            seen.append(str(error))
            assert in_force is good
    assert len(seen) == 2
    assert in_force.config.preferences.quality_floor == 0.25
