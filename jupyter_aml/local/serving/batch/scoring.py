"""The pipeline that an invocation of a model's deployment is: a parallel step `batchscoring`, with output `score`."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.jobs import locate, names
from jupyter_aml.local.jobs.checks import invalid
from jupyter_aml.local.jobs.pipelines.parallel import APPEND_NAME
from jupyter_aml.local.serving.batch import rules, shapes
from jupyter_aml.local.serving.batch.invocation import Invocation
from jupyter_aml.local.store import assets, records
from jupyter_aml.local.store.database import Transaction
from jupyter_aml.local.store.records import Connection, Record
from jupyter_aml.local.store.workspace import Workspace

STEP, SCORE, MODEL, DATA = "batchscoring", "score", "model", "data"
ENTRY = "../parallel_scoring.py"
"""The entry script, from the folder of the code: a part of the parallel step's program."""
COMPONENT, ENVIRONMENT = "azureml_anonymous", "CliV2AnonymousEnvironment"
FOLDERS = frozenset({"uri_file", "uri_folder", "mltable"})


def body(
    workspace: Workspace, transaction: Transaction, deployment: Record, asked: Invocation, work: str, *, now: float
) -> dict[str, Any]:
    """The special part of the job: its steps, inputs, outputs and settings. What the step needs is made.

    Args:
        workspace: Whose.
        transaction: The component and the environment of the step are written in it.
        deployment: What is invoked.
        asked: The invocation.
        work: What tells this work from other work: what is done by an earlier job of the same is not repeated.
        now: Seconds since the epoch.

    Raises:
        ResourceError: The input is missing, or something that the deployment names.
    """
    properties = {**deployment.body["properties"], **asked.over}
    properties |= shapes.scoring(properties)
    data = _input(asked)
    score, file = _output(asked, str(properties["outputFileName"]))
    spec = _spec(workspace, transaction, properties, asked, data=data, file=file, now=now)
    component = _kept(transaction, "components", COMPONENT, {"componentSpec": spec, "isAnonymous": True}, now)
    node: dict[str, Any] = {
        "type": "parallel",
        "name": STEP,
        "componentId": f"{workspace.entry.arm_id}/components/{COMPONENT}/versions/{component}",
        "inputs": {DATA: {"job_input_type": "literal", "value": f"${{{{parent.inputs.{next(iter(asked.inputs))}}}}}"}},
        "outputs": {SCORE: {"value": f"${{{{parent.outputs.{SCORE}}}}}", "type": "literal"}},
        "resources": spec["resources"],
        "task": {"program_arguments": _words(workspace, transaction, properties, work)},
    }
    model = _model(properties)
    if model:
        node["inputs"][MODEL] = {"job_input_type": rules.kind_of(transaction, model), "uri": model}
    compute = asked.compute or str(properties["compute"])
    return {
        "jobs": {STEP: node},
        "inputs": asked.inputs,
        "outputs": {SCORE: score},
        "settings": {"default_compute": compute, "_source": "REMOTE.WORKSPACE.COMPONENT"},
    }


def _model(properties: Mapping[str, Any]) -> str:
    return str((properties.get("model") or {}).get("assetId") or "")


def _input(asked: Invocation) -> dict[str, Any]:
    """The one input of data that a deployment of a model takes.

    Raises:
        ResourceError: There is none or more than one, or it is no data (400).
    """
    remedy = "Give one file, folder or data asset; literals are for deployments of pipeline components."
    if len(asked.inputs) != 1:
        found = ", ".join(asked.inputs) or "none"
        raise invalid("inputData", f"has the inputs: {found}; a deployment of a model takes one", remedy)
    ((name, value),) = asked.inputs.items()
    if value["jobInputType"] not in FOLDERS:
        raise invalid(f"inputData.{name}", f"is a {value['jobInputType']}, which is no data to score", remedy)
    if not value.get("uri"):
        raise invalid(f"inputData.{name}.uri", "is missing", "Give the input a path.")
    return value


def _output(asked: Invocation, file: str) -> tuple[dict[str, Any], str]:
    """The output `score`, a folder, and the name of the file of all rows in it.

    Raises:
        ResourceError: There is more than one output (400).
    """
    if len(asked.outputs) > 1:
        found = ", ".join(asked.outputs)
        raise invalid(
            "outputData", f"has the outputs: {found}; a deployment of a model has one", f"Give one, such as {SCORE}."
        )
    value = dict(next(iter(asked.outputs.values()), {}))
    uri = str(value.get("uri") or "")
    if value.get("jobOutputType") == "uri_file" and uri and not uri.endswith("/"):
        folder, _, last = uri.rpartition("/")
        uri, file = f"{folder}/", last if "outputFileName" not in asked.over else file
    return {"jobOutputType": "uri_folder", **({"uri": uri} if uri else {})}, file


def _spec(
    workspace: Workspace,
    transaction: Transaction,
    properties: Mapping[str, Any],
    asked: Invocation,
    *,
    data: Mapping[str, Any],
    file: str,
    now: float,
) -> dict[str, Any]:
    """The specification of the parallel component, as YAML writes one."""
    code, model = properties.get("codeConfiguration") or {}, _model(properties)
    kind = rules.kind_of(transaction, model) if model else ""
    retries = properties["retrySettings"]
    environment = properties.get("environmentId") or _no_code(workspace, transaction, model, now)
    inputs = {DATA: {"type": data["jobInputType"]}, **({MODEL: {"type": kind}} if model else {})}
    appends = properties["outputAction"] == shapes.APPEND_ROW
    return {
        "type": "parallel",
        "display_name": STEP,
        "inputs": inputs,
        "outputs": {SCORE: {"type": "uri_folder"}},
        "input_data": f"${{{{inputs.{DATA}}}}}",
        "mini_batch_size": str(properties["miniBatchSize"]),
        "max_concurrency_per_instance": properties["maxConcurrencyPerInstance"],
        "resources": {"instance_count": asked.instances or properties["resources"]["instanceCount"]},
        "error_threshold": properties["errorThreshold"],
        "retry_settings": {
            "max_retries": retries["maxRetries"],
            "timeout": names.seconds(str(retries["timeout"]), "properties.retrySettings.timeout"),
        },
        "task": {
            "type": "run_function",
            "entry_script": ENTRY,
            "environment": environment,
            **({"code": code["codeId"]} if code else {}),
            **({"append_row_to": f"${{{{outputs.{SCORE}}}}}", APPEND_NAME: file} if appends else {}),
        },
        "environment_variables": {
            "AZUREML_BI_OUTPUT_PATH": f"${{{{outputs.{SCORE}}}}}",
            **properties["environmentVariables"],
        },
    }


def _words(workspace: Workspace, reader: Connection, properties: Mapping[str, Any], work: str) -> str:
    """Arguments of the entry script; the model's place is filled in when the step runs."""
    code, model = properties.get("codeConfiguration"), _model(properties)
    words = ["--script", shlex.quote(str(code["scoringScript"]))] if code else ["--mlflow"]
    if model:
        place = locate.find(workspace, reader, model, "custom_model", "properties.model")
        name = PurePosixPath(place.name).name if isinstance(place, locate.Place) else ""
        words += ["--model", f"${{{{inputs.{MODEL}}}}}", "--model-name", shlex.quote(name or MODEL)]
    if properties["outputAction"] == shapes.SUMMARY_ONLY:
        words.append("--summary-only")
    return " ".join([*words, "--logging-level", str(properties["loggingLevel"]).lower(), "--work", shlex.quote(work)])


def _no_code(workspace: Workspace, transaction: Transaction, model: str, now: float) -> str:
    """The environment that an MLflow model brings along: of its conda file, else of its requirements.

    Raises:
        ResourceError: The model's files are not there.
    """
    place = locate.find(workspace, transaction, model, "mlflow_model", "properties.model")
    folder = place.path(workspace) if isinstance(place, locate.Place) else Path()
    if not (folder / "MLmodel").is_file():
        raise ResourceError(
            f"properties.model names {model.rpartition('/models/')[2] or model}, but there is no file MLmodel at"
            f" {getattr(place, 'uri', model)}; an MLflow model was expected.",
            code="UserError",
            target="properties.model",
            remedy="Upload the model again, or give the deployment a scoring script.",
        )
    found: dict[str, Any] = {"isAnonymous": True, "osType": "Linux"}
    conda, listed = folder / "conda.yaml", folder / "requirements.txt"
    if conda.is_file():
        found["condaFile"] = conda.read_text(encoding="utf-8")
    elif listed.is_file():
        packages = [line for line in listed.read_text(encoding="utf-8").splitlines() if line.strip()]
        found["condaFile"] = yaml.safe_dump({"dependencies": ["pip", {"pip": packages}]})
    version = _kept(transaction, "environments", ENVIRONMENT, found, now)
    return f"{workspace.entry.arm_id}/environments/{ENVIRONMENT}/versions/{version}"


def _kept(transaction: Transaction, segment: str, name: str, properties: dict[str, Any], now: float) -> str:
    """The version of an anonymous asset with this content, made when there is none."""
    text = json.dumps(properties, sort_keys=True, default=str)
    version = hashlib.sha256(text.encode()).hexdigest()[:32]
    if records.get(transaction, segment, name, version) is None:
        assets.make_version(transaction, segment, name, version, properties, now=now)
    return version
