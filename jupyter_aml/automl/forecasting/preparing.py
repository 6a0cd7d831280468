"""From a table to a panel: times, series, gaps and short series, and a guardrail for whatever was done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from jupyter_aml.automl import columns
from jupyter_aml.automl.columns import Purpose
from jupyter_aml.automl.forecasting import calendars, frequencies, seasons, shaping
from jupyter_aml.automl.forecasting.panel import (
    CATEGORICAL,
    MOMENT,
    NUMERIC,
    SHOWN,
    Features,
    Panel,
    Series,
    fill,
    label,
    together,
    word,
)  # fmt: skip
from jupyter_aml.automl.forecasting.settings import AUTO, NONE, Settings
from jupyter_aml.automl.guardrails import Guardrail, Status

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MOST_FOLDS = 5
LEAST_SEEN = 3
"""Steps before the first origin, at least."""
SEASONS_SEEN = 2
"""Seasons before the first origin, where the rule chooses the folds."""
KINDS = {Purpose.NUMERIC: NUMERIC, Purpose.DATE_TIME: MOMENT, Purpose.IGNORE: ""}


class Table:
    """The rows of a forecast, read and cleaned.

    Args:
        frame: Rows of all series.
        settings: What is asked for.
        later: Rows of the validation, after those; None without.

    Attributes:
        panel: The series.
        folds: How many.
        step: Steps between the origins of two folds.
        guardrails: What was found and done.
        dropped: Series that were too short.

    Raises:
        ValueError: The table cannot be learned from; says why and what to do.
    """

    def __init__(self, frame: pd.DataFrame, settings: Settings, later: pd.DataFrame | None = None) -> None:
        self.settings = settings
        self.guardrails: list[Guardrail] = []
        self.dropped: list[Series] = []
        both = frame if later is None else pd.concat([frame, later])
        plain = self._plain(both)
        self._last = plain[settings.time].max()
        if later is not None:
            own = frame.rename(columns=str)[settings.time]
            self._last = frequencies.moments(own, settings.time, first=self.day_first).max()
        features = self._features(plain)
        ids, numbers = shaping.numbered(plain, settings.ids)
        plain, numbers = self._once(plain, numbers, ids, features)
        frequency = settings.frequency or frequencies.find(shaping.by_series(plain[settings.time], numbers))
        plain, numbers = self._on_grid(plain, numbers, ids, features, frequency)
        features.learn(plain)
        self.panel = self._panel(plain, numbers, ids, features, frequency)
        self._seasons()
        self._fill()
        self._horizon()
        self._folds(later, frequency)
        self._short()
        self._look_back()
        self._holidays()
        own = frame.rename(columns=str)[settings.time]
        self.panel.day_first = self.day_first
        self.panel.written = not pd.api.types.is_datetime64_any_dtype(own.dtype)

    # rows

    def _plain(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows with times and numbers as such."""
        asked = self.settings
        frame = frame.rename(columns=str).reset_index(drop=True)
        for name, what in ((asked.target, "target"), (asked.time, "time"), *((one, "id") for one in asked.ids)):
            if name not in frame:
                known = shaping.names(list(frame.columns))
                msg = f"There is no column {name!r}, the {what} column; the table has {known}."
                raise ValueError(msg)
        twice = sorted({str(name) for name in frame.columns[frame.columns.duplicated()]})
        if twice:
            msg = f"The table has more than one column {', '.join(twice)}; rename them."
            raise ValueError(msg)
        if asked.weight:
            frame = frame.drop(columns=asked.weight, errors="ignore")
        if frame.empty:
            msg = "The table has no rows; a forecast needs some of each series."
            raise ValueError(msg)
        self.day_first = frequencies.day_first(frame[asked.time])
        times = frequencies.moments(frame[asked.time], asked.time, first=self.day_first)
        gone = times.isna()
        if gone.all():
            msg = f"The time column {asked.time} is empty; expected dates such as '2026-11-29'."
            raise ValueError(msg)
        target = shaping.target(frame[asked.target], asked.target)
        self._say_missing(int(gone.sum()), int((~np.isfinite(target) & ~gone).sum()), len(frame))
        frame = frame.assign(**{asked.time: times.astype("datetime64[ns]"), asked.target: target})[~gone]
        if frame[asked.target].isna().all():
            msg = f"The target {asked.target} has no values; expected numbers."
            raise ValueError(msg)
        return frame.sort_values(asked.time, kind="stable").reset_index(drop=True)

    def _say_missing(self, times: int, targets: int, rows: int) -> None:
        if times:
            self.guardrails.append(
                Guardrail("Missing times", Status.DONE, f"{times:,} of {rows:,} rows have no time; they were left out.")
            )
        name = "Missing target values"
        if not targets:
            self.guardrails.append(Guardrail(name, Status.PASSED, "Every row has a target."))
            return
        how = self.settings.fills.get(self.settings.target)
        done = f"by the strategy {how[0]}" if how else "between their neighbours, with the season"
        self.guardrails.append(
            Guardrail(name, Status.DONE, f"{targets:,} of {rows:,} rows have no target; they were imputed {done}.")
        )

    def _features(self, frame: pd.DataFrame) -> Features:
        """What the columns beside are for."""
        asked = self.settings
        others = frame.drop(columns=[asked.target, asked.time, *asked.ids])
        purposes = {name: one for name, one in asked.purposes.items() if name in others}
        strange = [name for name in (*asked.unknown, *asked.purposes) if name not in frame]
        if strange:
            msg = f"There is no column {strange[0]!r}; the table has {shaping.names(list(frame.columns))}."
            raise ValueError(msg)
        read = columns.read(others, purposes)
        kinds: dict[str, str] = {}
        for name, one in read.items():
            kind = KINDS.get(one.purpose, CATEGORICAL)
            if kind:
                kinds[name] = kind
        gone = [one for name, one in read.items() if name not in kinds]
        if gone:
            rows = [{"column": one.name, "why": one.why} for one in gone[:SHOWN]]
            told = f"{len(gone)} of {len(read)} columns were left out."
            self.guardrails.append(Guardrail("Columns without information", Status.DONE, told, rows))
        missing = [
            {"column": one.name, "rows": one.missing} for name, one in read.items() if name in kinds and one.missing
        ]
        if missing:
            told = (
                f"{len(missing)} features have missing values; models impute them by the mean, trees tell them apart."
            )
            self.guardrails.append(Guardrail("Missing feature values imputation", Status.DONE, told, missing[:SHOWN]))
        return Features(kinds, unknown=tuple(name for name in asked.unknown if name in kinds))

    def _once(
        self, frame: pd.DataFrame, numbers: NDArray[np.intp], ids: list[tuple[Any, ...]], features: Features
    ) -> tuple[pd.DataFrame, NDArray[np.intp]]:
        """Each time of a series once."""
        asked, name = self.settings, "Duplicate times detection"
        if asked.aggregate:
            return frame, numbers
        pairs = pd.DataFrame({"series": numbers, "time": frame[asked.time]})
        twice = pairs.duplicated().to_numpy()
        if not twice.any():
            self.guardrails.append(Guardrail(name, Status.PASSED, "No series has a time twice."))
            return frame, numbers
        values = (
            frame[[asked.target, *features.names]]
            .astype(object)
            .where(frame[[asked.target, *features.names]].notna(), None)
        )
        alike = pairs.assign(rest=[repr(one) for one in values.itertuples(index=False)]).duplicated().to_numpy()
        other = np.flatnonzero(twice & ~alike)
        if len(other):
            first = frame.iloc[other[0]]
            of = f" of {shaping.word_of(ids[numbers[other[0]]])}" if asked.ids else ""
            msg = (
                f"{len(other):,} of {len(frame):,} rows repeat the time of another{of} with other values, such as"
                f" {first[asked.time]}. Name the columns that tell series apart as time_series_id_column_names, or set"
                " frequency and target_aggregate_function (sum, mean, min or max)."
            )
            raise ValueError(msg)
        told = f"{int(twice.sum()):,} of {len(frame):,} rows repeat an earlier one; they were left out."
        self.guardrails.append(Guardrail(name, Status.DONE, told))
        return frame[~twice].reset_index(drop=True), numbers[~twice]

    def _on_grid(
        self,
        frame: pd.DataFrame,
        numbers: NDArray[np.intp],
        ids: list[tuple[Any, ...]],
        features: Features,
        frequency: str,
    ) -> tuple[pd.DataFrame, NDArray[np.intp]]:
        """Rows at steps of the frequency."""
        asked, name = self.settings, "Frequency detection"
        if asked.aggregate:
            labels = label(pd.DatetimeIndex(frame[asked.time]), frequency)
            names = {"target": asked.target, "time": asked.time}
            merged, own = together(
                frame.assign(**{asked.time: labels}), numbers, names, asked.aggregate.lower(), features.kinds
            )
            how = f"by their {asked.aggregate.lower()}"
            told = f"{len(frame):,} rows were put together to {len(merged):,} steps ({frequency}) {how}."
            self.guardrails.append(Guardrail(name, Status.DONE, told))
            return merged, own
        kept = np.zeros(len(frame), dtype=bool)
        times = pd.DatetimeIndex(frame[asked.time])
        for at in range(len(ids)):
            rows = np.flatnonzero(numbers == at)
            kept[rows] = times[rows].isin(frequencies.steps(times[rows], frequency))
        off = int((~kept).sum())
        if off > len(frame) * (1 - frequencies.MOSTLY):
            msg = (
                f"{off:,} of {len(frame):,} rows are at no step of the frequency {frequency!r}, such as"
                f" {times[~kept][0]}. Set frequency to what the rows have, or target_aggregate_function (sum, mean, min"
                " or max) to put them together."
            )
            raise ValueError(msg)
        told = (
            f"The frequency is {frequency}."
            if not off
            else f"{off:,} rows are at no step of {frequency}; they were left out."
        )
        self.guardrails.append(Guardrail(name, Status.DONE if off else Status.PASSED, told))
        return frame[kept].reset_index(drop=True), numbers[kept]

    # series

    def _panel(
        self,
        frame: pd.DataFrame,
        numbers: NDArray[np.intp],
        ids: list[tuple[Any, ...]],
        features: Features,
        frequency: str,
    ) -> Panel:
        asked, found, added, empty = self.settings, [], 0, 0
        table = features.numbers(frame)
        times, target = pd.DatetimeIndex(frame[asked.time]), frame[asked.target].to_numpy(dtype=float)
        for at, own in enumerate(ids):
            rows = np.flatnonzero(numbers == at)
            there = rows[np.isfinite(target[rows])] if len(rows) else rows
            if not len(there):
                empty += 1
                continue
            first, last = times[there[0]], times[there[-1]]
            steps = frequencies.grid(first, last, frequency)
            at_step = steps.get_indexer(times[rows])
            rows, at_step = rows[at_step >= 0], at_step[at_step >= 0]
            observed, beside = np.full(len(steps), np.nan), np.full((len(steps), table.shape[1]), np.nan)
            observed[at_step], beside[at_step] = target[rows], table[rows]
            added += len(steps) - len(rows)
            key = tuple(word(one) for one in own)
            found.append(Series(key, own, steps, observed, observed, shaping.filled(beside, features, asked.fills)))
        if not found:
            msg = f"No series has a value of {asked.target}; expected numbers."
            raise ValueError(msg)
        _check_gaps(found, len(frame), frequency)
        self._say_gaps(added, sum(map(len, found)), empty)
        return Panel(
            asked.target, asked.time, asked.ids, frequency, 1, found, features, aggregate=asked.aggregate.lower()
        )

    def _say_gaps(self, added: int, steps: int, empty: int) -> None:
        name = "Time gaps detection"
        if added:
            told = f"{added:,} of {steps:,} steps had no row; they were added, and their targets imputed."
            self.guardrails.append(
                Guardrail(
                    name, Status.DONE, told, remedy="Where a missing row means 0, impute the target by a constant."
                )
            )
        else:
            self.guardrails.append(Guardrail(name, Status.PASSED, "No series has a gap."))
        if empty:
            told = f"{empty} series have no target at all; they were left out."
            self.guardrails.append(Guardrail("Empty series", Status.DONE, told))

    def _seasons(self) -> None:
        panel, asked = self.panel, self.settings
        if asked.season:
            panel.seasons = [asked.season] if asked.season > 1 else []
        else:
            panel.seasons = seasons.find([fill(one.observed, 1) for one in panel.series], panel.frequency)
        panel.season = panel.seasons[0] if panel.seasons else 1

    def _fill(self) -> None:
        how = self.settings.fills.get(self.settings.target)
        for one in self.panel.series:
            one.target = fill(one.observed, self.panel.season, how)

    def _horizon(self) -> None:
        asked, longest = self.settings, max(len(one) for one in self.panel.series)
        self.panel.horizon = asked.horizon or frequencies.horizon(self.panel.frequency, longest)
        if longest <= self.panel.horizon and asked.short != "Pad":
            msg = (
                f"The longest series has {longest} steps, and {self.panel.horizon} are to be forecast; set"
                f" forecast_horizon to {max(longest // 3, 1)} or less, or give more history."
            )
            raise ValueError(msg)

    def _folds(self, later: pd.DataFrame | None, frequency: str) -> None:
        """How many folds, and how far apart: as asked for, or as many as leave enough to learn from."""
        asked, horizon = self.settings, self.panel.horizon
        if later is not None:
            own = later.rename(columns=str)[asked.time]
            times = frequencies.moments(own, asked.time, first=self.day_first).dropna()
            if not len(times):
                msg = f"The validation data have no times in {asked.time}; leave validation_data out to use folds."
                raise ValueError(msg)
            if times.max() <= self._last:
                msg = (
                    f"The validation data reach from {times.min()} to {times.max()}, and the training data to"
                    f" {self._last}; expected times after those. Leave validation_data out to use folds."
                )
                raise ValueError(msg)
            steps = len(frequencies.grid(times.min(), times.max(), frequency))
            self.step = asked.step or horizon
            self.folds = max(1, min(1 + (steps - horizon) // self.step, 50))
            return
        self.step = asked.step or (horizon if asked.folds else self._usual_step())
        if asked.folds:
            self.folds = asked.folds
            return
        longest = max(len(one) for one in self.panel.series)
        wanted = max(LEAST_SEEN, SEASONS_SEEN * self.panel.season + 1, longest // 3)
        self.folds = int(np.clip(1 + (longest - horizon - wanted) // self.step, 1, MOST_FOLDS))

    def _usual_step(self) -> int:
        """The horizon, or less where the history is short."""
        longest = max(len(one) for one in self.panel.series)
        room = longest - self.panel.horizon - max(longest // 2, SEASONS_SEEN * self.panel.season + 1)
        return int(np.clip(room // (MOST_FOLDS - 1), 1, self.panel.horizon)) if room > 0 else 1

    def _short(self) -> None:
        """Series that are too short for the folds: padded, dropped or let be."""
        panel, asked, name = self.panel, self.settings, "Short series handling"
        look_back = max([*asked.lags, asked.window, 0])
        self._fewer_folds(look_back)
        least = panel.horizon + (self.folds - 1) * self.step + look_back + 1
        short = [one for one in panel.series if len(one) < least]
        if not short or asked.short == NONE:
            status = Status.ALERTED if short else Status.PASSED
            told = f"{len(short)} of {len(panel.series)} series have fewer than {least} steps."
            self.guardrails.append(Guardrail(name, status, told if short else "No series is short."))
            return
        pad = asked.short == "Pad" or (asked.short == AUTO and len(short) == len(panel.series))
        rows = [{"series": shaping.word_of(one.ids), "steps": len(one)} for one in short[:SHOWN]]
        if pad:
            panel.series = [one if len(one) >= least else shaping.padded(one, least, panel) for one in panel.series]
        else:
            kept = [one for one in panel.series if len(one) >= least]
            if not kept:
                msg = (
                    f"All {len(short)} series have fewer than {least} steps; set short_series_handling_config to 'pad'."
                )
                raise ValueError(msg)
            panel.series, self.dropped = kept, short
        done = "padded" if pad else "dropped"
        whole = len(panel.series) + len(self.dropped)
        told = f"{len(short)} of {whole} series have fewer than {least} steps; they were {done}."
        remedy = "Ask for fewer folds (n_cross_validations), a shorter horizon or fewer lags to need less history."
        self.guardrails.append(Guardrail(name, Status.DONE, told, rows, remedy))

    def _fewer_folds(self, look_back: int) -> None:
        """As many as the longest series has room for."""
        longest = max(map(len, self.panel.series))
        room = max(1, 1 + (longest - self.panel.horizon - look_back - LEAST_SEEN) // self.step)
        if room >= self.folds:
            return
        told = f"{self.folds} folds are more than the longest series ({longest} steps) has room for; there are {room}."
        remedy = "Set cv_step_size to less than the horizon to have more of them."
        self.guardrails.append(Guardrail("Cross-validation", Status.DONE, told, remedy=remedy))
        self.folds = room

    def _look_back(self) -> None:
        """What of the past regressions see, where it is asked for."""
        panel, asked = self.panel, self.settings
        panel.feature_lags, panel.stl = asked.feature_lags, asked.stl
        panel.lags, panel.window = asked.lags, asked.window
        if AUTO not in {asked.lags_mode, asked.window_mode}:
            return
        lags, window = seasons.look_back([one.target for one in panel.series], panel.frequency, panel.season)
        if asked.lags_mode == AUTO:
            panel.lags = tuple(range(1, lags + 1))
        if asked.window_mode == AUTO:
            panel.window = window
        panel.look_back = bool(panel.lags or panel.window or not asked.lags_mode)

    def _holidays(self) -> None:
        panel = self.panel
        if self.settings.holidays:
            first = min(one.times[0] for one in panel.series).year
            last = max(one.times[-1] for one in panel.series).year
            panel.days = calendars.days(self.settings.holidays, first, last)


def _check_gaps(found: list[Series], rows: int, frequency: str) -> None:
    """Refuse series that would be invented rather than imputed: one wrong time makes most steps a gap.

    Raises:
        ValueError: They are; names the longest gap.
    """
    steps = sum(map(len, found))
    if steps <= frequencies.MOSTLY_GAPS * rows:
        return
    longest, after, before = 0, found[0].times[0], found[0].times[-1]
    for one in found:
        there = np.flatnonzero(~np.isnan(one.observed))
        gaps = np.diff(there)
        if len(gaps) and gaps.max() > longest:
            at = int(gaps.argmax())
            longest, after, before = int(gaps[at]), one.times[there[at]], one.times[there[at + 1]]
    msg = (
        f"{steps - rows:,} of {steps:,} steps ({frequency}) have no row, too many to be imputed; the longest gap is"
        f" from {after} to {before}. Drop rows with wrong times, or set frequency to what the rows have."
    )
    raise ValueError(msg)
