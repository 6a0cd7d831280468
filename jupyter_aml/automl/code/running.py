"""The code's part on what is done with the models: training, measuring, logging, and all of that in turn."""

from __future__ import annotations

from jupyter_aml.automl.code import parts
from jupyter_aml.automl.code.rendering import Group, laid_out, quoted, signature
from jupyter_aml.automl.code.sheet import Sheet, joined

FUNCTIONS = {"r2_score": "r2"}
"""Functions of `parts` for metrics that are called otherwise there."""
SPANNED = frozenset({"normalized_root_mean_squared_error", "normalized_mean_absolute_error"})
SPLITS = "list[tuple[np.ndarray, np.ndarray]]"
LOGGING = '''def log_model(model: BaseEstimator, X: pd.DataFrame, metrics: dict[str, float]) -> None:
    """Log the model and its metrics with MLflow, where that is installed."""
    if find_spec("mlflow") is None:
        return
    import mlflow

    with mlflow.start_run():
        mlflow.log_metrics(metrics)
        mlflow.sklearn.log_model(
            model, name="model", serialization_format="cloudpickle", input_example=X.head(), pip_requirements=PACKAGES
        )'''


def ensemble(sheet: Sheet) -> str:
    """The class of the whole model."""
    kind = "Classifier" if sheet.plan.classes else "Regressor"
    if sheet.plan.stack is not None:
        return f"StackEnsemble{kind}"
    return f"VotingEnsemble{kind}" if sheet.plan.classes or len(sheet.plan.voters) > 1 else "Pipeline"


def rows(sheet: Sheet) -> list[str]:
    """Parameters of functions of rows."""
    return ["X: pd.DataFrame", *targets(sheet)]


def targets(sheet: Sheet) -> list[str]:
    """Parameters of functions of rows without features."""
    return [f"y: {sheet.y}", *(["sample_weight: np.ndarray"] if sheet.weights else [])]


def training(sheet: Sheet) -> str:
    """The function that fits the model."""
    kind = ensemble(sheet)
    made = f"build_model_pipeline({'fold' if sheet.folded else ''})"
    fitted = f"{made}.fit(X, y{sheet.weights})"
    if kind == "Pipeline":
        fitted = f"fit_pipeline({made}, X, y{sheet.weights})"
    which = "all rows, or those that a fold learns from" if sheet.folded else "some rows"
    given = [*rows(sheet), *(["fold: int | None = None"] if sheet.folded else [])]
    return f'{signature("train_model", given, kind)}\n    """The model, fitted to {which}."""\n    return {fitted}'


def measuring(sheet: Sheet) -> str:
    """The function that measures the model on rows that it has not seen."""
    plan = sheet.plan
    sheet.needs(("numpy", "as np"))
    places = "fold, (learn, judge) in enumerate(splits)" if sheet.folded else "learn, judge in splits"
    learned = "y.iloc[learn]" if plan.classes else "y[learn]"
    more = (", sample_weight[learn]" if sheet.weights else "") + (", fold=fold" if sheet.folded else "")
    lines = [
        signature("calculate_metrics", [*rows(sheet), f"splits: {SPLITS}"], "dict[str, float]"),
        '    """The primary metric of what the model of each split says of rows that it has not seen."""',
        *(["    codes, classes = pd.factorize(y, sort=True)"] if plan.classes else []),
        "    predicted = []",
        f"    for {places}:",
        f"        model = train_model(X.iloc[learn], {learned}{more})",
    ]
    if plan.classes:
        lines += [
            "        found = np.zeros((len(judge), len(classes)))",
            "        places = pd.Index(list(classes)).get_indexer(model.classes_)",
            "        found[:, places] = model.predict_proba(X.iloc[judge])",
            "        predicted.append(found)",
        ]
    else:
        lines.append("        predicted.append(model.predict(X.iloc[judge]))")
    lines += [
        "    judged = np.concatenate([judge for _, judge in splits])",
        measured(sheet, "np.concatenate(predicted)"),
    ]
    return joined(metric(sheet), "\n".join(lines))


def metric(sheet: Sheet) -> str:
    """The function of the primary metric."""
    return sheet.carried(parts, FUNCTIONS.get(sheet.plan.primary, sheet.plan.primary))


def measured(sheet: Sheet, predicted: str) -> str:
    """The line that returns the primary metric of the rows that judge."""
    plan = sheet.plan
    name, truth = FUNCTIONS.get(plan.primary, plan.primary), "codes" if plan.classes else "y"
    given = [f"{truth}[judged]", predicted]
    if plan.primary in SPANNED:
        given.append(repr(plan.span) if plan.span else "np.ptp(y)")
    given += ["sample_weight[judged]"] if sheet.weights else []
    call = Group(f"{name}(", [("", one) for one in given], ")")
    return laid_out(Group("{", [(f"{quoted(plan.primary)}: ", call)], "}"), "return ", indent=4)


def logging(sheet: Sheet) -> str:
    """The function that logs the model."""
    sheet.needs(("importlib.util", "find_spec"), ("sklearn.base", "BaseEstimator"))
    return LOGGING


def loading(sheet: Sheet) -> list[str]:
    """Lines from where the data are to what is learned from."""
    splits = sheet.plan.splits
    first = ["frame = get_training_data(training_dataset_uri)"]
    if splits.given:
        first = [
            "training = get_training_data(training_dataset_uri)",
            "validation = get_training_data(validation_dataset_uri)",
            "frame = pd.concat([training, validation[training.columns]])",
        ]
    more = ", len(training)" if splits.given else ", frame" if splits.columns else ""
    return [*first, f"X, y{sheet.weights} = prepare_data(frame)", f"splits = split_data(X, y{more})"]


def turns(sheet: Sheet) -> list[str]:
    """Lines from there to metrics and model."""
    return [
        f"metrics = calculate_metrics(X, y{sheet.weights}, splits)",
        f"model = train_model(X, y{sheet.weights})",
    ]


def whole(sheet: Sheet, lines: list[str]) -> str:
    """The functions that do all, and that the command line begins."""
    sheet.needs(("argparse", ""))
    roles = ["training", *(["validation"] if sheet.plan.splits.given else [])]
    given = [f"{role}_dataset_uri: str" for role in roles]
    told = "a file of rows" + (", or a folder with a file MLTable" if sheet.plan.tables else "")
    written = [
        signature("main", given, ensemble(sheet)),
        '    """Say how good the model is, train it on all rows, and log it."""',
        *(f"    {line}" for line in lines),
        "    print(metrics)",
        "    log_model(model, X, metrics)",
        "    return model",
        "",
        "",
        'if __name__ == "__main__":',
        "    parser = argparse.ArgumentParser()",
        *(f'    parser.add_argument("--{role}_dataset_uri", required=True, help="{told}")' for role in roles),
        "    main(**vars(parser.parse_args()))",
    ]
    return "\n".join(written)
