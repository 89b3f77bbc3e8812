"""The command line. Each command is imported when it is called, so that a quick one starts quickly."""

from __future__ import annotations

import sys


def main() -> None:
    """The `trunkline` program."""
    try:
        from trunkline.cli.program import run

        run()
    except KeyboardInterrupt:
        sys.exit(130)  # before there was anything to stop
