from __future__ import annotations

import itertools

import pytest
from tests.simulator.worlds import calling, world

from trunkline.simulator.answers import CONTINUE_LINE, answer_text, continuation, find_anchor, pieces

PROMPTS = [
    "Write a Python function that merges two lists.",
    "List five ideas.",
    "Explain the retry settings.",
    "Put these figures in a table.",
    "What do you think?",
]


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_shorter_answer_is_the_beginning_of_a_longer_one(prompt: str) -> None:
    answers = [answer_text(prompt, length) for length in (50, 200, 201, 900, 5000)]
    assert all(longer.startswith(shorter) for shorter, longer in itertools.pairwise(answers))
    assert all(-2 <= len(a) - n < 500 for a, n in zip(answers, (50, 200, 201, 900, 5000), strict=True))


@pytest.mark.parametrize("prompt", PROMPTS)
def test_an_answer_reads_as_finished(prompt: str) -> None:
    assert all(answer_text(prompt, length)[-1] in ".`|" for length in range(40, 2_000, 70))


def test_kinds_of_answers() -> None:
    assert "```python" in answer_text(PROMPTS[0], 3000)
    assert "\n- " in answer_text(PROMPTS[1], 3000)
    assert "## " in answer_text(PROMPTS[2], 3000)
    assert "|---|" in answer_text(PROMPTS[3], 3000)
    assert answer_text("HEARTBEAT_OK?", 3000) == "HEARTBEAT_OK"
    assert answer_text(PROMPTS[0], 900) != answer_text(PROMPTS[0] + " ", 900)


@pytest.mark.parametrize("chunk_tokens", [1, 4, 50])
def test_pieces_lose_nothing(chunk_tokens: int) -> None:
    text = "\n  " + answer_text(PROMPTS[0], 2000) + "\n\n "
    assert "".join(pieces(text, chunk_tokens)) == text


def test_continuation_of_foreign_text_goes_on_from_the_likeness_of_its_end() -> None:
    assert continuation("one two three four", "one two", None) == " three four"
    assert continuation("one two three four", "zero; two three", " two three") == " two three four"
    assert continuation("one", "something else", None) == " one"


def test_the_anchor_is_read_verbatim() -> None:
    anchor = "  end of\na line\n"
    assert find_anchor(f"Hello.\n{CONTINUE_LINE}\n<anchor>\n{anchor}\n</anchor>") == anchor
    assert find_anchor(f"<anchor>\n{anchor}\n</anchor>") is None


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_is_carried_on_by_anchor_and_by_prefill_at_another_provider(stream: bool) -> None:
    description = world(models={"m": {"output_tokens": 300}})
    description["providers"]["q"] = description["providers"]["p"] | {"models": {"m": {"output_tokens": 20}}}
    prompt = {"role": "user", "content": "Explain the queue in detail."}
    async with calling(description) as caller:
        whole = (await caller.ask([prompt])).text
        begun = whole[:401]
        anchor = begun[-60:]
        asked = {"role": "user", "content": f"{CONTINUE_LINE}\n<anchor>\n{anchor}\n</anchor>"}
        partial = {"role": "assistant", "content": begun}
        anchored = (await caller.ask([prompt, partial, asked], provider="q", stream=stream)).text
        prefilled = (await caller.ask([prompt, partial], provider="q", stream=stream)).text
        longer = (await caller.ask([prompt, partial], stream=stream)).text
    assert anchored.startswith(anchor)
    rest = anchored.removeprefix(anchor)
    assert rest == prefilled
    assert len(rest) > 100
    assert whole.startswith(begun + rest)
    assert begun + longer == whole


async def test_a_model_that_does_not_continue_begins_anew() -> None:
    async with calling(world(models={"m": {"continues": False}})) as caller:
        prompt = {"role": "user", "content": "Explain the queue."}
        whole = (await caller.ask([prompt])).text
        again = (await caller.ask([prompt, {"role": "assistant", "content": whole[:50]}])).text
    assert again[:40] == whole[:40]


async def test_the_same_seed_plays_the_same_and_another_does_not() -> None:
    description = world(models={"m": {"output_tokens": [200, 0.9, 0.1], "first_token_ms": [1, 1, 0]}})

    async def answers(seed: int, order: list[int]) -> dict[int, str]:
        async with calling(description, seed=seed) as caller:
            return {n: (await caller.ask(f"Explain part {n}.")).text for n in order}

    first = await answers(1, [0, 1, 2, 3])
    assert await answers(1, [3, 1, 0, 2]) == first
    assert await answers(2, [0, 1, 2, 3]) != first


async def test_usage_limits_and_finish_reasons() -> None:
    async with calling(world()) as caller:
        reply = await caller.ask(max_tokens=5)
        choice = reply.body["choices"][0]
        assert (choice["finish_reason"], len(reply.text)) == ("length", 20)
        assert reply.body["usage"]["completion_tokens"] == 5
        streamed = await caller.ask(stream=True, stream_options={"include_usage": True})
        plain = await caller.ask(stream=True)
        assert '"choices":[],"usage":{"prompt_tokens":' in streamed.events[-2]
        assert '"usage":null' in streamed.events[0]
        assert "usage" not in plain.raw.decode()
        assert plain.events[-1] == streamed.events[-1] == "[DONE]"
        assert plain.text == streamed.text == (await caller.ask()).text


@pytest.mark.parametrize(
    ("style", "sign"),
    [
        ("openrouter", ": OPENROUTER PROCESSING"),
        ("moonshot", '"finish_reason":"stop","usage":{'),
        ("groq", '"x_groq":{"id":'),
        ("minimax", '"role":""'),
    ],
)
async def test_streams_of_relatives_depart_as_theirs_do(style: str, sign: str) -> None:
    async with calling(world(style=style)) as caller:
        reply = await caller.ask(stream=True)
    assert sign in reply.raw.decode()
    assert len(reply.text) > 50


async def test_fixed_chunks_are_the_same_every_time() -> None:
    async with calling(world(models={"m": {"fixed_chunks": 64}})) as caller:
        first = await caller.ask("a", stream=True)
        second = await caller.ask("b", stream=True)
        whole = await caller.ask("c")
    assert first.raw == second.raw
    assert first.raw.count(b'"content":"token "') == 64
    assert first.text == whole.text == "token " * 64


async def test_models_keys_and_unknown_paths() -> None:
    async with calling(world(models={"m": {"context": 50}})) as caller:
        base = caller.simulator.base_url("p")
        async with caller.session.get(
            f"{base}/models", headers={"authorization": "Bearer key-a"}
        ) as response:
            listing = await response.json()
        assert [model["id"] for model in listing["data"]] == ["m"]
        assert (await caller.ask(key="wrong")).body["error"]["code"] == "invalid_api_key"
        assert (await caller.ask(model="other")).body["error"]["code"] == "model_not_found"
        assert (await caller.ask("x" * 400)).body["error"]["code"] == "context_length_exceeded"
        assert (await caller.ask([])).status == 400
        assert (await caller.ask(provider="nobody")).status == 404
