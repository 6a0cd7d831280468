"""The process of one part of an AutoML job: the look at the data, a trial, or the making of the best model.

`python -m jupyter_aml.automl.working`, with the order as JSON in the variable `JUPYTER_AML_AUTOML`, and folders as
arguments. What comes of it is `result.json` in its output.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jupyter_aml.automl import families, memory, reading
from jupyter_aml.automl.family import FAILED, Attempt, Done, Order, Proposal

VARIABLE = "JUPYTER_AML_AUTOML"
STOP = "jupyter_aml.stop"
"""Tag of a job that is to try no more, and to make the best of what there is."""
RESULT = "result.json"
SETUP, TRIAL, FINISH = "setup", "trial", "finish"
KEPT = "outputs"
"""The folder whose files become artifacts of a run."""
GUARDRAILS, COLUMNS = "verifier_results.json", "featurization_summary.json"
"""What Azure calls what was found in the data, and what their columns are for, among the artifacts."""
ARTIFACTS = {"model": "mlflow-model"}
"""What Azure calls folders of a trial, under the run's `outputs`; others keep their names."""


def main(given: Sequence[str] | None = None) -> None:
    """Do one part."""
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
    kept = Path(KEPT)
    kept.mkdir(exist_ok=True)
    (kept / GUARDRAILS).write_text(json.dumps(facts["guardrails"]), encoding="utf-8")
    (kept / COLUMNS).write_text(json.dumps(facts.get("columns") or []), encoding="utf-8")


def _trial(told: Mapping[str, Any], args: argparse.Namespace) -> None:
    proposal = Proposal(**told["proposal"])

    def hear(name: str, value: float, step: int) -> None:
        print(f"{name}={value:.6g} after part {step + 1}")  # noqa: T201 - idem

    limit = memory.allowed(int(told.get("memory") or 0), int(told.get("width") or 1))
    print(proposal.title + (f", with {limit // memory.MB:,} MB of memory" if limit else ""))  # noqa: T201 - idem
    try:
        with memory.limited(limit):
            found = families.family(told["task"]).attempt(
                _order(told), args.prepared, proposal, args.out,
                threads=int(told["threads"]), until=_until(told), told=hear,
            )  # fmt: skip
    except Exception as error:
        _write(args.out, Attempt(FAILED, error=memory.told(error, limit)).written())
        raise
    _write(args.out, found.written())
    print(f"{found.status}: {found.score if found.score is not None else found.error}")  # noqa: T201 - idem
    if found.status == FAILED:
        raise SystemExit(found.error)


def _sign(path: Path) -> None:
    """Write into a model which run made it and where it lies there, as one that a run has logged."""
    import yaml

    run = os.environ.get("MLFLOW_RUN_ID")
    if run and path.is_file():
        held = yaml.safe_load(path.read_text(encoding="utf-8"))
        held |= {"run_id": run, "artifact_path": f"{KEPT}/{ARTIFACTS['model']}"}
        path.write_text(yaml.safe_dump(held, sort_keys=False), encoding="utf-8")


def _finish(told: Mapping[str, Any], args: argparse.Namespace) -> None:
    from jupyter_aml.automl import drawing

    places = _places(args.trial)
    done = [
        Done(Proposal(**one["proposal"]), Attempt(**one["attempt"]), places[str(one["proposal"]["number"])])
        for one in told["done"]
    ]
    best = families.family(told["task"]).finish(_order(told), args.prepared, done, args.out, _until(told))
    _sign(args.out / "model" / "MLmodel")
    drawing.pictures(args.out)
    kept = Path(KEPT)
    kept.mkdir(exist_ok=True)
    for path in args.out.iterdir():
        if path.is_dir():
            shutil.copytree(path, kept / ARTIFACTS.get(path.name, path.name), dirs_exist_ok=True)
        else:
            shutil.copy(path, kept)
    _write(
        args.out,
        {
            "title": best.title, "algorithm": best.algorithm, "score": best.score, "metrics": dict(best.metrics),
            "of": list(best.of), "others": [asdict(one) for one in best.others], "said": list(best.said),
        },
    )  # fmt: skip
    others = [f"{one.title}: {one.score:.6g}" for one in best.others]
    print(*best.said, *others, f"{best.title}: {best.score:.6g}", sep="\n")  # noqa: T201 - idem


if __name__ == "__main__":
    main()
