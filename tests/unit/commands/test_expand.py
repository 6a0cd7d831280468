"""Expansion: `{expr}` in the user's namespace."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_aml.commands import expand
from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.commands.tokens import tokenize
from jupyter_aml.errors import UsageError


def value(word: str, **namespace: Any) -> Any:
    return expand.value(tokenize(word)[0], namespace)


def test_a_whole_expression_keeps_its_object() -> None:
    frame = object()

    assert value("{df}", df=frame) is frame


def test_an_outcome_gives_its_entity() -> None:
    entity = SimpleNamespace(name="j")

    assert value("{job}", job=Outcome(entity)) is entity


def test_inside_text_an_object_becomes_its_text_or_name() -> None:
    job = Outcome(SimpleNamespace(name="quiet_sky"))

    assert value("x-{lr}-{job}-{p}", lr=0.1, job=job, p=Path("a/b")) == "x-0.1-quiet_sky-a/b"


def test_doubled_braces_become_single_ones() -> None:
    assert value("'{{\"a\": {x}}}'", x=1) == '{"a": 1}'


def test_comprehensions_see_the_variables() -> None:
    assert value("{[n * k for n in range(2)]}", k=3) == [0, 3]


def test_nothing_expands_without_a_namespace() -> None:
    assert expand.value(tokenize("a{x}{{")[0], None) == "a{x}{{"


def test_an_unknown_name_is_refused_naming_the_token_and_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"\{learning_rat\} names learning_rat") as caught:
        value("{learning_rat}", learning_rate=1)

    assert caught.value.remedy == "Did you mean learning_rate?"


def test_an_unknown_name_like_no_other_says_to_define_it() -> None:
    with pytest.raises(UsageError) as caught:
        value("{zzz}")

    assert caught.value.remedy.startswith("Define zzz first.")


def test_what_is_no_expression_is_refused_with_the_way_to_literal_braces() -> None:
    with pytest.raises(UsageError, match=r"\{a b\} is no Python expression") as caught:
        value('"{a b}"')

    assert "{{ and }}" in caught.value.remedy


def test_an_expression_that_fails_says_how() -> None:
    with pytest.raises(UsageError, match=r"\{1/0\} failed: ZeroDivisionError"):
        value("{1/0}")


@pytest.mark.parametrize("word", ["{}", "a{b"])
def test_empty_and_open_braces_are_refused(word: str) -> None:
    with pytest.raises(UsageError) as caught:
        value(word, b=1)

    assert "double them" in caught.value.remedy


def test_an_object_without_text_is_refused_inside_text() -> None:
    with pytest.raises(UsageError, match=r"\{d\} is a dict") as caught:
        value("x{d}", d={})

    assert "number" in caught.value.remedy


def test_a_numpy_scalar_becomes_its_number() -> None:
    scalar = SimpleNamespace(ndim=0, item=lambda: 0.5)

    assert value("x{s}", s=scalar) == "x0.5"
