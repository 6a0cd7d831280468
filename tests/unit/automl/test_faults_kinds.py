"""Series, texts and pictures that are wrong or strange: a sentence that says what to do, or a model all the same."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from jupyter_aml.automl import families
from jupyter_aml.automl.family import COMPLETED, PRUNED, Attempt, Done, Order, Proposal

pytestmark = pytest.mark.filterwarnings("ignore")  # of MLflow, which warns of its own type hints
TEXT, SETS = "text_classification", "text_classification_multilabel"
CLASSES, BOXES, OUTLINES = "image_classification", "image_object_detection", "image_instance_segmentation"
DAYS = 60
KIND = {"targetColumnName": "label"}


def series(**more: Any) -> pd.DataFrame:
    day = np.arange(DAYS)
    wave = 10 + 3 * np.sin(day * 2 * np.pi / 7) + np.random.default_rng(0).normal(size=DAYS)
    return pd.DataFrame({"t": pd.date_range("2026-01-01", periods=DAYS), "y": wave}).assign(**more)


def forecast(**more: Any) -> dict[str, Any]:
    asked = {"timeColumnName": "t", "forecastHorizon": {"mode": "Custom", "value": 3}, **more}
    return {"targetColumnName": "y", "forecastingSettings": asked}


def moved(frame: pd.DataFrame, at: int, when: str) -> pd.DataFrame:
    frame.loc[at, "t"] = pd.Timestamp(when)
    return frame


def attempt(
    task: str, details: Mapping[str, Any], place: Path, algorithm: str, parameters: Any = None, *, late: float = 60.0
) -> Attempt:
    """One trial of prepared data."""
    out = place / algorithm
    out.mkdir(exist_ok=True)
    return families.family(task).attempt(
        Order(task, details), place, Proposal(0, algorithm, parameters or {}), out,
        threads=1, until=time.monotonic() + late, told=lambda *_: None,
    )  # fmt: skip


def first(task: str, details: Mapping[str, Any], facts: Any, algorithm: str) -> dict[str, Any]:
    """The parameters with which an algorithm is tried first."""
    plan = families.family(task).planner(task, details, facts, 0)
    while (proposal := plan.ask()) is not None:
        if proposal.algorithm == algorithm:
            return dict(proposal.parameters)
    raise LookupError(algorithm)


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        (
            {"training": moved(series(), 0, "1926-01-01")},
            r"steps \(D\) have no row, too many to be imputed; the longest gap is from 1926-01-01 .* to 2026-01-02",
        ),
        ({"training": moved(series(), DAYS - 1, "2262-04-01")}, r"to 2262-04-01 .*\. Drop rows with wrong times"),
        ({"training": series(y=np.where(np.arange(DAYS) == 4, 1e300, 1.0))}, "reaches 1e.300, too much to calculate"),
        (
            {"training": series(), "validation": series(t=pd.date_range("2020-01-01", periods=DAYS))},
            "validation data reach from 2020-01-01 .* to 2020-02-29 .*; expected times after those",
        ),
        ({"training": series().set_axis(["t", "y"], axis=1).assign(z=1).set_axis(["t", "y", "y"], axis=1)}, "than one"),
        ({"training": series(t="soon")}, "The time column t holds no dates"),
        ({"training": series().head(1)}, "The longest series has 1 times, too few to see a frequency"),
        ({"training": series(y=None)}, "The target y has no values; expected numbers"),
        ({"training": series().head(3)}, "The longest series has 3 steps, and 3 are to be forecast"),
    ],
)
def test_series_that_cannot_be_forecast_are_refused_with_a_remedy(tables: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=said):
        families.family("forecasting").prepare(Order("forecasting", forecast(), tables), tmp_path)


def test_strange_features_and_gaps_do_not_keep_a_series_from_being_forecast(tmp_path: Path) -> None:
    frame = series(**{"[x]<ü>": ["漢", "ß"] * 30, "a__b": np.inf, "": 1e300, "null": None}).drop(index=[7, 8, 20])
    frame.loc[3, "y"] = np.inf
    facts = families.family("forecasting").prepare(Order("forecasting", forecast(), {"training": frame}), tmp_path)

    said = {one["name"]: one["status"] for one in facts["guardrails"]}
    assert said["Time gaps detection"] == said["Missing target values"] == "Done"
    for algorithm in ("Naive", "ExponentialSmoothing", "ElasticNet"):
        parameters = first("forecasting", forecast(), facts, algorithm)
        assert attempt("forecasting", forecast(), tmp_path, algorithm, parameters).status == COMPLETED


def test_a_forecast_without_time_for_its_folds_says_what_to_do(tmp_path: Path) -> None:
    family = families.family("forecasting")
    family.prepare(Order("forecasting", forecast(), {"training": series()}), tmp_path)

    found = attempt("forecasting", forecast(), tmp_path, "Naive", late=-1.0)

    assert found.status == PRUNED
    done = [Done(Proposal(0, "Naive"), found, tmp_path / "Naive")]
    with pytest.raises(ValueError, match=r"No trial completed, so there is no model\. Give it more time"):
        family.finish(Order("forecasting", forecast()), tmp_path, done, tmp_path, time.monotonic())


SIGNS = ["☃ ♥ !!!" if at % 2 else "… ☂ ???" for at in range(40)]
TELLING = ["yes" if at % 2 else "no" for at in range(40)]


@pytest.mark.parametrize(
    "texts",
    [
        SIGNS,
        ["漢字仮名" if at % 2 else "これは" for at in range(40)],
        ["one" if at % 2 else "two" for at in range(40)],
        [None if at % 4 > 1 else ("good" if at % 2 else "bad") for at in range(40)],
        ["[a]<b>" if at % 2 else "\x00\ud800" for at in range(40)],
    ],
)
def test_texts_of_few_words_or_none_are_told_apart_by_every_algorithm(texts: list[Any], tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": texts, "label": TELLING}, dtype=object)
    facts = families.family(TEXT).prepare(Order(TEXT, KIND, {"training": frame}), tmp_path)

    for algorithm in ("LogisticRegression", "LinearSVM", "ComplementNaiveBayes", "LightGBM"):
        found = attempt(TEXT, KIND, tmp_path, algorithm, first(TEXT, KIND, facts, algorithm))
        assert found.status == COMPLETED
        assert found.score == 1.0


def test_texts_that_share_no_word_are_learned_from_although_rare_words_do_not_count(tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": [f"w{at}" for at in range(1_300)], "label": TELLING * 32 + TELLING[:20]})
    facts = families.family(TEXT).prepare(Order(TEXT, KIND, {"training": frame}), tmp_path)
    parameters = first(TEXT, KIND, facts, "LogisticRegression") | {"letters": 0, "rare": 4}

    assert attempt(TEXT, KIND, tmp_path, "LogisticRegression", parameters).status == COMPLETED


@pytest.mark.parametrize(
    ("task", "frame", "said"),
    [
        (TEXT, pd.DataFrame([["a", "b", "x"]] * 4, columns=["text", "text", "label"]), "more than one column text"),
        (TEXT, pd.DataFrame({"text": ["", " ", None], "label": ["x", "y", "x"]}), "0 rows can be learned from"),
        (TEXT, pd.DataFrame({"text": ["a", "b"], "label": [None, None]}), "0 rows can be learned from"),
        (SETS, pd.DataFrame({"text": ["a", "b"], "label": ["[]", "[]"]}), "all rows have no label"),
        (SETS, pd.DataFrame({"text": ["a", "b"], "label": [{"a": 1}] * 2}), "is no list of labels; expected one such"),
        ("text_ner", pd.DataFrame({"line": ["", " ", ""]}), "expected lines of a word and a tag"),
        ("text_ner", pd.DataFrame({"line": ["a O", ""] * 9}), r"all words have the tag O\. Mark entities with B-"),
    ],
)
def test_texts_that_teach_nothing_are_refused_with_a_remedy(task: str, frame: Any, said: str, tmp_path: Path) -> None:
    details = {} if task == "text_ner" else KIND
    with pytest.raises(ValueError, match=said):
        families.family(task).prepare(Order(task, details, {"training": frame}), tmp_path)


def written(kind: str, size: tuple[int, int] = (40, 40)) -> bytes:
    kept = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(kept, kind)
    return kept.getvalue()


def broken() -> dict[str, bytes]:
    """Files that are no picture, each in another way."""
    png, jpeg, bomb = written("PNG"), written("JPEG"), io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(bomb, "PNG")
    return {
        "half.png": png[: len(png) // 2], "half.jpg": jpeg[: len(jpeg) // 2], "empty.png": b"", "text.png": b"hello",
        "sum.png": png[:40] + b"XXXX" + png[44:], "gif.gif": b"GIF89a" + b"\xff" * 40,
        "tiff.tif": b"II*\x00" + b"\xff" * 60, "bmp.bmp": b"BM" + b"\xff" * 60, "bomb.png": bomb.getvalue(),
        "webp.webp": b"RIFF\xff\xff\xff\xffWEBPVP8 " + b"\xff" * 30, "svg.svg": b"<svg/>",
    }  # fmt: skip


def pictures(place: Path, label: Any = None) -> pd.DataFrame:
    """A light square, or none, on a dark ground; with the same label each, where one is given."""
    random, rows = np.random.default_rng(0), []
    for at in range(12):
        pixels = random.integers(0, 60, (40, 40, 3), dtype=np.uint8)
        if at % 2:
            pixels[10:30, 10:30] = 220
        (place / f"[ü] {at}.png").write_bytes(b"")
        Image.fromarray(pixels).save(place / f"[ü] {at}.png")
        rows.append({"image_url": f"[ü] {at}.png", "label": label or ["<dark>", "[light]"][at % 2]})
    return pd.DataFrame(rows)


def test_pictures_that_do_not_open_are_left_out_each_with_its_reason(tmp_path: Path) -> None:
    frame = pictures(tmp_path)
    for name, content in broken().items():
        (tmp_path / name).write_bytes(content)
    odd = [*broken(), "absent.png", ".", "", "a\0b.png", "x" * 5000]
    whole = pd.concat([frame, pd.DataFrame({"image_url": odd, "label": "[light]"})])
    order = Order(CLASSES, {}, {"training": whole}, find=lambda one: tmp_path / one)

    facts = families.family(CLASSES).prepare(order, tmp_path)

    said = {one["name"]: one for one in facts["guardrails"]}["Pictures that do not open"]
    assert said["found"] == f"{len(odd)} of {len(whole)} pictures do not open and were left out."
    assert all(one["why"] for one in said["details"])
    found = attempt(CLASSES, {}, tmp_path, "LogisticRegression", first(CLASSES, {}, facts, "LogisticRegression"))
    assert found.status == COMPLETED

    nothing = Order(CLASSES, {}, {"training": whole.iloc[12:]}, find=lambda one: tmp_path / one)
    with pytest.raises(ValueError, match=r"none of the 16 pictures opens; the first: half\.png: .*image_url"):
        families.family(CLASSES).prepare(nothing, tmp_path)


def box(**edges: Any) -> dict[str, Any]:
    return {"label": "x", "topX": 0.2, "topY": 0.2, "bottomX": 0.8, "bottomY": 0.8, **edges}


@pytest.mark.parametrize(
    ("task", "thing", "said"),
    [
        (BOXES, box(topX=float("nan")), "has an edge that is no number"),
        (BOXES, box(topX=None), "has an edge that is no number; expected parts from 0 to 1"),
        (BOXES, box(bottomY="far"), "has an edge that is no number"),
        (BOXES, box(bottomX=float("inf")), "has an edge that is no number"),
        (BOXES, box(bottomX=80, bottomY=90), "divide pixels by its width and height"),
        (BOXES, box(label=None), "expected an object with label and topX"),
        (BOXES, box(label=" "), "expected an object with label and topX"),
        (OUTLINES, {"label": "x", "polygon": [[0.1, 0.2]]}, "has no polygon"),
        (OUTLINES, {"label": "x", "polygon": [[0.1, 0.1, 0.5, None, 0.3, 0.9]]}, "has an edge that is no number"),
        (OUTLINES, {"label": "x", "polygon": [[0.1] * 7]}, "A polygon has 7 numbers; expected x and y of each corner"),
    ],
)
def test_objects_that_are_nowhere_are_refused_with_their_row(task: str, thing: Any, said: str, tmp_path: Path) -> None:
    fine = box() if task == BOXES else {"label": "x", "polygon": [[0.2, 0.2, 0.8, 0.2, 0.8, 0.8]]}
    frame = pictures(tmp_path).assign(label=[[fine]] * 5 + [[thing]] + [[fine]] * 6)
    order = Order(task, {}, {"training": frame}, find=lambda one: tmp_path / one)

    with pytest.raises(ValueError, match=f"Row 5 of the training data: .*{said}"):
        families.family(task).prepare(order, tmp_path)


def test_boxes_outside_of_their_pictures_are_clipped_or_left_out_and_counted(tmp_path: Path) -> None:
    wide, away = box(topX=-0.5, bottomX=1.5), box(topX=1.2, bottomX=1.8)
    frame = pictures(tmp_path).assign(label=[[wide], [box(), away], *[[box()]] * 10])
    order = Order(BOXES, {}, {"training": frame}, find=lambda one: tmp_path / one)

    facts = families.family(BOXES).prepare(order, tmp_path)

    said = {one["name"]: one["found"] for one in facts["guardrails"]}
    assert said["Objects outside of their pictures"] == "1 of 13 objects were clipped, and 1 left out."
