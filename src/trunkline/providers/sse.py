"""Server-sent events split from bytes."""
