"""The `anthropic` protocol, sans-I/O."""
