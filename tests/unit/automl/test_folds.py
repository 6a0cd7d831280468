"""Validation splits by Azure's rules."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from jupyter_aml.automl.folds import Validation, splits

NONE = pd.DataFrame()


@pytest.mark.parametrize(
    ("rows", "wished", "count", "part"),
    [
        (999, Validation(), 10, 0.1),
        (1000, Validation(), 3, 1 / 3),
        (20_000, Validation(), 3, 1 / 3),
        (20_001, Validation(), 1, 0.1),
        (50_000, Validation(folds=5), 5, 0.2),
        (500, Validation(held_out=0.25), 1, 0.25),
        (4, Validation(), 4, 0.25),
        (2, Validation(), 2, 0.5),
    ],
)
def test_the_rule_and_what_the_user_wishes(rows: int, wished: Validation, count: int, part: float) -> None:
    found = splits(wished, np.arange(rows) % 2, NONE, classes=rows > 10)

    assert len(found) == count
    for seen, unseen in found:
        assert not set(seen) & set(unseen)
        assert len(seen) + len(unseen) == rows
        assert len(unseen) == pytest.approx(part * rows, abs=1)
    if count > 1:
        assert sorted(np.concatenate([unseen for _, unseen in found])) == list(range(rows))


def test_every_part_has_all_classes_and_the_same_seed_gives_the_same_rows() -> None:
    target = np.array([0] * 270 + [1] * 30)
    found = splits(Validation(), target, NONE, classes=True)

    assert {int(target[unseen].sum()) for _, unseen in found} == {3}
    again = splits(Validation(), target, NONE, classes=True)
    assert all(np.array_equal(one[1], two[1]) for one, two in zip(found, again, strict=True))
    other = splits(Validation(), target, NONE, classes=True, seed=1)
    assert not all(np.array_equal(one[1], two[1]) for one, two in zip(found, other, strict=True))


@pytest.mark.parametrize("wished", [Validation(), Validation(held_out=0.2)])
def test_a_class_of_one_row_is_no_obstacle(wished: Validation) -> None:
    assert splits(wished, np.array([0] * 99 + [1]), NONE, classes=True)


def test_columns_split_the_rows() -> None:
    frame = pd.DataFrame({"a": [1, 1, 0], "b": [0, 1, 1], "c": [1, 2, 0], "d": [1, 1, 1]})
    found = splits(Validation(columns=("a", "b")), np.arange(3), frame, classes=False)

    assert [(seen.tolist(), unseen.tolist()) for seen, unseen in found] == [([0, 1], [2]), ([1, 2], [0])]
    for name in "cd":
        with pytest.raises(ValueError, match=f"Column {name} splits the rows, so it must hold 1"):
            splits(Validation(columns=(name,)), np.arange(3), frame, classes=False)
    with pytest.raises(ValueError, match="'e', which is no column"):
        splits(Validation(columns=("e",)), np.arange(3), frame, classes=False)


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(ValueError, match="n_cross_validations is 1; expected 2 at least"):
        Validation(folds=1)
    with pytest.raises(ValueError, match=r"validation_data_size is 1\.5"):
        Validation(held_out=1.5)
    with pytest.raises(ValueError, match="There are 1 rows; two are needed"):
        splits(Validation(), np.zeros(1), NONE, classes=False)
