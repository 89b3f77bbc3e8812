"""The preferences screen."""

from trunkline.tui.screens.preferences.screen import PreferencesScreen

__all__ = ["PreferencesScreen"]
