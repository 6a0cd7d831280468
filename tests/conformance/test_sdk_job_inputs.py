"""Inputs of command jobs through the unmodified SDK: every type, every way to name the data, every mode."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from azure.ai.ml import Input, command
from azure.ai.ml.constants import AssetTypes, InputOutputModes
from azure.ai.ml.entities import Data, Model
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from .lab import PLAIN, Lab

SHOW = """
import os, sys, json
path = sys.argv[1]
whole = [os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names]
files = sorted(os.path.relpath(file, path) for file in whole)
print(json.dumps({"file": os.path.isfile(path), "folder": os.path.isdir(path), "files": files, "path": path}))
"""


@pytest.fixture
def table(folder: Path) -> Path:
    """The clinical measurements of scikit-learn's breast cancer set as CSV."""
    from sklearn.datasets import load_breast_cancer

    path = folder / "cancer.csv"
    load_breast_cancer(as_frame=True).frame.to_csv(path, index=False)
    return path


@pytest.fixture
def tables(folder: Path, table: Path) -> Path:
    """A folder with that table and one below it."""
    place = folder / "tables"
    (place / "deep").mkdir(parents=True)
    (place / "cancer.csv").write_bytes(table.read_bytes())
    (place / "deep" / "small.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    return place


def seen(lab: Lab, given: Input) -> dict[str, Any]:
    """What a script sees of an input."""
    text = lab.prints(SHOW, command="python train.py ${{inputs.given}}", inputs={"given": given})
    found: dict[str, Any] = json.loads(text.splitlines()[-1])
    return found


def test_literals_arrive_as_azure_writes_them(lab: Lab) -> None:
    job = lab.run(
        "import sys; print(sys.argv[1:])",
        command="python train.py ${{inputs.text}} ${{inputs.whole}} ${{inputs.real}} ${{inputs.yes}} ${{inputs.words}}",
        inputs={"text": "iris", "whole": 3, "real": 0.25, "yes": True, "words": "'two words'"},
    )

    assert lab.log(job.name) == "['iris', '3', '0.25', 'True', 'two words']\n"
    found = {name: value._data if hasattr(value, "_data") else value for name, value in job.inputs.items()}
    assert found == {"text": "iris", "whole": "3", "real": "0.25", "yes": "True", "words": "'two words'"}


def test_an_address_given_as_a_string_stays_a_string(lab: Lab) -> None:
    address = "https://example.com/data.csv?a=1"

    assert lab.prints(command='echo "${{inputs.where}}"', inputs={"where": address}) == f"{address}\n"


def test_data_on_the_web_are_left_to_the_script_and_the_log_says_so(lab: Lab) -> None:
    given = Input(type="uri_file", path="https://example.com/iris.csv")

    job = lab.run(command="echo ${{inputs.d}}", inputs={"d": given})

    said, shown = lab.log(job.name).splitlines()
    assert said == "The input 'd' is not fetched: the run gets the address https://example.com/iris.csv to read itself."
    assert shown == "https://example.com/iris.csv"


def test_an_optional_group_goes_with_an_input_that_was_left_out(lab: Lab, folder: Path) -> None:
    from azure.ai.ml import load_component

    (folder / "step.yml").write_text(
        "name: step\nversion: 1\ntype: command\nenvironment: azureml:plain:1\n"
        "inputs:\n  a:\n    type: integer\n  b:\n    type: integer\n    optional: true\n"
        "command: echo --a ${{inputs.a}} $[[--b ${{inputs.b}}]] end\n",
        encoding="utf-8",
    )
    step = load_component(folder / "step.yml")

    def says(**given: int) -> str:
        job = step(**given)
        job.environment = PLAIN
        return lab.log(lab.end(lab.client.jobs.create_or_update(job).name).name)

    assert says(a=1) == "--a 1 end\n"
    assert says(a=1, b=2) == "--a 1 --b 2 end\n"


@pytest.mark.parametrize("mode", [None, "ro_mount", "download"])
def test_a_local_file_is_uploaded_and_keeps_its_name(lab: Lab, table: Path, mode: str | None) -> None:
    found = seen(lab, Input(type="uri_file", path=str(table), mode=mode))

    assert found["file"]
    assert Path(found["path"]).name == "cancer.csv"


def test_a_local_folder_is_uploaded_with_all_that_is_in_it(lab: Lab, tables: Path) -> None:
    found = seen(lab, Input(type="uri_folder", path=str(tables)))

    assert found["folder"]
    assert found["files"] == ["cancer.csv", "deep/small.csv"]


def register(lab: Lab, name: str, path: Path, kind: str = "uri_file") -> Data:
    made: Data = lab.client.data.create_or_update(Data(name=f"{name}-{lab.door}", path=str(path), type=kind))
    return made


def test_a_data_asset_is_taken_by_version_label_and_id(lab: Lab, folder: Path) -> None:
    for text in ("first", "second"):
        (folder / "word.txt").write_text(text, encoding="utf-8")
        made = register(lab, "word", folder / "word.txt")
    name = str(made.name)

    def says(path: str) -> str:
        return lab.prints(
            command="cat ${{inputs.word}}; echo", inputs={"word": Input(type="uri_file", path=path)}
        ).strip()

    assert says(f"azureml:{name}:1") == "first"
    assert says(f"azureml:{name}:2") == "second"
    assert says(f"{name}@latest") == "second"  # in Python without the prefix, which the SDK takes for the name's
    assert says(str(lab.client.data.get(name, "1").id)) == "first"
    assert says(str(lab.client.data.get(name, "1").path)) == "first"  # a datastore URI, the long form


def test_a_path_of_a_datastore_is_taken(lab: Lab, tables: Path) -> None:
    made = register(lab, "tables", tables, "uri_folder")
    inside = str(made.path).partition("/paths/")[2].rstrip("/")
    short = f"azureml://datastores/workspaceblobstore/paths/{inside}"

    assert seen(lab, Input(type="uri_folder", path=f"{short}/"))["files"] == ["cancer.csv", "deep/small.csv"]
    assert seen(lab, Input(type="uri_file", path=f"{short}/deep/small.csv"))["file"]


def test_types_are_as_lax_as_in_azure(lab: Lab, tables: Path) -> None:
    made = register(lab, "lax", tables, "uri_folder")
    inside = str(made.path).partition("/paths/")[2].rstrip("/")

    found = seen(
        lab, Input(type="uri_folder", path=f"azureml://datastores/workspaceblobstore/paths/{inside}/cancer.csv")
    )

    assert found["file"]


def test_an_mltable_arrives_as_its_folder(lab: Lab, tables: Path) -> None:
    (tables / "MLTable").write_text(
        "paths:\n  - file: ./cancer.csv\ntransformations:\n  - read_delimited:\n      delimiter: ','\n",
        encoding="utf-8",
    )
    made = register(lab, "mltable", tables, "mltable")

    found = seen(lab, Input(type="mltable", path=f"azureml:{made.name}:{made.version}"))

    assert "MLTable" in found["files"]
    assert "cancer.csv" in found["files"]


@pytest.mark.parametrize("kind", [AssetTypes.CUSTOM_MODEL, AssetTypes.TRITON_MODEL, AssetTypes.MLFLOW_MODEL])
def test_a_registered_model_is_an_input(lab: Lab, tables: Path, kind: str) -> None:
    name = f"net-{lab.door}-{kind}".replace("_", "-")
    made = lab.client.models.create_or_update(Model(name=name, version="1", path=str(tables), type=kind))
    # the SDK looks for Triton's models among the data assets, unless it is given an id
    paths = [made.id] if kind == AssetTypes.TRITON_MODEL else [made.id, f"azureml:{name}:1", f"{name}@latest"]

    for path in paths:
        assert seen(lab, Input(type=kind, path=path))["files"] == ["cancer.csv", "deep/small.csv"]


@pytest.mark.parametrize("mode", [InputOutputModes.EVAL_MOUNT, InputOutputModes.EVAL_DOWNLOAD])
def test_evaluating_modes_give_the_data(lab: Lab, tables: Path, mode: str) -> None:
    (tables / "MLTable").write_text("paths:\n  - file: ./cancer.csv\n", encoding="utf-8")
    made = register(lab, "evaluated", tables, "mltable")

    found = seen(lab, Input(type="mltable", path=f"azureml:{made.name}:{made.version}", mode=mode))

    assert "cancer.csv" in found["files"]


def test_a_mount_cannot_be_written_to_and_a_download_can(lab: Lab, tables: Path) -> None:
    made = register(lab, "held", tables, "uri_folder")
    uri = f"azureml:{made.name}:{made.version}"
    write = "touch ${{inputs.d}}/more && echo written || echo refused"

    for mode, said in (("ro_mount", "refused"), ("download", "written")):
        given = {"d": Input(type="uri_folder", path=uri, mode=mode)}
        assert lab.prints(command=write, inputs=given).splitlines()[-1] == said

    assert seen(lab, Input(type="uri_folder", path=uri))["files"] == ["cancer.csv", "deep/small.csv"]


def test_direct_gives_the_uri(lab: Lab, table: Path) -> None:
    made = register(lab, "direct", table)

    said = lab.prints(
        command="echo ${{inputs.d}}",
        inputs={"d": Input(type="uri_file", path=f"azureml:{made.name}:{made.version}", mode="direct")},
    ).strip()

    assert said == made.path
    assert said.startswith("azureml://subscriptions/")


def test_an_output_of_a_job_is_an_input_of_the_next(lab: Lab) -> None:
    from azure.ai.ml import Output

    first = lab.run(command="echo made > ${{outputs.o}}/word.txt", outputs={"o": Output(type="uri_folder")})

    for path in (f"azureml://jobs/{first.name}/outputs/o", f"azureml://jobs/{first.name}/outputs/o/paths/"):
        found = seen(lab, Input(type="uri_folder", path=path))
        assert found["files"] == ["word.txt"]
    file = Input(type="uri_file", path=f"azureml://jobs/{first.name}/outputs/o/paths/word.txt")
    assert lab.prints(command="cat ${{inputs.w}}", inputs={"w": file}) == "made\n"


def test_the_inputs_of_a_job_come_back_with_their_types_and_modes(lab: Lab, table: Path) -> None:
    made = register(lab, "back", table)
    job = lab.run(
        command="true",
        inputs={"d": Input(type="uri_file", path=f"azureml:{made.name}:{made.version}", mode="download"), "n": 4},
    )

    found = lab.client.jobs.get(job.name).inputs
    assert (found["d"].type, found["d"].mode) == ("uri_file", "download")
    assert found["d"].path == f"{made.name}:{made.version}"
    assert str(getattr(found["n"], "_data", found["n"])) == "4"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("azureml:absent:1", "names the data asset 'azureml:absent:1', which this workspace does not have"),
        ("azureml://datastores/nostore/paths/x.csv", "names the datastore 'nostore'"),
        ("azureml://jobs/nojob/outputs/o", "names the job 'nojob'"),
    ],
)
def test_an_input_that_does_not_exist_is_not_found(lab: Lab, path: str, said: str) -> None:
    with pytest.raises(ResourceNotFoundError, match=said) as caught:
        lab.submit(command="cat ${{inputs.d}}", inputs={"d": Input(type="uri_file", path=path)})

    assert caught.value.error.target == "properties.inputs.d.uri"


def test_an_input_of_a_registry_cannot_be_had_offline(lab: Lab) -> None:
    with pytest.raises(HttpResponseError, match="which cannot be reached from the local workspace") as caught:
        lab.submit(
            command="cat ${{inputs.d}}",
            inputs={"d": Input(type="uri_file", path="azureml://registries/azureml/data/iris/versions/1")},
        )

    assert (caught.value.status_code, caught.value.error.code) == (501, "NotImplemented")
    assert caught.value.error.target == "properties.inputs.d.uri"


def test_a_name_that_the_command_does_not_have_is_refused_by_the_service(lab: Lab) -> None:
    job = command(command="echo ${{inputs.rate}}", environment=PLAIN, inputs={"rate": 1})
    job.command = "echo ${{parent.rate}}"

    with pytest.raises(HttpResponseError, match=r"parent\.rate") as caught:
        lab.client.jobs.create_or_update(job)

    assert caught.value.status_code == 400
    assert caught.value.error.target == "properties.command"
