"""What is tried, and in what order: cheap baselines, smoothing, regressions, then better parameters of what did well.

Holds no data, and imports nothing heavy but Optuna.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jupyter_aml.automl.family import COMPLETED, Attempt, Planner, Proposal
from jupyter_aml.automl.forecasting.settings import REGRESSIONS, there

if TYPE_CHECKING:
    from jupyter_aml.automl.algorithms import Asked

LEADING = 4
"""The best algorithms, whose parameters are searched."""
STARTUP = 4
"""Parameters of an algorithm that are tried at random before the search learns from them."""
PRUNE, SLACK = 2.5, 0.01
"""A trial whose first fold loses so many times more than the best trial's, and so much more, is not finished."""
SAME = 25
"""Proposals in a row that were tried before, after which nothing is left."""
SECONDS = 0.3
"""That AutoArima takes for a series and a fold."""
SHARE = 0.3
"""The part of the time that one algorithm may take to be tried unasked."""
ROUNDS = {"LightGBM", "XGBoostRegressor"}
FORESTS = {"RandomForest", "ExtremeRandomTrees"}
TREES = 100


def firsts(facts: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Algorithms and parameters that are tried before any search, in order."""
    positive, seasonal = bool(facts["positive"]), int(facts["season"]) > 1
    logs: list[dict[str, Any]] = [{"log": True}, {"log": False}] if positive else [{}]
    found: list[tuple[str, dict[str, Any]]] = [("SeasonalNaive", {})] if seasonal else []
    found += [("Naive", {}), ("Average", {})]
    found += [("SeasonalAverage", {})] if seasonal else []
    found += [("ExponentialSmoothing", {"method": method, **log}) for log in logs for method in ("theta", "ets")]
    found += [("ExponentialSmoothing", {"method": "ets", **logs[-1], "damped": True})]
    found += [
        ("ElasticNet", _first("ElasticNet", reference, log)) for reference in _references(facts) for log in logs[:1]
    ]
    arima = [("AutoArima", log) for log in logs]
    affordable = SECONDS * facts["series"] * facts["folds"] * len(logs) <= SHARE * facts["seconds"]
    found += arima if affordable else []
    found += [("ExponentialSmoothing", {"method": "stl", **logs[0]})] if seasonal else []
    found += [("LightGBM", _first("LightGBM", "last", logs[0]))]
    found += [("Arimax", logs[0])] if facts["regressors"] and affordable else []
    rest = [name for name in REGRESSIONS if name not in {"ElasticNet", "LightGBM"}]
    found += [(name, _first(name, _references(facts)[-1], logs[0])) for name in rest]
    found += [("Prophet", {"seasonality_mode": "multiplicative" if positive else "additive"})]
    offered = set(facts["algorithms"])
    named = [one for one in found if one[0] in offered]
    named += [("AutoArima", logs[0])] if facts["asked"] and "AutoArima" in offered and not affordable else []
    if facts["asked"] and "Arimax" in offered and not any(name == "Arimax" for name, _ in named):
        named.append(("Arimax", logs[0]))
    return named or [(name, {}) for name in facts["algorithms"]]


def _references(facts: Mapping[str, Any]) -> list[str]:
    return ["season", "last"] if int(facts["season"]) > 1 else ["last"]


def _first(name: str, reference: str, log: Mapping[str, Any]) -> dict[str, Any]:
    from jupyter_aml.automl import algorithms

    own = dict(algorithms.available("regression", [name])[name].first) if there(name) else {}
    if name in ROUNDS:
        own |= {"n_estimators": 150}
    if name in FORESTS:
        own |= {"n_estimators": TREES, "min_samples_leaf": 2}
    if name == "LightGBM":
        own |= {"num_leaves": 15, "min_child_samples": 8}
    if name == "XGBoostRegressor":
        own |= {"max_depth": 4}
    return {"strategy": "direct", "reference": reference, **log, **own}


def space(name: str, facts: Mapping[str, Any], trial: Asked) -> dict[str, Any]:
    """Parameters that a search proposes; empty where there is nothing to vary."""
    season = int(facts["season"])
    log = {"log": trial.suggest_categorical("log", [True, False])} if facts["positive"] else {}
    if name == "ExponentialSmoothing":
        method = trial.suggest_categorical("method", ["ets", "theta", "stl"])
        found: dict[str, Any] = {"method": method, **log}
        if method == "theta":
            found["drift"] = trial.suggest_float("drift", 0.1, 1.0)
        if method == "ets":
            found["damped"] = trial.suggest_categorical("damped", [None, True, False])
        if method != "ets" and season > 1:
            found["keep"] = trial.suggest_float("keep", 0.3, 0.97)
        return found
    if name == "Prophet":
        return {
            "seasonality_mode": trial.suggest_categorical("seasonality_mode", ["additive", "multiplicative"]),
            "changepoint_prior_scale": trial.suggest_float("changepoint_prior_scale", 0.005, 0.5, log=True),
            "seasonality_prior_scale": trial.suggest_float("seasonality_prior_scale", 0.05, 10.0, log=True),
        }
    if name not in REGRESSIONS:
        return {}
    from jupyter_aml.automl import algorithms

    algorithm = algorithms.available("regression", [name])[name]
    own = algorithm.space(trial) if algorithm.space is not None else {}
    if name in ROUNDS:
        own["n_estimators"] = trial.suggest_int("n_estimators", 30, 500, log=True)
    if name in FORESTS:
        own["n_estimators"] = TREES
    steps, most = int(facts["steps"]), max(2 * season, 14)
    return {
        "strategy": trial.suggest_categorical("strategy", ["direct", "recursive"]),
        "reference": trial.suggest_categorical("reference", ["last", "level", *(["season"] if season > 1 else [])]),
        **log,
        "lags": trial.suggest_int("lags", 1, max(2, min(most, 30, steps // 4)), log=True),
        "memory": trial.suggest_categorical("memory", [0, max(steps // 2, 20), max(steps // 4, 20)]),
        **own,
    }  # fmt: skip


def varies(name: str) -> bool:
    """Whether an algorithm has parameters that can be searched."""
    return name in {"ExponentialSmoothing", "Prophet", *REGRESSIONS}


@dataclass
class _Open:
    """What was asked of a study."""

    study: Any
    trial: Any


@dataclass
class Plan(Planner):
    """What decides over the trials of a forecast.

    Attributes:
        facts: What `prepare` has found.
        seed: The same seed proposes the same, as far as it is told the same.
    """

    facts: Mapping[str, Any]
    seed: int = 0
    _number: int = 0
    _open: dict[int, _Open] = field(default_factory=dict)
    _studies: dict[str, Any] = field(default_factory=dict)
    _best: dict[str, float] = field(default_factory=dict)
    _early: float = math.inf
    _tried: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._firsts = firsts(self.facts)
        self._random = random.Random(self.seed)  # noqa: S311 - no secret

    def ask(self) -> Proposal | None:
        for _ in range(SAME):
            proposal = self._next()
            if proposal is None or proposal.title not in self._tried:
                break
            self._forget(proposal)
        else:
            return None
        if proposal is not None:
            self._tried.add(proposal.title)
            self._number += 1
        return proposal

    def _next(self) -> Proposal | None:
        bar = self._early * PRUNE + SLACK if math.isfinite(self._early) else None
        while self._firsts:
            name, parameters = self._firsts.pop(0)
            proposal = Proposal(self._number, name, parameters, bar=bar)
            if proposal.title not in self._tried:
                return proposal
        name = self._promising()
        if not name:
            return None
        study = self._study(name)
        trial = study.ask()
        self._open[self._number] = _Open(study, trial)
        return Proposal(self._number, name, space(name, self.facts, trial), bar=bar)

    def _promising(self) -> str:
        """One of the algorithms that did best, the better the more often; empty where none has parameters."""
        found = sorted((loss, name) for name, loss in self._best.items() if varies(name))
        leading = [name for _, name in found[:LEADING]]
        if not leading:
            leading = [name for name in self.facts["algorithms"] if varies(name)][:1]
        if not leading:
            return ""
        return self._random.choices(leading, [0.5**at for at in range(len(leading))])[0]

    def _study(self, name: str) -> Any:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        if name not in self._studies:
            sampler = optuna.samplers.TPESampler(seed=self.seed, n_startup_trials=STARTUP)
            self._studies[name] = optuna.create_study(sampler=sampler, direction="minimize")
        return self._studies[name]

    def _forget(self, proposal: Proposal) -> None:
        """A study learns that what it proposed was proposed before."""
        asked = self._open.pop(proposal.number, None)
        if asked is not None:
            _tell(asked, math.inf)

    def tell(self, proposal: Proposal, attempt: Attempt) -> None:
        loss = attempt.loss if attempt.loss is not None else math.inf
        if attempt.status == COMPLETED:
            self._best[proposal.algorithm] = min(loss, self._best.get(proposal.algorithm, math.inf))
            if attempt.early is not None:
                self._early = min(self._early, attempt.early)
        asked = self._open.pop(proposal.number, None)
        if asked is not None:
            _tell(asked, loss)

    def again(self, proposal: Proposal, attempt: Attempt | None) -> None:
        self._number = max(self._number, proposal.number + 1)
        self._tried.add(proposal.title)
        first = next((one for one in self._firsts if one == (proposal.algorithm, dict(proposal.parameters))), None)
        if first is not None:
            self._firsts.remove(first)
        elif varies(proposal.algorithm):
            study = self._study(proposal.algorithm)
            study.enqueue_trial(dict(proposal.parameters))
            trial = study.ask()
            space(proposal.algorithm, self.facts, trial)
            self._open[proposal.number] = _Open(study, trial)
        if attempt is not None:
            self.tell(proposal, attempt)


def _tell(asked: _Open, loss: float) -> None:
    """Let a study learn from a trial; from one without a loss that it was bad."""
    import optuna

    if math.isfinite(loss):
        asked.study.tell(asked.trial, loss)
    else:
        asked.study.tell(asked.trial, state=optuna.trial.TrialState.FAIL)
