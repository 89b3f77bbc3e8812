"""The one HTTP transport: sends calls, watches their time limits, turns every failure into a Fault."""

from trunkline.providers.transport.http import HttpTransport

__all__ = ["HttpTransport"]
