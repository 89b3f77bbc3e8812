"""The `openai` protocol, sans-I/O."""
