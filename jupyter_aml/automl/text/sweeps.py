"""What a sweep of text or image models wishes for, as Azure writes it, and the planner that follows it.

A search space of Azure's names settings of neural networks. What has a counterpart here is swept as it is written; the
rest is said and left. Algorithms bring spaces of their own, which are searched where none is given.

Source: the SDK's `search_space_utils.py`, by which distributions become strings such as `choice('a','b')`.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from jupyter_aml.automl.family import COMPLETED, Attempt, Json, Planner, Proposal
from jupyter_aml.automl.text import distributions
from jupyter_aml.automl.text.distributions import Distribution

if TYPE_CHECKING:
    from jupyter_aml.automl.algorithms import Asked

MOST = 100
"""Trials of a search that has no limit of its own."""
LEADING = 3
"""The best algorithms, whose parameters are searched."""
STARTUP = 5
"""Parameters of an algorithm that are tried at random before the search learns from them."""
AGAIN = 20
"""How often a search is asked once more when it repeats itself."""
LEAST = 3
"""Trials that must have told an early loss before another one may be stopped for it."""
SAMPLERS = ("Grid", "Random", "Bayesian")
FIXED = ("modelSettings", "fixedParameters", "trainingParameters")
"""Where the REST API has settings that hold for all trials."""


@dataclass(frozen=True)
class Policy:
    """When a trial that began badly is stopped: `Bandit`, `MedianStopping` or `TruncationSelection`."""

    kind: str
    slack_factor: float = 0.0
    slack_amount: float = 0.0
    cut: float = 0.0

    def bar(self, losses: Sequence[float]) -> float | None:
        """The early loss above which a trial is stopped; None while too little is known."""
        if len(losses) < LEAST:
            return None
        if self.kind == "Bandit":
            best = min(losses)
            return 1 - (1 - best) / (1 + self.slack_factor) + self.slack_amount
        part = 0.5 if self.kind == "MedianStopping" else 1 - self.cut / 100
        return float(np.quantile(np.asarray(losses), part))


@dataclass(frozen=True)
class Wishes:
    """What the user wants of the models and the search.

    Attributes:
        fixed: Settings of all trials by Azure's camelCase names.
        spaces: Each a search space: distributions by Azure's names.
        sampling: `Grid`, `Random` or `Bayesian`; empty for the rule.
        policy: None where each trial is finished.
        trials: How many there may be; None for no limit.
        unheard: Sentences about what is not honoured.
    """

    fixed: Mapping[str, Any] = field(default_factory=dict)
    spaces: Sequence[Mapping[str, Distribution]] = ()
    sampling: str = ""
    policy: Policy | None = None
    trials: int | None = None
    unheard: Sequence[str] = ()

    def named(self, name: str) -> list[Any]:
        """All values that a setting is given anywhere, in their order."""
        own = [self.fixed[name]] if name in self.fixed else []
        return [*own, *(value for one in self.spaces if name in one for value in one[name].values)]

    @property
    def names(self) -> list[str]:
        """All settings that are given anywhere."""
        return list(dict.fromkeys([*self.fixed, *(name for one in self.spaces for name in one)]))


def wishes(details: Mapping[str, Any]) -> Wishes:
    """What a task's details wish for.

    Raises:
        ValueError: A setting is none that there is, or has a value that it cannot have.
    """
    fixed: Json = {}
    for where in FIXED:
        given = (details.get(where) or {}).items()
        fixed |= {
            name: distributions.value(value) if name != "modelName" else value
            for name, value in given
            if value is not None
        }
    spaces = [
        {name: distributions.distribution(value) for name, value in one.items() if value is not None}
        for one in details.get("searchSpace") or ()
    ]
    sweep = details.get("sweepSettings") or {}
    sampling = _sampling(sweep, spaces)
    policy, unheard = _policy(sweep.get("earlyTermination") or {})
    trials = (details.get("limitSettings") or {}).get("maxTrials")
    if trials is not None and int(trials) < 1:
        raise ValueError(f"limits.max_trials is {trials}; expected at least 1.")
    return Wishes(fixed, spaces, sampling, policy, None if trials is None else int(trials), unheard)


def _sampling(sweep: Mapping[str, Any], spaces: Iterable[Mapping[str, Distribution]]) -> str:
    named = str(sweep.get("samplingAlgorithm") or "")
    found = {one.lower(): one for one in ("", *SAMPLERS)}.get(named.lower())
    if found is None:
        raise ValueError(f"sweep.sampling_algorithm is {named!r}; expected one of {', '.join(SAMPLERS)}.")
    odd = [name for space in spaces for name, one in space.items() if one.kind != "choice"]
    if found == "Grid" and odd:
        raise ValueError(f"Grid sampling takes choices alone; {odd[0]} is another distribution. Use Random instead.")
    return found


def _policy(written: Mapping[str, Any]) -> tuple[Policy | None, list[str]]:
    kind = str(written.get("policyType") or "")
    if not kind:
        return None, []
    if kind not in {"Bandit", "MedianStopping", "TruncationSelection"}:
        expected = "Bandit, MedianStopping or TruncationSelection"
        raise ValueError(f"sweep.early_termination is of the type {kind!r}; expected {expected}.")
    late = [name for name in ("evaluationInterval", "delayEvaluation") if int(written.get(name) or 0) > 1]
    told = [f"{name} is not honoured: a trial is looked at once, after a third of its rows." for name in late]
    cut = float(written.get("truncationPercentage") or 0.0)
    found = Policy(kind, float(written.get("slackFactor") or 0.0), float(written.get("slackAmount") or 0.0), cut)
    return found, told


def integer(wished: Mapping[str, Any], name: str, default: int, least: int = 1) -> int:
    """A whole number among settings.

    Raises:
        ValueError: It is none, or too small.
    """
    return int(_number(wished, name, default, int, (least, math.inf)))


def part(wished: Mapping[str, Any], name: str, default: float) -> float:
    """A number between 0 and 1 among settings.

    Raises:
        ValueError: It is none.
    """
    return float(_number(wished, name, default, int | float, (0, 1)))


def _number(wished: Mapping[str, Any], name: str, default: float, kind: Any, span: tuple[float, float]) -> float:
    least, most = span
    found = wished.get(name, default)
    if isinstance(found, bool) or not isinstance(found, kind) or not least <= found <= most:
        told = "a whole number" if kind is int else "a number"
        bounds = f"of at least {least}" if most == math.inf else f"from {least} to {most}"
        raise ValueError(f"{name} is {found!r}; expected {told} {bounds}.")
    return float(found)


@dataclass(frozen=True)
class Kind:
    """One algorithm that a sweep may try.

    Attributes:
        name: Azure's, or that of the model that stands for one of Azure's.
        first: Parameters that are tried before any other; all that the space proposes.
        space: Proposes parameters.
        preprocessor: What is done to the data before it, in a word.
    """

    name: str
    first: Mapping[str, Any]
    space: Callable[[Asked], Json]
    preprocessor: str = ""


def key(name: Any) -> str:
    """A model's name in one form."""
    return re.sub(r"[\s_-]", "", str(name)).lower()


def chosen(kinds: Sequence[Kind], names: Iterable[Any]) -> list[Kind]:
    """Those that are named; all where none of the names is theirs."""
    wanted = {key(name) for name in names}
    return [one for one in kinds if key(one.name) in wanted] or list(kinds)


@dataclass
class _Arm:
    """An algorithm in one of the search spaces, and what is known of it."""

    kind: Kind
    swept: Mapping[str, Distribution]
    study: Any
    best: float = math.inf
    tried: set[str] = field(default_factory=set)


class _Known:
    """Proposes what is known already, and keeps between which bounds it was found."""

    def __init__(self, known: Mapping[str, Any]) -> None:
        self.known = known
        self.bounds: Json = {}

    def _value(self, name: str, bounds: Any, default: Any) -> Any:
        self.bounds[name] = bounds
        return self.known.get(name, default)

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        from optuna.distributions import FloatDistribution

        return float(self._value(name, FloatDistribution(low, high, log=log), low))

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        from optuna.distributions import IntDistribution

        return int(self._value(name, IntDistribution(low, high, log=log), low))

    def suggest_categorical(self, name: str, choices: list[Any]) -> Any:
        from optuna.distributions import CategoricalDistribution

        return self._value(name, CategoricalDistribution(choices), choices[0])


class Plan(Planner):
    """First every algorithm as its authors advise, then other parameters of those that did best.

    With `Random` all is drawn, with `Grid` all choices are gone through.

    Args:
        kinds: Those that may be tried.
        wished: What the user wants.
        honoured: Azure's names of settings that may be swept, and ours.
        seed: The same seed asks for the same models, given the same answers.
    """

    def __init__(self, kinds: Sequence[Kind], wished: Wishes, honoured: Mapping[str, str], seed: int = 0) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._wished = wished
        self._fixed = {own: wished.fixed[name] for name, own in honoured.items() if name in wished.fixed}
        self._random = np.random.default_rng(seed)
        self._arms: list[_Arm] = []
        for at, (kind, swept) in enumerate(_arms(kinds, wished, honoured)):
            study = optuna.create_study(sampler=_sampler(wished.sampling, seed + at), direction="minimize")
            study.enqueue_trial(dict(kind.first))
            self._arms.append(_Arm(kind, swept, study))
        self._firsts = [] if wished.sampling == "Random" else list(range(len(self._arms)))
        self._grid = self._gone_through() if wished.sampling == "Grid" else None
        self._open: dict[int, tuple[_Arm, Any]] = {}
        self._early: list[float] = []
        self._number = 0

    def ask(self) -> Proposal | None:
        if self._number >= (self._wished.trials or MOST):
            return None
        found = self._next()
        if found is None:
            return None
        arm, parameters, asked = found
        number, self._number = self._number, self._number + 1
        self._open[number] = arm, asked
        bar = self._wished.policy.bar(self._early) if self._wished.policy else None
        return Proposal(number, arm.kind.name, parameters, arm.kind.preprocessor, bar)

    def tell(self, proposal: Proposal, attempt: Attempt) -> None:
        if attempt.early is not None and math.isfinite(attempt.early):
            self._early.append(attempt.early)
        arm, asked = self._open.pop(proposal.number, (None, None))
        if arm is None:
            return
        loss = attempt.loss if attempt.loss is not None and math.isfinite(attempt.loss) else None
        if attempt.status == COMPLETED and loss is not None:
            arm.best = min(arm.best, loss)
        if asked is not None:
            import optuna

            failed = optuna.trial.TrialState.FAIL
            arm.study.tell(asked, loss) if loss is not None else arm.study.tell(asked, state=failed)

    def again(self, proposal: Proposal, attempt: Attempt | None) -> None:
        self._number = max(self._number, proposal.number + 1)
        arm = self._owner(proposal)
        if arm is None:
            return
        if self._grid is not None:
            next(self._grid, None)
        arm.tried.add(_written(proposal.parameters))
        at = self._arms.index(arm)
        if at in self._firsts:
            self._firsts.remove(at)
            _drop_first(arm.study)
        self._open[proposal.number] = arm, None
        if attempt is not None:
            self.tell(proposal, attempt)
            self._remember(arm, proposal, attempt)

    def _owner(self, proposal: Proposal) -> _Arm | None:
        same = [one for one in self._arms if one.kind.name == proposal.algorithm]
        fit = [one for one in same if all(name in proposal.parameters for name in one.swept)]
        return next(iter(fit or same), None)

    def _remember(self, arm: _Arm, proposal: Proposal, attempt: Attempt) -> None:
        import optuna

        if attempt.loss is None or not math.isfinite(attempt.loss):
            return
        known = _Known(proposal.parameters)
        arm.kind.space(known)
        told = {name: value for name, value in proposal.parameters.items() if name in known.bounds}
        if set(told) == set(known.bounds) and not arm.swept and not set(self._fixed) & set(told):
            arm.study.add_trial(optuna.trial.create_trial(params=told, distributions=known.bounds, value=attempt.loss))

    # what is next

    def _next(self) -> tuple[_Arm, Json, Any] | None:
        if self._grid is not None:
            return next(self._grid, None)
        while self._firsts:
            found = self._asked(self._arms[self._firsts.pop(0)])
            if found is not None:
                return found
        for arm in self._leading():
            found = self._asked(arm)
            if found is not None:
                return found
        return None

    def _asked(self, arm: _Arm) -> tuple[_Arm, Json, Any] | None:
        """Other parameters of one algorithm; None where it has no others."""
        import optuna

        for _ in range(AGAIN):
            asked = arm.study.ask()
            swept = {name: one.suggest(asked, f"swept {name}") for name, one in arm.swept.items()}
            parameters = {**arm.kind.space(asked), **self._fixed, **swept}
            if _written(parameters) not in arm.tried:
                arm.tried.add(_written(parameters))
                return arm, parameters, asked
            arm.study.tell(asked, state=optuna.trial.TrialState.FAIL)
        return None

    def _leading(self) -> list[_Arm]:
        """The algorithms in the order in which they are asked: the better, the more often first."""
        if self._wished.sampling == "Random":
            return [self._arms[at] for at in self._random.permutation(len(self._arms))]
        ranked = sorted(self._arms, key=lambda one: one.best)
        count = min(LEADING, len(ranked))
        chances = 0.5 ** np.arange(count)
        first = int(self._random.choice(count, p=chances / chances.sum()))
        return [ranked[first], *(one for one in ranked if one is not ranked[first])]

    def _gone_through(self) -> Iterator[tuple[_Arm, Json, Any]]:
        """Every combination of the choices, with each algorithm's first parameters."""
        for arm in self._arms:
            for values in itertools.product(*(one.values for one in arm.swept.values())):
                swept = dict(zip(arm.swept, values, strict=True))
                yield arm, {**arm.kind.first, **self._fixed, **swept}, None


def _arms(
    kinds: Sequence[Kind], wished: Wishes, honoured: Mapping[str, str]
) -> Iterator[tuple[Kind, Mapping[str, Distribution]]]:
    """The algorithms of each search space, with what is swept in it; none of them twice."""
    fixed = [wished.fixed["modelName"]] if "modelName" in wished.fixed else []
    known: list[tuple[str, Mapping[str, Distribution]]] = []
    for space in wished.spaces or ({},):
        swept = {honoured[name]: one for name, one in space.items() if name in honoured and name != "modelName"}
        named = space["modelName"].values if "modelName" in space else fixed
        for kind in chosen(kinds, named):
            if (kind.name, swept) not in known:
                known.append((kind.name, swept))
                yield kind, swept


def _sampler(sampling: str, seed: int) -> Any:
    import optuna

    if sampling == "Random":
        return optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP)


def _drop_first(study: Any) -> None:
    """Take the parameters off a study's queue that were tried before."""
    import optuna

    study.tell(study.ask(), state=optuna.trial.TrialState.FAIL)


def _written(parameters: Mapping[str, Any]) -> str:
    return repr(sorted(parameters.items()))
