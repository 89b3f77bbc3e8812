"""The `gemini` protocol, sans-I/O."""
