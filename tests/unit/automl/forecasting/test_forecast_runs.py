"""Whole runs: from a table to a model that forecasts in a process that has never heard of jupyter_aml."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jupyter_aml.automl.family import COMPLETED, FAILED, PRUNED, Attempt, Done, Proposal
from jupyter_aml.automl.forecasting import backtest, settings
from jupyter_aml.automl.forecasting.family import FAMILY, vote
from jupyter_aml.automl.forecasting.preparing import Table
from tests.unit.automl.forecasting.sets import (
    airline,
    details,
    electricity,
    finished,
    nights,
    only,
    prepared,
    tried,
)  # fmt: skip

QUICK = only("SeasonalNaive", "ExponentialSmoothing", "ElasticNet", "LightGBM")
ALONE = """
import json, sys

class Refused:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "jupyter_aml":
            raise ImportError("not here")

sys.meta_path.insert(0, Refused())
import mlflow.pyfunc
import pandas as pd

model = mlflow.pyfunc.load_model(sys.argv[1])
frame = pd.read_json(sys.argv[2], orient="split", convert_dates=False, dtype=False)
told = model.predict(frame)
spread = model.predict(frame, params={"quantiles": [0.1, 0.9]})
print(json.dumps({"told": list(told), "low": list(spread["0.1"]), "high": list(spread["0.9"]),
                  "ours": [one for one in sys.modules if one.startswith("jupyter_aml")]}))
"""


def alone(model: Path, frame: pd.DataFrame, folder: Path) -> Any:
    """What a model says in a process without jupyter_aml."""
    frame.to_json(folder / "asked.json", orient="split", index=False)
    command = [sys.executable, "-W", "ignore", "-c", ALONE, str(model), str(folder / "asked.json")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])


def test_a_series_is_forecast_where_jupyter_aml_is_not(tmp_path: Path) -> None:
    frame = airline()
    order, facts = prepared(details("passengers", "month", 12, task=QUICK), tmp_path / "place", frame.head(132))

    done = tried(order, facts, tmp_path / "place", tmp_path / "trials", 7)
    best = finished(order, tmp_path / "place", done, tmp_path / "out")

    assert (facts["frequency"], facts["season"], facts["horizon"], facts["rows"]) == ("MS", 12, 12, 132)
    assert {one.attempt.status for one in done} <= {COMPLETED, PRUNED}
    singles = [one.attempt.score for one in done if one.attempt.score is not None]
    assert best.score <= min(singles) * 1.1
    assert best.metrics["mean_absolute_scaled_error"] < 1
    told = alone(tmp_path / "out" / "model", frame.tail(12)[["month"]], tmp_path)
    truth = frame["passengers"].tail(12).to_numpy()
    naive = frame["passengers"].to_numpy()[120:132]
    assert np.abs(np.array(told["told"]) - truth).mean() < 0.7 * np.abs(naive - truth).mean()
    assert (np.array(told["low"]) < told["high"]).all()
    assert told["ours"] == []
    pins = (tmp_path / "out" / "model" / "requirements.txt").read_text()
    assert f"pandas=={pd.__version__}" in pins
    charts = json.loads((tmp_path / "out" / "charts.json").read_text())
    one = charts["forecast"]["series"][0]
    assert len(one["time"]) == len(one["actual"]) == len(one["forecast"]) == len(one["lower"]) == 12
    assert [step["step"] for step in charts["horizon_error"]] == list(range(1, 13))
    assert sum(charts["residuals"]["counts"]) == 12 * facts["folds"]
    assert 0.5 < charts["coverage"]["inside"] <= 1
    rows = pd.read_csv(tmp_path / "out" / "predictions.csv")
    assert list(rows) == ["fold", "month", "actual", "predicted", "lower", "upper"]
    assert rows["month"].iloc[-1] == "1959-12-01"


def test_many_series_with_any_names_and_later_history(tmp_path: Path) -> None:
    frame = nights().replace({"region": {"NSWMetro": "東京", "QLDMetro": "Zürich, Ö"}})
    asked = details("nights", "quarter", 4, task=QUICK, timeSeriesIdColumnNames=["region"])
    seen, unseen = frame[frame.quarter < "2016"], frame[frame.quarter >= "2016"]
    order, facts = prepared(asked, tmp_path / "place", seen, test=unseen)

    done = tried(order, facts, tmp_path / "place", tmp_path / "trials", 7)
    best = finished(order, tmp_path / "place", done, tmp_path / "out")

    import mlflow.pyfunc

    model = mlflow.pyfunc.load_model(str(tmp_path / "out" / "model"))
    asked_rows = unseen[["quarter", "region"]].sample(frac=1, random_state=0)
    told = pd.Series(model.predict(asked_rows), index=asked_rows.index).sort_index()
    truth = unseen["nights"].sort_index()
    assert np.corrcoef(told, truth)[0, 1] > 0.9
    assert best.metrics["mean_absolute_scaled_error"] < 1
    charts = json.loads((tmp_path / "out" / "charts.json").read_text())
    assert charts["test"]["metrics"]["r2_score"] > 0.8
    assert {one["id"]["region"] for one in charts["forecast"]["series"]} >= {"東京", "Zürich, Ö"}
    history = unseen[unseen.quarter < "2016-07"]
    later = unseen[unseen.quarter >= "2016-07"].assign(nights=np.nan)
    inner = model.unwrap_python_model()
    again = inner.predict(None, pd.concat([history.assign(nights=history["nights"] * 3), later]))[len(history) :]
    plain = inner.predict(None, later.drop(columns="nights"))
    assert again.sum() > 1.5 * plain.sum()
    quantiles = inner.forecast_quantiles(later, [0.1, 0.5, 0.9])
    assert list(quantiles) == ["nights", "0.1", "0.5", "0.9"]
    assert (quantiles["0.1"] <= quantiles["0.9"]).all()
    with pytest.raises(ValueError, match="1 series were not seen in training, such as Wien"):
        inner.predict(None, later.assign(region="Wien"))
    with pytest.raises(ValueError, match="2016-02-02 00:00:00 is at no step of the series, which go on with 2016"):
        inner.predict(None, later.assign(quarter="2016-02-02"))
    with pytest.raises(ValueError, match="no column 'region'; a forecast needs quarter, region"):
        inner.predict(None, later[["quarter"]])
    assert len(inner.future(3)) == 3 * 4


def test_features_are_asked_for_with_the_times(tmp_path: Path) -> None:
    frame = electricity().tail(240).assign(day=lambda one: pd.to_datetime(one["day"]))
    asked = details(
        "demand", "day", 14, task={**only("Arimax", "Naive"), "nCrossValidations": {"mode": "Custom", "value": 2}},
        countryOrRegionForHolidays="AU",
    )  # fmt: skip
    order, facts = prepared(asked, tmp_path / "place", frame.head(226))

    done = tried(order, facts, tmp_path / "place", tmp_path / "trials", 2)
    best = finished(order, tmp_path / "place", done, tmp_path / "out")

    import mlflow.pyfunc

    model = mlflow.pyfunc.load_model(str(tmp_path / "out" / "model"))
    later = frame.tail(14)
    told = model.predict(later[["day", "workday", "temperature"]])
    hot = model.predict(later[["day", "workday", "temperature"]].assign(workday=0))
    assert "Arimax" in best.title
    assert np.abs(told - later["demand"]).mean() < np.abs(frame["demand"].iloc[225] - later["demand"]).mean()
    assert hot.mean() < told.mean() - 5
    names = {one.name: one.required for one in model.metadata.get_input_schema().inputs}
    assert names == {"day": True, "workday": False, "temperature": False, "demand": False}


def test_a_trial_without_time_is_pruned_and_one_below_the_bar_as_well(tmp_path: Path) -> None:
    order, _ = prepared(details("passengers", "month", 12), tmp_path / "place", airline())
    heard: list[tuple[str, float, int]] = []

    def attempt(proposal: Proposal, until: float, name: str) -> Attempt:
        (tmp_path / name).mkdir()
        return FAMILY.attempt(
            order, tmp_path / "place", proposal, tmp_path / name, threads=1, until=until,
            told=lambda *one: heard.append(one),
        )  # fmt: skip

    late = attempt(Proposal(0, "Naive"), time.monotonic(), "late")
    bad = attempt(Proposal(1, "Naive", bar=0.001), time.monotonic() + 60, "bad")
    whole = attempt(Proposal(2, "Naive"), time.monotonic() + 60, "whole")

    slow = attempt(Proposal(3, "AutoArima"), time.monotonic(), "slow")
    assert (late.status, bad.status, whole.status) == (PRUNED, PRUNED, COMPLETED)
    assert (slow.status, slow.loss, slow.error) == (PRUNED, None, "AutoArima had time for 0 of 1 series.")
    assert late.score is None
    assert late.early == bad.early == whole.early
    assert not (tmp_path / "late" / "backtest.npy").exists()
    assert [step for _, _, step in heard] == [0, 0, 0, 1, 2, 3, 4]
    assert {name for name, _, _ in heard} == {"normalized_root_mean_squared_error"}


def test_without_a_trial_there_is_no_model(tmp_path: Path) -> None:
    order, _ = prepared(details("passengers", "month", 12), tmp_path / "place", airline())
    failed = Done(Proposal(0, "Naive"), Attempt(FAILED, error="MemoryError: too large"), tmp_path)

    with pytest.raises(ValueError, match=r"No trial completed, so there is no model. The first failed: MemoryError"):
        finished(order, tmp_path / "place", [failed], tmp_path / "out")


def test_a_metric_that_is_not_defined_is_said(tmp_path: Path) -> None:
    asked = details("passengers", "month", 12, task={**only("Naive"), "primaryMetric": "R2Score"})
    order, facts = prepared(asked, tmp_path / "place", airline().assign(passengers=7))

    done = tried(order, facts, tmp_path / "place", tmp_path / "trials", 1)

    assert done[0].attempt.status == FAILED
    with pytest.raises(ValueError, match="r2_score is not defined for these targets, which may all be alike"):
        finished(order, tmp_path / "place", done, tmp_path / "out")


def test_several_algorithms_vote_unless_that_is_much_worse() -> None:
    found = Table(airline(), settings.read(details("passengers", "month", 12))[0])
    test = backtest.make(found.panel, found.folds, found.step)
    near, other, far = test.actual * 1.02, test.actual * 0.95, test.actual * 0.0

    both = vote(test, "normalized_mean_absolute_error", [near, other], ["AutoArima", "ElasticNet"])
    alone = vote(test, "normalized_mean_absolute_error", [near, far], ["AutoArima", "Average"])

    assert (both > 0).all()
    assert both.sum() == pytest.approx(1)
    assert alone[0] > 0.9
    joined = both[0] * near + both[1] * other
    assert test.loss("normalized_mean_absolute_error", joined) < test.loss("normalized_mean_absolute_error", near)


def test_the_best_alone_where_none_may_vote(tmp_path: Path) -> None:
    task = {"trainingSettings": {
        "allowedTrainingAlgorithms": ["SeasonalNaive", "Naive", "Average"], "enableVoteEnsemble": False,
    }}  # fmt: skip
    order, facts = prepared(details("passengers", "month", 6, task=task), tmp_path / "place", airline())
    done = tried(order, facts, tmp_path / "place", tmp_path / "trials", 3)

    best = finished(order, tmp_path / "place", done, tmp_path / "out")

    assert (best.algorithm, list(best.of)) == ("SeasonalNaive", [0])
    assert best.score == done[0].attempt.score
