"""Algorithms that tell classes of texts from the words and the letters in them: weighted counts (TF-IDF).

They stand for Azure's language models. The first parameters of each are sane ones; the cheapest is tried first.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jupyter_aml.automl.family import Json
from jupyter_aml.automl.text import labels, served
from jupyter_aml.automl.text.sweeps import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jupyter_aml.automl.algorithms import Asked
    from jupyter_aml.automl.metrics import Floats

MOST_WORDS = 200_000
"""Words, and groups of letters, that are told apart at most."""
PLENTY = 1_000
"""Rows from which on what stands in one text alone tells nothing."""
ROUNDS = 300
LEAST_TUNED = 20
"""Rows below which a label is given from one half on."""
TUNED = 0.25
"""The part of the rows by which is found from which probability on a label is given."""
HANDFUL = 2
WORD, ANYTHING = r"(?u)\b\w+\b", r"(?u)\S+"
"""What a word is, and what it is in texts that have none, such as signs alone."""


def _shape(asked: Asked) -> Json:
    """How texts become numbers."""
    return {
        "words": asked.suggest_int("words", 1, 3),
        "letters": asked.suggest_categorical("letters", [0, 3, 4, 5]),
        "rare": asked.suggest_int("rare", 1, 4),
        "stop_often": asked.suggest_float("stop_often", 0.3, 1.0),
    }


def _linear(low: float, high: float) -> Callable[[Asked], Json]:
    def space(asked: Asked) -> Json:
        found = {"C": asked.suggest_float("C", low, high, log=True)}
        return found | {"balanced": asked.suggest_categorical("balanced", [False, True])} | _shape(asked)

    return space


def _bayes(asked: Asked) -> Json:
    return {"alpha": asked.suggest_float("alpha", 0.005, 3.0, log=True)} | _shape(asked)


def _boosted(asked: Asked) -> Json:
    return {
        "components": asked.suggest_categorical("components", [50, 100, 200]),
        "learning_rate": asked.suggest_float("learning_rate", 0.02, 0.3, log=True),
        "num_leaves": asked.suggest_int("num_leaves", 4, 63, log=True),
    } | _shape(asked)


_FIRST = {"words": 2, "letters": 4, "rare": 2, "stop_often": 1.0}
_PLAIN = {"words": 1, "letters": 0, "rare": 2, "stop_often": 1.0}
_KINDS = (
    Kind("LogisticRegression", {"C": 10.0, "balanced": False, **_FIRST}, _linear(0.1, 300), "TF-IDF"),
    Kind("LinearSVM", {"C": 0.5, "balanced": False, **_FIRST}, _linear(0.01, 30), "TF-IDF"),
    Kind("ComplementNaiveBayes", {"alpha": 0.3, **_FIRST}, _bayes, "TF-IDF"),
    Kind(
        "LightGBM", {"components": 100, "learning_rate": 0.08, "num_leaves": 15, **_PLAIN}, _boosted, "TF-IDF, SVD"
    ),
)  # fmt: skip


def kinds() -> list[Kind]:
    """The algorithms that can be tried here."""
    return [one for one in _KINDS if one.name != "LightGBM" or importlib.util.find_spec("lightgbm") is not None]


def features(parameters: Mapping[str, Any], texts: Sequence[str], seed: int) -> tuple[Any, Any]:
    """What makes numbers of texts, fitted.

    Args:
        parameters: Of the model.
        texts: That it learns from, of which one at least is not empty.
        seed: Of what is random in it.

    Returns:
        It, and the numbers of the texts, shape (rows, columns).
    """
    made = _features(parameters, len(texts), seed, WORD)
    try:
        return made, made.fit_transform(texts)
    except ValueError:  # no word, or none that is in several texts: whatever stands between spaces is one
        made = _features({**parameters, "rare": 1, "stop_often": 1.0}, len(texts), seed, ANYTHING)
        return made, made.fit_transform(texts)


def _features(parameters: Mapping[str, Any], rows: int, seed: int, word: str) -> Any:
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import FeatureUnion, Pipeline
    from sklearn.preprocessing import FunctionTransformer

    rare = int(parameters["rare"]) if rows >= PLENTY else 1
    often = float(parameters["stop_often"])
    common = {
        "min_df": rare, "max_df": often if often * rows >= rare else 1.0, "sublinear_tf": True,
        "max_features": MOST_WORDS, "dtype": np.float64,
    }  # fmt: skip
    parts: list[tuple[str, Any]] = [
        ("words", TfidfVectorizer(ngram_range=(1, int(parameters["words"])), token_pattern=word, **common))
    ]
    if parameters["letters"]:
        letters = (HANDFUL, int(parameters["letters"]))
        parts.append(("letters", TfidfVectorizer(analyzer="char_wb", ngram_range=letters, **common)))
    union = FeatureUnion(parts)
    if "components" not in parameters:
        return union
    count = min(int(parameters["components"]), max(rows - 1, 1))
    wide = FunctionTransformer(served.wide, kw_args={"least": count + 1})
    return Pipeline([("counts", union), ("wide", wide), ("svd", TruncatedSVD(count, random_state=seed))])


def learn(
    algorithm: str,
    parameters: Mapping[str, Any],
    texts: Sequence[str],
    truth: NDArray[Any],
    count: int,
    *,
    threads: int,
    seed: int,
    until: float,
) -> served.Pipeline:
    """A fitted model.

    Args:
        algorithm: One of `kinds`.
        parameters: Of the algorithm.
        texts: Length rows.
        truth: Classes as numbers, shape (rows,), or True where a row has a label, shape (rows, labels).
        count: How many classes there are.
        threads: That it may use.
        seed: The same seed gives the same model.
        until: When to stop a boosting, by `time.monotonic`.
    """
    made, numbers = features(parameters, list(texts), seed)

    def make() -> Any:
        return estimator(algorithm, parameters, threads, seed, until)

    model = marks(make, numbers, truth, seed) if truth.ndim > 1 else classes(make, numbers, truth, count)
    return served.Pipeline(made, model)


def estimator(algorithm: str, parameters: Mapping[str, Any], threads: int, seed: int, until: float) -> Any:
    """One that is not fitted yet.

    Raises:
        ValueError: There is no such algorithm.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import ComplementNB
    from sklearn.svm import LinearSVC

    weights = "balanced" if parameters.get("balanced") else None
    if algorithm == "LogisticRegression":
        return LogisticRegression(C=parameters["C"], max_iter=200, class_weight=weights, random_state=seed)
    if algorithm == "LinearSVM":
        return served.Scaled(
            lambda: LinearSVC(C=parameters["C"], class_weight=weights, random_state=seed), "decision_function", seed
        )
    if algorithm == "ComplementNaiveBayes":
        return served.Scaled(lambda: ComplementNB(alpha=parameters["alpha"]), "predict_joint_log_proba", seed)
    if algorithm == "LightGBM":
        return boosting(parameters, threads, seed, until)
    raise ValueError(f"{algorithm!r} is no algorithm for texts; expected one of {', '.join(o.name for o in _KINDS)}.")


def boosting(parameters: Mapping[str, Any], threads: int, seed: int, until: float) -> served.Boosted:
    """LightGBM that stops when the time is up."""
    settings = {
        "n_estimators": int(parameters.get("rounds", ROUNDS)), "learning_rate": parameters["learning_rate"],
        "num_leaves": int(parameters["num_leaves"]), "min_child_samples": 5, "subsample": 0.8, "subsample_freq": 1,
        "colsample_bytree": parameters.get("columns", 0.5), "max_bin": parameters.get("bins", 255),
        "reg_lambda": 1.0, "n_jobs": threads, "random_state": seed, "verbosity": -1,
    }  # fmt: skip
    return served.Boosted(settings, until)


def classes(make: Callable[[], Any], numbers: Any, truth: NDArray[Any], count: int) -> served.Classes:
    """A classifier into one class each.

    Args:
        make: An estimator, new each time.
        numbers: Shape (rows, columns).
        truth: Classes as numbers, shape (rows,).
        count: How many classes there are.
    """
    from sklearn.dummy import DummyClassifier

    known, target = np.unique(truth, return_inverse=True)
    estimator = make() if len(known) > 1 else DummyClassifier(strategy="prior")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what libraries say of convergence is shown by the score
        return served.Classes(estimator.fit(numbers, target), known.astype(np.intp), count)


def marks(make: Callable[[], Any], numbers: Any, truth: NDArray[np.bool_], seed: int) -> served.Marks:
    """A classifier for each label, and the probability from which on it is given.

    The latter is found on a part of the rows from which a first model has not learned.
    """
    cuts = None
    if len(truth) >= LEAST_TUNED:
        order = np.random.default_rng(seed).permutation(len(truth))
        tried, kept = np.split(order, [int(len(truth) * TUNED)])
        first = served.Marks(_each(make, numbers[kept], truth[kept]))
        cuts = labels.cuts(truth[tried], first.predict(numbers[tried]))
    return served.Marks(_each(make, numbers, truth), cuts)


def _each(make: Callable[[], Any], numbers: Any, truth: NDArray[np.bool_]) -> list[Any]:
    found = []
    for at in range(truth.shape[1]):
        own = truth[:, at]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # idem
            one = served.Always(bool(own[0])) if own.all() or not own.any() else make().fit(numbers, own)
        found.append(one)
    return found


def probabilities(model: Any, rows: Any) -> Floats:
    """What a model says of rows, shape (rows, classes)."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        return np.asarray(model.predict(rows), dtype=float)
