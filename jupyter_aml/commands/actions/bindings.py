"""Inputs of a job from what was typed: literals stay, frames are registered for the job, assets get their type."""

from __future__ import annotations

import difflib
import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jupyter_aml.commands.actions import near, references, sources
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.outcome import unwrap
from jupyter_aml.commands.scripts import inputs
from jupyter_aml.commands.scripts.header import Kind
from jupyter_aml.errors import NotFoundError, UsageError

MODEL_TYPES = ("mlflow_model", "custom_model", "triton_model")


def plain_input(context: Context, name: str, value: Any) -> Any:
    """An input in the CLI's schema: a literal, or `{type, path}`.

    Raises:
        UsageError: A missing file, an empty folder, a value that no job takes.
        NotFoundError: No such asset.
    """
    meant = inputs.understand(name, unwrap(value), context.cwd)
    if meant.meaning == "literal":
        return meant.value
    readers: dict[str, Callable[[], dict[str, str]]] = {
        "uri": lambda: {"type": inputs.kind_of(meant.value), "path": meant.value},
        "path": lambda: _path(meant.value),
        "frame": lambda: _frame(name, meant.value),
        "entity": lambda: _entity(name, meant.value),
        "asset": lambda: _asset(context, name, meant),
    }
    return readers[meant.meaning]()


def kind_of(value: Any) -> Kind:
    """How the script reads an input: as a path, or as a literal of its type."""
    if isinstance(value, dict):
        return "path"
    return "bool" if isinstance(value, bool) else "int" if isinstance(value, int) else (
        "float" if isinstance(value, float) else "str"
    )  # fmt: skip


def _path(path: Path) -> dict[str, str]:
    kind = "uri_file" if path.is_file() else "mltable" if (path / "MLTable").is_file() else "uri_folder"
    return {"type": kind, "path": str(path)}


def _frame(name: str, frame: Any) -> dict[str, str]:
    """A DataFrame as a file in a temporary folder, which the SDK uploads; equal frames give equal files."""
    folder = Path(tempfile.mkdtemp(prefix="jupyter_aml-"))
    path = sources.write_frame(frame, folder, name)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    kept = folder.parent / f"jupyter_aml-{digest}" / path.name
    kept.parent.mkdir(mode=0o700, exist_ok=True)
    path.replace(kept)
    folder.rmdir()
    return {"type": "uri_file", "path": str(kept)}


def _entity(name: str, entity: Any) -> dict[str, str]:
    if hasattr(entity, "outputs") and not hasattr(entity, "version"):
        return _job_output(name, entity)
    kind = str(getattr(entity, "type", "") or "uri_folder")
    return {"type": kind, "path": f"azureml:{entity.name}:{entity.version}"}


def _job_output(name: str, job: Any) -> dict[str, str]:
    outputs = {key: value for key, value in (job.outputs or {}).items() if key != "default"}
    if len(outputs) != 1:
        listed = ", ".join(outputs) or "none"
        msg = f"--input {name}: which output of the job {job.name} is meant? It has {listed}."
        raise UsageError(msg, remedy=f"Write --input {name}=azureml://jobs/{job.name}/outputs/OUTPUT")
    key, output = next(iter(outputs.items()))
    return {"type": str(output.type), "path": f"azureml://jobs/{job.name}/outputs/{key}"}


def _asset(context: Context, name: str, meant: inputs.Meant) -> dict[str, str]:
    """A data asset or model; a label is resolved to its version, so that the job can be repeated."""
    which = references.Reference(meant.name, meant.version, meant.label)
    found = find_asset(context, str(which), f"--input {name}={which}: ")
    return {"type": str(found.type), "path": f"azureml:{found.name}:{found.version}"}


def find_asset(context: Context, text: str, before: str = "") -> Any:
    """The data asset, else the model, that a reference means; the latest version where it names none.

    Raises:
        NotFoundError: There is neither; the nearest name is offered.
    """
    which = references.parse(text)
    client = context.client
    for operations in (client.data, client.models):
        try:
            return operations.get(which.name, **which.chosen)
        except Exception as error:
            if not near.is_missing(error):
                raise
    nearest = _nearest(context, which.name)
    msg = f"{before}the workspace has no data asset or model {which}."
    remedy = f"Did you mean {nearest}?" if nearest else f"Register it: %aml data create {which.name} PATH"
    raise NotFoundError(msg if before else f"T{msg[1:]}", remedy=remedy)


def _nearest(context: Context, name: str) -> str:
    found = difflib.get_close_matches(name, near.known(context.client.data.list), n=1)
    return f"{found[0]}@latest" if found else ""
