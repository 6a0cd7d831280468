"""A job in other forms says the same job."""

from __future__ import annotations

import io
import shlex
from typing import Any

import yaml

from jupyter_aml.commands.scripts import forms

ARM = (
    "azureml:/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/local/providers/"
    "Microsoft.MachineLearningServices/workspaces/local"
)
JOB: dict[str, Any] = {
    "name": "calm_ant",
    "display_name": "train: größe",
    "type": "command",
    "status": "Completed",
    "creation_context": {"created_at": "2026-01-01"},
    "id": f"{ARM}/jobs/calm_ant",
    "experiment_name": "diabetes",
    "command": 'python train.py --data ${{inputs.data}} --word "${{inputs.word}}"\necho done',
    "code": f"{ARM}/codes/abc/versions/1",
    "environment": f"{ARM}/environments/clinic/versions/2",
    "compute": "azureml:local",
    "environment_variables": {"A": "1"},
    "limits": {"timeout": 600},
    "resources": {"instance_count": 1},
    "services": {"Tracking": {"endpoint": "x"}},
    "parameters": {},
    "inputs": {
        "data": {"type": "uri_file", "path": f"{ARM}/data/iris/versions/3", "mode": "ro_mount"},
        "word": "a b",
        "lr": 0.1,
    },
    "outputs": {
        "default": {"type": "uri_folder", "path": "azureml://datastores/x/ExperimentRun/dcid.calm_ant"},
        "model": {
            "type": "mlflow_model",
            "path": "azureml://datastores/x/ExperimentRun/dcid.calm_ant/model",
            "mode": "rw_mount",
        },
    },
}


def test_the_specification_drops_what_the_service_added() -> None:
    found = forms.specification(JOB)

    assert not {"name", "status", "id", "services", "parameters", "creation_context"} & set(found)
    assert found["outputs"] == {"model": {"type": "mlflow_model", "mode": "rw_mount"}}
    assert found["environment"] == "azureml:clinic:2"
    assert found["inputs"]["data"]["path"] == "azureml:iris:3"
    assert found["code"] == JOB["code"]


def test_the_yaml_form_loads_with_the_sdk() -> None:
    from azure.ai.ml import load_job

    job = load_job(io.StringIO(forms.as_yaml(JOB)))

    assert job.command.splitlines() == JOB["command"].splitlines()
    assert job.display_name == "train: größe"
    assert job.environment == "clinic:2"
    assert job.limits.timeout == 600


def test_the_yaml_form_survives_being_read_back() -> None:
    once = yaml.safe_load(forms.as_yaml(JOB))

    assert yaml.safe_load(forms.as_yaml(once)) == once


def test_the_cli_form_is_one_az_ml_line() -> None:
    line, comment, *_ = forms.as_cli(JOB, group="my group", workspace="local").splitlines()

    words = shlex.split(line)
    assert words[:5] == ["az", "ml", "job", "create", "--file"]
    assert words[words.index("--resource-group") + 1] == "my group"
    assert comment.startswith("#")


def test_the_sdk_form_is_a_program_that_makes_the_same_job() -> None:
    text = forms.as_sdk(JOB, group="g", workspace="w", subscription="s")
    made: dict[str, Any] = {}
    start, end = text.index("job = command("), text.index("job = client.")
    exec(f"from azure.ai.ml import Input, Output, command\n{text[start:end]}", made)

    compile(text, "job.py", "exec")
    assert made["job"].command == JOB["command"]
    assert made["job"].limits.timeout == 600
    assert made["job"].inputs["lr"]._data == 0.1
    assert "DefaultAzureCredential(), 's'" in text


def test_jobs_of_other_types_become_programs_around_their_yaml() -> None:
    job = {"type": "pipeline", "jobs": {"a": {"type": "command", "command": "echo \\n"}}, "display_name": "p"}
    text = forms.as_sdk(job, group="g", workspace="w", subscription="s")

    compile(text, "job.py", "exec")
    assert "load_job" in text


def test_literals_get_their_types_back_where_they_read_the_same() -> None:
    job = {**JOB, "inputs": {"a": "0.1", "b": "7", "c": "True", "d": "007", "e": "1e-3", "f": "words"}}

    assert forms.specification(job)["inputs"] == {"a": 0.1, "b": 7, "c": True, "d": "007", "e": "1e-3", "f": "words"}


def test_local_paths_lose_the_prefix_that_the_sdk_gives_them() -> None:
    paths = {"a": "azureml:./x.csv", "b": "azureml:/data/x y.csv", "c": "azureml:C:\\x.csv", "d": "azureml:src/x",
             "e": "azureml:iris:1", "f": "azureml:iris@latest", "g": "azureml://datastores/s/paths/x"}  # fmt: skip
    job = {**JOB, "inputs": {key: {"type": "uri_file", "path": path} for key, path in paths.items()}}

    found = {key: value["path"] for key, value in forms.specification(job)["inputs"].items()}

    assert found == {
        **paths, "a": "./x.csv", "b": "/data/x y.csv", "c": "C:\\x.csv", "d": "src/x",
    }  # fmt: skip


SWEEP: dict[str, Any] = {
    "type": "sweep",
    "display_name": "tune",
    "trial": {
        "command": "python t.py --lr ${{search_space.lr}} --n ${{inputs.n}}",
        "code": f"{ARM}/codes/abc/versions/1",
        "environment": f"{ARM}/environments/clinic/versions/2",
        "environment_variables": {},
    },
    "search_space": {"lr": {"type": "uniform", "min_value": 0, "max_value": 1}},
    "sampling_algorithm": {"type": "random", "seed": 3},
    "objective": {"goal": "maximize", "primary_metric": "auc"},
    "limits": {"max_total_trials": 4, "timeout": 100},
    "inputs": {"n": "3"},
}
PIPELINE: dict[str, Any] = {
    "type": "pipeline",
    "inputs": {"raw": {"type": "uri_file", "path": f"{ARM}/data/iris/versions/3"}},
    "jobs": {
        "known": {
            "type": "command",
            "component": {"id": f"{ARM.removeprefix('azureml:')}/components/prep/versions/4", "command": "x"},
            "inputs": {"raw": {"path": "${{parent.inputs.raw}}"}, "most": 3},
        },
        "own": {
            "type": "command",
            "component": {
                "id": f"{ARM.removeprefix('azureml:')}/components/azureml_anonymous/versions/9",
                "version": "9",
                "creation_context": {"created_at": "x"},
                "command": "python t.py",
                "code": f"{ARM}/codes/abc/versions/1",
                "environment": f"{ARM}/environments/clinic/versions/2",
            },
            "inputs": {"rows": {"path": "./rows", "type": "uri_folder"}},
        },
    },
}


def test_the_trial_of_a_sweep_keeps_its_code_and_shortens_the_rest() -> None:
    found = forms.specification(SWEEP)

    assert found["$schema"].endswith("/sweepJob.schema.json")
    assert found["trial"]["code"] == SWEEP["trial"]["code"]
    assert found["trial"]["environment"] == "azureml:clinic:2"
    assert "environment_variables" not in found["trial"]
    assert found["inputs"] == {"n": 3}


def test_a_sweep_as_python_builds_its_trial_and_its_space() -> None:
    text = forms.as_sdk(SWEEP, group="g", workspace="w", subscription="s")

    compile(text, "sweep.py", "exec")
    assert "from azure.ai.ml.sweep import RandomSamplingAlgorithm, Uniform" in text
    assert "--lr ${{inputs.lr}} --n ${{inputs.n}}" in text
    assert "lr=Uniform(min_value=0, max_value=1)" in text
    assert "sampling_algorithm=RandomSamplingAlgorithm(seed=3)" in text
    assert "job.display_name = 'tune'" in text


def test_a_pipeline_names_registered_components_and_spells_its_own_out() -> None:
    known, own = forms.specification(PIPELINE)["jobs"].values()

    assert known == {
        "type": "command", "component": "azureml:prep:4", "inputs": {"raw": "${{parent.inputs.raw}}", "most": 3},
    }  # fmt: skip
    assert own["component"] == {
        "command": "python t.py", "code": f"{ARM}/codes/abc/versions/1", "environment": "azureml:clinic:2",
    }  # fmt: skip
    assert own["inputs"] == {"rows": {"path": "./rows", "type": "uri_folder"}}
