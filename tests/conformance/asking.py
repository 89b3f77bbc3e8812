"""What every SDK asks."""

from __future__ import annotations

import base64

WEATHER = 'call get_weather with {"city": "Oslo"}'
BOTH = 'Please call get_weather with {"city": "Oslo"} and call get_time with {"zone": "CET", "names": ["a", "b"]}.'
STEPS = 'First call get_weather with {"city": "Oslo"}, then call get_time with {"zone": "CET"}.'
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
ARGUMENTS = {"get_weather": {"city": "Oslo"}, "get_time": {"zone": "CET", "names": ["a", "b"]}}

# A picture of one pixel.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PNG_BASE64 = base64.b64encode(PNG).decode()
