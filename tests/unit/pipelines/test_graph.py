"""Which steps a rerun begins with."""

from __future__ import annotations

import pytest

from jupyter_aml.local.jobs.pipelines.graph import Graph, Node

GRAPH = Graph(
    {
        node.name: node
        for node in (
            Node("prep", "command", {}),
            Node("other", "command", {}),
            Node("train", "command", {}, needs=frozenset({"prep"})),
            Node("loop", "do_while", {}, needs=frozenset({"other"}), blocks={"body": ("round",)}),
            Node("round", "command", {}, needs=frozenset({"other"}), owner="loop"),
            Node("test", "command", {}, needs=frozenset({"train", "round"})),
        )
    },
    {},
)


@pytest.mark.parametrize(
    ("first", "anew"),
    [
        ("test", {"test"}),
        ("train", {"train", "test"}),
        ("prep", {"prep", "train", "test"}),
        ("other", {"other", "loop", "round", "test"}),
        ("loop", {"loop", "round", "test"}),
    ],
)
def test_a_step_is_followed_by_all_that_need_it(first: str, anew: set[str]) -> None:
    assert GRAPH.beginning_at(first) == anew
