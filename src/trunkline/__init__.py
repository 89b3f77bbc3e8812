"""Trunkline: a terminal control centre for people who own many LLM accounts."""
