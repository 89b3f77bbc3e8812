"""Trunkline: a terminal control centre for people who own many LLM accounts."""

__version__ = "0.1.0"
