"""What a search over a table tries next: sane models first, then better parameters of what does well."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np

from jupyter_aml.automl import algorithms
from jupyter_aml.automl.algorithms import Algorithm
from jupyter_aml.automl.family import COMPLETED, Attempt, Planner, Proposal

PRUNE = 1.25
SLACK = 0.005
"""A trial whose first fold loses so many times more than the best trial's, and so much more, is not finished."""
LEADING = 3
"""The best algorithms, whose parameters are searched."""
STARTUP = 6
"""Parameters of an algorithm that are tried at random before the search learns from them."""


class Choices(Planner):
    """Decides over the trials of a search.

    Args:
        task: `classification` or `regression`.
        names: The algorithms, in the order in which it begins with them.
        seed: The same seed tries the same models.
        early: Whether hopeless trials may end early.
    """

    def __init__(self, task: str, names: Sequence[str], seed: int = 0, *, early: bool = True) -> None:
        known = algorithms.chosen(task)
        self._algorithms = {name: known[name] for name in names}
        self._queue = deque(self._algorithms)
        self._early = early
        self._seed = seed
        self._random = np.random.default_rng(seed)
        self._studies: dict[str, Any] = {}
        self._asked: dict[int, Any] = {}
        self._losses: dict[str, float] = {}
        self._first = np.inf
        self._number = 0

    def ask(self) -> Proposal | None:
        """As `Planner`."""
        number, asked = self._number, None
        if self._queue:
            algorithm = self._algorithms[self._queue.popleft()]
            parameters = dict(algorithm.first)
        else:
            found = self._promising()
            if found is None:
                return None
            algorithm = found
            asked = self._study(algorithm).ask()
            parameters = algorithm.space(asked) if algorithm.space is not None else {}
            self._asked[number] = asked
        self._number += 1
        return Proposal(number, algorithm.name, parameters, _preprocessor(algorithm), self._bar())

    def _bar(self) -> float | None:
        return float(self._first * PRUNE + SLACK) if self._early and np.isfinite(self._first) else None

    def tell(self, proposal: Proposal, attempt: Attempt) -> None:
        """As `Planner`."""
        name, loss = proposal.algorithm, attempt.loss
        done = attempt.status == COMPLETED and loss is not None
        if done and loss is not None:
            self._losses[name] = min(loss, self._losses.get(name, np.inf))
            self._first = min(self._first, attempt.early if attempt.early is not None else np.inf)
        asked = self._asked.pop(proposal.number, None)
        if asked is not None:
            _learn(self._study(self._algorithms[name]), asked, loss)
        elif done:
            self._learn_given(self._algorithms[name], proposal.parameters, loss)

    def again(self, proposal: Proposal, attempt: Attempt | None) -> None:
        """As `Planner`."""
        self._number = max(self._number, proposal.number + 1)
        if proposal.algorithm in self._queue:
            self._queue.remove(proposal.algorithm)
        if attempt is not None and proposal.algorithm in self._algorithms:
            self.tell(proposal, attempt)

    def _learn_given(self, algorithm: Algorithm, parameters: dict[str, Any], loss: float | None) -> None:
        """Let the search of an algorithm's parameters learn from some that it has not proposed."""
        if algorithm.space is None or not parameters:
            return
        study = self._study(algorithm)
        study.enqueue_trial(dict(parameters))
        asked = study.ask()
        algorithm.space(asked)
        _learn(study, asked, loss)

    def _promising(self) -> Algorithm | None:
        """One of the algorithms that did best, the better the more often; None where nothing can be varied."""
        varied = [one for one in self._algorithms.values() if one.space is not None]
        done = [one for one in varied if one.name in self._losses]
        leading = sorted(done, key=lambda one: self._losses[one.name])[:LEADING] or varied[:1]
        if not leading:
            return None
        chances = 0.5 ** np.arange(len(leading))
        return leading[int(self._random.choice(len(leading), p=chances / chances.sum()))]

    def _study(self, algorithm: Algorithm) -> Any:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        if algorithm.name not in self._studies:
            sampler = optuna.samplers.TPESampler(seed=self._seed, n_startup_trials=STARTUP)
            self._studies[algorithm.name] = optuna.create_study(sampler=sampler, direction="minimize")
        return self._studies[algorithm.name]


def _preprocessor(algorithm: Algorithm) -> str:
    """What is done to numbers before the algorithm, in Azure's word."""
    return "" if algorithm.form == algorithms.TREES else "StandardScalerWrapper"


def _learn(study: Any, asked: Any, loss: float | None) -> None:
    """Let a study learn from a trial; from one without a loss that it was bad."""
    import optuna

    if loss is not None and np.isfinite(loss):
        study.tell(asked, loss)
    else:
        study.tell(asked, state=optuna.trial.TrialState.FAIL)
