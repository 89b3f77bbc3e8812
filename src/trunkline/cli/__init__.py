"""The command line. Each command is imported when it is called, so that a quick one starts quickly."""

from __future__ import annotations


def main() -> None:
    """The `trunkline` program."""
    from trunkline.cli.program import run

    run()
