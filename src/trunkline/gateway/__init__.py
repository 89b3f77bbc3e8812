"""The local HTTP API in front of the engine: OpenAI's, Anthropic's and Gemini's shapes for agents on this machine."""
