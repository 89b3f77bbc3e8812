"""The kinds of values that the two files hold, each refused in words that say what was expected."""

from __future__ import annotations

import ipaddress
import math
import re
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from trunkline.config.hours import parse_hours
from trunkline.config.keys import REFERENCE_EXPECTED, parse_key_ref
from trunkline.domain.counting import Tokenizer
from trunkline.domain.limits import LimitScope, Window
from trunkline.domain.preferences import AliasStrategy, BudgetMode, QualityMode
from trunkline.domain.routes import (
    Billing,
    Capability,
    LocalServer,
    PoolStrategy,
    Prefill,
    ReasoningEcho,
    SelfReport,
    ThinkingControl,
    ToolIds,
)
from trunkline.domain.tasks import Priority, Tier

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HOST = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*"
)
_LAST_PORT = 65_535
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HEADER = re.compile(r"[A-Za-z0-9-]+")
_OWN_BODY_FIELDS = ("model", "messages", "contents", "stream")
_CREDENTIAL_HEADERS = {
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "cookie",
}


class PlainKeyError(ValueError):
    """A value that may be a plain key; it must not be shown."""


def _id(text: str) -> str:
    if not _ID.fullmatch(text):
        raise ValueError("a name of letters, digits, dots, dashes and underscores")
    return text


def _text(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("text on one line, not empty")
    return text


def _variable(text: str) -> str:
    if not _VARIABLE.fullmatch(text):
        raise PlainKeyError("the name of an environment variable")
    return text


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.username or parts.password:
        raise PlainKeyError("an address without a user name or password in it")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("an address such as https://llm.example.org/v1")
    return text.rstrip("/")


def _listening_host(text: str) -> str:
    if not _HOST.fullmatch(text) and not _is_address(text):
        raise ValueError("an address or a name of this machine, such as 127.0.0.1, ::1 or 0.0.0.0")
    return text


def _called_host(text: str) -> str:
    name, _, port = (
        text.rpartition(":") if re.search(r":\d+$", text) and not _is_address(text) else (text, "", "")
    )
    if not (_HOST.fullmatch(name) or _is_address(name.strip("[]"))) or (port and int(port) > _LAST_PORT):
        raise ValueError(
            "a name or an address by which the gateway is called, such as box.example or box.example:8787"
        )
    return text.lower()


def _origin(text: str) -> str:
    parts = urlsplit(text)
    whole = f"{parts.scheme}://{parts.netloc}"
    if not parts.scheme or not parts.hostname or "@" in parts.netloc or text.lower() != whole.lower():
        raise ValueError("the origin of a web page, such as http://localhost:3000, without a path")
    return text.lower()


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _some(texts: list[str]) -> list[str]:
    if not texts:
        raise ValueError("at least one provider, account or model")
    return texts


def _key(text: str) -> str:
    if parse_key_ref(text) is None:
        raise PlainKeyError(REFERENCE_EXPECTED)
    return text


def _window(text: str) -> str:
    try:
        Window.parse(text)
    except ValueError:
        raise ValueError(
            'a window: "60s", "5m", "2h" or "1d" (rolling), "day", "week" or "month", "session:5h", "balance"'
        ) from None
    return text


def _zone(text: str) -> str:
    if text != "UTC":
        from zoneinfo import ZoneInfo

        try:
            ZoneInfo(text)
        except (ValueError, OSError, KeyError):  # KeyError: ZoneInfoNotFoundError
            raise ValueError('a time zone such as "America/Los_Angeles" or "UTC"') from None
    return text


def _day(value: object) -> object:
    if isinstance(value, str):
        try:
            date.fromisoformat(value)
        except ValueError:
            raise ValueError('a day such as "2026-12-01"') from None
    return value.isoformat() if isinstance(value, date) else value


def _headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if name.lower() in _CREDENTIAL_HEADERS:
            raise PlainKeyError("headers without credentials; a key belongs to an account, as a reference")
        if not _HEADER.fullmatch(name) or not value.isprintable():
            raise ValueError("header names of letters, digits and dashes, and values on one line")
    return headers


def _hours(text: str) -> str:
    parse_hours(text)
    return text


def _body_fields(fields: dict[str, Any]) -> dict[str, Any]:
    if not fields.keys().isdisjoint(_OWN_BODY_FIELDS):
        raise ValueError(f"fields beside those that every request has ({', '.join(_OWN_BODY_FIELDS)})")
    if not _is_json(fields):
        raise ValueError("values that JSON has: text, whole and finite numbers, true, false, lists, tables")
    return fields


def _is_json(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(_is_json, value.values()))
    if isinstance(value, list):
        return all(map(_is_json, value))
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, (str, bool)) or (isinstance(value, int) and abs(value) < 2**63)


@dataclass(frozen=True, slots=True)
class Step:
    """By how much a key changes a number; pydantic passes it over."""

    by: float


Id = Annotated[str, AfterValidator(_id)]
Variable = Annotated[str, AfterValidator(_variable)]
Url = Annotated[str, AfterValidator(_url)]
KeyReference = Annotated[str, AfterValidator(_key)]
WindowText = Annotated[str, AfterValidator(_window)]
Zone = Annotated[str, AfterValidator(_zone)]
Day = Annotated[str, BeforeValidator(_day)]
Text = Annotated[str, AfterValidator(_text)]
HoursText = Annotated[str, AfterValidator(_hours)]
Headers = Annotated[dict[str, str], AfterValidator(_headers)]
BodyFields = Annotated[dict[Text, Any], AfterValidator(_body_fields)]
ListeningHost = Annotated[str, AfterValidator(_listening_host)]
CalledHost = Annotated[str, AfterValidator(_called_host)]
OriginText = Annotated[str, AfterValidator(_origin)]
Port = Annotated[int, Field(ge=1, le=_LAST_PORT), Step(1)]
SomeModels = Annotated[list[Text], AfterValidator(_some)]
Share = Annotated[float, Field(ge=0, le=1), Step(0.05)]
# Counters and money are 64-bit integers in the store, money in pico-dollars.
MOST_USD = 9_000_000
Usd = Annotated[float, Field(ge=0, le=MOST_USD)]
Amount = Annotated[float, Field(ge=0, le=1e15)]
Weight = Annotated[float, Field(ge=0), Step(0.05)]
Count = Annotated[int, Field(ge=1, le=10**12)]
Tokens = Annotated[int, Field(ge=1, le=10**12), Step(1_000)]
Percent = Annotated[int, Field(ge=0, le=100), Step(5)]
Hour = Annotated[int, Field(ge=0, le=23), Step(1)]
# Counted in milliseconds inside: less than one would be none.
Seconds = Annotated[float, Field(ge=0.001, le=86_400), Step(1)]
Pace = Annotated[float, Field(ge=0, le=3_600), Step(1)]
# Enumerations are written as text, which pydantic's strict mode would refuse.
BillingText = Annotated[Billing, Field(strict=False)]
PoolText = Annotated[PoolStrategy, Field(strict=False)]
CapabilityText = Annotated[Capability, Field(strict=False)]
PrefillText = Annotated[Prefill, Field(strict=False)]
ThinkingText = Annotated[ThinkingControl, Field(strict=False)]
TokenizerText = Annotated[Tokenizer, Field(strict=False)]
EchoText = Annotated[ReasoningEcho, Field(strict=False)]
ToolIdsText = Annotated[ToolIds, Field(strict=False)]
SelfReportText = Annotated[SelfReport, Field(strict=False)]
LocalServerText = Annotated[LocalServer, Field(strict=False)]
# Of `Metric`, what a person can count: a share of a plan is only ever told by its provider.
MetricText = Literal["requests", "input_tokens", "output_tokens", "total_tokens", "cost", "concurrency"]
ScopeText = Annotated[LimitScope, Field(strict=False)]
BudgetText = Annotated[BudgetMode, Field(strict=False)]
QualityText = Annotated[QualityMode, Field(strict=False)]
PriorityText = Annotated[Priority, Field(strict=False)]
AliasStrategyText = Annotated[AliasStrategy, Field(strict=False)]
TierText = Annotated[Tier, Field(strict=False)]


def doc(text: str, default: Any = ...) -> Any:
    """A field with its help text; without a default it must be given."""
    return Field(default, description=text)


class Table(BaseModel):
    """A TOML table: no unknown keys, no silent conversions."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
