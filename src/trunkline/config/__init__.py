"""What the user wrote: providers.toml and preferences.toml, key references, edits that keep comments."""
