"""The fields that chat completions and responses read alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from trunkline.domain.messages import AnswerSchema, Effort, ImagePart, NativeField, ToolSpec
from trunkline.gateway.effort import effort_of
from trunkline.gateway.left_out import LeftOut, packed
from trunkline.gateway.reading import Reader

PROTOCOL = "openai"

EFFORTS: Mapping[str, Effort] = {
    "none": Effort.NONE,
    "minimal": Effort.MINIMAL,
    "low": Effort.LOW,
    "medium": Effort.MEDIUM,
    "high": Effort.HIGH,
    "xhigh": Effort.MAX,
    "max": Effort.MAX,
}

NATIVE = (
    "logit_bias",
    "prediction",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "user",
    "verbosity",
)
"""What only OpenAI's kind of provider knows and can be done without elsewhere: sent on as it came."""

_NO_PARAMETERS = '{"type":"object","properties":{}}'


def native_fields(reader: Reader, names: Iterable[str] = NATIVE) -> tuple[NativeField, ...]:
    """The fields of these names that say something."""
    table = reader.table
    return tuple(
        NativeField(PROTOCOL, name, packed(table[name], reader.at(name)))
        for name in names
        if reader.has(name)
    )


def read_effort(reader: Reader) -> Effort | None:
    """How long to think, of a table with `effort`, and OpenRouter's `max_tokens` and `enabled`."""
    word = reader.word("effort", tuple(EFFORTS))
    if word is not None:
        return EFFORTS[word]
    budget_tokens = reader.whole("max_tokens", least=0)
    if budget_tokens is not None:
        return effort_of(budget_tokens)
    return Effort.NONE if reader.flag("enabled") is False else None


def read_function(function: Reader, left_out: LeftOut) -> ToolSpec:
    """A function that the client runs: `name`, `description`, `parameters`."""
    if function.flag("strict"):
        left_out.add("tools.strict")
    schema = read_parameters(function)
    return ToolSpec(function.needed_text("name"), function.text("description") or "", schema)


def read_parameters(function: Reader) -> str:
    """The schema of a function's `parameters`, as JSON text; that of none where it has none."""
    parameters = function.object("parameters")
    return _NO_PARAMETERS if parameters is None else packed(parameters.table, function.at("parameters"))


def read_schema(described: Reader) -> AnswerSchema | None:
    """The schema of the answer, of a table with `name`, `description`, `schema` and `strict`; None where it has no
    schema, which asks for any JSON."""
    schema = described.object("schema")
    if schema is None:
        return None
    return AnswerSchema(
        packed(schema.table, described.at("schema")),
        described.text("name") or "answer",
        described.text("description") or "",
        described.flag("strict"),
    )


def read_image(url: str | None, reader: Reader, key: str, left_out: LeftOut) -> ImagePart:
    """An image by its address; how closely it is to be looked at is nobody's but OpenAI's."""
    if not url:
        raise reader.wrong(key, "the address of an image or a data: URL")
    if reader.text("detail") not in (None, "auto"):
        left_out.add("image.detail")
    return ImagePart(url)
