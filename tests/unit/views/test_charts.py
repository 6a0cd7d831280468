"""Charts: round ticks, every spike kept, well-formed SVG."""

from __future__ import annotations

import math
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_aml.views import charts

NUMBERS = st.floats(-1e9, 1e9, allow_nan=False)


@given(NUMBERS, NUMBERS)
def test_ticks_cover_the_range_in_equal_steps(one: float, other: float) -> None:
    low, high = min(one, other), max(one, other)
    if 0 < high - low < 1e-9 * max(abs(low), abs(high), 1e-6):
        return
    found = charts.ticks(low, high)

    slack = (high - low + max(abs(low), abs(high)) * 1e-9) * 1e-6 + 1e-9  # far less than a pixel of the axis
    assert found[0] <= low + slack
    assert found[-1] >= high - slack
    assert 2 <= len(found) <= 8


def test_ticks_are_round() -> None:
    assert charts.ticks(0, 1) == [0, 0.25, 0.5, 0.75, 1]
    assert charts.ticks(0.61, 0.98) == [0.6, 0.7, 0.8, 0.9, 1.0]


@pytest.mark.parametrize(("value", "text"), [(0.25, "0.25"), (15000, "15k"), (2e6, "2M"), (3e-5, "3e-05"), (0, "0")])
def test_tick_labels_are_short(value: float, text: str) -> None:
    assert charts.label(value) == text


@given(st.lists(st.tuples(st.integers(0, 1000), st.floats(allow_nan=True, allow_infinity=True)), max_size=30))
def test_any_points_give_well_formed_svg(points: list[tuple[int, float]]) -> None:
    drawn = charts.line([charts.Series("<a>&", sorted((float(x), y) for x, y in points))], title="<t>&")

    assert ET.fromstring(drawn).tag.endswith("svg")
    assert "nan" not in drawn


def test_values_that_are_not_finite_are_left_out() -> None:
    drawn = charts.line([charts.Series("loss", [(0, 1.0), (1, math.nan), (2, math.inf), (3, 0.5)])])

    assert drawn.count("<polyline") == 1


def test_a_spike_among_many_points_is_kept() -> None:
    points = [(float(x), 0.0) for x in range(100_000)]
    points[54_321] = (54_321.0, 9.0)
    kept = charts.thin(points)

    assert (54_321.0, 9.0) in kept
    assert kept == sorted(kept)
    assert len(kept) <= charts.MOST_POINTS + 2
    assert kept[-1] == points[-1]


def test_several_lines_get_a_legend_and_their_own_colours() -> None:
    drawn = charts.line([charts.Series("a", [(0, 1), (1, 2)]), charts.Series("b", [(0, 2), (1, 1)])])

    assert ">a</text>" in drawn
    assert all(colour in drawn for colour in charts.COLOURS[:2])


def test_no_points_are_said_in_words() -> None:
    assert "no points yet" in charts.line([charts.Series("auc", [])])
