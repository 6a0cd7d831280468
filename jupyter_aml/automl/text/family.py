"""Text tasks: one class each, any number of labels each, and entities in them."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_aml.automl.family import Attempt, Best, Done, Family, Json, Order, Planner, Proposal, Told, primary
from jupyter_aml.automl.text import sweeps, tasks

if TYPE_CHECKING:
    import pandas as pd

    from jupyter_aml.automl.text.labelled import Labelled, Winner

CLASSES, SETS, ENTITIES = "text_classification", "text_classification_multilabel", "text_ner"
METRICS = {
    CLASSES: ("accuracy", "AUC_weighted", "norm_macro_recall", "average_precision_score_weighted",
              "precision_score_weighted"),
    SETS: ("accuracy",),
    ENTITIES: ("accuracy",),
}  # fmt: skip
"""What may be optimised; the first is what Azure takes when none is named."""
HONOURED: dict[str, dict[str, str]] = {CLASSES: {}, SETS: {}, ENTITIES: {"numberOfEpochs": "epochs"}}
"""Azure's names of settings that have an effect here, and ours."""
STANDS = "a language model is replaced by models of weighted words and letters"
DATA = "data.pkl"
LANGUAGES = ("", "eng", "mul")
"""Languages for which Azure would not choose another model."""


def _kinds(task: str) -> list[sweeps.Kind]:
    if task == ENTITIES:
        from jupyter_aml.automl.text import entities

        return list(entities.KINDS)
    from jupyter_aml.automl.text import models

    return models.kinds()


class Text(Family):
    """Texts, learned without downloaded weights."""

    tasks = frozenset(METRICS)

    def check(self, task: str, details: Mapping[str, Any]) -> list[str]:
        self.metric(task, details)
        if task != ENTITIES:
            tasks.target(details)
        tasks.held_out(details)
        wished = sweeps.wishes(details)
        told = tasks.unheard(wished, _kinds(task), HONOURED[task], STANDS)
        language = str((details.get("featurizationSettings") or {}).get("datasetLanguage") or "")
        if language not in LANGUAGES:
            told.append(f"dataset_language {language} chooses a language model in Azure; here all languages are alike.")
        return told

    def metric(self, task: str, details: Mapping[str, Any]) -> tuple[str, bool]:
        known = METRICS[task]
        return primary(str(details.get("primaryMetric") or known[0]), known, task), True

    def prepare(self, order: Order, place: Path) -> Json:
        if order.task == ENTITIES:
            from jupyter_aml.automl.text import entities

            found, facts = entities.prepared(order)
        else:
            found, facts = _prepared(order)
        (place / DATA).write_bytes(pickle.dumps(found))
        return facts

    def planner(self, task: str, details: Mapping[str, Any], facts: Json, seed: int) -> Planner:  # noqa: ARG002
        return sweeps.Plan(_kinds(task), sweeps.wishes(details), HONOURED[task], seed)

    def attempt(
        self, order: Order, place: Path, proposal: Proposal, out: Path, *, threads: int, until: float, told: Told
    ) -> Attempt:
        data = _loaded(place)
        metric, early = self.metric(order.task, order.details)[0], tasks.stops_early(order.details)
        if order.task == ENTITIES:
            from jupyter_aml.automl.text import entities

            return entities.attempt(data, metric, proposal, out, early=early, until=until, told=told, seed=order.seed)
        from jupyter_aml.automl.text import labelled, models

        relearn = _learner(data, order.seed, threads)
        return labelled.attempt(
            data["case"], metric, proposal, out,
            learn=lambda rows, until: relearn(proposal, rows, until),
            ask=lambda model, rows: models.probabilities(model, [data["texts"][at] for at in rows]),
            early=early, until=until, told=told,
        )  # fmt: skip

    def finish(self, order: Order, place: Path, done: Sequence[Done], out: Path, until: float) -> Best:
        data, metric = _loaded(place), self.metric(order.task, order.details)[0]
        if order.task == ENTITIES:
            from jupyter_aml.automl.text import entities

            return entities.finish(data, metric, done, out, until=until, seed=order.seed)
        from jupyter_aml.automl.text import labelled

        winner = labelled.finish(data["case"], metric, done, until, _learner(data, order.seed, 1))
        _left(data, winner, out)
        return winner.best


FAMILY = Text()


def _loaded(place: Path) -> Json:
    found: Json = pickle.loads((place / DATA).read_bytes())  # noqa: S301 - left by `prepare`
    return found


def _prepared(order: Order) -> tuple[Json, Json]:
    """Texts and what is true of them, and the facts about them."""
    import numpy as np
    import pandas as pd

    from jupyter_aml.automl import guardrails
    from jupyter_aml.automl.text import labelled, served

    target, given = tasks.target(order.details), order.tables.get("validation")
    whole = [order.tables["training"], *([] if given is None else [given])]
    tables: list[pd.DataFrame] = []
    texts: list[list[str]] = []
    empty = 0
    columns = [name for name in whole[0] if name != target]
    if not columns:
        raise ValueError(f"The training data have no column beside {target}; expected one with texts at least.")
    for table, role in zip(whole, ("training", "validation"), strict=False):
        rows = labelled.with_target(table, target, role)
        missing = [name for name in columns if name not in rows]
        if missing:
            raise ValueError(f"The {role} data have no column {missing[0]}, which the training data have.")
        read = served.joined(rows[columns])
        kept = np.array([bool(one.strip()) for one in read], dtype=bool)
        empty += int((~kept).sum())
        tables.append(rows[kept])
        texts.append([one for one in read if one.strip()])
    several = order.task == SETS
    case = labelled.labelled(
        tables[0][target], tables[1][target] if len(tables) > 1 else None, several=several,
        part=tasks.held_out(order.details), seed=order.seed,
    )  # fmt: skip
    found = [
        guardrails.missing_target(pd.concat([one[target] for one in whole], ignore_index=True).map(_hashable)),
        _empty(empty, sum(one.shape[0] for one in whole)),
        labelled.balance(case),
        _twice([one for part in texts for one in part], case),
    ]
    data: Json = {"case": case, "columns": [str(one) for one in columns]}
    data["texts"] = [one for part in texts for one in part]
    data["types"] = ["string" if _written(whole[0][name]) else "any" for name in columns]
    return data, {"rows": len(data["texts"]), "guardrails": [one.plain() for one in found]}


def _written(column: pd.Series[Any]) -> bool:
    """Whether a column has strings alone, apart from gaps."""
    return bool((column.map(lambda one: isinstance(one, str)) | column.isna()).all())


def _hashable(one: Any) -> Any:
    return repr(one) if isinstance(one, list | tuple | dict) else one


def _empty(count: int, rows: int) -> Any:
    from jupyter_aml.automl.guardrails import Guardrail, Status

    if not count:
        return Guardrail("Empty texts", Status.PASSED, "Every row has a text.")
    return Guardrail(
        "Empty texts", Status.DONE, f"{count:,} of {rows:,} rows have a target but no text and were left out.",
        remedy="Look where they come from; the model tells nothing of them but what is frequent.",
    )  # fmt: skip


def _twice(texts: Sequence[str], case: Labelled) -> Any:
    """Texts that are learned from and judged by at once."""
    from jupyter_aml.automl.guardrails import Guardrail, Status

    seen = {texts[at] for at in case.seen}
    count = sum(texts[at] in seen for at in case.unseen)
    if not count:
        return Guardrail("Duplicate rows detection", Status.PASSED, "No text is both learned from and judged by.")
    return Guardrail(
        "Duplicate rows detection", Status.ALERTED,
        f"{count:,} of {len(case.unseen):,} texts by which models are judged are also learned from.",
        remedy="Drop them (drop_duplicates), or scores of the validation are too good.",
    )  # fmt: skip


def _learner(data: Json, seed: int, threads: int) -> Callable[[Proposal, Any, float], Any]:
    from jupyter_aml.automl.text import models

    case: Labelled = data["case"]

    def relearn(proposal: Proposal, rows: Any, until: float) -> Any:
        return models.learn(
            proposal.algorithm, proposal.parameters, [data["texts"][at] for at in rows], case.truth[rows],
            len(case.names), threads=threads, seed=seed, until=until,
        )  # fmt: skip

    return relearn


def _left(data: Json, winner: Winner, out: Path) -> None:
    """Write the model, its pictures and its predictions."""
    import pandas as pd

    from jupyter_aml.automl import charts
    from jupyter_aml.automl.text import results, served

    case: Labelled = data["case"]
    model = served.TextModel(winner.models, winner.weights, list(case.names), data["columns"], case.several)
    unseen = [data["texts"][at] for at in case.unseen]
    example = pd.DataFrame({name: unseen[:2] if at == 0 else [""] * 2 for at, name in enumerate(data["columns"])})
    boosts = any("LightGBM" in one for one in _algorithms(winner))
    results.save_model(
        model, out / "model", inputs=list(zip(data["columns"], data["types"], strict=True)), outputs=_outputs(case),
        example=example.head(len(unseen)), carried=[served],
        packages=["numpy", "pandas", "scipy", "sklearn", *(["lightgbm"] if boosts else [])],
    )  # fmt: skip
    shown = pd.DataFrame({"text": unseen})
    charts.save(out, results.charts(case, winner.predicted), results.predictions(case, winner.predicted, shown))


def _algorithms(winner: Winner) -> list[str]:
    return [winner.best.title, winner.best.algorithm]


def _outputs(case: Labelled) -> Any:
    from mlflow.types.schema import ColSpec, Schema

    name = type(case.names[0]).__name__
    kind = {"int": "long", "float": "double", "bool": "boolean"}.get(name, "string")
    return Schema([ColSpec("string" if case.several else kind)])
