"""GraphQL as MLflow's UI asks it: one run, one experiment, and the few searches beside them.

A query picks fields of what the REST endpoints answer; it is parsed by graphql-core, which MLflow's full package
brings along, so it is at hand wherever the UI is. Every name here is MLflow's: `server/graphql` of mlflow 3.17.
"""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from jupyter_aml.errors import NotOfflineError, ResourceError
from jupyter_aml.local.arm.http import Response
from jupyter_aml.local.tracking import faults
from jupyter_aml.local.tracking.api import experiments, metrics, runs, versions
from jupyter_aml.local.tracking.api.call import Call, Endpoint

if TYPE_CHECKING:
    from graphql import FieldNode, FragmentDefinitionNode, OperationDefinitionNode, SelectionSetNode

LONGEST = 20_000
"""Characters of a query."""
DEEPEST = 12
"""Levels of a query."""


@dataclass(frozen=True)
class Field:
    """A field of the query itself: which REST endpoint answers it, and the type of the answer."""

    handler: Callable[[Call], Any]
    method: str
    type: str


FIELDS = {
    "mlflowGetRun": Field(runs.get, "GET", "MlflowGetRunResponse"),
    "mlflowGetExperiment": Field(experiments.get, "GET", "MlflowGetExperimentResponse"),
    "mlflowListArtifacts": Field(runs.list_artifacts, "GET", "MlflowListArtifactsResponse"),
    "mlflowGetMetricHistoryBulkInterval": Field(
        metrics.get_history_interval, "GET", "MlflowGetMetricHistoryBulkIntervalResponse"
    ),
    "mlflowSearchModelVersions": Field(versions.search, "GET", "MlflowSearchModelVersionsResponse"),
    "mlflowSearchRuns": Field(runs.search, "POST", "MlflowSearchRunsResponse"),
    "mlflowSearchDatasets": Field(experiments.search_datasets, "POST", "MlflowSearchDatasetsResponse"),
}
TYPES = {
    "run": "MlflowRunExtension",
    "runs": "MlflowRunExtension",
    "info": "MlflowRunInfo",
    "data": "MlflowRunData",
    "inputs": "MlflowRunInputs",
    "outputs": "MlflowRunOutputs",
    "metrics": "MlflowMetricExtension",
    "params": "MlflowParam",
    "experiment": "MlflowExperiment",
    "modelVersions": "MlflowModelVersion",
    "files": "MlflowFileInfo",
    "datasetInputs": "MlflowDatasetInput",
    "modelInputs": "MlflowModelInput",
    "modelOutputs": "MlflowModelOutput",
    "dataset": "MlflowDataset",
    "datasetSummaries": "MlflowDatasetSummary",
    "modelMetrics": "MlflowModelMetric",
    "modelParams": "MlflowModelParam",
    "deploymentJobState": "MlflowModelVersionDeploymentJobState",
    "apiError": "ApiError",
    "errorDetails": "ErrorDetail",
}
"""Types by the field that holds them; `tags` depend on what they belong to."""
TAGS = {
    "MlflowRunData": "MlflowRunTag",
    "MlflowExperiment": "MlflowExperimentTag",
    "MlflowModelVersion": "MlflowModelVersionTag",
    "MlflowDatasetInput": "MlflowInputTag",
}
TEXTS = frozenset(
    {"startTime", "endTime", "timestamp", "step", "fileSize", "creationTime", "lastUpdateTime"}
    | {"creationTimestamp", "lastUpdatedTimestamp"}
)
"""Whole numbers of 64 bits, which GraphQL carries as text."""
LISTS = frozenset(
    {"tags", "metrics", "params", "runs", "files", "modelVersions", "aliases"}
    | {"datasetInputs", "modelInputs", "modelOutputs", "datasetSummaries"}
)


def graphql(call: Call) -> Response:
    """POST or GET graphql: `{"data"}`, or `{"errors"}` for a query that cannot be understood."""
    try:
        return Response.of({"data": _Query(call).answer()})
    except ResourceError as error:
        return Response.of({"data": None, "errors": [{"message": error.message}]}, error.status)


class _Query:
    """One query on its way.

    Args:
        call: Its body has `query`, and `variables` and `operationName` where they are needed.
    """

    def __init__(self, call: Call) -> None:
        try:
            from graphql import GraphQLError, parse
            from graphql.language import FragmentDefinitionNode, OperationDefinitionNode
        except ImportError as error:
            msg = "GraphQL needs the package graphql-core, which comes with mlflow."
            raise NotOfflineError(msg, remedy="Type `pip install 'jupyter_aml[ml]'`.") from error
        self._call = call
        text = call.required("query")
        if len(text) > LONGEST:
            raise faults.invalid(f"The query has {len(text)} characters; at most {LONGEST} are read.")
        try:
            definitions = parse(text).definitions
        except (GraphQLError, RecursionError) as error:
            raise faults.invalid(f"The query cannot be read: {error}") from error
        operations = [one for one in definitions if isinstance(one, OperationDefinitionNode)]
        self._operation = self._chosen(operations)
        self._fragments: dict[str, FragmentDefinitionNode] = {
            one.name.value: one for one in definitions if isinstance(one, FragmentDefinitionNode)
        }
        self._variables: dict[str, Any] = {}
        self._variables = self._given()

    def _chosen(self, operations: list[OperationDefinitionNode]) -> OperationDefinitionNode:
        name = self._call.text("operationName")
        found = [one for one in operations if not name or (one.name is not None and one.name.value == name)]
        if len(found) != 1:
            raise faults.invalid(f"The query has {len(found)} operations to choose from; one was expected.")
        return found[0]

    def _given(self) -> dict[str, Any]:
        found = self._call.body.get("variables") or {}
        if isinstance(found, str):
            try:
                found = json.loads(found)
            except ValueError as error:
                raise faults.invalid(f"The variables are not JSON: {error}.") from error
        if not isinstance(found, dict):
            raise faults.invalid("The variables must be an object.")
        defaults = {
            one.variable.name.value: self._value(one.default_value)
            for one in self._operation.variable_definitions or ()
            if one.default_value is not None
        }
        return {**defaults, **found}

    def answer(self) -> dict[str, Any]:
        """The fields that the query asks for, by the names it gives them."""
        root = "Mutation" if self._operation.operation.value == "mutation" else "Query"
        found: dict[str, Any] = {}
        for node in self._selected(self._operation.selection_set, root):
            name, key = node.name.value, _key(node)
            if name == "__typename":
                found[key] = root
                continue
            field = FIELDS.get(name)
            if field is None:
                raise faults.invalid(f"The query asks for '{name}'; {', '.join(FIELDS)} are answered.")
            found[key] = self._shaped(self._fetch(field, node), node.selection_set, field.type, 1)
        return found

    def _fetch(self, field: Field, node: FieldNode) -> Any:
        given = next((one.value for one in node.arguments or () if one.name.value == "input"), None)
        asked = self._value(given) if given is not None else {}
        if not isinstance(asked, dict):
            raise faults.invalid(f"The input of '{node.name.value}' must be an object.")
        fields = {_snake(name): value for name, value in asked.items() if value is not None}
        try:
            return field.handler(self._inner(field.method, fields))
        except ResourceError as error:
            body = faults.body_of(error)
            return {"api_error": {"code": body["error_code"], "message": body["message"]}}

    def _inner(self, method: str, fields: Mapping[str, Any]) -> Call:
        """The REST call that a field stands for."""
        request, body = self._call.request, b""
        url = request.url.partition("?")[0]
        if method == "GET":
            url += "?" + urlencode(fields, doseq=True)
        else:
            body = json.dumps(fields).encode()
        inner = replace(request, method=method, url=url, stream=io.BytesIO(body))
        return Call(self._call.workspace, inner, {}, self._call.now)

    def _shaped(self, value: Any, wanted: SelectionSetNode | None, kind: str, depth: int) -> Any:
        """A REST answer with only the fields that were asked for."""
        if isinstance(value, list):
            return [self._shaped(one, wanted, kind, depth) for one in value]
        if not isinstance(value, Mapping) or wanted is None:
            return value
        if depth > DEEPEST:
            raise faults.invalid(f"The query is more than {DEEPEST} levels deep.")
        found: dict[str, Any] = {}
        for node in self._selected(wanted, kind):
            name = node.name.value
            if name == "__typename":
                found[_key(node)] = kind
                continue
            inner = self._shaped(self._look(value, name, kind), node.selection_set, type_of(name, kind), depth + 1)
            found[_key(node)] = _scalar(name, inner)
        return found

    def _look(self, value: Mapping[str, Any], name: str, kind: str) -> Any:
        """A field of an answer; a run also leads to its experiment and model versions."""
        if kind == "MlflowRunExtension" and name == "experiment":
            asked = {"experiment_id": value["info"]["experiment_id"]}
            return experiments.get(self._inner("GET", asked))["experiment"]
        if kind == "MlflowRunExtension" and name == "modelVersions":
            asked = {"filter": f"run_id='{value['info']['run_id']}'"}
            return versions.search(self._inner("GET", asked)).get("model_versions", [])
        found = value.get(_snake(name), value.get(name))
        return [] if found is None and name in LISTS else found

    def _selected(self, wanted: SelectionSetNode, kind: str, within: tuple[str, ...] = ()) -> Iterator[FieldNode]:
        """The fields of a selection on a type, fragments written out; `within` names those on the way here."""
        from graphql.language import FieldNode, FragmentSpreadNode

        for node in wanted.selections:
            if self._left_out(node):
                continue
            if isinstance(node, FieldNode):
                yield node
                continue
            part: Any = node
            if isinstance(node, FragmentSpreadNode):
                name = node.name.value
                part = self._fragments.get(name)
                if part is None or name in within:
                    raise faults.invalid(f"The query has no fragment '{name}', or one that holds itself.")
                within = (*within, name)
            on = part.type_condition
            if on is None or on.name.value in {kind, kind.removesuffix("Extension")}:
                yield from self._selected(part.selection_set, kind, within)

    def _left_out(self, node: Any) -> bool:
        """Whether `@skip` or `@include` take a selection out."""
        for directive in node.directives or ():
            word = directive.name.value
            if word in {"skip", "include"} and directive.arguments:
                said = bool(self._value(directive.arguments[0].value))
                if said == (word == "skip"):
                    return True
        return False

    def _value(self, node: Any) -> Any:
        """What a value stands for."""
        from graphql import value_from_ast_untyped

        return value_from_ast_untyped(node, self._variables)


def type_of(name: str, kind: str) -> str:
    """The type of what a field of a type holds; the field's own name for scalars."""
    if name == "tags":
        return TAGS.get(kind, name)
    if name == "metrics" and kind == "MlflowGetMetricHistoryBulkIntervalResponse":
        return "MlflowMetricWithRunId"
    return TYPES.get(name, name)


def _key(node: FieldNode) -> str:
    return node.alias.value if node.alias else node.name.value


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda found: f"_{found[1].lower()}", name)


def _scalar(name: str, value: Any) -> Any:
    """A scalar as GraphQL writes it: long numbers are text, what JSON has no number for is null."""
    if name in TEXTS and isinstance(value, int):
        return str(value)
    if name == "value" and isinstance(value, str) and value in {"NaN", "Infinity", "-Infinity"}:
        return None
    return None if isinstance(value, float) and not math.isfinite(value) else value


ROUTES = (
    Endpoint("POST", "graphql", graphql),
    Endpoint("GET", "graphql", graphql),
)
