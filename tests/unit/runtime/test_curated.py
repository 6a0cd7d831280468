"""Curated environments: their names taken apart, and the packages that can stand for them."""

from __future__ import annotations

import pytest

from jupyter_aml.local.runtime import curated
from jupyter_aml.local.runtime.curated import Curated


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("azureml://registries/azureml/environments/sklearn-1.5/labels/latest", Curated("azureml", "sklearn-1.5")),
        ("azureml:azureml://registries/azureml/environments/sklearn-1.5/versions/3", Curated("azureml", "sklearn-1.5")),
        ("azureml://registries/ours/environments/train/versions/1", Curated("ours", "train")),
        ("AzureML-sklearn-1.0-ubuntu20.04-py38-cpu@latest", Curated("azureml", "sklearn-1.0-ubuntu20.04-py38-cpu")),
        ("azureml:AzureML-sklearn-1.0:4", Curated("azureml", "sklearn-1.0")),
        ("/subscriptions/s/x/environments/AzureML-sklearn-1.0/versions/4", Curated("azureml", "sklearn-1.0")),
        ("azureml:mine:1", None),
        ("azureml:not-AzureML-sklearn:1", None),
        ("", None),
    ],
)
def test_names_are_read_in_all_their_forms(text: str, found: Curated | None) -> None:
    assert curated.read(text) == found


def test_the_python_in_a_name_wins_over_the_tables() -> None:
    table = curated.packages(Curated("azureml", "sklearn-1.0"))
    named = curated.packages(Curated("azureml", "SKLearn-1.0-ubuntu20.04-py310-cpu"))

    assert table is not None
    assert named is not None
    assert (table.python, named.python) == ("3.8", "3.10")
    assert "scikit-learn~=1.0.0" in table.requirements
    assert table.requirements == named.requirements


@pytest.mark.parametrize("name", ["sklearn-1.55", "sklearn", "nothing-like-it"])
def test_a_name_that_only_looks_alike_has_no_packages(name: str) -> None:
    assert curated.packages(Curated("azureml", name)) is None


def test_another_registrys_environment_has_no_packages() -> None:
    assert curated.packages(Curated("ours", "sklearn-1.5")) is None


def test_every_entry_of_the_table_is_a_python_and_requirements() -> None:
    from packaging.requirements import Requirement

    for name, entry in curated._table().items():
        assert set(entry) == {"python", "requirements"}, name
        assert isinstance(entry["python"], str), name
        assert all(Requirement(line).specifier for line in entry["requirements"]), name
