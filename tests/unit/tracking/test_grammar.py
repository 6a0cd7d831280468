from __future__ import annotations

import pytest

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.tracking.grammar import ATTRIBUTE, METRIC, PARAM, TAG, Clause, Order
from jupyter_aml.local.tracking.matching import like
from jupyter_aml.local.tracking.run_search import GRAMMAR


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("metrics.auc > 0.9", [Clause(METRIC, "auc", ">", 0.9)]),
        ("metric.`a b` <= -1e-3", [Clause(METRIC, "a b", "<=", -0.001)]),
        ('params."learning rate" = "x"', [Clause(PARAM, "learning rate", "=", "x")]),
        (
            "tags.mlflow.user != 'ada' and param.p LIKE 'a%'",
            [Clause(TAG, "mlflow.user", "!=", "ada"), Clause(PARAM, "p", "LIKE", "a%")],
        ),
        ("tags.a ilike 'B%'", [Clause(TAG, "a", "ILIKE", "B%")]),
        ("attributes.run_id IN ('a', 'b')", [Clause(ATTRIBUTE, "run_id", "IN", ("a", "b"))]),
        ("run_id NOT IN ('a')", [Clause(ATTRIBUTE, "run_id", "NOT IN", ("a",))]),
        ("attributes.Created>=5", [Clause(ATTRIBUTE, "start_time", ">=", 5.0)]),
        ("attributes.`run name` = 'AND'", [Clause(ATTRIBUTE, "run_name", "=", "AND")]),
        ("status = 'FINISHED'", [Clause(ATTRIBUTE, "status", "=", "FINISHED")]),
        (
            "tags.a IS NULL AND params.b is not null",
            [Clause(TAG, "a", "IS NULL", None), Clause(PARAM, "b", "IS NOT NULL", None)],
        ),
        ("  ", []),
    ],
)
def test_a_filter_is_taken_apart(text: str, wanted: list[Clause]) -> None:
    assert GRAMMAR.filter(text) == wanted


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("metrics.auc > 'high'", "Expected a number"),
        ("params.lr = 3", "Expected a quoted string"),
        ("params.lr > '3'", "Invalid comparator '>'"),
        ("metrics.auc LIKE 'a'", "Invalid comparator 'LIKE'"),
        ("tags.a = 'b' OR tags.c = 'd'", "Invalid clause.*'OR'"),
        ("tags.a = 'b' AND", "the end"),
        ("attributes.colour = 'red'", "Invalid attribute key 'colour'"),
        ("costs.x = 'y'", "Invalid entity type 'costs'"),
        ("tags.a IN ('b')", "Invalid comparator 'IN'"),
        ("run_id IN ()", "Invalid clause"),
        ("datasets.colour = 'x'", "Invalid dataset key"),
        ("metrics.a IS NULL", "Invalid comparator"),
        ("; DROP TABLE runs", "Invalid clause"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(text: str, words: str) -> None:
    with pytest.raises(ResourceError, match=words) as caught:
        GRAMMAR.filter(text)

    assert caught.value.code == "INVALID_PARAMETER_VALUE"


def test_an_order_is_taken_apart() -> None:
    found = GRAMMAR.order(["metrics.auc DESC", "attributes.start_time", "params.`a b` asc"])

    assert found == [Order(METRIC, "auc", descending=True), Order(ATTRIBUTE, "start_time"), Order(PARAM, "a b")]


def test_an_order_that_names_a_field_twice_is_refused() -> None:
    with pytest.raises(ResourceError, match="duplicate fields"):
        GRAMMAR.order(["metrics.auc", "metric.auc DESC"])


def test_like_matches_whole_texts() -> None:
    assert like("abc", "a%")
    assert like("abc", "_bc")
    assert not like("xabc", "a%")
    assert not like("a.c", "a_d")
