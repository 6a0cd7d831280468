"""Objects in drawn scenes: boxes and outlines are found where they are, and faults of their labels are told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from jupyter_aml.automl.family import Order
from jupyter_aml.automl.images import finding, judging, outlines, rows, scenes, windows
from jupyter_aml.automl.images.family import FAMILY
from jupyter_aml.automl.images.rows import Thing
from tests.unit.automl.images import pictures
from tests.unit.automl.text import rooms

pytestmark = pytest.mark.filterwarnings("ignore")  # of MLflow, which warns of its own type hints

BOXES, OUTLINES = "image_object_detection", "image_instance_segmentation"


def found_of(answers: pd.DataFrame, labels: list[str]) -> list[windows.Found]:
    """What a model has answered, as it is compared with what is true."""
    told = []
    for row in answers["boxes"]:
        boxes = np.array([[one["box"][edge] for edge in rows.EDGES] for one in row]).reshape(-1, 4)
        kinds = np.array([labels.index(one["label"]) for one in row], dtype=np.intp)
        drawn = [one["polygon"][0] for one in row if "polygon" in one]
        told.append(windows.Found(boxes, kinds, np.array([one["score"] for one in row]), drawn))
    return told


def scenes_of(table: pd.DataFrame, *, outlined: bool) -> list[scenes.Scene]:
    pixels = np.zeros((8, 8, 3), dtype=np.uint8)
    return [scenes.Scene("", pixels, rows.things(one, outlined=outlined)[0]) for one in table["label"]]


def test_shapes_are_found_in_their_boxes(tmp_path: Path) -> None:
    table = pictures.scenes(tmp_path, 36, most=2)
    order = Order(BOXES, {}, {"training": table.head(20), "validation": table.iloc[20:28]})

    found = rooms.search(FAMILY, order, tmp_path, trials=1)

    labels = sorted(pictures.SHAPES)
    answers = rooms.asked(found.model, pictures.contents(table.tail(8)))
    told = found_of(answers, labels)
    elsewhere = judging.measured(
        judging.curves(scenes_of(table.tail(8), outlined=False), told, labels, 0.5, outlined=False)
    )
    assert elsewhere["mean_average_precision"] > 0.7
    assert found.best.score == found.best.metrics["mean_average_precision"] > 0.7
    drawn = json.loads((found.place / "best" / "charts.json").read_text())["precision_recall"]["data"]
    assert [one["label"] for one in drawn["labels"]] == labels
    assert drawn["mean_average_precision"] == pytest.approx(
        np.mean([one["average_precision"] for one in drawn["labels"]])
    )
    told_of = pd.read_csv(found.place / "best" / "predictions.csv")
    assert len(told_of) == 8
    assert {one["label"] for one in json.loads(told_of["truth"].iloc[0])} <= set(labels)


def test_shapes_are_outlined(tmp_path: Path) -> None:
    table = pictures.scenes(tmp_path, 40, most=1, outlined=True)
    details = {"modelSettings": {"boxScoreThreshold": 0.2, "modelName": "maskrcnn_resnet50_fpn"}}
    order = Order(OUTLINES, details, {"training": table.head(24), "validation": table.iloc[24:32]})

    found = rooms.search(FAMILY, order, tmp_path, trials=1, only="LogisticRegression")

    labels = sorted(pictures.SHAPES)
    told = found_of(rooms.asked(found.model, pictures.contents(table.tail(8))), labels)
    true = scenes_of(table.tail(8), outlined=True)
    elsewhere = judging.measured(judging.curves(true, told, labels, 0.5, outlined=True))
    assert elsewhere["mean_average_precision"] > 0.6
    boxes = [windows.Found(one.boxes, one.kinds, one.scores, [
        [box[0], box[1], box[2], box[1], box[2], box[3], box[0], box[3]] for box in one.boxes.tolist()
    ]) for one in told]  # fmt: skip
    drawn, squares = (
        np.mean(
            [judging.overlaps(scene.things, one, outlined=True).max() for scene, one in zip(true, given, strict=True)]
        )
        for given in (told, boxes)
    )
    assert drawn > max(squares, 0.8)
    assert all(one.scores.min() >= 0.2 for one in told)


def test_what_is_true_is_counted_once_and_crowds_not_at_all() -> None:
    box, aside, crowd = (0.1, 0.1, 0.5, 0.5), (0.6, 0.6, 0.9, 0.9), (0.0, 0.6, 0.4, 1.0)
    scene = scenes.Scene("", np.zeros((8, 8, 3), np.uint8), [
        Thing("a", box), Thing("a", aside), Thing("a", crowd, crowd=True)
    ])  # fmt: skip
    told = windows.Found(
        np.array([box, box, crowd, (0.55, 0.0, 0.9, 0.4)]), np.zeros(4, dtype=np.intp), np.array([0.9, 0.8, 0.7, 0.6])
    )

    curve = judging.curves([scene], [told], ["a", "b"], 0.5, outlined=False)["a"]

    assert curve.right.tolist() == [True, False, False]
    unknown = judging.curves([scene], [told], ["b"], 0.5, outlined=False)
    assert judging.measured(unknown)["mean_average_precision"] == 0.0
    assert curve.count == 2
    assert curve.average == pytest.approx(0.5)
    assert curve.at(0.85) == (1.0, 0.5)


def test_features_of_a_window_are_means_of_its_cells() -> None:
    picture = np.zeros((40, 80, 3), dtype=np.uint8)
    picture[:, 40:] = 255
    sums = windows.summed(windows.channels(Image.fromarray(picture), 80))

    whole, right = windows.pooled(sums, np.array([[0.25, 0.25, 0.75, 0.75], [0.6, 0.25, 0.9, 0.75]]), 6)

    brightness = whole[: 36 * windows.CHANNELS].reshape(6, 6, -1)[..., 0]
    np.testing.assert_allclose(brightness[:, :2], 0, atol=0.02)
    np.testing.assert_allclose(brightness[:, 4:], 1, atol=0.02)
    np.testing.assert_allclose(right[: 36 * windows.CHANNELS].reshape(6, 6, -1)[..., 0], 1, atol=0.02)


def test_overlapping_boxes_of_one_object_become_one() -> None:
    boxes = np.array([[0, 0, 0.5, 0.5], [0.02, 0, 0.5, 0.5], [0.6, 0.6, 0.9, 0.9]])

    assert windows.alone(boxes, np.array([0.5, 0.9, 0.1]), 0.5).tolist() == [1, 2]
    assert windows.overlap(boxes[:1], boxes)[0] == pytest.approx([1.0, 0.96, 0.0])


def test_an_outline_goes_around_the_largest_part_and_its_holes() -> None:
    scores = np.zeros((outlines.PIXELS, outlines.PIXELS))
    scores[5:25, 5:25] = 1.0
    scores[10:14, 10:14] = 0.0
    scores[30:33, 30:33] = 1.0

    mask = outlines.whole(scores)
    corners = outlines.outline(mask)

    assert mask[11, 11]
    assert not mask[31, 31]
    assert 4 <= len(corners) <= 12
    assert (min(x for x, _ in corners), max(y for _, y in corners)) == (5, 25)
    assert outlines.outline(np.zeros_like(mask)) == []


@pytest.mark.parametrize(
    ("written", "boxes", "faults"),
    [
        (
            [{"label": "a", "topX": -0.2, "topY": 0.1, "bottomX": 0.5, "bottomY": 1.3}],
            [(0, 0.1, 0.5, 1)],
            ["clipped: a a"],
        ),
        ([{"label": "a", "topX": 0.5, "topY": 0.5, "bottomX": 0.4, "bottomY": 0.9}], [], ["left out: a a"]),
        ("[{'label': 'a', 'topX': 0.1, 'topY': 0.1, 'bottomX': 0.2, 'bottomY': 0.2}]", [(0.1, 0.1, 0.2, 0.2)], []),
        ([], [], []),
    ],
)
def test_boxes_are_clipped_to_their_picture(written: Any, boxes: Any, faults: list[str]) -> None:
    found, told = rows.things(written, outlined=False)

    assert [one.box for one in found] == boxes
    assert [one.split(" that")[0].split(" of")[0] for one in told] == faults


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("cat", "'cat'; expected a list of objects"),
        ([{"topX": 0.1}], "expected an object with label and topX, topY, bottomX and bottomY"),
        ([{"label": "a", "topX": 0.1}], "has no topX, topY, bottomX and bottomY"),
        (
            [{"label": "a", "topX": 10, "topY": 10, "bottomX": 80, "bottomY": 90}],
            "divide pixels by its width and height",
        ),
    ],
)
def test_labels_that_are_no_boxes_are_refused(written: Any, said: str, tmp_path: Path) -> None:
    table = pictures.scenes(tmp_path, 3, most=1)
    table["label"] = [table["label"][0], written, table["label"][2]]

    with pytest.raises(ValueError, match="Row 1 of the training data: ") as caught:
        FAMILY.prepare(Order(BOXES, {}, {"training": table}), tmp_path)

    assert said in str(caught.value)


def test_objects_outside_and_pictures_that_do_not_open_are_told(tmp_path: Path) -> None:
    table = pictures.scenes(tmp_path, 6, most=1)
    wide = [{"label": "disc", "topX": 0.5, "topY": 0.5, "bottomX": 1.4, "bottomY": 0.9}]
    table["label"] = [wide, *table["label"][1:]]
    Path(table["image_url"][1]).write_bytes(b"nothing")

    facts = FAMILY.prepare(Order(BOXES, {}, {"training": table}), tmp_path)

    assert facts["rows"] == 5
    assert rooms.guardrails(facts)["Objects outside of their pictures"] == "Done"
    assert rooms.guardrails(facts)["Pictures that do not open"] == "Done"
    nothing = table.assign(label=[[] for _ in range(6)])
    with pytest.raises(ValueError, match="pictures with 0 objects to learn from"):
        FAMILY.prepare(Order(BOXES, {}, {"training": nothing}), tmp_path)


def test_what_replaces_a_detection_model_is_said() -> None:
    details = {"modelSettings": {"modelName": "yolov5", "nmsIouThreshold": 0.4, "imageSize": 640}}

    said = FAMILY.check(BOXES, details)

    assert len(said) == 2
    assert said[0].startswith("model_name yolov5: a detection model is replaced by models of windows")
    assert said[1].startswith("imageSize are settings of neural networks")
    proposal = FAMILY.planner(BOXES, details, {}, 0).ask()
    assert proposal is not None
    assert finding.settings(Order(BOXES, details), proposal.parameters).limits.overlap == 0.4
    with pytest.raises(ValueError, match="boxScoreThreshold is 2; expected a number from 0 to 1"):
        FAMILY.check(BOXES, {"modelSettings": {"boxScoreThreshold": 2}})
