"""The code's part on the models: their features, their parameters, and how they predict together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jupyter_aml.automl import algorithms, steps
from jupyter_aml.automl.code import careful, parts, running
from jupyter_aml.automl.code.rendering import Expression, Group, laid_out
from jupyter_aml.automl.code.sheet import Sheet, joined
from jupyter_aml.automl.features import Form
from jupyter_aml.automl.metrics import CLASSIFICATION, REGRESSION

if TYPE_CHECKING:
    from jupyter_aml.automl.code.plan import Voter

FORMS = {
    Form.TREES: "Features for trees: categories are codes, gaps stay gaps.",
    Form.LINEAR: "Features for models that multiply: gaps are filled, numbers scaled, categories columns.",
}
TREES = "a fold has the trees after which its own rows gained no more, and all rows get the median"
FEATURES, ALGORITHM = "generate_data_transformation_config", "generate_algorithm_config"
FIT = "fit_pipeline"
META = "generate_meta_learner_config"
_TREES = "n_estimators="


def source(sheet: Sheet) -> tuple[str, str]:
    """Functions that make the models: those of the features, and those of the algorithms."""
    made: dict[str, str] = {}
    features: list[str] = []
    found: list[str] = []
    pairs: list[tuple[str, str]] = []
    for number, voter in enumerate(sheet.plan.voters):
        body = laid_out(sheet.renderer.of(voter.features), "return ", indent=4)
        if body not in made:
            made[body] = f"{FEATURES}_{len(made)}()"
            sheet.needs(("sklearn.base", "BaseEstimator"))
            features.append(f'def {made[body]} -> BaseEstimator:\n    """{_told(sheet, voter)}"""\n{body}')
        found.append(_algorithm(sheet, number, voter))
        pairs.append((made[body], f"{ALGORITHM}_{number}({'fold' if voter.trees else ''})"))
    own = dict.fromkeys(one.__name__ for one in sheet.renderer.functions)
    return joined(sheet.carried(steps, *own), *features), joined(*found, _together(sheet, pairs))


def _told(sheet: Sheet, voter: Voter) -> str:
    """What features are, in a sentence."""
    algorithm = algorithms.chosen(CLASSIFICATION if sheet.plan.classes else REGRESSION)[voter.name]
    return FORMS[algorithm.form] + (" None is below 0." if algorithm.positive else "")


def _algorithm(sheet: Sheet, number: int, voter: Voter) -> str:
    """A function that makes an estimator."""
    sheet.needs(("sklearn.base", "BaseEstimator"))
    expression = sheet.renderer.of(voter.estimator)
    given, doc, before = "", f"{voter.name}.", ""
    if voter.trees and isinstance(expression, Group):
        every = next(str(one) for prefix, one in expression.parts if prefix == _TREES)
        given, doc = "fold: int | None = None", f"{voter.name}; {TREES}."
        before = f"    trees = {every} if fold is None else {list(voter.trees)!r}[fold]\n"
        expression = replace(
            expression, parts=[(prefix, "trees" if prefix == _TREES else one) for prefix, one in expression.parts]
        )
    if voter.scaled:
        sheet.needs(("sklearn.compose", "TransformedTargetRegressor"), ("sklearn.preprocessing", "StandardScaler"))
        inner: list[tuple[str, Expression]] = [("regressor=", expression), ("transformer=", "StandardScaler()")]
        expression = Group("TransformedTargetRegressor(", inner, ")")
    head = f'def {ALGORITHM}_{number}({given}) -> BaseEstimator:\n    """{doc}"""\n'
    return head + before + laid_out(expression, "return ", indent=4)


def _together(sheet: Sheet, pairs: list[tuple[str, str]]) -> str:
    """The function that makes the whole model, and what it needs."""
    sheet.needs(("sklearn.pipeline", "Pipeline"))
    kind, stack = running.ensemble(sheet), sheet.plan.stack
    pipelines = [_pipeline(*pair) for pair in pairs]
    whole: Expression = pipelines[0]
    fitting, more = sheet.carried(careful if sheet.plan.careful else parts, FIT), ""
    carried = sheet.carried(parts, kind, without=FIT) if kind != "Pipeline" else ""
    doc = "Features, and a model of them."
    if kind != "Pipeline":
        every: tuple[str, Expression] = ("", Group("[", [("", one) for one in pipelines], "]"))
        last: tuple[str, Expression] = ("weights=", sheet.renderer.of([voter.weight for voter in sheet.plan.voters]))
        if stack is not None:
            more = f'def {META}() -> BaseEstimator:\n    """{stack.name}, which listens to the others."""\n'
            more += laid_out(sheet.renderer.of(stack.estimator), "return ", indent=4)
            last = ("meta_learner=", f"{META}()")
        whole = Group(f"{kind}(", [every, last], ")")
        doc = "The models, and what listens to them." if stack else "The models, and how their votes count."
        doc = doc if len(pairs) > 1 else "The model."
    body = laid_out(whole, "return ", indent=4)
    given = "fold: int | None = None" if sheet.folded else ""
    return joined(more, fitting, carried, f'def build_model_pipeline({given}) -> {kind}:\n    """{doc}"""\n{body}')


def _pipeline(features: str, algorithm: str) -> Group:
    pair: list[tuple[str, Any]] = [
        ("", Group("(", [("", '"features"'), ("", features)], ")")),
        ("", Group("(", [("", '"model"'), ("", algorithm)], ")")),
    ]
    return Group("Pipeline(", [("", Group("[", pair, "]"))], ")")
