"""The code's part on the data: what was found in them, and how they are read, cleaned and split."""

from __future__ import annotations

from jupyter_aml.agent import parallel_tables
from jupyter_aml.automl import columns, files
from jupyter_aml.automl.code.rendering import Renderer, laid_out, quoted, signature
from jupyter_aml.automl.code.sheet import CONSTANTS, Sheet, comment, joined

SHOWN = 30
"""Columns that are left out and told of one by one."""
ASKED = "as asked"
ABSENT = 'f"{training_dataset_uri} is not on this machine; give the path of a copy of it."'


def constants(sheet: Sheet) -> str:
    """Names of columns, and the packages that the code needs."""
    plan, plain = sheet.plan, Renderer()
    lines = [f"TARGET = {quoted(plan.target)}", *([f"WEIGHT = {quoted(plan.weight)}"] if plan.weight else [])]
    lines += [laid_out(plain.of(list(names)), f"{CONSTANTS[purpose]} = ") for purpose, names in plan.columns.items()]
    for name, why in list(plan.ignored.items())[:SHOWN]:
        lines.append(f"# {comment(name)} is left out{', as asked.' if why == ASKED else f': it {why}.'}")
    if len(plan.ignored) > SHOWN:
        lines.append(f"# {len(plan.ignored) - SHOWN:,} more columns are left out.")
    return "\n".join([*lines, laid_out(plain.of(list(plan.packages)), "PACKAGES = ")])


def source(sheet: Sheet) -> str:
    """Functions from a path to features, targets and splits."""
    return joined(_reading(sheet), sheet.carried(columns, "present"), _preparing(sheet), _splitting(sheet))


def _reading(sheet: Sheet) -> str:
    plan = sheet.plan
    sheet.needs(("pathlib", "Path"), ("pandas", "as pd"))
    lines = [
        "def get_training_data(training_dataset_uri: str) -> pd.DataFrame:",
        f'    """The rows of a file{", or of a folder with a file MLTable" if plan.tables else ""}."""',
        "    path = Path(training_dataset_uri)",
        "    if not path.exists():",
        f"        raise FileNotFoundError({ABSENT})",
        *(["    if path.is_dir():", '        return read(path / "MLTable")'] if plan.tables else []),
        "    return read_file(path)",
    ]
    return joined("\n".join(lines), sheet.carried(files, "read_file"))


def tables(sheet: Sheet) -> str:
    """Functions that read MLTables."""
    return sheet.carried(parallel_tables, "read")


def _preparing(sheet: Sheet) -> str:
    plan = sheet.plan
    held = [CONSTANTS[purpose] for purpose in plan.columns]
    chosen = held[0] if len(held) == 1 else f"[{', '.join(f'*{name}' for name in held)}]"
    kinds = ["pd.DataFrame", sheet.y, *(["np.ndarray"] if plan.weight else [])]
    what = "Features, targets and weights" if plan.weight else "Features and targets"
    lines = [
        f"def prepare_data(frame: pd.DataFrame) -> tuple[{', '.join(kinds)}]:",
        f'    """{what} of the rows that have a target; features are known by the numbers of their rows."""',
        "    frame = frame.rename(columns=str).reset_index(drop=True)",
    ]
    if plan.tested:
        sheet.needs(("numpy", "as np"))
        some = f"[: max(round(len(frame) * {plan.tested!r}), 1)]"
        lines += [
            "    # these rows have only judged the best model",
            f"    tested = np.random.default_rng({plan.seed}).permutation(len(frame)){some}",
            "    frame = frame.drop(index=tested)",
        ]
    weights = ["    sample_weight = pd.to_numeric(frame[WEIGHT]).to_numpy(dtype=float)"] if plan.weight else []
    return "\n".join(
        [
            *lines, "    frame = frame.loc[present(frame[TARGET]).index]", f"    X = frame[{chosen}]",
            f"    y = {_target(sheet)}", *weights, f"    return X, y{sheet.weights}",
        ]
    )  # fmt: skip


def _target(sheet: Sheet) -> str:
    classes = sheet.plan.classes
    if not classes:
        return 'pd.to_numeric(frame[TARGET], errors="coerce").to_numpy(dtype=float)'
    return "frame[TARGET].map(str)" if all(isinstance(one, str) for one in classes) else "frame[TARGET]"


def _splitting(sheet: Sheet) -> str:
    splits = sheet.plan.splits
    sheet.needs(("numpy", "as np"))
    more = ["training_rows: int"] if splits.given else ["frame: pd.DataFrame"] if splits.columns else []
    lines = [
        signature("split_data", ["X: pd.DataFrame", f"y: {sheet.y}", *more], "list[tuple[np.ndarray, np.ndarray]]"),
        '    """Places of rows to learn from and of rows to be judged by, as in the job."""',
    ]
    return "\n".join([*lines, *_rows(sheet)])


def _rows(sheet: Sheet) -> list[str]:
    """What tells the rows of each split."""
    plan, splits = sheet.plan, sheet.plan.splits
    if splits.given:
        return [
            "    judges = X.index >= training_rows",
            "    return [(np.flatnonzero(~judges), np.flatnonzero(judges))]",
        ]
    if splits.columns:
        names = laid_out(
            Renderer().of(list(splits.columns)), "    marks = frame.reset_index(drop=True).loc[X.index, ", "]"
        )
        return [
            names, "    return [(np.flatnonzero(marks[one] == 1), np.flatnonzero(marks[one] == 0)) for one in marks]"
        ]  # fmt: skip
    codes = "pd.factorize(y, sort=True)[0]"
    if splits.folds:
        kind = "StratifiedKFold" if splits.stratified else "KFold"
        sheet.needs(("sklearn.model_selection", kind))
        return [
            f"    folds = {kind}(n_splits={splits.folds}, shuffle=True, random_state={plan.seed})",
            f"    return list(folds.split(X, {codes}))" if splits.stratified else "    return list(folds.split(X))",
        ]
    sheet.needs(("sklearn.model_selection", "train_test_split"))
    by = ", stratify=codes" if splits.stratified else ""
    options = f"test_size={splits.held_out!r}, random_state={plan.seed}{by}"
    return [
        *([f"    codes = {codes}"] if splits.stratified else []),
        f"    learn, judge = train_test_split(np.arange(len(X)), {options})",
        "    return [(np.sort(learn), np.sort(judge))]",
    ]
