"""What predictions depend on: shuffled columns, and the parts that a row's values add."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from jupyter_aml.automl import explaining


class Product:
    """Predicts a · b; c has no part in it."""

    def predict(self, frame: pd.DataFrame) -> Any:
        return frame["a"].to_numpy() * frame["b"].to_numpy()


def numbers(rows: int = 50) -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(0).normal(size=(rows, 3)), columns=list("abc"))


def test_a_line_s_parts_are_its_slopes_times_the_way_from_the_mean() -> None:
    frame = numbers(200)
    model = LinearRegression().fit(frame, 3 * frame["a"] - 2 * frame["b"] + 5)
    zero = pd.DataFrame({name: [0.0] for name in frame})

    found = explaining.contributions(model, frame.head(4), zero)

    assert found["base"].to_numpy() == pytest.approx(5)
    assert found["a"].to_numpy() == pytest.approx(3 * frame["a"].head(4).to_numpy())
    assert found["b"].to_numpy() == pytest.approx(-2 * frame["b"].head(4).to_numpy())
    assert found["c"].to_numpy() == pytest.approx(0, abs=1e-12)
    assert found["prediction"].to_numpy() == pytest.approx(model.predict(frame.head(4)))


def test_what_two_columns_do_together_is_shared_between_them() -> None:
    row, zero = pd.DataFrame({"a": [2.0], "b": [3.0], "c": [1.0]}), pd.DataFrame({"a": [0.0], "b": [0.0], "c": [0.0]})

    found = explaining.contributions(Product(), row, zero)

    assert found.iloc[0].to_dict() == pytest.approx({"base": 0, "a": 3, "b": 3, "c": 0, "prediction": 6})


def test_base_and_parts_make_the_prediction_whatever_the_columns_are() -> None:
    frame = pd.DataFrame({
        "size": np.arange(30.0), "color": pd.Categorical(["red", "blue", "green"] * 10), "day": ["mo", "tu"] * 15,
    })  # fmt: skip
    told = np.where((frame["color"] == "red") & (frame["size"] > 9), "yes", np.where(frame["size"] > 20, "no", "so"))
    encode = make_column_transformer((OneHotEncoder(), ["color", "day"]), remainder="passthrough")
    model = make_pipeline(encode, LogisticRegression(max_iter=2000)).fit(frame, told)
    rows = frame.sample(5, random_state=0)

    found = explaining.contributions(model, rows, frame)

    assert list(found.index) == list(rows.index)
    assert list(found.columns) == ["base", "size", "color", "day", "prediction", "label"]
    assert list(found["label"]) == list(model.predict(rows))
    assert found["prediction"].to_numpy() == pytest.approx(model.predict_proba(rows).max(axis=1))
    parts = found[["base", "size", "color", "day"]].sum(axis=1)
    assert parts.to_numpy() == pytest.approx(found["prediction"].to_numpy())


def test_another_class_may_be_asked_for_and_one_that_is_not_there_is_refused() -> None:
    frame = numbers()
    model = LogisticRegression().fit(frame, np.where(frame["a"] > 0, "up", "down"))

    found = explaining.contributions(model, frame.head(3), frame, label="up")

    assert found["prediction"].to_numpy() == pytest.approx(model.predict_proba(frame.head(3))[:, 1])
    with pytest.raises(ValueError, match="There is no class 'left'; the model knows down, up"):
        explaining.contributions(model, frame.head(1), frame, label="left")


def test_many_rows_are_asked_in_parts_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = numbers()
    whole = explaining.contributions(Product(), frame, frame)

    monkeypatch.setattr(explaining, "AT_ONCE", 200)

    pd.testing.assert_frame_equal(explaining.contributions(Product(), frame, frame), whole)


def test_a_shuffled_column_matters_as_much_as_the_model_uses_it() -> None:
    frame = numbers(300)
    truth = 3 * frame["a"].to_numpy() + frame["b"].to_numpy()
    model = LinearRegression().fit(frame, truth)

    found = explaining.importance(model.predict, frame, lambda told: float(np.abs(told - truth).mean()))

    assert list(found)[:2] == ["a", "b"]
    assert found["a"] / found["b"] == pytest.approx(3, rel=0.2)
    assert found["c"] == pytest.approx(0, abs=1e-9)
