"""How many tokens a prompt has, by whose count, and how far providers were found to count otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Tokenizer(StrEnum):
    """What text is counted with: a vocabulary of OpenAI's, or the built-in estimator."""

    O200K = "o200k"
    CL100K = "cl100k"
    ESTIMATE = "estimate"


class CountingRule(StrEnum):
    """Whose rule says what images, tools and thinking take: of OpenAI's models those that see tiles and those that see
    patches, of Anthropic's those from Opus 4.7 on that see larger images, of Google's those from Gemini 3 on."""

    OPENAI = "openai"
    OPENAI_PATCHES = "openai_patches"
    ANTHROPIC = "anthropic"
    ANTHROPIC_LARGE = "anthropic_large"
    GEMINI = "gemini"
    GEMINI_3 = "gemini_3"


@dataclass(frozen=True, slots=True)
class Counted:
    """Tokens of a prompt by one tokenizer and one provider's rule, without thinking."""

    tokenizer: Tokenizer
    rule: CountingRule
    tokens: int


@dataclass(frozen=True, slots=True)
class PromptCount:
    """A prompt's tokens as counted. What a vocabulary could not be had for is in `totals` by the estimator.
    `thinking` is what the thinking of earlier turns takes at the providers that read it again."""

    totals: tuple[Counted, ...]
    thinking: tuple[tuple[str, int], ...] = ()

    def of(self, tokenizer: Tokenizer, rule: CountingRule, provider: str) -> Counted:
        """What a model of `provider` is to be sent: by its own tokenizer, else by the estimator; where its rule is new
        since, by whichever counts most."""
        found = (
            self._total(tokenizer, rule)
            or self._total(Tokenizer.ESTIMATE, rule)
            or max(self.totals, key=lambda one: one.tokens)
        )
        extra = next((tokens for sender, tokens in self.thinking if sender == provider), 0)
        return Counted(found.tokenizer, rule, found.tokens + extra) if extra else found

    @property
    def words(self) -> str:
        """How it was counted, for a person: `counted with o200k` or `estimated`."""
        found = dict.fromkeys(one.tokenizer for one in self.totals)
        names = [one.value for one in found if one is not Tokenizer.ESTIMATE]
        estimated = ["estimated"] if Tokenizer.ESTIMATE in found else []
        return " or ".join([*([f"counted with {' and '.join(names)}"] if names else []), *estimated])

    @property
    def is_same_for_all(self) -> bool:
        """Whether every model takes the same."""
        first = self.totals[0]
        return not self.thinking and all(
            one.tokens == first.tokens and one.tokenizer is first.tokenizer for one in self.totals
        )

    def _total(self, tokenizer: Tokenizer, rule: CountingRule) -> Counted | None:
        return next((one for one in self.totals if one.tokenizer is tokenizer and one.rule is rule), None)


# By provider and model, then by what the prompt was counted with: the factor from a count to what that provider will
# hardly report more than.
TokenFactors = Mapping[tuple[str, str], Mapping[Tokenizer, float]]
