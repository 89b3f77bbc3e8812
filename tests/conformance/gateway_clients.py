"""The official SDKs as clients of the gateway, each asking the same things in its own words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from typing import Any, Protocol

import anthropic
import openai
from google import genai
from google.genai import errors as google_errors
from google.genai import types
from tests.conformance.asking import ARGUMENTS, BOTH, PNG, PNG_BASE64, SCHEMA

ANSWER_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "people": {"type": "integer"}},
    "required": ["city", "people"],
    "additionalProperties": False,
}
PICTURE_PROMPT = "What is this?"
SYSTEM = "Be short."


@dataclass(frozen=True)
class Told:
    """An answer: its words, why it ended in the protocol's own word, its usage, and who gave it."""

    text: str
    finish: str
    input_tokens: int
    output_tokens: int
    model: str


@dataclass(frozen=True)
class Refusal:
    """An error as the SDK raised it: its class's name, its status and its words."""

    kind: str
    status: int
    said: str


class Client(Protocol):
    """One SDK pointed at the gateway. `model` is any of the gateway's names."""

    name: str
    whole: str
    """The protocol's word for an answer that is whole."""

    cut_short: str
    """Its word for one that reached its limit."""

    def tell(self, model: str, prompt: str, *, stream: bool, most_tokens: int = 2000) -> Told:
        """Ask for words, with a system prompt."""
        ...

    def call_tools(self, model: str, *, stream: bool) -> tuple[dict[str, Any], str]:
        """Have both tools called in parallel and send their results back: the arguments by tool, and the words that
        came at last."""
        ...

    def forced(self, model: str) -> list[str]:
        """The names of the tools that were called by a prompt that wants none, where one is forced."""
        ...

    def look(self, model: str) -> str:
        """Show a picture."""
        ...

    def fill(self, model: str, *, stream: bool) -> Any:
        """Ask for JSON that fits `ANSWER_SCHEMA`."""
        ...

    def refused(self, model: str, prompt: str = "Hi", *, stream: bool = False) -> Refusal:
        """Ask what is refused."""
        ...

    def pieces(self, model: str, prompt: str) -> AbstractContextManager[Iterator[str]]:
        """The words of a stream as they come; leaving closes the connection."""
        ...


class OpenAIClient:
    """Chat completions."""

    name, whole, cut_short = "openai", "stop", "length"

    def __init__(self, root: str, token: str) -> None:
        self.sdk = openai.OpenAI(base_url=f"{root}/v1", api_key=token, max_retries=0, timeout=20)

    def _messages(self, content: Any) -> list[Any]:
        return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": content}]

    def tell(self, model: str, prompt: str, *, stream: bool, most_tokens: int = 2000) -> Told:
        asked: Any = {
            "model": model,
            "messages": self._messages(prompt),
            "max_completion_tokens": most_tokens,
        }
        if stream:
            usage = {"stream_options": {"include_usage": True}}
            return self._told(list(self.sdk.chat.completions.create(**asked, **usage, stream=True)))
        reply = self.sdk.chat.completions.create(**asked)
        choice, used = reply.choices[0], reply.usage
        assert used is not None
        text = choice.message.content or ""
        return Told(text, choice.finish_reason, used.prompt_tokens, used.completion_tokens, reply.model)

    def _told(self, chunks: list[Any]) -> Told:
        choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
        text = "".join(choice.delta.content or "" for choice in choices)
        used = chunks[-1].usage
        finish = choices[-1].finish_reason
        return Told(text, finish, used.prompt_tokens, used.completion_tokens, chunks[-1].model)

    def call_tools(self, model: str, *, stream: bool) -> tuple[dict[str, Any], str]:
        tools: Any = [{"type": "function", "function": {"name": n, "parameters": SCHEMA}} for n in ARGUMENTS]
        messages = self._messages(BOTH)
        if stream:
            with self.sdk.chat.completions.stream(model=model, messages=messages, tools=tools) as events:
                message: Any = events.get_final_completion().choices[0].message
        else:
            asked = self.sdk.chat.completions.create(model=model, messages=messages, tools=tools)
            message = asked.choices[0].message
        made = {call.function.name: json.loads(call.function.arguments) for call in message.tool_calls}
        calls = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.function.name, "arguments": call.function.arguments},
            }
            for call in message.tool_calls
        ]
        results = [
            {"role": "tool", "tool_call_id": call["id"], "content": f"12 of {call['function']['name']}"}
            for call in calls
        ]
        back: Any = [
            *messages,
            {"role": "assistant", "content": message.content, "tool_calls": calls},
            *results,
        ]
        final = self.sdk.chat.completions.create(model=model, messages=back, tools=tools)
        return made, final.choices[0].message.content or ""

    def forced(self, model: str) -> list[str]:
        tools: Any = [{"type": "function", "function": {"name": n, "parameters": SCHEMA}} for n in ARGUMENTS]
        wanted: Any = {"type": "function", "function": {"name": "get_time"}}
        reply: Any = self.sdk.chat.completions.create(
            model=model, messages=self._messages("Hello"), tools=tools, tool_choice=wanted
        )
        return [call.function.name for call in reply.choices[0].message.tool_calls]

    def look(self, model: str) -> str:
        url = f"data:image/png;base64,{PNG_BASE64}"
        content = [{"type": "text", "text": PICTURE_PROMPT}, {"type": "image_url", "image_url": {"url": url}}]
        reply = self.sdk.chat.completions.create(model=model, messages=self._messages(content))
        return reply.choices[0].message.content or ""

    def fill(self, model: str, *, stream: bool) -> Any:
        schema = {"name": "place", "schema": ANSWER_SCHEMA, "strict": True}
        asked: Any = {
            "model": model,
            "messages": self._messages("Name a place."),
            "response_format": {"type": "json_schema", "json_schema": schema},
        }
        if not stream:
            return json.loads(self.sdk.chat.completions.create(**asked).choices[0].message.content or "")
        chunks = self.sdk.chat.completions.create(**asked, stream=True)
        return json.loads("".join(c.choices[0].delta.content or "" for c in chunks if c.choices))

    def refused(self, model: str, prompt: str = "Hi", *, stream: bool = False) -> Refusal:
        try:
            reply: Any = self.sdk.chat.completions.create(
                model=model, messages=self._messages(prompt), stream=stream
            )
            list(reply)
        except openai.APIStatusError as error:
            return Refusal(type(error).__name__, error.status_code, error.message)
        except openai.APIError as error:
            return Refusal(type(error).__name__, 200, error.message)
        raise AssertionError("it was answered")

    def pieces(self, model: str, prompt: str) -> AbstractContextManager[Iterator[str]]:
        def words() -> Iterator[str]:
            with self.sdk.chat.completions.create(
                model=model, messages=self._messages(prompt), stream=True
            ) as chunks:
                for chunk in chunks:
                    if chunk.choices and chunk.choices[0].delta.content:
                        yield chunk.choices[0].delta.content

        return closing(words())


class ResponsesClient:
    """OpenAI's Responses."""

    name, whole, cut_short = "responses", "completed", "incomplete"

    def __init__(self, root: str, token: str) -> None:
        self.sdk = openai.OpenAI(base_url=f"{root}/v1", api_key=token, max_retries=0, timeout=20)
        self.tools: Any = [
            {"type": "function", "name": n, "parameters": SCHEMA, "strict": False} for n in ARGUMENTS
        ]

    def _reply(self, *, stream: bool, **asked: Any) -> Any:
        asked = {"instructions": SYSTEM, **asked}
        if not stream:
            return self.sdk.responses.create(**asked)
        with self.sdk.responses.stream(**asked) as events:
            return list(events)[-1].response  # type: ignore[union-attr]

    def tell(self, model: str, prompt: str, *, stream: bool, most_tokens: int = 2000) -> Told:
        reply = self._reply(stream=stream, model=model, input=prompt, max_output_tokens=most_tokens)
        usage = reply.usage
        return Told(reply.output_text, reply.status, usage.input_tokens, usage.output_tokens, reply.model)

    def call_tools(self, model: str, *, stream: bool) -> tuple[dict[str, Any], str]:
        question = {"role": "user", "content": BOTH}
        reply = self._reply(stream=stream, model=model, input=[question], tools=self.tools)
        calls = [item for item in reply.output if item.type == "function_call"]
        made = {call.name: json.loads(call.arguments) for call in calls}
        said = [item.to_dict() for item in reply.output]
        for item in said:
            item.pop("parsed_arguments", None)
        results = [
            {"type": "function_call_output", "call_id": call.call_id, "output": f"12 of {call.name}"}
            for call in calls
        ]
        final = self._reply(stream=False, model=model, input=[question, *said, *results], tools=self.tools)
        return made, final.output_text

    def forced(self, model: str) -> list[str]:
        wanted = {"type": "function", "name": "get_time"}
        reply = self._reply(stream=False, model=model, input="Hello", tools=self.tools, tool_choice=wanted)
        return [item.name for item in reply.output if item.type == "function_call"]

    def look(self, model: str) -> str:
        picture = {
            "type": "input_image",
            "image_url": f"data:image/png;base64,{PNG_BASE64}",
            "detail": "auto",
        }
        content = [{"type": "input_text", "text": PICTURE_PROMPT}, picture]
        reply = self._reply(stream=False, model=model, input=[{"role": "user", "content": content}])
        return str(reply.output_text)

    def fill(self, model: str, *, stream: bool) -> Any:
        form = {"type": "json_schema", "name": "place", "schema": ANSWER_SCHEMA, "strict": True}
        reply = self._reply(stream=stream, model=model, input="Name a place.", text={"format": form})
        return json.loads(reply.output_text)

    def refused(self, model: str, prompt: str = "Hi", *, stream: bool = False) -> Refusal:
        try:
            reply: Any = self.sdk.responses.create(model=model, input=prompt, stream=stream)
            last = list(reply)[-1] if stream else reply
        except openai.APIStatusError as error:
            return Refusal(type(error).__name__, error.status_code, error.message)
        except openai.APIError as error:
            return Refusal(type(error).__name__, 200, error.message)
        assert last.type == "response.failed", last
        return Refusal(last.type, 200, last.response.error.message)

    def pieces(self, model: str, prompt: str) -> AbstractContextManager[Iterator[str]]:
        def words() -> Iterator[str]:
            with self.sdk.responses.create(model=model, input=prompt, stream=True) as events:
                for event in events:
                    if event.type == "response.output_text.delta":
                        yield event.delta

        return closing(words())


class AnthropicClient:
    """Anthropic's Messages."""

    name, whole, cut_short = "anthropic", "end_turn", "max_tokens"

    def __init__(self, root: str, token: str) -> None:
        self.sdk = anthropic.Anthropic(base_url=root, api_key=token, max_retries=0, timeout=20)
        self.tools: Any = [{"name": n, "input_schema": SCHEMA} for n in ARGUMENTS]

    def _reply(self, *, stream: bool = False, **asked: Any) -> Any:
        asked = {"max_tokens": 2000, "system": SYSTEM, **asked}
        if not stream:
            return self.sdk.messages.create(**asked)
        with self.sdk.messages.stream(**asked) as events:
            return events.get_final_message()

    def _text(self, reply: Any) -> str:
        return "".join(block.text for block in reply.content if block.type == "text")

    def tell(self, model: str, prompt: str, *, stream: bool, most_tokens: int = 2000) -> Told:
        messages = [{"role": "user", "content": prompt}]
        reply = self._reply(stream=stream, model=model, messages=messages, max_tokens=most_tokens)
        usage = reply.usage
        read = (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
        return Told(
            self._text(reply), reply.stop_reason, usage.input_tokens + read, usage.output_tokens, reply.model
        )

    def call_tools(self, model: str, *, stream: bool) -> tuple[dict[str, Any], str]:
        question = {"role": "user", "content": BOTH}
        reply = self._reply(stream=stream, model=model, messages=[question], tools=self.tools)
        calls = [block for block in reply.content if block.type == "tool_use"]
        said = {"role": "assistant", "content": [block.to_dict() for block in reply.content]}
        results = [
            {"type": "tool_result", "tool_use_id": call.id, "content": f"12 of {call.name}"} for call in calls
        ]
        back = [question, said, {"role": "user", "content": results}]
        final = self._reply(model=model, messages=back, tools=self.tools)
        return {call.name: call.input for call in calls}, self._text(final)

    def forced(self, model: str) -> list[str]:
        reply = self._reply(
            model=model,
            messages=[{"role": "user", "content": "Hello"}],
            tools=self.tools,
            tool_choice={"type": "tool", "name": "get_time"},
        )
        return [block.name for block in reply.content if block.type == "tool_use"]

    def look(self, model: str) -> str:
        source = {"type": "base64", "media_type": "image/png", "data": PNG_BASE64}
        content = [{"type": "text", "text": PICTURE_PROMPT}, {"type": "image", "source": source}]
        return self._text(self._reply(model=model, messages=[{"role": "user", "content": content}]))

    def fill(self, model: str, *, stream: bool) -> Any:
        form = {"format": {"type": "json_schema", "schema": ANSWER_SCHEMA}}
        question = {"role": "user", "content": "Name a place."}
        reply = self._reply(stream=stream, model=model, messages=[question], output_config=form)
        return json.loads(self._text(reply))

    def refused(self, model: str, prompt: str = "Hi", *, stream: bool = False) -> Refusal:
        try:
            reply: Any = self.sdk.messages.create(
                model=model, max_tokens=500, messages=[{"role": "user", "content": prompt}], stream=stream
            )
            list(reply)
        except anthropic.APIStatusError as error:
            return Refusal(type(error).__name__, error.status_code, str(error.body))
        raise AssertionError("it was answered")

    def pieces(self, model: str, prompt: str) -> AbstractContextManager[Iterator[str]]:
        def words() -> Iterator[str]:
            question: Any = {"role": "user", "content": prompt}
            with self.sdk.messages.stream(model=model, max_tokens=2000, messages=[question]) as events:
                yield from events.text_stream

        return closing(words())


class GoogleClient:
    """Google's generateContent, under the version that the SDK asks for unless told otherwise."""

    name, whole, cut_short = "google", "STOP", "MAX_TOKENS"

    def __init__(self, root: str, token: str) -> None:
        options = types.HttpOptions(
            base_url=root, retry_options=types.HttpRetryOptions(attempts=1), timeout=20_000
        )
        self.sdk = genai.Client(api_key=token, vertexai=False, http_options=options)
        declared = [types.FunctionDeclaration(name=n, parameters_json_schema=SCHEMA) for n in ARGUMENTS]
        self.tools: Any = [types.Tool(function_declarations=declared)]

    def _config(self, **more: Any) -> types.GenerateContentConfig:
        off = types.AutomaticFunctionCallingConfig(disable=True)
        return types.GenerateContentConfig(system_instruction=SYSTEM, automatic_function_calling=off, **more)

    def _replies(self, model: str, contents: Any, *, stream: bool = False, **more: Any) -> list[Any]:
        asked: Any = {"model": model, "contents": contents, "config": self._config(**more)}
        if stream:
            return list(self.sdk.models.generate_content_stream(**asked))
        return [self.sdk.models.generate_content(**asked)]

    def _parts(self, replies: list[Any]) -> list[Any]:
        return [part for reply in replies for part in (reply.candidates[0].content.parts or ())]

    def _text(self, replies: list[Any]) -> str:
        return "".join(part.text or "" for part in self._parts(replies) if not part.thought)

    def tell(self, model: str, prompt: str, *, stream: bool, most_tokens: int = 2000) -> Told:
        replies = self._replies(model, prompt, stream=stream, max_output_tokens=most_tokens)
        last = replies[-1]
        usage = last.usage_metadata
        output_tokens = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
        finish = last.candidates[0].finish_reason.value
        return Told(self._text(replies), finish, usage.prompt_token_count, output_tokens, last.model_version)

    def call_tools(self, model: str, *, stream: bool) -> tuple[dict[str, Any], str]:
        question = types.Content(role="user", parts=[types.Part(text=BOTH)])
        parts = self._parts(self._replies(model, [question], stream=stream, tools=self.tools))
        calls = [part.function_call for part in parts if part.function_call]
        results = [
            types.Part(
                function_response=types.FunctionResponse(
                    id=call.id, name=call.name, response={"output": f"12 of {call.name}"}
                )
            )
            for call in calls
        ]
        said = types.Content(role="model", parts=parts)
        back = [question, said, types.Content(role="user", parts=results)]
        return {call.name: call.args for call in calls}, self._text(
            self._replies(model, back, tools=self.tools)
        )

    def forced(self, model: str) -> list[str]:
        mode = types.FunctionCallingConfigMode.ANY
        calling = types.FunctionCallingConfig(mode=mode, allowed_function_names=["get_time"])
        wanted = types.ToolConfig(function_calling_config=calling)
        parts = self._parts(self._replies(model, "Hello", tools=self.tools, tool_config=wanted))
        return [part.function_call.name for part in parts if part.function_call]

    def look(self, model: str) -> str:
        picture = types.Part.from_bytes(data=PNG, mime_type="image/png")
        return self._text(self._replies(model, [PICTURE_PROMPT, picture]))

    def fill(self, model: str, *, stream: bool) -> Any:
        form = {"response_mime_type": "application/json", "response_json_schema": ANSWER_SCHEMA}
        return json.loads(self._text(self._replies(model, "Name a place.", stream=stream, **form)))

    def refused(self, model: str, prompt: str = "Hi", *, stream: bool = False) -> Refusal:
        try:
            self._replies(model, prompt, stream=stream)
        except google_errors.APIError as error:
            return Refusal(type(error).__name__, error.code, str(error.message))
        raise AssertionError("it was answered")

    def pieces(self, model: str, prompt: str) -> AbstractContextManager[Iterator[str]]:
        def words() -> Iterator[str]:
            for chunk in self.sdk.models.generate_content_stream(
                model=model, contents=prompt, config=self._config()
            ):
                if chunk.text:
                    yield chunk.text

        return closing(words())


CLIENTS = (OpenAIClient, ResponsesClient, AnthropicClient, GoogleClient)
