"""From a table to numbers: the featurization of a model's pipeline, made of scikit-learn's transformers.

Two forms are made of the same columns. Trees get categories as codes and gaps as gaps; models that multiply get imputed
and scaled numbers and one column per category.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from packaging.version import Version

from jupyter_aml.automl import steps
from jupyter_aml.automl.columns import Column, Purpose, nothing

if TYPE_CHECKING:
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

RARE = 0.002
"""Categories of a smaller part of the rows share one column."""
MOST_CATEGORIES = 100
"""Columns that a single column's categories may become."""
MOST_WORDS, TOPICS = 20_000, 32
"""Words of a text that are counted, and the dimensions that trees get of them."""
WORD = r"(?u)\b\w+\b"
MOST_MEANS = 20
"""Classes of which each category has a mean; with more of them categories are told as codes."""
UNKNOWN = -1
ENCODER_FOLDS = 5
SPARSE = 0.3
"""Features of which a smaller part is not zero are kept as a sparse matrix."""
SHUFFLES_BY_FOLDS = Version("1.9")
"""From this scikit-learn on, an encoder of targets is told its folds."""


class Form(StrEnum):
    """For which models features are made."""

    TREES = "trees"
    LINEAR = "linear"


@dataclass(frozen=True)
class Wishes:
    """How features are to be made, where the user knows better.

    Attributes:
        blocked: Azure's names of transformers that are not to be used: `TfIdf`, `OneHotEncoder`, `CatTargetEncoder`.
        imputers: What gaps of columns of numbers become: a strategy of scikit-learn's, and the value of `constant`.
    """

    blocked: frozenset[str] = frozenset()
    imputers: Mapping[str, tuple[str, Any]] = field(default_factory=dict)


def transformer(
    columns: Mapping[str, Column],
    form: Form,
    *,
    classes: int = 0,
    positive: bool = False,
    wishes: Wishes | None = None,
) -> ColumnTransformer | Pipeline:
    """What makes features of a table, to be fitted.

    Args:
        columns: What the columns are for.
        form: For which models.
        classes: How many classes the target has; 0 for a regression.
        positive: Whether what is below zero becomes zero, for those who count.
        wishes: Of the user.

    Raises:
        ValueError: No column is left.
    """
    from sklearn.compose import ColumnTransformer

    wishes = wishes or Wishes()
    held = {purpose: [one.name for one in columns.values() if one.purpose is purpose] for purpose in Purpose}
    parts: list[tuple[str, Any, Any]] = []
    numbers = [name for name in held[Purpose.NUMERIC] if name not in wishes.imputers]
    if numbers:
        parts.append(("numbers", _numbers(form), numbers))
    parts += [
        (f"number {_plain(name)}", _imputed(form, *wishes.imputers[name]), [name])
        for name in held[Purpose.NUMERIC]
        if name in wishes.imputers
    ]
    codes = Form.TREES if "OneHotEncoder" in wishes.blocked else form
    if held[Purpose.CATEGORICAL]:
        parts.append(("categories", _categories(codes), held[Purpose.CATEGORICAL]))
    if held[Purpose.CATEGORICAL_HASH]:
        if "CatTargetEncoder" in wishes.blocked:
            made = _categories(Form.TREES)
        else:
            made = _many_categories(form, classes) if classes <= MOST_MEANS else _categories(codes)
        parts.append(("many categories", made, held[Purpose.CATEGORICAL_HASH]))
    if held[Purpose.DATE_TIME]:
        parts.append(("dates", _dates(form), held[Purpose.DATE_TIME]))
    if "TfIdf" not in wishes.blocked:
        parts += [(f"text {_plain(name)}", _text(form), [name]) for name in held[Purpose.TEXT]]
    if not parts:
        raise ValueError(nothing(columns))
    made = ColumnTransformer(parts, sparse_threshold=SPARSE if form is Form.LINEAR else 0.0)
    return _pipeline(made, _function(steps.positive)) if positive else made


def _plain(name: str) -> str:
    """A column's name as a part of a ColumnTransformer may have it."""
    return name.replace("_", "_ ") if "__" in name else name


def _function(function: Any, names: Any = "one-to-one") -> Any:
    from sklearn.preprocessing import FunctionTransformer

    return FunctionTransformer(function, feature_names_out=names)


def _pipeline(*parts: Any) -> Any:
    from sklearn.pipeline import make_pipeline

    return make_pipeline(*parts)


def _filled(*before: Any) -> Any:
    """Gaps become means, and a column says where they were."""
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import StandardScaler

    return _pipeline(*before, SimpleImputer(add_indicator=True), StandardScaler())


def _numbers(form: Form) -> Any:
    own = _function(steps.numbers)
    return own if form is Form.TREES else _filled(own)


def _imputed(form: Form, strategy: str, value: Any) -> Any:
    """A column whose gaps are filled as the user wants it."""
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import StandardScaler

    imputer = SimpleImputer(strategy=strategy, fill_value=value, keep_empty_features=True)
    own = _function(steps.numbers)
    return _pipeline(own, imputer) if form is Form.TREES else _pipeline(own, imputer, StandardScaler())


def _categories(form: Form) -> Any:
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

    own = _function(steps.words)
    if form is Form.TREES:
        return _pipeline(own, OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=UNKNOWN))
    encoder = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=RARE, max_categories=MOST_CATEGORIES)
    return _pipeline(own, encoder)


def _many_categories(form: Form, classes: int) -> Any:
    """The mean target of each category, which no row has a part in itself."""
    from sklearn.preprocessing import StandardScaler, TargetEncoder

    kind = "continuous" if not classes else "binary" if classes <= 2 else "multiclass"  # noqa: PLR2004 - yes or no
    encoder = TargetEncoder(target_type=kind, **_always_alike(classes))
    own = _function(steps.words)
    return _pipeline(own, encoder) if form is Form.TREES else _pipeline(own, encoder, StandardScaler())


def _always_alike(classes: int) -> dict[str, Any]:
    """What makes an encoder of targets do the same each time, in the words of this scikit-learn."""
    import sklearn
    from sklearn.model_selection import KFold, StratifiedKFold

    if Version(sklearn.__version__) < SHUFFLES_BY_FOLDS:
        return {"random_state": 0}
    folds = StratifiedKFold if classes else KFold
    return {"cv": folds(ENCODER_FOLDS, shuffle=True, random_state=0)}


def _dates(form: Form) -> Any:
    own = _function(steps.moments, steps.moment_names)
    return own if form is Form.TREES else _filled(own)


def _text(form: Form) -> Any:
    """The weights of words; for trees the topics that they make up."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import FunctionTransformer

    words = TfidfVectorizer(max_features=MOST_WORDS, sublinear_tf=True, ngram_range=(1, 2), token_pattern=WORD)
    own = _pipeline(FunctionTransformer(steps.texts), words)
    if form is Form.LINEAR:
        return own
    return _pipeline(own, FunctionTransformer(steps.wide), TruncatedSVD(TOPICS, random_state=0))
