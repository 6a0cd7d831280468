"""GraphQL as MLflow's UI asks it, held to the schema of the installed MLflow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.local.arm.http import Request
from jupyter_aml.local.store.workspace import Workspace
from jupyter_aml.local.tracking import rest
from jupyter_aml.local.tracking.api import graphql
from tests.unit.tracking.conftest import ADA, NOW, Ask

RUN = """query GetRun($data: MlflowGetRunInput!) @component(name: "x") { mlflowGetRun(input: $data) {
  apiError { helpUrl code message }
  run { info { runName status runUuid startTime endTime } experiment { experimentId name tags { key value } }
    modelVersions { name version } data { metrics { key value step } params { key value } tags { key value } }
    inputs { datasetInputs { dataset { name digest } tags { key value } } modelInputs { modelId } }
    outputs { modelOutputs { modelId step } } } } }"""


def send(workspace: Workspace, query: str, variables: Any = None, **more: Any) -> tuple[int, Any]:
    body = json.dumps({"query": query, "variables": variables, **more}).encode()
    request = Request.build("POST", "http://localhost/graphql", identity=ADA, body=body)
    response = rest.handle(workspace, request, "/graphql", NOW)
    return response.status, json.loads(response.body)


@pytest.fixture
def filled(ask: Ask, run_id: str) -> str:
    """A run with a metric, a param and a dataset."""
    ask("POST", "2.0/mlflow/runs/log-batch", {
        "run_id": run_id, "params": [{"key": "C", "value": "1"}],
        "metrics": [{"key": "loss", "value": 0.5, "timestamp": 5, "step": 3},
                    {"key": "bad", "value": "NaN", "timestamp": 5, "step": 0}],
    })  # fmt: skip
    dataset = {"name": "iris", "digest": "d", "source_type": "local", "source": "{}"}
    ask("POST", "2.0/mlflow/runs/log-inputs", {
        "run_id": run_id, "datasets": [{"dataset": dataset, "tags": [{"key": "context", "value": "train"}]}],
    })  # fmt: skip
    return run_id


def test_a_run_is_told_with_its_experiment_metrics_and_inputs(workspace: Workspace, filled: str) -> None:
    status, told = send(workspace, RUN, {"data": {"runId": filled}}, operationName="GetRun")

    run = told["data"]["mlflowGetRun"]["run"]
    assert (status, told["data"]["mlflowGetRun"]["apiError"]) == (200, None)
    assert run["info"] == {
        "runName": "one", "status": "RUNNING", "runUuid": filled, "startTime": "1", "endTime": None,
    }  # fmt: skip
    assert (run["experiment"]["experimentId"], run["experiment"]["name"]) == ("0", "Default")
    assert sorted(run["data"]["metrics"], key=lambda one: one["key"]) == [
        {"key": "bad", "value": None, "step": "0"},
        {"key": "loss", "value": 0.5, "step": "3"},
    ]
    assert run["data"]["params"] == [{"key": "C", "value": "1"}]
    assert run["inputs"]["datasetInputs"] == [
        {"dataset": {"name": "iris", "digest": "d"}, "tags": [{"key": "context", "value": "train"}]}
    ]
    assert run["modelVersions"] == []


def test_a_run_that_is_not_there_is_an_error_of_the_field(workspace: Workspace) -> None:
    status, told = send(workspace, RUN, {"data": {"runId": "none"}})

    assert status == 200
    error = told["data"]["mlflowGetRun"]["apiError"]
    assert error["code"] == "RESOURCE_DOES_NOT_EXIST"
    assert "none" in error["message"]
    assert told["data"]["mlflowGetRun"]["run"] is None


def test_aliases_fragments_and_directives_are_followed(workspace: Workspace, run_id: str) -> None:
    query = """query A($id: String = "0", $no: Boolean = false) {
      first: mlflowGetExperiment(input: {experimentId: $id}) { experiment { ...Named ... on MlflowExperiment {
        stage: lifecycleStage } artifactLocation @include(if: $no) creationTime @skip(if: true) } __typename } }
    fragment Named on MlflowExperiment { name __typename }"""

    told = send(workspace, query)[1]

    experiment = {"name": "Default", "__typename": "MlflowExperiment", "stage": "active"}
    assert told["data"] == {"first": {"experiment": experiment, "__typename": "MlflowGetExperimentResponse"}}


def test_searches_are_answered(workspace: Workspace, filled: str) -> None:
    query = """mutation S($input: MlflowSearchRunsInput!) { mlflowSearchRuns(input: $input) { runs { info { runId }
      data { metrics { key } } } nextPageToken } }"""
    asked = {"experimentIds": ["0"], "filter": "metrics.loss < 1", "maxResults": 5, "runViewType": "ACTIVE_ONLY"}

    told = send(workspace, query, {"input": asked})[1]["data"]["mlflowSearchRuns"]

    assert [run["info"]["runId"] for run in told["runs"]] == [filled]
    assert told["nextPageToken"] is None


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("query {", "cannot be read"),
        ("query { mlflowDropAll { ok } }", "'mlflowDropAll'; mlflowGetRun, mlflowGetExperiment"),
        ("query { ...A } fragment A on Query { ...A }", "one that holds itself"),
        ("query { ...B }", "no fragment 'B'"),
        ("query A { test } query B { test }", "2 operations"),
        ("query { mlflowGetRun(input: 3) { run { info { runId } } } }", "must be an object"),
        (f"query {{ {'a ' * 20_000} }}", "at most 20000 are read"),
    ],
)
def test_what_cannot_be_answered_is_said(workspace: Workspace, query: str, said: str) -> None:
    status, told = send(workspace, query)

    assert status == 400
    assert said in told["errors"][0]["message"]


SCHEMA = """
import json
from graphql import GraphQLObjectType, get_named_type
from mlflow.server.graphql.graphql_schema_extensions import schema
types = {name: kind for name, kind in schema.graphql_schema.type_map.items() if isinstance(kind, GraphQLObjectType)}
print(json.dumps({name: {field: get_named_type(found.type).name for field, found in kind.fields.items()}
                  for name, kind in types.items()}))
"""


def test_every_type_is_the_one_that_mlflows_own_schema_names(home: Path) -> None:
    quiet = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "HOME": str(home)}
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCHEMA], env=quiet, cwd=home, capture_output=True, text=True, check=True
    )
    types: dict[str, dict[str, str]] = json.loads(ran.stdout.splitlines()[-1])
    roots = {**types["Mutation"], **types["Query"]}

    assert set(graphql.FIELDS) == {name for name in roots if name.startswith("mlflow")}
    for name, field in graphql.FIELDS.items():
        assert roots[name] == field.type
        waiting = [field.type]
        while waiting:
            kind = waiting.pop()
            for inner, found in types[kind].items():
                if found in types:
                    assert graphql.type_of(inner, kind) == found, f"{kind}.{inner}"
                    waiting.append(found)
                elif found == "LongString":
                    assert inner in graphql.TEXTS, f"{kind}.{inner}"
