"""Image tasks: one class each, any number of labels each, objects in boxes, and objects with their outlines."""

from __future__ import annotations

import hashlib
import pickle
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_aml.automl.family import Attempt, Best, Done, Family, Json, Order, Planner, Proposal, Told, primary
from jupyter_aml.automl.images import models, weights
from jupyter_aml.automl.text import sweeps, tasks

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray
    from PIL import Image

    from jupyter_aml.automl.images import served
    from jupyter_aml.automl.text.labelled import Labelled, Winner

CLASSES, SETS = "image_classification", "image_classification_multilabel"
BOXES, OUTLINES = "image_object_detection", "image_instance_segmentation"
FOUND = frozenset({BOXES, OUTLINES})
"""Tasks that look for objects."""
_OF_CLASSES = (
    "accuracy", "AUC_weighted", "norm_macro_recall", "average_precision_score_weighted", "precision_score_weighted",
)  # fmt: skip
METRICS = {
    CLASSES: _OF_CLASSES,
    SETS: ("iou", *_OF_CLASSES),
    BOXES: ("mean_average_precision",),
    OUTLINES: ("mean_average_precision",),
}
"""What may be optimised; the first is what Azure takes when none is named."""
_WHERE = {
    "boxScoreThreshold": "box_score_threshold", "nmsIouThreshold": "nms_iou_threshold",
    "boxDetectionsPerImage": "box_detections_per_image", "validationIouThreshold": "validation_iou_threshold",
    "randomSeed": "random_seed",
}  # fmt: skip
_WHAT = {"weightedLoss": "weighted_loss", "randomSeed": "random_seed"}
HONOURED = {CLASSES: _WHAT, SETS: _WHAT, BOXES: _WHERE, OUTLINES: _WHERE}
"""Azure's names of settings that have an effect here, and ours."""
STANDS = {
    CLASSES: "an image model is replaced by models of shapes, colours and textures",
    SETS: "an image model is replaced by models of shapes, colours and textures",
    BOXES: "a detection model is replaced by models of windows that slide over the picture",
    OUTLINES: "a segmentation model is replaced by models of sliding windows and of the pixels in them",
}
DATA, PICTURES, EMBEDDED = "data.pkl", "pictures.npy", "embedded.npy"
TARGET, BACKBONE = "label", "Backbone"
MOST_UNASKED = 3000
"""Pictures of which a network is asked that no setting names: it takes some 20 ms for each."""
HEAVIEST = 2
"""The largest value of Azure's `weighted_loss`."""


def _kinds(task: str, *, networks: bool) -> list[sweeps.Kind]:
    if task in FOUND:
        from jupyter_aml.automl.images import finding

        return finding.kinds()
    return models.kinds(networks=networks)


def _network(wished: sweeps.Wishes) -> Path | None:
    """The file of a network that the user points to."""
    return next((one for name in wished.named("modelName") if (one := models.network(str(name))) is not None), None)


def _on_networks(wished: sweeps.Wishes) -> sweeps.Wishes:
    """The same, with the algorithm's name where a file is named."""

    def named(value: Any) -> Any:
        return BACKBONE if str(value).lower().endswith(".onnx") else value

    fixed = {name: named(value) if name == "modelName" else value for name, value in wished.fixed.items()}
    spaces = [
        {
            name: replace(one, values=tuple(map(named, one.values))) if name == "modelName" else one
            for name, one in space.items()
        }
        for space in wished.spaces
    ]
    return replace(wished, fixed=fixed, spaces=spaces)


class Images(Family):
    """Pictures, learned without downloaded weights, or from what a network says of them."""

    tasks = frozenset(METRICS)

    def check(self, task: str, details: Mapping[str, Any]) -> list[str]:
        self.metric(task, details)
        tasks.held_out(details)
        wished = sweeps.wishes(details)
        files = [str(one) for one in wished.named("modelName") if str(one).lower().endswith(".onnx")]
        if task not in FOUND:
            _network(wished)
            files, passed = files[1:], files[:1]
            told = [f"model_name {one}: one network is used at a time, {passed[0]}; not honoured." for one in files]
            weighted = sweeps.integer(wished.fixed, "weightedLoss", 0, 0)
            if weighted > HEAVIEST:
                raise ValueError(f"weighted_loss is {weighted}; expected 0, 1 or 2.")
            if weighted == 1:
                told.append("weighted_loss 1 weighs classes by the roots of their shares in Azure; here as 2 does.")
            passed += files
        else:
            told, passed = [], []
            for name in ("boxScoreThreshold", "nmsIouThreshold", "validationIouThreshold"):
                sweeps.part(wished.fixed, name, 0.5)
            sweeps.integer(wished.fixed, "boxDetectionsPerImage", 100)
        stands, brought = STANDS[task], task not in FOUND and not passed and weights.there()
        if brought:
            stands += f", or of what {weights.NAME} of an installed package says of them"
        kinds = _kinds(task, networks=bool(passed) or brought)
        return told + tasks.unheard(wished, kinds, HONOURED[task], stands, passed)

    def metric(self, task: str, details: Mapping[str, Any]) -> tuple[str, bool]:
        known = METRICS[task]
        return primary(str(details.get("primaryMetric") or known[0]), known, task), True

    def prepare(self, order: Order, place: Path) -> Json:

        if order.task in FOUND:
            from jupyter_aml.automl.images import scenes

            found, facts = scenes.prepared(order, outlined=order.task == OUTLINES)
        else:
            found, facts = _prepared(order, place)
        (place / DATA).write_bytes(pickle.dumps(found))
        return facts

    def planner(self, task: str, details: Mapping[str, Any], facts: Json, seed: int) -> Planner:
        wished = _on_networks(sweeps.wishes(details))
        return sweeps.Plan(_kinds(task, networks="network" in facts), wished, HONOURED[task], seed)

    def attempt(
        self, order: Order, place: Path, proposal: Proposal, out: Path, *, threads: int, until: float, told: Told
    ) -> Attempt:
        metric, early = self.metric(order.task, order.details)[0], tasks.stops_early(order.details)
        if order.task in FOUND:
            from jupyter_aml.automl.images import finding

            return finding.attempt(
                order, _loaded(place), proposal, out, early=early, threads=threads, until=until, told=told
            )
        from jupyter_aml.automl.text import labelled
        from jupyter_aml.automl.text.models import probabilities

        room = _Room(order, place, threads)
        return labelled.attempt(
            room.case, metric, proposal, out,
            learn=lambda rows, until: room.learn(proposal, rows, until),
            ask=lambda model, rows: probabilities(model, room.given(proposal)[rows]),
            early=early, until=until, told=told,
        )  # fmt: skip

    def finish(self, order: Order, place: Path, done: Sequence[Done], out: Path, until: float) -> Best:
        if order.task in FOUND:
            from jupyter_aml.automl.images import finding

            return finding.finish(order, _loaded(place), done, out, until)
        from jupyter_aml.automl.text import labelled

        room = _Room(order, place, 1)
        winner = labelled.finish(room.case, self.metric(order.task, order.details)[0], done, until, room.learn)
        room.leave(winner, out)
        return winner.best


FAMILY = Images()


def _loaded(place: Path) -> Json:
    found: Json = pickle.loads((place / DATA).read_bytes())  # noqa: S301 - left by `prepare`
    return found


def _carried(order: Order, place: Path) -> Path | None:
    """The network that is asked of pictures, brought to a folder; None without one."""
    network = _network(sweeps.wishes(order.details))
    if network is not None:
        return Path(shutil.copy(network, place))
    rows = sum(one.shape[0] for one in order.tables.values())
    return weights.written(place) if weights.there() and rows <= MOST_UNASKED else None


def _prepared(order: Order, place: Path) -> tuple[Json, Json]:
    """What trials need, with the pictures in files beside it, and the facts."""
    import numpy as np
    import pandas as pd

    from jupyter_aml.automl import guardrails
    from jupyter_aml.automl.images import rows, served
    from jupyter_aml.automl.text import labelled

    network = _carried(order, place)
    backbone = None if network is None else served.Backbone(network.stem, str(network))

    def look(picture: Image.Image) -> tuple[Any, Any]:
        return served.small(picture), None if backbone is None else backbone.embedded([picture])[0]

    target, given = tasks.target(order.details, TARGET), order.tables.get("validation")
    whole = [order.tables["training"], *([] if given is None else [given])]
    tables: list[pd.Series[Any]] = []
    pictures: list[tuple[Any, Any]] = []
    addresses: list[str] = []
    faults: list[str] = []
    for table, role in zip(whole, ("training", "validation"), strict=False):
        known = labelled.with_target(table, target, role)
        places = rows.addresses(known, role)
        found, kept, wrong = rows.opened(places, order.find, look)
        addresses += [places[at] for at in kept]
        pictures += found
        tables.append(known[target].iloc[kept])
        faults += wrong
    case = labelled.labelled(
        tables[0], tables[1] if len(tables) > 1 else None, several=order.task == SETS,
        part=tasks.held_out(order.details), seed=order.seed,
    )  # fmt: skip
    targets = pd.concat([one[target] for one in whole], ignore_index=True).map(str, na_action="ignore")
    said = [
        guardrails.missing_target(targets),
        rows.unopened(faults, len(pictures) + len(faults)),
        labelled.balance(case),
    ]
    np.save(place / PICTURES, np.stack([one for one, _ in pictures]))
    facts: Json = {"rows": len(pictures), "guardrails": [one.plain() for one in said]}
    data: Json = {"case": case, "addresses": addresses}
    if network is not None:
        np.save(place / EMBEDDED, np.stack([one for _, one in pictures]))
        data["network"] = network.name
        facts["network"] = {"name": network.name, "sha256": hashlib.sha256(network.read_bytes()).hexdigest()}
    return data, facts


class _Room:
    """What trials of classes need: the pictures, what is true of them, and a network where there is one."""

    def __init__(self, order: Order, place: Path, threads: int) -> None:
        import numpy as np

        self._data = _loaded(place)
        self._threads = threads
        self._wished = sweeps.wishes(order.details)
        self._place = place
        self._seed = sweeps.integer(self._wished.fixed, "randomSeed", order.seed, 0)
        self.case: Labelled = self._data["case"]
        self._pictures = np.load(place / PICTURES)
        self._embedded = np.load(place / EMBEDDED) if "network" in self._data else None

    def given(self, proposal: Proposal) -> Any:
        """What a model of this kind is given of each picture."""
        return self._pictures if self._backbone(proposal) is None else self._embedded

    def _backbone(self, proposal: Proposal) -> served.Backbone | None:
        from jupyter_aml.automl.images import served

        if proposal.algorithm != BACKBONE:
            return None
        file = self._place / self._data["network"]
        return served.Backbone(file.stem, str(file))

    def learn(self, proposal: Proposal, rows: Any, until: float) -> served.Pipeline:
        parameters = dict(proposal.parameters)
        if parameters.get("weighted_loss", self._wished.fixed.get("weightedLoss", 0)):
            parameters["class_weight"] = "balanced"
        return models.learn(
            proposal.algorithm, parameters, self.given(proposal)[rows], self.case.truth[rows], len(self.case.names),
            threads=self._threads, seed=int(parameters.get("random_seed", self._seed)), until=until,
            backbone=self._backbone(proposal),
        )  # fmt: skip

    def leave(self, winner: Winner, out: Path) -> None:
        """Write the model, its pictures and its predictions."""
        import pandas as pd
        from mlflow.types.schema import Array, ColSpec, DataType, Schema

        from jupyter_aml.automl import charts
        from jupyter_aml.automl.images import served
        from jupyter_aml.automl.text import results
        from jupyter_aml.automl.text import served as shared

        addresses = [self._data["addresses"][at] for at in self.case.unseen]
        networks = {one.looks.name: one.looks.path for one in winner.models if isinstance(one.looks, served.Backbone)}
        boosts = "LightGBM" in f"{winner.best.title} {winner.best.algorithm}"
        results.save_model(
            served.ImageModel(winner.models, winner.weights, [str(one) for one in self.case.names]), out / "model",
            inputs=[("image", "any")],
            outputs=Schema([ColSpec(Array(DataType.double), "probs"), ColSpec(Array(DataType.string), "labels")]),
            example=example(self._pictures[self.case.unseen[0]]), carried=[served, shared], files=networks,
            packages=[
                "numpy", "pandas", "PIL", "sklearn", *(["lightgbm"] if boosts else []),
                *(["onnxruntime"] if networks else []),
            ],
        )  # fmt: skip
        rows = results.predictions(self.case, winner.predicted, pd.DataFrame({"image": addresses}))
        charts.save(out, results.charts(self.case, winner.predicted), rows)


def example(pixels: NDArray[np.uint8]) -> pd.DataFrame:
    """One picture as a model is asked of it: base64 of its file's bytes."""
    import base64
    import io

    import pandas as pd
    from PIL import Image

    kept = io.BytesIO()
    Image.fromarray(pixels).save(kept, "PNG")
    return pd.DataFrame({"image": [base64.b64encode(kept.getvalue()).decode()]})
