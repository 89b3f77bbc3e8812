"""What the filter line of the routing log means: words, and words of one field, each of them or its opposite. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

FIELDS: Mapping[str, str] = {
    "provider": "a provider that was called",
    "account": "an account that was called",
    "model": "a model that was called",
    "from": "who asked",
    "task": "the task type",
    "why": "why the route was chosen",
    "fault": "what went wrong on the way",
    "outcome": "answered, failed, cancelled, cut, rerouted or running",
}
PLACEHOLDER = "words, provider:… account:… from:… task:… why:… fault:… outcome:…, ! before any for not"

Values = Mapping[str, Collection[str]]


@dataclass(frozen=True, slots=True)
class Facets:
    """What a line can be found by, lower case: its words, and its values by field."""

    words: str
    values: Values = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Term:
    """One condition. Without a `field` the text must be somewhere in the line; with one, a value of that field must
    begin with it, or be it where `exact`."""

    text: str
    field: str | None = None
    negated: bool = False
    exact: bool = False

    def accepts(self, facets: Facets) -> bool:
        """Whether a line is as this wants it."""
        if self.field is None:
            found = self.text in facets.words
        else:
            values = facets.values.get(self.field, ())
            found = any(value == self.text if self.exact else value.startswith(self.text) for value in values)
        return found is not self.negated


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Every term must hold. `problems` are what could not be understood, in sentences."""

    terms: tuple[Term, ...] = ()
    problems: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.terms)

    def accepts(self, facets: Facets) -> bool:
        """Whether a line is to be shown."""
        return all(term.accepts(facets) for term in self.terms)

    def __str__(self) -> str:
        """As it is written, shortest form."""
        return " ".join(
            f"{'!' if term.negated else ''}{f'{term.field}:' if term.field else ''}{term.text}"
            for term in self.terms
        )


NOTHING = LogFilter()


def parse_filter(text: str, known: Values) -> LogFilter:
    """The filter that a person wrote. A value that is complete in `known` is meant exactly: `account:google-1` is not
    `google-11`. What stands before a colon and is no field is told, and searched for as it stands."""
    terms: list[Term] = []
    problems: list[str] = []
    for token in text.lower().split():
        negated = token.startswith("!")
        word = token.removeprefix("!")
        name, colon, value = word.partition(":")
        if colon and name in FIELDS:
            if value:
                terms.append(Term(value, name, negated, value in known.get(name, ())))
            continue
        if colon and name.isalpha():
            problems.append(_no_field(name))
        if word:
            terms.append(Term(word, negated=negated))
    return LogFilter(tuple(terms), tuple(problems))


def _no_field(name: str) -> str:
    near = [one for one in FIELDS if one.startswith(name)] or get_close_matches(name, FIELDS, n=1)
    return f"no field {name}:, " + (f"did you mean {near[0]}:?" if near else "taken as a word")


def completions(text: str, known: Values) -> tuple[str, ...]:
    """What the whole text may become by completing its last word: a field's name, or a value of the field."""
    head, blank, last = text.rpartition(" ")
    before = head + blank
    mark = "!" if last.startswith("!") else ""
    word = last.removeprefix("!")
    name, colon, begun = word.partition(":")
    if not colon:
        ends = [f"{one}:" for one in FIELDS if one.startswith(word.lower())] if word else []
    elif name.lower() in FIELDS:
        ends = [f"{name}:{value}" for value in _beginning_with(begun.lower(), known.get(name.lower(), ()))]
    else:
        ends = []
    return tuple(f"{before}{mark}{end}" for end in ends)


def _beginning_with(begun: str, values: Iterable[str]) -> list[str]:
    return sorted(value for value in values if value.startswith(begun) and " " not in value)
