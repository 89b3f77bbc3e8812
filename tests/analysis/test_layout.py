"""What is found in prose behind the cheap look that comes first."""

from __future__ import annotations

import pytest

from trunkline.analysis.layout import layout_of


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("the price $a + b$ of it", "formula"),
        (r"what is \sqrt of two", "formula"),
        ("is ∀ a quantifier", "formula"),
        ("raise x^2 to it", "formula"),
        ("let f(x) = y hold", "formula"),
        ("solve x + 2 for me", "formula"),
        ("what is 3 × (4", "formula"),
        ("see https://example.org now", "url"),
        ("see www.example.org now", "url"),
        ("look into ./src/app please", "path"),
        ("look into my-app-.py please", "path"),
        ("load Sales.XLSX please", "datafile"),
        ("why does load_all fail", "identifier"),
        ("why does loadAll fail", "identifier"),
        ("why does fail() run", "identifier"),
        ("why does `x` run", "identifier"),
        ("what is in /var there", "logfile"),
        ("what does {name} mean", "brace"),
        ("what does “such a word” mean", "quoted"),
        ("why is SELECT a FROM b slow", "select"),
        ("costs €5 at least", "number>0"),
    ],
)
def test_what_prose_has_in_it_is_found(text: str, sign: str) -> None:
    assert sign in layout_of(text).signs
    assert sign not in layout_of("why is the sky blue").signs


@pytest.mark.parametrize(
    "text", ["no name before -.py here", "a1 and v1.2.3 and b-5 are names", "well-known, and/or"]
)
def test_what_only_looks_like_it_is_not(text: str) -> None:
    assert not {"datafile", "formula", "identifier", "number>0"} & set(layout_of(text).signs)


@pytest.mark.parametrize("ending", ["};", "=>  ", ") :", "-> int", "\\"])
def test_a_line_that_ends_like_code_is_code(ending: str) -> None:
    lines = "\n".join(f"value number {n} {ending}" for n in range(3))
    assert layout_of(lines).kinds[:1] == ("code",)


@pytest.mark.parametrize(
    "text",
    [
        "Uncaught RangeError: too deep\n    at walk (tree.js:9:3)",
        "error[E0499]: cannot borrow `a` twice\n  --> src/a.rs:3:9",
        "lib/a.rb:3:in `go': undefined method (NoMethodError)\n\tfrom bin/a:9:in `<main>'",
        "src/a.ts:4:2 - error TS2304: cannot find name",
        "a.c:7:1: error: expected ';'",
        "Unhandled exception. System.Exception: no\n   at A.B() in /a/B.cs:line 4",
        "FAILED tests/test_a.py::test_b",
        'Exception in thread "main" java.lang.Error: no',
    ],
)
def test_errors_of_many_languages_are_traces(text: str) -> None:
    assert "trace" in layout_of(text).kinds


@pytest.mark.parametrize(
    "text",
    ["Meet me at ten (or later).", "The release FAILED again, what now?", "See notes.txt: three errors"],
)
def test_prose_about_failures_is_no_trace(text: str) -> None:
    assert layout_of(text).kinds == ()
