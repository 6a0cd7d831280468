"""A parallel_for whose rounds' outputs a later step takes together, and which a pipeline hands on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

FIT = """
import pathlib, sys

depth, model, score, file = sys.argv[1:]
pathlib.Path(model, "model.txt").write_text("depth " + depth)
pathlib.Path(file).write_text(depth)
pathlib.Path(score).write_text(str(int(depth) / 10))
"""
CHOOSE = """
import json, pathlib, sys, yaml

models, scores, files = sys.argv[1:]
found = json.loads(scores)
at = found.index(max(found))
for place in (models, files):
    entry = yaml.safe_load(pathlib.Path(place, "MLTable").read_text())["paths"][at]
    path = pathlib.Path(place, next(iter(entry.values())))
    print("best", next(iter(entry)), (path / "model.txt" if path.is_dir() else path).read_text())
"""


SUBMIT = """
import sys
from azure.ai.ml import Input, command, dsl, load_component
from azure.ai.ml.dsl._parallel_for import parallel_for
from azure.ai.ml.entities import Environment

from jupyter_aml.client.connect import connect

client = connect("local", home=sys.argv[1], show_progress=False)
fit = load_component("fit.yml")
choose = command(
    name="choose",
    code="src",
    command="python choose.py ${{inputs.models}} '${{inputs.scores}}' ${{inputs.files}}",
    environment=Environment(image="mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"),
    inputs={"models": Input(type="mltable"), "scores": Input(type="string"), "files": Input(type="mltable")},
)

@dsl.pipeline(default_compute="serverless", force_rerun=True)
def several():
    body = fit(depth=1)
    loop = parallel_for(body=body, items=[{"depth": 3}, {"depth": 7}, {"depth": 5}], max_concurrency=2)
    choose(models=loop.outputs.model, scores=loop.outputs.score, files=loop.outputs.file)
    return {"models": loop.outputs.model}

made = client.jobs.create_or_update(several())
print("made", made.name, type(made.jobs["loop"]).__name__)
"""


def submitted(lab: Any, folder: Path) -> str:
    """The pipeline's name; the SDK knows loops where its private features are on, which it asks when it is imported."""
    source = folder / "src"
    source.mkdir()
    (source / "fit.py").write_text(FIT, encoding="utf-8")
    (source / "choose.py").write_text(CHOOSE, encoding="utf-8")
    fit = {
        "name": "fit",
        "type": "command",
        "inputs": {"depth": {"type": "integer"}},
        "outputs": {"model": {"type": "uri_folder"}, "score": {"type": "number"}, "file": {"type": "uri_file"}},
        "code": "./src",
        "environment": {"image": "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04"},
        "command": "python fit.py ${{inputs.depth}} ${{outputs.model}} ${{outputs.score}} ${{outputs.file}}",
    }
    (folder / "fit.yml").write_text(yaml.safe_dump(fit), encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-c", SUBMIT, str(lab.service.store.home)],
        cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, "AZURE_ML_CLI_PRIVATE_FEATURES_ENABLED": "true"},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    word, name, kind = ran.stdout.strip().splitlines()[-1].split()
    assert (word, kind) == ("made", "ParallelFor")
    return name


def test_a_step_takes_the_outputs_of_all_rounds_and_the_pipeline_hands_them_on(lab: Any, folder: Path) -> None:
    name = submitted(lab, folder)

    assert lab.end(name).status == "Completed", lab.log(f"{name}_choose")
    assert lab.log(f"{name}_choose").splitlines() == ["best folder depth 7", "best file 7"]
    lab.client.jobs.download(name, download_path=str(folder / "got"), output_name="models")
    (table,) = (folder / "got").rglob("MLTable")
    listed = yaml.safe_load(table.read_text())["paths"]
    assert [(table.parent / one["folder"] / "model.txt").read_text() for one in listed] == [
        "depth 3", "depth 7", "depth 5",
    ]  # fmt: skip
