"""What of a request's wishes a provider takes, beyond what everybody of its protocol takes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Accepts:
    """What the encoders may say to a provider; the rest is said in words or left out.

    `tool_choice`: which uses of tools (words of `ToolUse`) can be demanded; `auto` is everybody's own and never sent.
    `forced_beside_thinking`: a model that thinks may be forced to call a tool; otherwise only with its thinking off, or
    where its thinking has levels. `parallel_tool_calls`: knows the field. `json_schema`: takes the schema of an answer;
    None: if its quirk `json_mode` says that it knows such a field. `sampling`: the fields for how tokens are drawn, by
    their names on the wire; None: those of the protocol's own provider. `stops`: the most stop sequences; None: as many
    as that provider. `stops_without_temperature`: its models that take no temperature take them too. `native_fields`:
    fields of the protocol that it takes beside those that Trunkline knows; None: any. `tool_images`: a tool's result
    may hold images (of the `openai` protocol; the others always may). `packed_vectors`: gives embeddings as base64 too,
    which is a third of the size and of the work. `texts_per_call`: the most texts of one call for embeddings; None: as
    many as the protocol's own provider takes.
    """

    tool_choice: tuple[str, ...] = ("auto", "none", "required", "named")
    forced_beside_thinking: bool = True
    parallel_tool_calls: bool = True
    json_schema: bool | None = None
    sampling: tuple[str, ...] | None = None
    stops: int | None = None
    stops_without_temperature: bool = True
    native_fields: tuple[str, ...] | None = None
    tool_images: bool = False
    packed_vectors: bool = False
    texts_per_call: int | None = None
