"""What a conda file means to pip."""

from __future__ import annotations

import pytest

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.runtime.conda import Wanted, from_requirements, parse, pip_version, split


def test_a_usual_conda_file_becomes_requirements() -> None:
    text = """
    name: model-env
    channels: [conda-forge]
    dependencies:
      - python=3.10
      - numpy=1.26.4
      - conda-forge::pandas>=2.0,<3
      - pytorch=2.1
      - scikit-learn
      - pip=23.0
      - pip:
        - mlflow==2.18.0
        - --extra-index-url https://example.org/simple
        - azureml-mlflow  # tracking
    """

    assert parse(text) == Wanted(
        python="3.10",
        requirements=(
            "numpy==1.26.4",
            "pandas>=2.0,<3",
            "torch==2.1.*",
            "scikit-learn",
            "mlflow==2.18.0",
            "--extra-index-url https://example.org/simple",
            "azureml-mlflow",
        ),
    )


def test_what_is_no_python_package_is_left_out_and_named() -> None:
    wanted = parse("dependencies: [cudatoolkit=11.3, libgcc-ng, r-base, numpy]")

    assert wanted.requirements == ("numpy",)
    assert [note.split("'")[1] for note in wanted.notes] == ["cudatoolkit=11.3", "libgcc-ng", "r-base"]


def test_a_file_named_in_the_pip_section_is_left_out_and_named() -> None:
    wanted = parse("dependencies: [{pip: ['-r requirements.txt', 'x']}]")

    assert wanted.requirements == ("x",)
    assert "-r requirements.txt" in wanted.notes[0]


@pytest.mark.parametrize(
    ("text", "why"),
    [("a: [", "not YAML"), ("- a", "not a mapping"), ("dependencies: x", "not a list")],
)
def test_what_is_no_conda_file_is_refused(text: str, why: str) -> None:
    with pytest.raises(ResourceError, match=why) as caught:
        parse(text)

    assert caught.value.code == "ValidationError"
    assert caught.value.target == "properties.condaFile"
    assert "dependencies" in caught.value.remedy


def test_a_conda_file_without_dependencies_asks_for_nothing() -> None:
    assert parse("name: empty") == Wanted()


@pytest.mark.parametrize(
    ("conda", "pip"),
    [
        ("", ""),
        ("=*", ""),
        ("=1.2", "==1.2.*"),
        ("=1.2.3", "==1.2.3"),
        ("==1.2", "==1.2"),
        ("=1.2=py311_0", "==1.2"),
        (" 1.2.3 py311_0", "==1.2.3"),
        (">=1.2, <2", ">=1.2,<2"),
        ("=1.2.*", "==1.2.*"),
        ("~=1.4", "~=1.4"),
        ("=1|2", ""),
    ],
)
def test_versions_are_translated(conda: str, pip: str) -> None:
    assert pip_version(conda) == pip


def test_the_bracket_form_is_understood() -> None:
    assert split("conda-forge::numpy[version='>=1.2']") == ("numpy", ">=1.2")


def test_comments_and_empty_lines_are_no_requirements() -> None:
    assert from_requirements(["# x", "", " a==1 "]).requirements == ("a==1",)
