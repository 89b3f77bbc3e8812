"""Refusals of OpenRouter."""

from __future__ import annotations

from typing import Any

from trunkline.simulator.styles.complaint import Complaint, Refusal, Wrong, context_sentence

_OPENROUTER = {
    Wrong.BILLING: (402, "This request requires more credits, or fewer max_tokens.", "payment_required"),
    Wrong.AUTH: (401, "No auth credentials found", "authentication"),
    Wrong.NOT_FOUND: (404, "No endpoints found for {model}.", "not_found"),
    Wrong.CONTENT: (403, "Your chosen model requires moderation and your input was flagged", "moderation"),
    Wrong.OVERLOADED: (503, "Provider overloaded", "provider_overloaded"),
    Wrong.SERVER: (502, "Provider returned error", "provider_unavailable"),
    Wrong.BAD_REQUEST: (400, "Invalid request", "bad_request"),
}


def openrouter(complaint: Complaint) -> Refusal:
    """Codes that are numbers, and `metadata`; limits of free models are told inside it."""
    metadata: dict[str, Any]
    match complaint.wrong:
        case Wrong.RATE | Wrong.QUOTA | Wrong.CONCURRENCY:
            day = complaint.per == "day"
            status = 429
            message = f"Rate limit exceeded: free-models-per-{complaint.per}."
            if day:
                message += " Add 10 credits to unlock 1000 free model requests per day"
            metadata = {
                "headers": {
                    "X-RateLimit-Limit": str(complaint.amount),
                    "X-RateLimit-Remaining": "0",
                    "X-RateLimit-Reset": str(int(complaint.now_ms + (complaint.wait_ms or 0))),
                }
            }
        case Wrong.CONTEXT:
            status, message = 400, context_sentence(complaint)
            metadata = {"error_type": "context_length_exceeded"}
        case _:
            status, message, kind = _OPENROUTER[complaint.wrong]
            message = complaint.said or message
            metadata = {"error_type": kind}
    error = {"message": message.replace("{model}", complaint.model), "code": status, "metadata": metadata}
    return Refusal(status, {"error": error, "user_id": "user_sim"})
