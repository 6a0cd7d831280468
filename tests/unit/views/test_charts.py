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


def _contrast(one: str, other: str) -> float:
    """The contrast of two colours as WCAG 2 defines it, 1 to 21."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("ground", ["#ffffff", "#111111"])
def test_pictures_read_on_light_and_on_dark_grounds(ground: str) -> None:
    assert _contrast(charts.GREY, ground) > 4.2  # 4.35 is the most that one colour reaches on both
    assert all(_contrast(colour, ground) > 3 for colour in charts.COLOURS)
