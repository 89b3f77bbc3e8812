"""How many input tokens a request has for each model: the upper end that windows and allowances are held to."""

from __future__ import annotations

from collections.abc import Sequence

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

    def of(self, row: ModelRow) -> int:
        """For one row."""
        return self.usual if self.by_place is None else self.by_place[row.place]

    def least(self, provider: str) -> int:
        """For that of a provider's models that takes least."""
        if self.by_place is None:
            return self.usual
        return min(
            (self.by_place[place] for place in self._policy.pools[provider].places), default=self.usual
        )

    def _by_place(self) -> Sequence[int] | None:
        task, policy = self._task, self._policy
        if task.counted is None:
            return None
        if not task.counted.is_same_for_all:
            return [self._of(row) for row in policy.rows]
        if not self._factors:
            return None
        # Whatever was not learned of takes the usual; few models are called so often that something was.
        tokens = [self.usual] * len(policy.rows)
        for key in self._factors:
            row = policy.row_by_model.get(key)
            if row is not None:
                tokens[row.place] = self._of(row)
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
