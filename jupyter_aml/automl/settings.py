"""What is asked of a search over a table: Azure's settings of classification and regression jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jupyter_aml.automl import algorithms, family, folds, metrics, stacked
from jupyter_aml.automl.features import Wishes
from jupyter_aml.automl.metrics import CLASSIFICATION

IMPUTERS = ("mean", "median", "most_frequent", "constant")
"""Strategies of Azure's Imputer, which are scikit-learn's."""
TRANSFORMERS = frozenset({"TfIdf", "OneHotEncoder", "CatTargetEncoder"})
"""Azure's transformers that are used here, and may be blocked."""


@dataclass(frozen=True)
class Settings:
    """What is asked for.

    Attributes:
        task: `classification` or `regression`.
        metric: What is optimised; Azure's default where it is empty.
        seconds: How long a search may take.
        trials: How many models it may try.
        exit_score: Enough; None to use all the time.
        threads: That one fit may use.
        seed: The same seed tries the same models, as far as the time allows.
        allowed, blocked: Azure's names of algorithms.
        validation: How rows are split.
        test: The part of the rows that only judges the best model; 0 for none.
        ensemble: Whether the best may vote.
        stacking: How the best are stacked; None where they are not.
        explain: Whether it is told what the best model's predictions depend on.
        purposes: What columns are for, where the user knows better.
        drop: Columns that are ignored.
        weight: The column of weights; empty for none.
        wishes: How features are to be made.
        plain: Whether columns that are no numbers are left out, and no features are made.
    """

    task: str = CLASSIFICATION
    metric: str = ""
    seconds: float = 600.0
    trials: int = 1000
    exit_score: float | None = None
    threads: int = 1
    seed: int = 0
    allowed: Sequence[str] | None = None
    blocked: Sequence[str] = ()
    validation: folds.Validation = field(default_factory=folds.Validation)
    test: float = 0.0
    ensemble: bool = True
    stacking: stacked.Stacking | None = field(default_factory=stacked.Stacking)
    explain: bool = True
    purposes: Mapping[str, str] = field(default_factory=dict)
    drop: Sequence[str] = ()
    weight: str = ""
    wishes: Wishes = field(default_factory=Wishes)
    plain: bool = False

    @property
    def primary(self) -> str:
        """The metric that is optimised.

        Raises:
            ValueError: It is none of the task's.
        """
        if self.task not in metrics.PRIMARY:
            msg = f"The task is {self.task!r}; expected one of {', '.join(metrics.PRIMARY)}."
            raise ValueError(msg)
        return family.primary(self.metric or metrics.DEFAULT[self.task], metrics.PRIMARY[self.task], self.task)


def read(task: str, details: Mapping[str, Any]) -> Settings:
    """The settings of a task as Azure's REST API writes them.

    Raises:
        ValueError: One of them cannot be; says what was expected.
    """
    training, featurization = details.get("trainingSettings") or {}, details.get("featurizationSettings") or {}
    test = details.get("testDataSize")
    if test is not None and not 0 <= test < 1:
        msg = f"test_data_size is {test}; expected a part between 0 and 1."
        raise ValueError(msg)
    if not details.get("targetColumnName"):
        msg = "target_column_name is missing; expected the name of the column to be predicted."
        raise ValueError(msg)
    _algorithms_alone(training)
    found = Settings(
        task=task,
        metric=str(details.get("primaryMetric") or ""),
        allowed=training.get("allowedTrainingAlgorithms") or None,
        blocked=training.get("blockedTrainingAlgorithms") or (),
        validation=_validation(details),
        test=float(test or 0.0),
        ensemble=training.get("enableVoteEnsemble") is not False,
        stacking=stacked.wish(task, training.get("stackEnsembleSettings") or {}) if _stacks(training) else None,
        explain=bool(training.get("enableModelExplainability", True)),
        purposes=dict(featurization.get("columnNameAndTypes") or {}),
        drop=list(featurization.get("dropColumns") or ()),
        weight=str(details.get("weightColumnName") or ""),
        wishes=Wishes(
            frozenset(map(str, featurization.get("blockedTransformers") or ())) & TRANSFORMERS,
            _imputers((featurization.get("transformerParams") or {}).get("Imputer") or ()),
        ),
        plain=str(featurization.get("mode") or "").lower() == "off",
    )
    algorithms.chosen(task, found.allowed, found.blocked)
    _ = found.primary
    return found


def _stacks(training: Mapping[str, Any]) -> bool:
    """Azure stacks where nothing else is said, but no models that are to become ONNX."""
    return training.get("enableStackEnsemble") is not False and not training.get("enableOnnxCompatibleModels")


def _algorithms_alone(training: Mapping[str, Any]) -> None:
    """Refuse ensembles among the algorithms."""
    switches = {"votingensemble": "enable_vote_ensemble", "stackensemble": "enable_stack_ensemble"}
    for key, word in (("allowedTrainingAlgorithms", "true"), ("blockedTrainingAlgorithms", "false")):
        for name in training.get(key) or ():
            switch = switches.get(algorithms.key(str(name)))
            if switch:
                what = f"{key.removesuffix('TrainingAlgorithms')}_training_algorithms has {name!r}"
                msg = f"{what}, which is no algorithm but is made of their models; set {switch}: {word}."
                raise ValueError(msg)


def _validation(details: Mapping[str, Any]) -> folds.Validation:
    count, given = details.get("nCrossValidations"), bool(details.get("validationData"))
    if isinstance(count, Mapping):
        count = count.get("value") if str(count.get("mode") or "").lower() == "custom" else None
    return folds.Validation(
        folds=int(count) if count is not None and not given else None,
        held_out=None if given else details.get("validationDataSize") or None,
        columns=tuple(details.get("cvSplitColumnNames") or ()),
    )


def _imputers(given: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, Any]]:
    """Strategy and value by column."""
    found: dict[str, tuple[str, Any]] = {}
    for one in given:
        asked = one.get("parameters") or {}
        strategy = str(asked.get("strategy") or "mean").lower()
        if strategy not in IMPUTERS:
            known = ", ".join(IMPUTERS)
            msg = f"The Imputer's strategy is {asked.get('strategy')!r}; expected one of {known}."
            raise ValueError(msg)
        found |= {str(name): (strategy, asked.get("fill_value")) for name in one.get("fields") or ()}
    return found


def unheard(details: Mapping[str, Any]) -> list[str]:
    """A sentence for each setting that is not honoured, or is replaced by something else."""
    training, featurization = details.get("trainingSettings") or {}, details.get("featurizationSettings") or {}
    said = []
    if training.get("enableOnnxCompatibleModels"):
        said.append("enable_onnx_compatible_models: the best model is not written as ONNX; it is an MLflow model.")
        if training.get("enableStackEnsemble"):
            said.append(
                "enable_stack_ensemble: as in Azure, no models are stacked that are to be compatible with ONNX."
            )
    if training.get("stackEnsembleSettings") and not _stacks(training):
        said.append("stack_ensemble_settings: no models are stacked, so that they have no part here.")
    if training.get("ensembleModelDownloadTimeout"):
        said.append("ensemble_model_download_timeout: the trials are on this machine; no model is downloaded.")
    if str(training.get("trainingMode") or "").lower() == "distributed":
        said.append("training_mode: a model is trained on one machine.")
    if featurization.get("enableDnnFeaturization"):
        said.append("enable_dnn_featurization: texts become weights of their words, by no neural network.")
    others = sorted(set(map(str, featurization.get("blockedTransformers") or ())) - TRANSFORMERS)
    if others:
        said.append(f"blocked_transformers: {', '.join(others)} are not used here anyway.")
    params = sorted(set(featurization.get("transformerParams") or {}) - {"Imputer"})
    if params:
        said.append(f"transformer_params: those of {', '.join(params)} have no part here; those of Imputer have.")
    if featurization.get("datasetLanguage"):
        said.append("dataset_language: words are counted alike in every language.")
    return said
