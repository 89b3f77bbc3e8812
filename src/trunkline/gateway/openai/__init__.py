"""OpenAI's chat completions as a client speaks them: `POST /v1/chat/completions`."""
