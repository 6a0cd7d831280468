"""The process of one part of an AutoML job: the look at the data, a trial, or the making of the best model.

`python -m jupyter_aml.automl.working`, with the order as JSON in the variable `JUPYTER_AML_AUTOML`, and folders as
arguments. What comes of it is `result.json` in its output.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jupyter_aml.automl import families, reading
from jupyter_aml.automl.family import FAILED, Attempt, Done, Order, Proposal

VARIABLE = "JUPYTER_AML_AUTOML"
RESULT = "result.json"
SETUP, TRIAL, FINISH = "setup", "trial", "finish"
MODEL_ARTIFACT = "mlflow-model"
"""Where Azure keeps the model of a trial, under the run's `outputs`."""


def main(given: Sequence[str] | None = None) -> None:
    """Do one part."""
    import os

    parser = argparse.ArgumentParser(prog="automl", allow_abbrev=False)
    parser.add_argument("--table", action="append", default=[], metavar="ROLE=PLACE")
    parser.add_argument("--trial", action="append", default=[], metavar="NUMBER=PLACE")
    parser.add_argument("--prepared", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(given)
    told = json.loads(os.environ[VARIABLE])
    parts = {SETUP: _setup, TRIAL: _trial, FINISH: _finish}
    parts[told["role"]](told, args)


def _order(told: Mapping[str, Any], places: Mapping[str, Path] | None = None) -> Order:
    read = reading.lines if told["task"] == "text_ner" else reading.table
    tables = {role: read(place) for role, place in (places or {}).items()}
    for role, table in tables.items():
        print(f"{role}: {len(table)} rows, {len(table.columns)} columns")  # noqa: T201 - into the run's log
    first = (places or {}).get("training", Path())
    find = reading.finder(told.get("roots") or {}, first if first.is_dir() else first.parent)
    return Order(told["task"], told["details"], tables, find, seconds=float(told["seconds"]), seed=int(told["seed"]))


def _until(told: Mapping[str, Any]) -> float:
    """When to come to an end, by the monotonic clock."""
    return time.monotonic() + float(told["until"]) - time.time()


def _places(pairs: Sequence[str]) -> dict[str, Path]:
    return {name: Path(place) for name, _, place in (pair.partition("=") for pair in pairs)}


def _write(out: Path, found: Mapping[str, Any]) -> None:
    whole = out / f"{RESULT}.part"
    whole.write_text(json.dumps(found), encoding="utf-8")
    whole.replace(out / RESULT)


def _setup(told: Mapping[str, Any], args: argparse.Namespace) -> None:
    facts = families.family(told["task"]).prepare(_order(told, _places(args.table)), args.out)
    for one in facts["guardrails"]:
        print(f"{one['name']}: {one['status']}. {one['found']} {one['remedy']}".rstrip())  # noqa: T201 - idem
    _write(args.out, facts)


def _trial(told: Mapping[str, Any], args: argparse.Namespace) -> None:
    proposal = Proposal(**told["proposal"])

    def hear(name: str, value: float, step: int) -> None:
        print(f"{name}={value:.6g} after part {step + 1}")  # noqa: T201 - idem

    print(proposal.title)  # noqa: T201 - idem
    try:
        found = families.family(told["task"]).attempt(
            _order(told), args.prepared, proposal, args.out, threads=int(told["threads"]), until=_until(told), told=hear
        )
    except Exception as error:
        _write(args.out, Attempt(FAILED, error=f"{type(error).__name__}: {error}").written())
        raise
    _write(args.out, found.written())
    print(f"{found.status}: {found.score if found.score is not None else found.error}")  # noqa: T201 - idem
    if found.status == FAILED:
        raise SystemExit(found.error)


def _finish(told: Mapping[str, Any], args: argparse.Namespace) -> None:
    places = _places(args.trial)
    done = [
        Done(Proposal(**one["proposal"]), Attempt(**one["attempt"]), places[str(one["proposal"]["number"])])
        for one in told["done"]
    ]
    best = families.family(told["task"]).finish(_order(told), args.prepared, done, args.out, _until(told))
    kept = Path("outputs")
    kept.mkdir(exist_ok=True)
    for path in args.out.iterdir():
        if path.is_dir():
            shutil.copytree(path, kept / MODEL_ARTIFACT, dirs_exist_ok=True)
        else:
            shutil.copy(path, kept)
    _write(
        args.out,
        {
            "title": best.title, "algorithm": best.algorithm, "score": best.score, "metrics": dict(best.metrics),
            "of": list(best.of),
        },
    )  # fmt: skip
    print(f"{best.title}: {best.score:.6g}")  # noqa: T201 - idem


if __name__ == "__main__":
    main()
