"""What a chat-completions request demands of tools and of the answer's form, and what is refused of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trunkline.simulator.styles import Complaint, Wrong

Body = Mapping[str, Any]


def bad(said: str, param: str | None = None, code: str | None = None) -> Complaint:
    """A complaint about a request in the provider's own words."""
    return Complaint(Wrong.BAD_REQUEST, said=said, param=param, code=code)


def offered(body: Body) -> tuple[str, ...]:
    """The names of the tools that may be called."""
    return () if body.get("tool_choice") == "none" else tuple(_functions(body))


def schemas(body: Body) -> Mapping[str, Any]:
    """The JSON schema of each tool's arguments."""
    return {name: function.get("parameters") or {} for name, function in _functions(body).items()}


def must_call(body: Body) -> tuple[str, ...]:
    """The tools of which one is to be called."""
    choice = body.get("tool_choice")
    if choice in ("required", "any"):
        return tuple(_functions(body))
    named = _named(choice)
    return () if named is None else (named,)


def schema_in(form: object) -> Mapping[str, Any] | None:
    """The schema that the answer must fit."""
    if not isinstance(form, Mapping) or form.get("type") != "json_schema":
        return None
    schema = (form.get("json_schema") or {}).get("schema")
    return schema if isinstance(schema, Mapping) else None


def _functions(body: Body) -> dict[str, Body]:
    functions = [tool.get("function") for tool in body.get("tools") or () if isinstance(tool, Mapping)]
    return {str(one.get("name")): one for one in functions if isinstance(one, Mapping)}


def _named(choice: object) -> str | None:
    function = choice.get("function") if isinstance(choice, Mapping) else None
    return str(function.get("name")) if isinstance(function, Mapping) else None


def choice_objection(body: Body) -> Complaint | None:
    """A choice among no tools, or of one that is not there."""
    choice = body.get("tool_choice")
    if choice is None:
        return None
    if not body.get("tools"):
        said = "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified."
        return bad(said, "tool_choice")
    named = _named(choice)
    if named is not None and named not in _functions(body):
        said = f"Invalid value for 'tool_choice': tool choice '{named}' not found in 'tools' parameter."
        return bad(said, "tool_choice")
    return None


def schema_objection(form: object) -> Complaint | None:
    """A schema that is none, or not strict enough for where it is to be kept to exactly."""
    if not isinstance(form, Mapping) or form.get("type") != "json_schema":
        return None
    table = form.get("json_schema")
    if not isinstance(table, Mapping) or not table.get("name"):
        return bad(
            "Missing required parameter: 'response_format.json_schema.name'.",
            "response_format.json_schema.name",
        )
    if table.get("strict") is not True:
        return None
    wrong = _loose(table.get("schema"), ())
    if wrong is None:
        return None
    said = f"Invalid schema for response_format '{table['name']}': In context={wrong[0]}, {wrong[1]}"
    return bad(said, "response_format")


def _loose(schema: object, path: tuple[str, ...]) -> tuple[tuple[str, ...], str] | None:
    """The first place that is not strict, and why."""
    if not isinstance(schema, Mapping):
        return None
    properties = schema.get("properties") or {}
    if schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            return path, "'additionalProperties' is required to be supplied and to be false."
        if set(properties) != set(schema.get("required") or ()):
            return (
                path,
                "'required' is required to be supplied and to be an array including every key in properties.",
            )
    inner: list[tuple[tuple[str, ...], object]] = [(("items",), schema.get("items"))]
    inner += [(("properties", name), one) for name, one in properties.items()]
    found = (_loose(one, (*path, *step)) for step, one in inner)
    return next((one for one in found if one is not None), None)


# -- what some of them refuse ---------------------------------------------------------------------------------------


def no_json_schema(body: Body, messages: Sequence[Body]) -> Complaint | None:
    """DeepSeek's words for a schema."""
    if schema_in(body.get("response_format")) is None:
        return None
    return bad("This response_format type is unavailable now", "response_format", "invalid_request_error")


def json_word(body: Body, messages: Sequence[Body]) -> Complaint | None:
    """OpenAI's condition for any JSON object."""
    form = body.get("response_format")
    if not isinstance(form, Mapping) or form.get("type") != "json_object" or "json" in str(messages).lower():
        return None
    said = "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
    return bad(said, "messages")


def tool_choice_auto(body: Body, messages: Sequence[Body]) -> Complaint | None:
    """Z.AI's words for any choice but its own."""
    if body.get("tool_choice") in (None, "auto"):
        return None
    return bad("Tool choice must be auto", "tool_choice")


def unforced_thinking(body: Body, messages: Sequence[Body]) -> Complaint | None:
    """DeepSeek's words for a tool forced on a model that thinks unless told otherwise."""
    thinking = body.get("thinking")
    off = isinstance(thinking, Mapping) and thinking.get("type") == "disabled"
    if off or not must_call(body):
        return None
    return bad("Thinking mode does not support this tool_choice", "tool_choice", "invalid_request_error")
