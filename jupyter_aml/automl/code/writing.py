"""Writes the code: `script.py`, as Azure's AutoML does, and the notebook of the same parts."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_aml.automl.code import data, learning, running, stacking
from jupyter_aml.automl.code.rendering import WIDTH, quoted
from jupyter_aml.automl.code.sheet import Section, Sheet, comment, joined

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_aml.automl.code.plan import Plan

FOLDER = "generated_code"
"""Where Azure keeps the code of a trial, under the run's `outputs`."""
SCRIPT, NOTEBOOK = "script.py", "script_run_notebook.ipynb"
JOB = """To run `script.py`, which does the same, as a job:

```python
from azure.ai.ml import Input, command
from azure.ai.ml.entities import Environment

ml_client.jobs.create_or_update(
    command(
        code=".",
        command="python script.py {words}",
        inputs={{{inputs}}},
        environment=Environment(
            image="mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04", conda_file="../mlflow-model/conda.yaml"
        ),
    )
)
```"""
SHOWN = {"metrics": "metrics", "model": "model.predict(X.head())"}
"""What cells show of what they make."""
QUIET = """# LightGBM's, of what transformers make
warnings.filterwarnings("ignore", message="X does not have valid feature names")"""


def write(out: Path, plan: Callable[[], Plan]) -> list[str]:
    """Leave script and notebook in a folder.

    Returns:
        A sentence where there is no code: the model is there all the same.
    """
    try:
        Code(plan()).write(out)
    except Exception as error:  # noqa: BLE001 - whatever the model is made of
        return [f"The model's training is not written as code: {type(error).__name__}: {error}"]
    return []


class Code:
    """The code of one plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._sheet = sheet = Sheet(plan)
        features, models = learning.source(sheet)
        self._constants = Section("What was found in the data", data.constants(sheet))
        self._sections = [
            Section("The data", data.source(sheet)),
            Section("The features", features),
            Section("The models", models),
            *self._work(plan),
            Section("The record", running.logging(sheet)),
            *([Section("How MLTables are read", data.tables(sheet))] if plan.tables else []),
        ]
        if any(voter.name == "LightGBM" for voter in plan.voters):
            sheet.needs(("warnings", ""))
            self._constants = Section(self._constants.title, f"{QUIET}\n\n{self._constants.text}")
        self._turns = stacking.turns(sheet, plan.stack) if plan.stack else running.turns(sheet)
        self._main = running.whole(sheet, [*running.loading(sheet), *self._turns])

    def _work(self, plan: Plan) -> list[Section]:
        """Training and measuring."""
        sheet, stack = self._sheet, plan.stack
        training = stacking.training(sheet, stack) if stack else running.training(sheet)
        measuring = stacking.measuring(sheet, stack) if stack else running.measuring(sheet)
        return [Section("Training", training), Section("How good the model is", measuring)]

    @property
    def script(self) -> str:
        """As one file."""
        more = " --validation_dataset_uri PATH" if self._plan.splits.given else ""
        usage = f"    python script.py --training_dataset_uri PATH{more}"
        uris = [f"{role}_dataset_uri of the job: {comment(uri)}" for role, uri in self._plan.uris.items() if uri]
        told = [
            "Train the best model of an AutoML job again.",
            "",
            *textwrap.wrap(self._said(), WIDTH),
            *uris,
            "",
            usage,
        ]
        parts = [one.text for one in self._sections]
        return (
            '"""' + "\n".join(told) + '\n"""\n\nfrom __future__ import annotations\n\n'
            + f"{self._sheet.import_lines()}\n\n{joined(self._constants.text, *parts, self._main)}\n"
        )  # fmt: skip

    def _said(self) -> str:
        """What is known of the model."""
        plan, splits = self._plan, self._plan.splits
        by = "a part that is held out"
        if splits.given:
            by = "the validation data"
        elif splits.folds or splits.columns:
            by = f"{splits.folds or len(splits.columns)} splits"
        return (
            f"The model is {comment(plan.title)}. The job learned from {plan.rows:,} rows and measured {plan.primary}"
            f" {plan.score:.6g} by {by}. Packages: {', '.join(plan.packages)}."
        )

    @property
    def notebook(self) -> dict[str, Any]:
        """As a notebook of format 4.5."""
        sheet = self._sheet
        title = f"# {self._plan.title.partition('(')[0]}\n\n{self._said()}"
        cells = [_text(title), _text("## Where the data are"), _code(self._places(), tags=["parameters"])]
        cells.append(_code(f"from __future__ import annotations\n\n{sheet.import_lines(without=['argparse'])}"))
        for one in (self._constants, *self._sections):
            cells += [_text(f"## {one.title}"), _code(one.text)]
        run = ["\n".join([*running.loading(sheet), "X.head()"])]
        run += [f"{line}\n{SHOWN.get(line.partition(' ')[0], '')}".rstrip() for line in self._turns]
        cells += [_text("## All in turn"), *map(_code, [*run, "log_model(model, X, metrics)"]), _text(self._job())]
        for number, cell in enumerate(cells):
            cell["id"] = f"cell-{number}"
        kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
        return {
            "cells": cells,
            "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
            "nbformat": 4,
            "nbformat_minor": 5,
        }

    def _roles(self) -> list[str]:
        return ["training", *(["validation"] if self._plan.splits.given else [])]

    def _places(self) -> str:
        """The cell that names the data."""
        lines = ["# a file of rows, or a folder with a file MLTable" if self._plan.tables else "# a file of rows"]
        for role in self._roles():
            uri = self._plan.uris.get(role) or "PATH"
            lines.append(f"{role}_dataset_uri = {quoted(uri)}")
        return "\n".join(lines)

    def _job(self) -> str:
        kind = "mltable" if self._plan.tables else "uri_file"
        names = [f"{role}_dataset_uri" for role in self._roles()]
        words = " ".join(f"--{name} ${{{{inputs.{name}}}}}" for name in names)
        given = {name: self._plan.uris.get(name.partition("_")[0]) or "PATH" for name in names}
        inputs = ", ".join(f'"{name}": Input(type="{kind}", path={quoted(uri)})' for name, uri in given.items())
        return JOB.format(words=words, inputs=inputs)

    def write(self, out: Path) -> None:
        """Leave script and notebook in a folder."""
        out.mkdir(parents=True, exist_ok=True)
        (out / SCRIPT).write_text(self.script, encoding="utf-8")
        (out / NOTEBOOK).write_text(json.dumps(self.notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _text(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": source.splitlines(keepends=True)}


def _code(source: str, tags: list[str] | None = None) -> dict[str, Any]:
    return {
        "cell_type": "code", "execution_count": None, "metadata": {"tags": tags} if tags else {}, "outputs": [],
        "source": source.splitlines(keepends=True),
    }  # fmt: skip
