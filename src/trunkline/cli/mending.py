"""What to do about a configuration that cannot be used, beside an editor."""

from __future__ import annotations

import os

from trunkline.domain.errors import ConfigError


def way_out(error: ConfigError) -> str:
    """The command that takes the wrong value out of the user's own file; nothing where none would do just that."""
    from trunkline.config.files import parse_dotted, read_layer, value_at
    from trunkline.config.places import find_places
    from trunkline.config.preferences_schema import PreferencesFile
    from trunkline.config.problems import model_at
    from trunkline.config.schema import ProvidersFile
    from trunkline.config.shape import Kind, kind_of

    places = find_places(os.environ)
    file = next((f for f in (places.preferences_file, places.providers_file) if str(f) == error.file), None)
    key, entry, _ = error.key.partition("[")
    path = parse_dotted(key) if key else ()
    if file is None or not path or not value_at(read_layer(file, user=True).data, path)[0]:
        return ""
    annotation = model_at(PreferencesFile if file == places.preferences_file else ProvidersFile, path)
    if annotation is None or (entry and kind_of(annotation) is not Kind.LIST):
        return ""
    quoted = f"'{key}'" if '"' in key else key
    return f"Correct it there, or take it out: `trunkline config unset {quoted}`."
