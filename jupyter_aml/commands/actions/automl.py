"""`automl`: a table, texts or images become an AutoML job of the SDK."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from jupyter_aml.commands.actions import automl_tables, cards, cell_jobs, job_verbs, jobs
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args
from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.commands.scripts import forms
from jupyter_aml.errors import UsageError

MINUTES = 5.0
"""How long a search may take where the line does not say."""
OUTPUT = "best_model"
FORECASTING, NER = "forecasting", "text_ner"
TRIALS = 10
"""How many models of texts or images are tried where the line does not say; Azure would try one."""
TABLES = ("classification", "regression", FORECASTING)
TABLE_FLAGS = ("test", "folds", "weight", "drop", "allow", "block", "exit_score")
"""What only tasks of tables have."""
TIME_FLAGS = ("series", "horizon", "frequency")


def automl(context: Context, args: Args) -> Outcome:
    """Submit a search; in a notebook its card is shown at once, also where the line assigns it."""
    job_verbs.check_var(context, args.var)
    if args.data is None:
        msg = "automl needs data."
        raise UsageError(msg, remedy="For example: best = %aml automl --data {df} --target y")
    with tempfile.TemporaryDirectory(prefix="jupyter_aml-") as temporary:
        tables = automl_tables.Tables(context, Path(temporary))
        job = _job(context, args, tables)
        if args["as"]:
            return Outcome(_written(context, job, args["as"]), kind="text")
        outcome = job_verbs.submit(context, args, job)
    if not (args.wait or args.stream or args.output or args.query or context.silent):
        cards.show_now(context.display, outcome)
    return outcome


def _job(context: Context, args: Args, tables: automl_tables.Tables) -> Any:
    """The SDK's job."""
    from azure.ai.ml import Output
    from azure.ai.ml import automl as sdk

    data = tables.read(args.data, "--data")
    task = args.task or _task(context, args, data)
    _refuse(args, task)
    metric = _checked(args, task)
    validation = tables.read(args.validation, "--validation") if args.validation is not None else None
    if validation is None and task.startswith("text_"):
        data, validation = tables.split(data, args.target, lines=task == NER)
        context.warn(f"--validation is not given: a fifth of the rows is held out, {validation.size} of them.")
    given: dict[str, Any] = {"training_data": tables.written(data, task, "training")}
    if task != NER:
        given["target_column_name"] = _target(args, data)
    if validation is not None:
        given["validation_data"] = tables.written(validation, task, "validation")
    if args.test is not None:
        given["test_data"] = tables.written(tables.read(args.test, "--test"), task, "test")
    if args.metric:
        given["primary_metric"] = metric
    if task in TABLES:
        given |= {"n_cross_validations": args.folds, "weight_column_name": args.weight}
        given["enable_model_explainability"] = True
    about = args.experiment_name or (given.get("target_column_name") or task)
    job = getattr(sdk, task)(
        **given, name=args.name or None, experiment_name=_experiment(about),
        display_name=args.display_name or f"automl {about}", description=args.description,
        tags={key: str(value) for key, value in args.tags.items()} or None,
        compute=cell_jobs.compute(context, args.compute),
    )  # fmt: skip
    job.outputs = {OUTPUT: Output(type="mlflow_model")}
    _limit(args, job, task)
    _train(args, job, task)
    if task == FORECASTING:
        job.set_forecast_settings(
            time_column_name=args.time, forecast_horizon=args.horizon or "auto",
            time_series_id_column_names=list(args.series) or None, frequency=args.frequency,
        )  # fmt: skip
    return job


def _limit(args: Args, job: Any, task: str) -> None:
    limits = {"timeout_minutes": args.minutes, "max_trials": args.trials, "max_concurrent_trials": args.concurrent}
    if task in TABLES:
        limits["exit_score"] = args.exit_score
    else:
        limits["max_trials"] = args.trials or TRIALS
    job.set_limits(**{key: value for key, value in limits.items() if value is not None})


def _train(args: Args, job: Any, task: str) -> None:
    if task in TABLES:
        job.set_training(
            allowed_training_algorithms=list(args.allow) or None, blocked_training_algorithms=list(args.block) or None
        )
        if args.drop:
            job.set_featurization(drop_columns=list(args.drop))
    elif args.model:
        job.set_training_parameters(model_name=args.model)


def _task(context: Context, args: Args, data: automl_tables.Read) -> str:
    """The task that the data show.

    Raises:
        UsageError: They do not.
    """
    if args.time:
        return FORECASTING
    from jupyter_aml.automl.families import TASKS

    if data.frame is None or args.target is None or automl_tables.IMAGE in data.frame.columns:
        msg = "automl needs to know what is to be learned."
        raise UsageError(msg, remedy=f"Add --task: one of {', '.join(TASKS.values())}.")
    column = data.frame[_target(args, data)]
    found, why = automl_tables.kind(column)
    other = "regression" if found == "classification" else "classification"
    context.warn(f"Task: {found}, for {args.target} has {why}. If that is wrong, add --task {other}.")
    return found


def _target(args: Args, data: automl_tables.Read) -> str:
    from jupyter_aml.commands.suggest import nearest

    columns = [str(name) for name in data.frame.columns] if data.frame is not None else []
    if args.target is None:
        msg = "automl needs the column that is to be predicted."
        raise UsageError(msg, remedy=f"Add --target{f' {columns[-1]}' if columns else ' NAME'}.")
    if columns and args.target not in columns:
        msg = f"--target {args.target}: the data have no such column."
        near = nearest(args.target, columns)
        raise UsageError(
            msg, why=f"They have {', '.join(columns[:20])}{', …' if len(columns) > 20 else ''}.",  # noqa: PLR2004
            remedy=f"Did you mean {near}?" if near else "Name one of them.",
        )  # fmt: skip
    return str(args.target)


def _refuse(args: Args, task: str) -> None:
    """Refuse flags that a task does not have.

    Raises:
        UsageError: One was given.
    """
    if args.minutes <= 0:
        msg = f"--minutes {args.minutes:g} is no time."
        raise UsageError(msg, remedy="Type for example --minutes 5.")
    wrong = [name for name in TIME_FLAGS if args[name]] if task != FORECASTING else []
    if task not in TABLES:
        wrong += [name for name in TABLE_FLAGS if args[name]]
    elif args.model:
        wrong.append("model")
    if wrong:
        msg = f"--{wrong[0].replace('_', '-')} is nothing that {task} has."
        raise UsageError(msg, remedy="Leave it out, or add --task for another one.")
    if task == FORECASTING and not args.time:
        msg = "forecasting needs the column of time."
        raise UsageError(msg, remedy="Add --time NAME.")


def _experiment(text: str) -> str:
    return "".join(char if char.isalnum() or char in "-_" else "-" for char in text).strip("-_") or "automl"


def _checked(args: Args, task: str) -> str:
    """The primary metric as Azure spells it, once everything that is named is known.

    Raises:
        UsageError: A metric, an algorithm or a model is not.
    """
    from jupyter_aml.automl import families

    details = {
        "targetColumnName": args.target or "target",
        "primaryMetric": args.metric or "",
        "trainingSettings": {
            "allowedTrainingAlgorithms": list(args.allow), "blockedTrainingAlgorithms": list(args.block)
        },
        "forecastingSettings": {"timeColumnName": args.time, "forecastHorizon": {"mode": "Auto"}},
        "trainingData": {"uri": ""},
    }  # fmt: skip
    try:
        return families.family(task).metric(task, details)[0]
    except ValueError as error:
        msg = f"automl: {error}"
        raise UsageError(msg, remedy="Type %aml automl -h for what can be said.") from None


def _written(context: Context, job: Any, form: forms.Form) -> str:
    """The job in another form; its tables are called `./training` and so on."""
    said = jobs.as_dict(job)
    for key in ("training_data", "validation_data", "test_data"):
        held = said.get(key)
        if isinstance(held, dict) and "jupyter_aml-" in str(held.get("path")):
            held["path"] = f"./{key.removesuffix('_data')}"
    return forms.written(said, form, context.connection)
