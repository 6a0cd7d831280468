"""Which model a line means: of a job, of the registry, or in a folder; registered where it is not yet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_aml.commands.actions import deployments, jobs, model_sources, near
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args
from jupyter_aml.commands.outcome import unwrap
from jupyter_aml.commands.scripts import inputs
from jupyter_aml.errors import NotFoundError, UsageError

MLFLOW = "mlflow_model"
SOURCE = "source"
"""Tag of a registered model that says what it was registered from."""
SCORE = "score.py"
DONE = "Completed"


@dataclass(frozen=True)
class Found:
    """A model to deploy.

    Attributes:
        name: Its name, for the endpoint's.
        reference: As `azureml:NAME:VERSION`; "" for code alone.
        code: A folder with a scoring script and no registered model.
    """

    name: str
    reference: str = ""
    code: Path | None = None


def found_model(context: Context, args: Args) -> Found:
    """The model that `deploy` is given.

    Raises:
        UsageError: Nothing was given, or it is no model.
        NotFoundError: There is no such model.
    """
    value = unwrap(args.target)
    if value is None:
        msg = "deploy needs a model: a job, a registered model, or a folder."
        raise UsageError(msg, remedy="For example: %aml deploy {job}, %aml deploy iris_model or %aml deploy ./model")
    return resolved(context, value, args, str(args.endpoint_name or ""), scripted=bool(args.script))


def resolved(context: Context, value: Any, args: Args, base: str, *, scripted: bool) -> Found:
    """The model that a job, an entity, a reference or a path means.

    Args:
        context: Its workspace.
        value: What was typed.
        args: `result` and `model_name`.
        base: What a model that is registered now is called when nobody says; "" for its own name.
        scripted: Whether a script says how it predicts.

    Raises:
        UsageError: It is none of these, or needs a script and has none.
        NotFoundError: There is no such model.
    """
    if model_sources.is_job(value):
        return _of_job(context, value, args, base, scripted=scripted)
    if hasattr(value, "name") and hasattr(value, "version"):
        return _registered(value, scripted=scripted)
    if isinstance(value, Path) or (isinstance(value, str) and _is_place(context, value)):
        return _of_place(context, value, args, base, scripted=scripted)
    if isinstance(value, str):
        return _by_name(context, value, args, base, scripted=scripted)
    msg = f"deploy: a value of type {type(value).__name__} is no model."
    raise UsageError(msg, remedy="Give a job, a registered model such as iris_model@latest, or a folder.")


def _is_place(context: Context, text: str) -> bool:
    """Whether a text is a URI or a path, and no name of an asset."""
    if inputs.is_uri(text):
        return True
    return text.startswith((".", "/", "~")) or "/" in text or context.path(text).is_dir()


def _by_name(context: Context, text: str, args: Args, base: str, *, scripted: bool) -> Found:
    """A registered model, else the model of a job of that name."""
    try:
        return _registered(deployments.asset_of(context, text, "model"), scripted=scripted)
    except NotFoundError:
        try:
            job = context.client.jobs.get(text)
        except Exception as error:
            if not near.is_missing(error):
                raise
            job = None
        if job is None:
            raise
    return _of_job(context, job, args, base, scripted=scripted)


def _registered(model: Any, *, scripted: bool) -> Found:
    if not scripted:
        _refuse_without_script(str(model.name), str(model.type))
    return Found(str(model.name), f"azureml:{model.name}:{model.version}")


def _refuse_without_script(name: str, kind: str) -> None:
    """Do nothing if a model serves by itself.

    Raises:
        UsageError: It is no MLflow model.
    """
    if kind == MLFLOW:
        return
    msg = f"{name!r} is no MLflow model ({kind}): nothing says how it predicts."
    raise UsageError(
        msg,
        why="A custom model needs a script with init() and run(); an MLflow model does without.",
        remedy="Add --script score.py, or write both into a cell: %%aml score NAME --model MODEL.",
    )


def _of_job(context: Context, given: Any, args: Args, base: str, *, scripted: bool) -> Found:
    """The model of a job that has completed."""
    job = jobs.wanted(context, given, "show")
    if job.status != DONE:
        msg = f"The job {job.name} is {job.status}; a completed one has a model."
        raise UsageError(msg, remedy=f"Type %aml job stream {job.name} to wait, or %aml job logs {job.name}.")
    path, kind = model_sources.located(context, job, args.get("result"), "deploy")
    name = args.get("model_name") or base or str(job.display_name or job.experiment_name or job.name)
    if not scripted:
        _refuse_without_script(name, kind)
    return _registered(_same(context, name, path) or _register(context, name, path, kind), scripted=True)


def _of_place(context: Context, value: str | Path, args: Args, base: str, *, scripted: bool) -> Found:
    path, kind = model_sources.located(context, value, args.get("result"), "deploy")
    folder = Path(path)
    named = args.get("model_name") or base or folder.resolve().name or "model"
    if not scripted:
        if kind != MLFLOW and (folder / SCORE).is_file():
            return Found(named, code=folder)
        _refuse_without_script(named, kind)
    return _registered(_register(context, named, path, kind), scripted=True)


def _same(context: Context, name: str, path: str) -> Any:
    """The version of a model that was registered from the same place; None for none."""
    try:
        return next(
            (one for one in context.client.models.list(name=name) if (one.tags or {}).get(SOURCE) == path), None
        )
    except Exception as error:
        if near.is_missing(error):
            return None
        raise


def _register(context: Context, name: str, path: str, kind: str) -> Any:
    from azure.ai.ml.entities import Model

    tags = {SOURCE: path} if inputs.is_uri(path) else {}
    return context.client.models.create_or_update(Model(name=name, path=path, type=kind, tags=tags))
