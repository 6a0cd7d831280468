"""A cell's body as a sweep: one script, tried with many values of its searched parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jupyter_aml.commands.actions import cell_jobs, cell_scripts
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args
from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.commands.scripts import forms, header, search
from jupyter_aml.commands.scripts.search import Specification
from jupyter_aml.commands.suggest import listed, nearest
from jupyter_aml.errors import UsageError
from jupyter_aml.views.compare import smaller_is_better

TRIALS, AT_ONCE = 20, 4
"""How many trials there are, and how many run at a time, where the cell does not say."""
STAND_INS: Mapping[str, Any] = {"int": 0, "whole": 0, "float": 0.0, "bool": False, "str": ""}
ALGORITHMS = ("random", "grid", "bayesian")
RULES = ("random", "sobol")
ISOLATIONS = ("shared", "process")


def sweep(context: Context, args: Args) -> Outcome:
    """Submit the body as a sweep."""
    space = _space(args)
    kinds = {name: search.kind_of(found) for name, found in space.items()}
    script = cell_scripts.read(context, args, kinds)
    metric, policy = _metric(args), search.policy(args.early_termination) if args.early_termination else None
    if args["as"] == "script":
        return Outcome(header.readable(script.source), kind="text")
    stand_ins = {name: STAND_INS[kind] for name, kind in kinds.items()}
    with cell_scripts.folder(context, script, args.code) as code:
        trial = cell_jobs.builder(context, args, code, script, stand_ins)
        return cell_jobs.sent(context, args, script, _swept(args, trial, space, metric, policy))


def _swept(
    args: Args, trial: Any, space: Mapping[str, Specification], metric: str, policy: Specification | None
) -> Any:
    """The SDK's sweep over a command."""
    bound = trial(**{name: _distribution(found) for name, found in space.items()})
    points = search.size(space)
    total = args.trials or (points if args.sampling == "grid" and points else TRIALS)
    made = bound.sweep(
        primary_metric=metric,
        goal=args.goal or ("minimize" if smaller_is_better(metric) else "maximize"),
        sampling_algorithm=_sampling(args),
        early_termination_policy=_policy(policy),
        max_total_trials=total,
        max_concurrent_trials=min(args.concurrent or AT_ONCE, total),
        timeout=cell_jobs.seconds(args.timeout) if args.timeout else None,
        trial_timeout=cell_jobs.seconds(args.trial_timeout, "--trial-timeout") if args.trial_timeout else None,
    )
    for field in ("name", "display_name", "experiment_name", "description", "tags"):
        setattr(made, field, getattr(trial, field))
    if args.isolation:
        made.properties = {**(made.properties or {}), forms.ISOLATION: args.isolation}
    return made


def _space(args: Args) -> dict[str, Specification]:
    """The searched parameters, of --search and of the options that are no flags.

    Raises:
        UsageError: There are none, or one has no distribution of Azure's.
    """
    for name, value in args.space.items():
        _refuse_option(name, value)
    written = {**args.space, **args.search}
    if not written:
        msg = "The sweep searches nothing."
        raise UsageError(
            msg, why="A sweep needs a parameter with a distribution.",
            remedy="Add a line below the first: #| lr: loguniform(-5, 0)",
        )  # fmt: skip
    return {name: search.distribution(name, value) for name, value in written.items()}


def _refuse_option(name: str, value: Any) -> None:
    """Refuse an option that is neither a flag nor a distribution: most likely its name is misspelt."""
    call = search.parse(value) if isinstance(value, str) else None
    if not isinstance(value, str) or value.startswith("[") or (call is not None and call.word in search.ARGUMENTS):
        return
    from jupyter_aml.commands.cells.sweep import CELL

    near = nearest(name, [flag.name for flag in CELL.all_flags])
    if near and "(" not in value:
        msg = f"sweep has no option {name!r}, and {value!r} is no distribution."
        raise UsageError(msg, remedy=f"Did you mean {near}?")


def _metric(args: Args) -> str:
    """The primary metric.

    Raises:
        UsageError: None is named; those that the script logs are offered.
    """
    logged = list(dict.fromkeys(search.metrics_in(str(args.body))))
    if args.metric:
        return str(args.metric)
    msg = "The sweep needs the metric that ranks its trials."
    if len(logged) == 1:
        raise UsageError(msg, remedy=f"Add --metric {logged[0]}, which the script logs.")
    why = f"The script logs {listed(logged)}." if logged else 'A script logs one with mlflow.log_metric("auc", …).'
    raise UsageError(msg, why=why, remedy=f"Add --metric {logged[0] if logged else 'NAME'}.")


def _distribution(found: Specification) -> Any:
    from azure.ai.ml import sweep as sdk

    return getattr(sdk, forms.DISTRIBUTIONS[found["type"]])(**_fields(found))


def _fields(found: Specification) -> Specification:
    return {key: value for key, value in found.items() if key != "type"}


def _sampling(args: Args) -> Any:
    from azure.ai.ml import sweep as sdk

    if args.sampling != "random" and (args.seed is not None or args.rule):
        flag = "--seed" if args.seed is not None else "--rule"
        msg = f"{flag} belongs to --sampling random; here it is {args.sampling}."
        raise UsageError(msg, remedy="Leave one of the two out.")
    given = {key: args[key] for key in ("seed", "rule") if args[key] is not None}
    return getattr(sdk, forms.SWEEPERS[args.sampling])(**given)


def _policy(found: Specification | None) -> Any:
    from azure.ai.ml import sweep as sdk

    return None if found is None else getattr(sdk, forms.SWEEPERS[found["type"]])(**_fields(found))
