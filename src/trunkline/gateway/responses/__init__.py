"""OpenAI's responses as a client speaks them: `POST /v1/responses`."""
