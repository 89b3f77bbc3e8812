"""How many input tokens a request has for each model: the upper end that windows and allowances are held to."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from trunkline.domain.counting import TokenFactors
from trunkline.domain.input_tokens import input_tokens
from trunkline.domain.tasks import Task
from trunkline.routing.policy import CompiledPolicy, ModelRow


class PromptTokens:
    """Of one task, for every row of a policy. `by_place` is None where all take `usual`."""

    def __init__(self, task: Task, policy: CompiledPolicy, factors: TokenFactors) -> None:
        self._task, self._policy, self._factors = task, policy, factors
        self._margin = policy.config.preferences.thresholds.estimate_margin
        self.usual = task.input_tokens
        self.by_place: Sequence[int] | None = self._by_place()
        self._least: dict[str, int] = {}

    def of(self, row: ModelRow) -> int:
        """For one row."""
        return self.usual if self.by_place is None else self.by_place[row.place]

    def is_above_least(self, row: ModelRow) -> bool:
        """Whether another model of the row's provider takes less."""
        return self.by_place is not None and self.by_place[row.place] > self.least(row.provider)

    def least(self, provider: str) -> int:
        """For that of a provider's models that takes least."""
        if self.by_place is None:
            return self.usual
        least = self._least.get(provider)
        if least is None:
            places = self._policy.pools[provider].places
            least = min(self.by_place[places.start : places.stop], default=self.usual)
            self._least[provider] = least
        return least

    def _by_place(self) -> Sequence[int] | None:
        task, policy = self._task, self._policy
        if task.counted is None:
            return None
        if not task.counted.is_same_for_all:
            return [self._of(row) for row in policy.rows]
        if not self._factors:
            return None
        # `_of` written out: whatever was not learned of takes the usual, and this runs for all that was.
        counted, least = task.counted.totals[0], task.least_input_tokens
        tokens = [self.usual] * len(policy.rows)
        for key, of_model in self._factors.items():
            row, factor = policy.row_by_model.get(key), of_model.get(counted.tokenizer)
            if row is not None and factor is not None:
                upper = ceil(counted.tokens * factor)
                tokens[row[0]] = upper if upper > least else least
        return tokens

    def _of(self, row: ModelRow) -> int:
        return input_tokens(
            self._task,
            provider=row.provider,
            model=row.model,
            tokenizer=row.tokenizer,
            rule=row.counting,
            factors=self._factors,
            margin=self._margin,
        )
