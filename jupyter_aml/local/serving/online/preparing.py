"""Puts in place what the replicas of a deployment run with: environment, model, code; and writes their order.

A generation is the hash of all that replicas are made of. Its folder is made once, and never changes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from jupyter_aml.agent import records as files
from jupyter_aml.errors import NotFoundError, ResourceError
from jupyter_aml.local.jobs import locate, lookup, surroundings, uris, variables
from jupyter_aml.local.runtime import builds, curated, environments, overlay
from jupyter_aml.local.runtime.environments import Environment, Unbuilt
from jupyter_aml.local.runtime.spec import WORK_VARIABLE, RunSpec
from jupyter_aml.local.serving.online import model_packages, places, settings
from jupyter_aml.local.serving.online.autoscale import scale_of
from jupyter_aml.local.serving.online.places import DeploymentPlace, Generation
from jupyter_aml.local.store import blob_files
from jupyter_aml.local.store.records import Record
from jupyter_aml.local.store.workspace import Workspace

MLMODEL = "MLmodel"
PARTS = ("model", "codeConfiguration", "environmentId", "environmentVariables", "dataCollector")
"""Properties of a deployment whose change needs new replicas."""
READ_ONLY = 0o444
SERVERS = frozenset({"azureml-defaults", "azureml-inference-server-http"})
"""Packages that bring Azure's server of scoring scripts, whose place the replica takes."""


def place_of(workspace: Workspace, record: Record) -> DeploymentPlace:
    """The folder of a deployment."""
    return places.endpoint(workspace.folder, record.name).deployment(record.version)


def generation_of(record: Record) -> str:
    """The hash of all that a deployment's replicas are made of."""
    properties = record.body.get("properties") or {}
    facts = {name: properties.get(name) for name in PARTS}
    facts["interpreter"] = (record.body.get("_local") or {}).get("interpreter")
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def held(generation: Generation) -> dict[str, Any] | None:
    """The order of a generation that is in place; None when it is not, or no longer."""
    found = files.read(str(generation.ready))
    return found if found is not None and Path(found["python"]).exists() else None


def prepare(
    workspace: Workspace, record: Record, outer: Mapping[str, str], given_up: Callable[[], bool]
) -> dict[str, Any]:
    """The order that the replicas of a deployment are started with; what they need is in place then.

    Args:
        workspace: Whose.
        record: The deployment.
        outer: The host's environment variables.
        given_up: Whether nobody wants it any more; asked while an environment is built.

    Raises:
        ResourceError: Something that it names does not exist, or cannot be had here.
        GivenUpError: `given_up`.
        OSError: The disk refuses.
    """
    if not workspace.entry.there:
        raise NotFoundError(f"The workspace in {workspace.folder} is gone.")
    place = place_of(workspace, record)
    generation = place.generation(generation_of(record))
    if generation.folder.exists():
        blob_files.remove_tree(str(generation.folder))
    generation.folder.mkdir(mode=0o700, parents=True)
    place.preparing.write_bytes(b"")
    made = _Preparing(workspace, record, generation, place.preparing)
    order = made.order(outer, given_up)
    files.write(str(generation.ready), order)
    made.say(f"The replicas of '{record.version}' can be started.")
    return order


class _Preparing:
    """One generation while it is put in place."""

    def __init__(self, workspace: Workspace, record: Record, generation: Generation, log: Path) -> None:
        self._workspace = workspace
        self._record = record
        self._generation = generation
        self._log = log
        self._properties: dict[str, Any] = record.body["properties"]

    def say(self, *sentences: str) -> None:
        surroundings.say(self._log, sentences)

    def order(self, outer: Mapping[str, str], given_up: Callable[[], bool]) -> dict[str, Any]:
        """Put all in place; the order."""
        code = self._properties.get("codeConfiguration") or {}
        self._generation.code.mkdir()
        model = self._model(str(self._properties.get("model") or ""))
        mlflow = self._mlflow(model) if not code else None
        if code:
            self._code(str(code["codeId"]))
        environment = self._environment(outer, mlflow, given_up)
        python = overlay.make(
            self._generation.env, environment.interpreter.executable, environment.interpreter.site_packages
        )
        script = self._generation.code / str(code["scoringScript"]) if code else None
        own = self._variables(model, script)
        return {
            "kind": "script" if code else "mlflow",
            "name": self._record.version,
            "script": str(script) if script else "",
            "root": str(self._generation.code),
            "cwd": str(self._generation.code),
            "model": str(model.parent) if model else "",
            "mlflow": str(mlflow) if mlflow else "",
            "python": str(python),
            "base": environment.interpreter.executable,
            "env": self._completed({**variables.base(outer), **own}, environment.interpreter.executable),
        }

    def _completed(self, env: dict[str, str], interpreter: str) -> dict[str, str]:
        """The variables with those that make `python` mean the overlay's."""
        folder = self._generation
        spec = RunSpec("", str(folder.folder), "", str(folder.code), env, interpreter, overlay=str(folder.env))
        return {name: value for name, value in spec.completed().env.items() if name != WORK_VARIABLE}

    def _variables(self, model: Path | None, script: Path | None) -> dict[str, str]:
        """Azure's variables, and over them the deployment's own."""
        azure = {"AML_APP_ROOT": str(self._generation.code), "AZUREML_DEPLOYMENT_NAME": self._record.version}
        azure["AZUREML_ENDPOINT_NAME"] = self._record.name
        if model is not None:
            azure["AZUREML_MODEL_DIR"] = str(model.parent)
        if script is not None:
            azure["AZUREML_ENTRY_SCRIPT"] = str(script)
        return {**azure, **(self._properties.get("environmentVariables") or {})}

    def _code(self, code: str) -> None:
        found = self._find(code, "code", "properties.codeConfiguration.codeId")
        source = found.path(self._workspace)
        target = self._generation.code / source.name if source.is_file() else self._generation.code
        self._export(found, target, f"The code snapshot {code}")
        self.say(f"Code is in place: {code}.")

    def _find(self, uri: str, kind: str, target: str) -> locate.Place:
        with self._workspace.database.read() as reader:
            found = locate.find(self._workspace, reader, uri, kind, target)
        if isinstance(found, locate.Elsewhere):
            raise ResourceError(
                f"{target} is {found.uri}, which is not in this workspace.",
                target=target,
                remedy="Register a copy here first: `%aml model create --name NAME --path PATH`.",
            )
        return found

    def _export(self, found: locate.Place, target: Path, what: str) -> None:
        if not self._workspace.blobs.export(found.container, found.name, target):
            raise NotFoundError(
                f"{what} has no files: there is nothing at {found.uri}.",
                remedy="Register it again: its files were removed.",
            )

    def _model(self, model: str) -> Path | None:
        """The model's file or folder, as it was registered, in a folder of its own."""
        if not model:
            return None
        found = self._find(model, "custom_model", "properties.model")
        name, version = self._named(model)
        base = PurePosixPath(found.name.rstrip("/")).name or name
        target = self._generation.model / name / version / base
        self._export(found, target, f"The model {name}:{version}")
        for path in [target] if target.is_file() else target.rglob("*"):
            if path.is_file():
                path.chmod(READ_ONLY)
        self.say(f"The model {name}:{version} is in place.")
        return target

    def _named(self, model: str) -> tuple[str, str]:
        """Name and version of a model; of one that is none, words that can stand for them in a path."""
        found = uris.parse(model, segment="models")
        if not isinstance(found, uris.Asset):
            return "model", "1"
        with self._workspace.database.read() as reader:
            record = lookup.asset(reader, found, "properties.model")
        return record.name, record.version

    def _mlflow(self, model: Path | None) -> Path:
        """The folder with the file MLmodel."""
        if model is None:
            raise ResourceError(
                "The deployment has neither a model nor a scoring script.", remedy="Name a model of type mlflow_model."
            )
        below: list[Path] = sorted(model.iterdir()) if model.is_dir() else []
        for folder in (model, *below):
            if (folder / MLMODEL).is_file():
                return folder
        raise ResourceError(
            f"The model in {self._properties['model']} has no file {MLMODEL}, so it cannot be served without a script.",
            target="properties.model",
            remedy="Register a folder that MLflow has written, or give code_configuration and an environment.",
        )

    def _environment(self, outer: Mapping[str, str], mlflow: Path | None, given_up: Callable[[], bool]) -> Environment:
        """The Python of the deployment, built when this is the first time."""
        local = self._record.body.get("_local") or {}
        recorded, home = str(local["interpreter"]["executable"]), self._workspace.store.home
        name = str(self._properties.get("environmentId") or "")
        if not name and mlflow is not None:
            found = model_packages.choose(mlflow, recorded, home)
        else:
            with self._workspace.database.read() as reader:
                properties = lookup.environment_properties(reader, name)
            curated_as = outer.get(curated.VARIABLE, "").strip().lower()
            found = environments.choose(
                properties, name=name, recorded=recorded, home=home, curated_as=curated_as, unneeded=SERVERS
            )
        if isinstance(found, Unbuilt):
            return found.build(builds.Watch(self.say, self._log, given_up))
        self.say(*found.notes, f"The environment is {found.interpreter.executable}.")
        return found


def spare(endpoint: Record, outer: Mapping[str, str]) -> dict[str, Any] | None:
    """The interpreter that an endpoint's first deployment is likely to need; None when it is not known."""
    interpreter = (endpoint.body.get("_local") or {}).get("interpreter") or {}
    if not interpreter.get("executable"):
        return None
    return {"python": str(interpreter["executable"]), "env": variables.base(outer)}


def entry(workspace: Workspace, record: Record, generation: str, replica: Mapping[str, Any]) -> dict[str, Any]:
    """A deployment in the order of its endpoint's process.

    Args:
        workspace: Whose.
        record: The deployment.
        generation: Of the replicas that it is to have.
        replica: Their order.
    """
    properties = record.body["properties"]
    with workspace.database.read() as reader:
        scale = scale_of(reader, record.name, record.version)
    workers = str(replica["env"].get("WORKER_COUNT") or "1")
    return {
        "generation": generation,
        "replica": dict(replica),
        "instances": int((record.body.get("sku") or {}).get("capacity") or 0),
        "workers": int(workers) if workers.isdigit() and int(workers) else 1,
        "scale": scale,
        "request": settings.requests(properties),
        "liveness": settings.probe(properties, "livenessProbe"),
        "readiness": settings.probe(properties, "readinessProbe"),
        "memory": settings.memory_limit(properties),
        "insights": bool(properties.get("appInsightsEnabled")),
        "collect": settings.collector(properties),
    }
