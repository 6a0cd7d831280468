"""`%aml automl` in a notebook: a frame is enough, and the best model predicts, is ranked and explains itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_wine

from jupyter_aml.errors import NotFoundError

from .conftest import Notebook, wait_for

FAST = "--allow LogisticRegression DecisionTree --trials 2 --minutes 3"
FAST_NUMBERS = "--allow ElasticNet DecisionTree --trials 2 --minutes 3"


@pytest.fixture
def names(notebook: Notebook) -> Any:
    """The variables of a notebook with a table of wines, of patients and of sales."""
    found = notebook.shell.user_ns
    found["wine"] = load_wine(as_frame=True).frame
    found["patients"] = load_diabetes(as_frame=True).frame
    months = np.tile(pd.date_range("2018-01-01", periods=48, freq="MS"), 2)
    sold = 100 + 10 * np.sin(np.arange(96) * 2 * np.pi / 12) + np.repeat([0, 50], 48)
    found["sales"] = pd.DataFrame({"month": months, "shop": np.repeat(["a", "b"], 48), "sold": sold})
    return found


def test_a_frame_is_enough_and_the_best_model_is_at_hand(notebook: Notebook, names: Any) -> None:
    shown = notebook.cell(f"best = %aml automl --data {{wine}} --target target --metric AUC_weighted {FAST}")

    assert "Task: classification, for target has 3 different whole numbers." in shown
    best, wine = names["best"], names["wine"]
    some = wine.sample(40, random_state=1)
    told = best.predict(some)
    assert (told == some["target"]).mean() > 0.9
    assert best.status == "Completed"
    board = best.leaderboard
    assert list(board.columns) == ["model", "AUC_weighted", "status", "seconds", "job"]
    assert board.index[0] == 1
    assert board["AUC_weighted"].iloc[0] > 0.95
    assert {"LogisticRegression", "DecisionTree"} <= {name.rpartition(", ")[2] for name in board["model"]}
    shares = best.predict_proba(some)
    assert list(shares.columns) == ["0", "1", "2"]
    assert shares.sum(axis=1).to_numpy() == pytest.approx(1)
    assert set(best.charts) >= {"confusion_matrix", "accuracy_table"}
    assert best.metrics["AUC_weighted"] > 0.95
    assert {"truth", "prediction"} <= set(best.predictions.columns)


def test_it_explains_itself_as_a_whole_and_row_by_row(notebook: Notebook, names: Any) -> None:
    notebook.cell(f"best = %aml automl {{patients}} target {FAST_NUMBERS}")

    best, rows = names["best"], names["patients"].sample(3, random_state=0)
    whole = best.explain()
    assert set(whole.index[:3]) & {"bmi", "s5"}
    assert whole["importance"].is_monotonic_decreasing
    assert set(best.guardrails["status"]) <= {"Passed", "Done", "Alerted"}
    assert {"numbers", "StandardScaler"} <= {step for steps in best.features["steps"] for step in steps}
    best.plot("residuals")
    with pytest.raises(NotFoundError, match=r"no chart 'roc' of .*; there are feature_importance, predictions"):
        best.plot("roc")
    assert best.purposes.set_index("name").loc["bmi", "purpose"] == "Numeric"
    each = best.explain(rows)
    assert list(each.index) == list(rows.index)
    columns = [name for name in rows.columns if name != "target"]
    assert (each["base"] + each[columns].sum(axis=1)).to_numpy() == pytest.approx(each["prediction"].to_numpy())
    assert each["prediction"].to_numpy() == pytest.approx(best.predict(rows))


def test_it_is_deployed_in_the_next_cell(notebook: Notebook, names: Any) -> None:
    notebook.cell(f"best = %aml automl {{wine}} target {FAST}")
    names["best"].wait()

    notebook.cell("%aml deploy {best} wines")
    notebook.cell("told = %aml invoke wines {wine.drop(columns='target').head(4)}")
    assert list(names["told"]) == list(names["best"].predict(names["wine"].head(4)))


def test_time_makes_it_a_forecast(notebook: Notebook, names: Any) -> None:
    notebook.cell(
        "best = %aml automl {sales} sold --time month --series shop --horizon 3 --minutes 3 --trials 3 "
        "--allow SeasonalNaive Naive Average"
    )

    ahead = pd.DataFrame({"month": pd.date_range("2022-01-01", periods=3, freq="MS"), "shop": "b"})
    told = np.asarray(names["best"].predict(ahead), dtype=float)
    assert told == pytest.approx([150.0, 155.0, 158.66], abs=0.1)
    assert "SeasonalNaive" in set(names["best"].leaderboard["model"])


def test_texts_hold_rows_out_where_nothing_judges_them(notebook: Notebook, names: Any) -> None:
    words = [f"a good and great film {at}" for at in range(30)] + [f"a bad and awful film {at}" for at in range(30)]
    names["films"] = pd.DataFrame({"text": words, "label": ["good"] * 30 + ["bad"] * 30})

    shown = notebook.cell("best = %aml automl {films} label --task text_classification --trials 1 --minutes 3")

    assert "a fifth of the rows is held out, 12 of them" in shown
    assert list(names["best"].predict(pd.DataFrame({"text": ["awful", "great"]}))) == ["bad", "good"]


def test_a_search_is_stopped_and_keeps_its_best(notebook: Notebook, names: Any) -> None:
    notebook.cell("best = %aml automl {wine} target --minutes 30 --allow LogisticRegression DecisionTree KNN")
    best = names["best"]

    wait_for(lambda: bool(best.leaderboard.iloc[:, 1].notna().any()), "a first model")
    best.stop()
    assert len(best.predict(names["wine"].head(2))) == 2


def test_a_job_that_was_made_elsewhere_is_the_same(notebook: Notebook, names: Any) -> None:
    notebook.cell(f"%aml automl {{wine}} target --name wines-1 --wait {FAST};")

    notebook.cell("again = %aml job show wines-1")
    assert len(names["again"].predict(names["wine"].head(2))) == 2
    assert "LogisticRegression" in str(names["again"].leaderboard["model"].tolist())


def test_files_and_assets_are_data_too(notebook: Notebook, names: Any) -> None:
    names["wine"].to_csv("wine.csv", index=False)
    notebook.cell(f"best = %aml automl wine.csv target --wait {FAST}")
    assert names["best"].status == "Completed"
    alone = Path("alone")
    alone.mkdir()
    names["wine"].to_csv(alone / "wine.csv", index=False)
    notebook.cell(f"best = %aml automl ./alone target --wait {FAST}")
    assert names["best"].status == "Completed"
    folder = Path("wines")
    folder.mkdir()
    names["wine"].to_parquet(folder / "wine.parquet")
    (folder / "MLTable").write_text("paths:\n- file: ./wine.parquet\ntransformations:\n- read_parquet\n")
    notebook.cell("%aml data create wines ./wines")
    notebook.cell(f"best = %aml automl wines@latest target --task classification --wait {FAST}")
    assert names["best"].status == "Completed"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("automl", "automl needs data."),
        ("automl {wine}", "the column that is to be predicted|what is to be learned"),
        ("automl {wine} targt", "Did you mean target?"),
        ("automl {wine} target --metric bad", "'bad' is no primary metric for classification"),
        ("automl {wine} target --metric r2_score --task classification", "is no primary metric for classification"),
        ("automl {wine} target --allow LightGBN", "LightGBN"),
        ("automl {wine} target --horizon 3", "--horizon is nothing that classification has."),
        ("automl {wine} target --task forecasting", "forecasting needs the column of time."),
        ("automl {wine} target --minutes 0", "--minutes 0 is no time."),
        ("automl nowhere.csv target", "there is no such file"),
        ("automl {3} target", "that is no data"),
        ("automl {wine.head(0)} target", "the frame has 0 rows"),
        ("automl {twice} a", "several columns a"),
        ("automl {shots} label --task image_classification", "column image_url"),
        ("automl {lost} label --task image_classification", "nowhere.png does not exist"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_sent(notebook: Notebook, names: Any, line: str, said: str) -> None:
    names["twice"] = pd.DataFrame([[1, 2]], columns=["a", "a"])
    names["shots"] = pd.DataFrame({"path": ["a.png"], "label": ["x"]})
    names["lost"] = pd.DataFrame({"image_url": ["nowhere.png"], "label": ["x"]})
    notebook.cell("before = %aml job list --query [].name")

    shown = notebook.refused(f"%aml {line}")

    assert any(part in shown for part in said.split("|")), shown
    notebook.cell("after = %aml job list --query [].name")
    assert names["before"].plain == names["after"].plain


def test_it_is_written_down_instead(notebook: Notebook, names: Any) -> None:
    assert len(names["wine"])
    shown = notebook.cell("%aml automl {wine} target --metric accuracy --as yaml")

    assert "type: automl" in shown
    assert "task: classification" in shown
    assert "path: ./training" in shown
    assert "primary_metric: accuracy" in shown
