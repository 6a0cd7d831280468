"""The arithmetic of `make bench`: medians, ratios, verdicts and the table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.bench.rows import Row, interleaved, table


def test_a_ratio_is_of_the_medians() -> None:
    row = Row.of("f", [1.0, 100.0, 2.0], [90.0, 30.0, 5000.0], "x", goal=40)

    assert (row.ours, row.rival, row.ratio, row.samples) == (2.0, 90.0, 45.0, 3)


def test_the_quiet_figure_leaves_out_the_luckiest_of_many_samples() -> None:
    assert Row.of("f", [float(number) for number in range(25, 0, -1)]).quiet == 3.0
    assert Row.of("f", [7.0, 5.0]).quiet == 5.0


@pytest.mark.parametrize(
    ("samples", "goal", "most", "waiting", "verdict"),
    [
        (([2.0], [100.0]), 50, None, 1.0, "met"),
        (([2.0], [99.0]), 50, None, 9.0, "MISSED"),
        (([2.0], None), 50, None, 1.0, "MISSED"),
        (([2.0], None), None, 2, 1.0, "met"),
        (([3.0, 1.0, 3.0], None), None, 2, 1.0, "MISSED"),
        (([3.0, 1.0, 3.0], None), None, 2, 1.5, "met when quiet"),
        (([3.0], None), None, 2, 1.5, "MISSED"),
        (([3.0], [300.0]), 50, 2, 1.0, "MISSED"),
        (([2.0], [10.0]), None, None, 1.0, ""),
        (([0.0], None), None, 0, 1.0, "met"),
        (([1.0], None), None, 0, 1.0, "MISSED"),
    ],
)
def test_goals_are_met_missed_or_met_when_quiet(
    samples: tuple[list[float], list[float] | None],
    goal: float | None,
    most: float | None,
    waiting: float,
    verdict: str,
) -> None:
    row = Row.of("f", *samples, goal=goal, most=most)

    assert replace(row, waiting=waiting).verdict == verdict


def test_sides_take_turns_and_warm_rounds_do_not_count() -> None:
    turns: list[str] = []

    def side(name: str) -> float:
        turns.append(name)
        return float(len(turns))

    samples = interleaved({"a": lambda: side("a"), "b": lambda: side("b")}, 2, warm=1)

    assert turns == ["a", "b"] * 3
    assert samples == {"a": [3.0, 5.0], "b": [4.0, 6.0]}


def test_the_table_is_markdown() -> None:
    rows = [
        Row("start", 123.4, 100.0, 5000.0, "python", goal=20, most=200, waiting=1.0),
        Row("lost", 0.0, 0.0, most=0, unit="points", waiting=1.25),
    ]

    lines = table(rows).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]

    assert len({len(line) for line in lines}) == 1
    assert set("".join(cells[1])) == {"-"}
    assert cells[2] == ["start", "123 ms", "100 ms", "5,000 ms", "python", "40.5x", "≥ 20x, ≤ 200 ms", "met", "1.0"]
    assert cells[3] == ["lost", "0 points", "0 points", "", "", "", "≤ 0 points", "met", "1.2"]
