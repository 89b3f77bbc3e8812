"""Anthropic's Messages API as a client speaks it: `POST /v1/messages` and `/v1/messages/count_tokens`."""
