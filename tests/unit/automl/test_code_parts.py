"""What the code is made of: values and estimators as source, functions that are carried, and metrics."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from jupyter_aml.automl import features, metrics, steps
from jupyter_aml.automl.code import parts
from jupyter_aml.automl.code.carrying import carry, import_lines
from jupyter_aml.automl.code.rendering import Renderer, laid_out, quoted
from jupyter_aml.automl.code.running import FUNCTIONS, SPANNED
from jupyter_aml.automl.metrics import CLASSIFICATION, REGRESSION, Classes, Numbers


@pytest.mark.parametrize(
    "value",
    [None, True, 3, 1e-9, "a", "it's", 'say "a"', "a\\b\n\t", "Zürich", [1, [2.5]], (1,), (), {"a": (1, 2)}, [], {}],
)
def test_values_are_their_source(value: Any) -> None:
    assert eval(laid_out(Renderer().of(value))) == value


def test_what_is_no_number_is_written_too() -> None:
    assert np.isnan(eval(laid_out(Renderer().of(float("nan")))))
    assert laid_out(Renderer().of(float("-inf"))) == 'float("-inf")'
    assert laid_out(Renderer().of(np.float64(2.5))) == "2.5"


def test_strings_have_the_quotes_that_ruff_gives_them() -> None:
    assert quoted("a") == '"a"'
    assert quoted("it's") == '"it\'s"'
    assert quoted('say "a"') == "'say \"a\"'"


def test_estimators_are_what_they_were_made_with() -> None:
    renderer = Renderer({"NUMBERS": ["a", "b"]})
    made = ColumnTransformer([("all", make_pipeline(FunctionTransformer(steps.numbers), StandardScaler()), ["a", "b"])])

    assert laid_out(renderer.of(made), "return ", indent=40) == "\n".join(
        " " * spaces + line
        for spaces, line in [
            (40, "return ColumnTransformer("),
            (44, "["),
            (48, "("),
            (52, '"all",'),
            (52, "make_pipeline(FunctionTransformer(numbers), StandardScaler()),"),
            (52, "NUMBERS,"),
            (48, "),"),
            (44, "],"),
            (40, ")"),
        ]
    )
    assert renderer.functions[0] is steps.numbers
    assert ("sklearn.preprocessing", "StandardScaler") in renderer.imports
    assert laid_out(renderer.of(Ridge(alpha=2.0).fit([[1.0], [2.0]], [1, 2]))) == "Ridge(alpha=2.0)"
    assert laid_out(renderer.of(KFold(3, shuffle=True))) == "KFold(n_splits=3, shuffle=True)"


def test_what_is_carried_stands_alone(tmp_path: Path) -> None:
    found = carry(steps, ["words", "moments"])

    script = tmp_path / "it.py"
    script.write_text(
        f"from __future__ import annotations\n{import_lines(found.imports)}\n{found.text}\n"
        "import pandas as pd\nprint(words(pd.DataFrame({'a': [1.0, None]})).tolist())\n"
    )
    told = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)

    assert told.stdout.strip() == "[['1'], ['(missing)']]"
    assert "DATE_PARTS" not in found.text
    assert "def numbers" not in found.text
    assert "noqa" not in found.text


def test_what_needs_something_of_ours_is_not_carried() -> None:
    with pytest.raises(ValueError, match=r"transformer of jupyter_aml\.automl\.features cannot be carried: needs"):
        carry(features, ["transformer"])
    with pytest.raises(ValueError, match=r"jupyter_aml\.automl\.steps has no letters"):
        carry(steps, ["letters"])


def test_imports_stand_in_order() -> None:
    given = [("b", "z"), ("b", "A"), ("b", "X_Y"), ("json", ""), ("numpy", "as np"), ("collections.abc", "Callable")]

    assert import_lines(given) == (
        "import json\nfrom collections.abc import Callable\n\nimport numpy as np\nfrom b import X_Y, A, z"
    )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", metrics.PRIMARY[CLASSIFICATION])
@pytest.mark.parametrize("classes", [2, 4])
def test_metrics_of_classes_are_azures(name: str, classes: int, weighted: bool) -> None:
    random = np.random.default_rng(0)
    truth = random.integers(0, classes, 60)
    told = random.dirichlet(np.ones(classes), 60) + np.eye(classes)[truth] / 3
    told /= told.sum(axis=1, keepdims=True)
    weights = random.random(60) if weighted else None

    found = getattr(parts, FUNCTIONS.get(name, name))(truth, told, weights)

    assert found == pytest.approx(metrics.value(name, Classes(truth, told, weights)), abs=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", metrics.PRIMARY[REGRESSION])
def test_metrics_of_numbers_are_azures(name: str, weighted: bool) -> None:
    random = np.random.default_rng(0)
    truth = random.normal(3, 2, 60)
    told = truth + random.normal(0, 1, 60)
    weights = random.random(60) if weighted else None
    span = [float(np.ptp(truth))] if name in SPANNED else []

    found = getattr(parts, FUNCTIONS.get(name, name))(truth, told, *span, weights)

    assert found == pytest.approx(metrics.value(name, Numbers(truth, told, float(np.ptp(truth)), weights)), abs=1e-12)
