"""The data of a forecast: times of any kind, gaps, duplicates and short series; what spoils them is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from jupyter_aml.automl.forecasting import backtest, frequencies, settings
from jupyter_aml.automl.forecasting.preparing import Table
from tests.unit.automl.forecasting.sets import airline, details, electricity, nights


def table(frame: pd.DataFrame, asked: Any, later: pd.DataFrame | None = None) -> Table:
    return Table(frame, settings.read(asked)[0], later)


def guardrail(found: Table, name: str) -> tuple[str, str]:
    (one,) = [one for one in found.guardrails if one.name == name]
    return str(one.status), one.found


@pytest.mark.parametrize(
    ("times", "frequency"),
    [
        (pd.date_range("2020-01-01", periods=40, freq="MS"), "MS"),
        (pd.date_range("2020-01-31", periods=40, freq="ME"), "ME"),
        (pd.date_range("2020-01-01", periods=40, freq="QS"), "QS-JAN"),
        (pd.date_range("1990-12-31", periods=20, freq="YE"), "YE-DEC"),
        (pd.date_range("2020-01-05", periods=40, freq="W-SUN"), "W-SUN"),
        (pd.date_range("2020-01-01", periods=40, freq="D"), "D"),
        (pd.bdate_range("2020-01-01", periods=40), "B"),
        (pd.date_range("2020-01-01", periods=40, freq="6h"), "6h"),
        (pd.date_range("2020-01-01", periods=40, freq="15min"), "15min"),
    ],
)
def test_frequencies_are_found_in_spite_of_gaps(times: pd.DatetimeIndex, frequency: str) -> None:
    assert frequencies.find([times.delete([3, 7, 8])]) == frequency


@pytest.mark.parametrize(
    "written",
    [
        lambda times: times.strftime("%Y-%m-%d"), lambda times: times.strftime("%d %b %Y"),
        lambda times: times.strftime("%Y%m%d").astype(int), lambda times: times.to_period("M"),
        lambda times: times.tz_localize("UTC"), lambda times: [one.date() for one in times],
    ],
)  # fmt: skip
def test_times_may_be_written_in_many_ways(written: Any) -> None:
    frame = airline()
    frame["month"] = written(pd.DatetimeIndex(frame["month"]))

    found = table(frame, details("passengers", "month", 12)).panel

    assert found.frequency == "MS"
    assert found.series[0].times[0] == pd.Timestamp("1949-01-01")
    assert (found.season, len(found.series[0])) == (12, 144)


@pytest.mark.parametrize(("written", "first"), [("%d/%m/%Y", True), ("%m/%d/%Y", False), ("%d.%m.%Y", True)])
@pytest.mark.parametrize("frequency", ["MS", "W-SUN", "D"])
def test_days_and_months_are_told_apart(written: str, first: bool, frequency: str) -> None:
    times = pd.date_range("2020-01-01", periods=30, freq=frequency)
    frame = pd.DataFrame({"t": times.strftime(written), "y": np.arange(30.0)})

    found = table(frame, details("y", "t", 2)).panel

    assert (found.frequency, found.day_first) == (frequency, first)
    assert list(found.series[0].times) == list(times)


def test_folds_that_there_is_no_room_for_are_fewer() -> None:
    task = {"nCrossValidations": {"mode": "Custom", "value": 30}}

    found = table(airline(), details("passengers", "month", 12, task=task))

    assert found.folds == 11
    assert guardrail(found, "Cross-validation")[1].endswith("(144 steps) has room for; there are 11.")
    assert found.panel.series[0].padded == 0


def test_years_are_times() -> None:
    frame = pd.DataFrame({"year": range(1960, 2000), "y": np.arange(40.0)})

    assert table(frame, details("y", "year", 2)).panel.frequency.startswith("YS")


@pytest.mark.parametrize(
    ("times", "told"),
    [
        (["Sydney"] * 144, "The time column month holds no dates. 144 of 144 rows hold values such as 'Sydney'"),
        (np.linspace(0, 1, 144), "holds no dates. It holds values such as 0.0"),
        ([None] * 144, "The time column month is empty"),
        (pd.DatetimeIndex(["2020-01-01"] * 144), "repeat the time of another with other values"),
        (["2020-01-01"] + [None] * 143, "The longest series has 1 times, too few to see a frequency"),
        (pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(144) ** 1.7, unit="h"), "Set forecasting.frequency"),
    ],
)  # fmt: skip
def test_a_wrong_time_column_is_said(times: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        table(airline().assign(month=times), details("passengers", "month", 12))


@pytest.mark.parametrize(
    ("change", "asked", "told"),
    [
        (lambda frame: frame, details("sales", "month"), "There is no column 'sales', the target column"),
        (lambda frame: frame, details("passengers", "month", timeSeriesIdColumnNames=["s"]), "'s', the id column"),
        (lambda frame: frame.head(0), details("passengers", "month"), "The table has no rows"),
        (lambda frame: frame.assign(passengers="many"), details("passengers", "month"), "such as 'many'"),
        (lambda frame: frame.assign(passengers=np.nan), details("passengers", "month"), "has no values"),
        (lambda frame: frame, details("passengers", "month", 144), "has 144 steps, and 144 are to be forecast"),
        (lambda frame: frame, details("passengers", "month", frequency="D", shortSeriesHandlingConfig="Pad"), ""),
        (lambda frame: frame, details("passengers", "month", frequency="W"), "are at no step of the frequency 'W'"),
    ],
)  # fmt: skip
def test_what_cannot_be_learned_from_is_said(change: Any, asked: Any, told: str) -> None:
    if not told:  # each month is a day's step: 97 % of the days are gaps, which is no error
        assert table(change(airline()), asked).panel.frequency == "D"
        return
    with pytest.raises(ValueError, match=told):
        table(change(airline()), asked)


def test_gaps_are_filled_between_their_neighbours_with_the_season() -> None:
    frame = airline()
    gone = frame.drop(index=[70, 71, 100]).astype({"passengers": float})
    gone.loc[[40, 41], "passengers"] = [np.nan, np.inf]

    found = table(gone, details("passengers", "month", 12))

    assert guardrail(found, "Time gaps detection") == (
        "Done", "3 of 144 steps had no row; they were added, and their targets imputed."
    )  # fmt: skip
    assert guardrail(found, "Missing target values")[1].startswith("2 of 141 rows have no target")
    one = found.panel.series[0]
    lost = [40, 41, 70, 71, 100]
    assert np.isnan(one.observed[lost]).all()
    truth = frame["passengers"].to_numpy(dtype=float)
    line = np.interp(np.arange(144), np.delete(np.arange(144), lost), np.delete(truth, lost))
    assert np.abs(one.target - truth)[lost].mean() < 0.6 * np.abs(line - truth)[lost].mean()


def test_a_gap_may_mean_nothing_was_sold() -> None:
    impute = {
        "transformerParams": {
            "Imputer": [{"fields": ["passengers"], "parameters": {"strategy": "constant", "fill_value": 0}}]
        }
    }
    asked = details("passengers", "month", 12, task={"featurizationSettings": impute})

    found = table(airline().drop(index=[50]), asked)

    assert found.panel.series[0].target[50] == 0


def test_duplicates_that_are_alike_are_left_out_and_others_refused() -> None:
    frame = airline()
    twice = pd.concat([frame, frame.tail(2)])

    found = table(twice, details("passengers", "month", 12))

    assert guardrail(found, "Duplicate times detection") == (
        "Done", "2 of 146 rows repeat an earlier one; they were left out."
    )  # fmt: skip
    other = pd.concat([frame, frame.tail(1).assign(passengers=1)])
    with pytest.raises(ValueError, match="time_series_id_column_names, or set frequency and target_aggregate_function"):
        table(other, details("passengers", "month", 12))


def test_rows_are_put_together_where_asked() -> None:
    frame = electricity()
    asked = details("demand", "day", 2, frequency="MS", targetAggregateFunction="Sum")

    found = table(pd.concat([frame, frame]), asked)

    one = found.panel.series[0]
    assert len(one) == 12
    assert one.observed[0] == pytest.approx(2 * frame["demand"].head(31).sum())
    assert one.features[0, found.panel.features.names.index("temperature")] == pytest.approx(
        frame["temperature"].head(31).mean()
    )


def test_short_series_are_dropped_beside_long_ones_and_padded_alone() -> None:
    frame = nights()
    short = pd.concat([frame[frame.region != "SAUCoast"], frame[frame.region == "SAUCoast"].head(6)])
    asked = details("nights", "quarter", 4, timeSeriesIdColumnNames=["region"])

    dropped = table(short, asked)
    padded = table(
        short, details("nights", "quarter", 4, timeSeriesIdColumnNames=["region"], shortSeriesHandlingConfig="Pad")
    )
    alone = table(short[short.region == "SAUCoast"], asked)

    assert [one.key for one in dropped.dropped] == [("SAUCoast",)]
    assert "1 of 4 series have fewer than" in guardrail(dropped, "Short series handling")[1]
    assert guardrail(dropped, "Short series handling")[1].endswith("dropped.")
    (one,) = [one for one in padded.panel.series if one.key == ("SAUCoast",)]
    assert one.padded == len(one) - 6 > 0
    assert np.isnan(one.observed[: one.padded]).all()
    assert (one.target >= 0).all()
    assert backtest.make(alone.panel, alone.folds, alone.step).folds[0].seen[0] >= 2


def test_series_may_be_called_anything() -> None:
    frame = nights().replace({"region": {"NSWMetro": "東京", "QLDMetro": "Zürich, Ö", "VICWstCo": "😀"}})

    found = table(frame, details("nights", "quarter", 4, timeSeriesIdColumnNames=["region"])).panel

    assert sorted(one.ids[0] for one in found.series) == sorted(["東京", "Zürich, Ö", "😀", "SAUCoast"])
    assert all(len(one) == 76 for one in found.series)


def test_seasons_lags_and_windows_are_found() -> None:
    auto = {"mode": "Auto"}
    air = table(airline(), details("passengers", "month", 12)).panel
    daily = table(electricity(), details("demand", "day", 7, targetLags=auto, targetRollingWindowSize=auto)).panel
    noise = pd.DataFrame(
        {"t": pd.date_range("2020-01-01", periods=200), "y": np.random.default_rng(0).normal(size=200)}
    )

    assert air.seasons == [12]
    assert daily.seasons == [7]
    assert daily.lags == (1,)
    assert table(noise, details("y", "t", 7)).panel.seasons == []


def test_folds_roll_forward_and_never_see_what_they_forecast() -> None:
    task = {"nCrossValidations": {"mode": "Custom", "value": 3}}
    found = table(airline(), details("passengers", "month", 12, task=task, cvStepSize=6))

    test = backtest.make(found.panel, found.folds, found.step)

    assert [one.seen for one in test.folds] == [[120], [126], [132]]
    truth = airline()["passengers"].to_numpy()
    for at, one in enumerate(test.folds):
        before, _ = test.split(found.panel, at)
        assert len(before.series[0]) == one.seen[0]
        np.testing.assert_array_equal(test.actual[test.rows(at)], truth[one.seen[0] : one.seen[0] + 12])


def test_validation_data_are_what_folds_are_judged_by() -> None:
    frame = airline()

    found = table(frame.head(108), details("passengers", "month", 12), frame.tail(36))

    assert [one.seen for one in backtest.make(found.panel, found.folds, found.step).folds] == [[108], [120], [132]]


def test_features_that_are_not_known_in_advance_are_hidden_after_an_origin() -> None:
    asked = details("demand", "day", 7, featuresUnknownAtForecastTime=["temperature"])
    found = table(electricity(), asked)
    test = backtest.make(found.panel, found.folds, found.step)

    _, ahead = test.split(found.panel, 0)

    names = found.panel.features.names
    assert np.isnan(ahead[0][:, names.index("temperature")]).all()
    assert not np.isnan(ahead[0][:, names.index("workday")]).any()


def test_scaled_errors_are_one_for_the_seasonal_naive_forecast_itself() -> None:
    values = airline()["passengers"].to_numpy(dtype=float)

    assert backtest.scaled_error(values[12:], values[:-12], values, 12) == pytest.approx(1.0)
