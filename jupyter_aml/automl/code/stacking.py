"""The code's part on a stack: how its meta-learner is taught, and judged by rows from which it has not learned."""

from __future__ import annotations

from jupyter_aml.automl.code import parts, running
from jupyter_aml.automl.code.plan import Stack
from jupyter_aml.automl.code.rendering import signature
from jupyter_aml.automl.code.sheet import Sheet, joined

_JUDGED = "    judged = np.concatenate([judge for _, judge in splits])"
_CODES = "    codes = pd.factorize(y, sort=True)[0]"


def training(sheet: Sheet, stack: Stack) -> str:
    """The functions that fit the models, ask them of rows that they have not seen, and teach the meta-learner."""
    return joined(_unseen(sheet), _apart(sheet, stack) if stack.part else _crossed(sheet))


def _head(sheet: Sheet, name: str, returned: str, more: str = "") -> str:
    """The first line of a function of rows and splits."""
    given = [*running.rows(sheet), f"splits: {running.SPLITS}", *([more] if more else [])]
    return signature(name, given, returned)


def _fitted(sheet: Sheet, rows: str, fold: str = "") -> str:
    """The expression of models that have learned from some rows."""
    y = f"y.iloc[{rows}]" if sheet.plan.classes else f"y[{rows}]"
    weights = f", sample_weight[{rows}]" if sheet.weights else ""
    return f"build_model_pipeline({fold}).fit(X.iloc[{rows}], {y}{weights})"


def _taught(sheet: Sheet, votes: str, rows: str) -> str:
    """The expression of models of all rows, with a meta-learner that some rows have taught."""
    y = "codes" if sheet.plan.classes else "y"
    weights = f", sample_weight[{rows}]" if sheet.weights else ""
    return f"build_model_pipeline().fit(X, y{sheet.weights}).teach({votes}, {y}[{rows}]{weights})"


def _unseen(sheet: Sheet) -> str:
    places = "fold, (learn, judge) in enumerate(splits)" if sheet.folded else "learn, judge in splits"
    head = [
        _head(sheet, "predict_unseen", "list[np.ndarray]"),
        '    """What each model says of the rows that judge it, split by split."""',
    ]
    model = _fitted(sheet, "learn", "fold" if sheet.folded else "")
    if not sheet.plan.classes:
        body = ["    votes = []", f"    for {places}:", f"        votes.append({model}.votes(X.iloc[judge]))"]
    else:
        body = [
            "    classes, votes = pd.Index(list(pd.factorize(y, sort=True)[1])), []",
            f"    for {places}:",
            f"        model = {model}",
            "        found = [np.zeros((len(judge), len(classes))) for _ in model.pipelines]",
            "        for one, vote in zip(found, model.votes(X.iloc[judge]), strict=True):",
            "            one[:, classes.get_indexer(model.classes_)] = vote",
            "        votes.append(found)",
        ]
    return "\n".join([*head, *body, "    return [np.concatenate(one) for one in zip(*votes, strict=True)]"])


def _crossed(sheet: Sheet) -> str:
    return "\n".join(
        [
            _head(sheet, "train_model", running.ensemble(sheet), "votes: list[np.ndarray]"),
            '    """Models of all rows, and a meta-learner taught by votes on rows that the voters had not seen."""',
            _JUDGED,
            *([_CODES] if sheet.plan.classes else []),
            f"    return {_taught(sheet, 'votes', 'judged')}",
        ]
    )


def _apart(sheet: Sheet, stack: Stack) -> str:
    sheet.needs(("sklearn.model_selection", "train_test_split"))
    by = ", stratify=codes[learn]" if stack.stratified else ""
    return "\n".join(
        [
            _head(sheet, "train_model", running.ensemble(sheet)),
            '    """Models of all rows, and a meta-learner taught by rows that models of the others had not seen."""',
            "    learn, _ = splits[0]",
            *([_CODES] if sheet.plan.classes else []),
            f"    rest, taught = train_test_split(learn, test_size={stack.part!r}, random_state={sheet.plan.seed}{by})",
            "    rest, taught = np.sort(rest), np.sort(taught)",
            f"    votes = {_fitted(sheet, 'rest')}.votes(X.iloc[taught])",
            f"    return {_taught(sheet, 'votes', 'taught')}",
        ]
    )  # fmt: skip


def measuring(sheet: Sheet, stack: Stack) -> str:
    """The function that measures the meta-learner."""
    sheet.needs(("numpy", "as np"))
    given = [f"model: {running.ensemble(sheet)}"] if stack.part else []
    given += [*running.targets(sheet), f"splits: {running.SPLITS}", "votes: list[np.ndarray]"]
    truth = "codes" if sheet.plan.classes else "y"
    lines = [
        signature("calculate_metrics", given, "dict[str, float]"),
        '    """The primary metric of what is made of votes on the rows that judge."""',
        _JUDGED,
        *([_CODES] if sheet.plan.classes else []),
    ]
    if stack.part:
        lines.append("    predicted = model.listen(votes)")
        carried = ""
    else:
        kind = "StratifiedKFold" if stack.stratified else "KFold"
        sheet.needs(("sklearn.model_selection", kind))
        carried = sheet.carried(parts, "listen_unseen")
        weights = ", sample_weight=sample_weight" if sheet.weights else ""
        lines += [
            f"    folds = {kind}(n_splits={stack.folds}, shuffle=True, random_state={sheet.plan.seed})",
            f"    predicted = listen_unseen(build_model_pipeline(), votes, {truth}, judged, folds{weights})",
        ]
    lines.append(running.measured(sheet, "predicted"))
    return joined(running.metric(sheet), carried, "\n".join(lines))


def turns(sheet: Sheet, stack: Stack) -> list[str]:
    """Lines from the data to metrics and model."""
    unseen = f"votes = predict_unseen(X, y{sheet.weights}, splits)"
    if stack.part:
        return [
            unseen,
            f"model = train_model(X, y{sheet.weights}, splits)",
            f"metrics = calculate_metrics(model, y{sheet.weights}, splits, votes)",
        ]
    return [
        unseen,
        f"metrics = calculate_metrics(y{sheet.weights}, splits, votes)",
        f"model = train_model(X, y{sheet.weights}, splits, votes)",
    ]
