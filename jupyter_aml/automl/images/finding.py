"""Objects in pictures: how finders of boxes and outlines are learned, judged, and left behind.

Metrics are those of Azure: mean average precision at an overlap of one half (`validation_iou_threshold`), over all
points of precision and recall, of boxes, or of outlines where these are asked for.
"""

from __future__ import annotations

import importlib.util
import json
import pickle
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jupyter_aml.automl import metrics
from jupyter_aml.automl.family import PRUNED, Attempt, Best, Done, Json, Order, Proposal, Told
from jupyter_aml.automl.images import judging, outlines, rows, windows
from jupyter_aml.automl.images.judging import Curve
from jupyter_aml.automl.images.scenes import LEAST, Scene
from jupyter_aml.automl.text import sweeps

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from jupyter_aml.automl.algorithms import Asked
    from jupyter_aml.automl.images.outlines import Outliner
    from jupyter_aml.automl.images.windows import Finder, Found

    Floats = NDArray[np.float64]

GOOD, NEAR, POOR = 0.6, 0.35, 0.5
"""Overlaps with an object: a window shows it, can be moved to it, shows the ground."""
HARD, MOST_HARD = 15, 300
"""Windows of a picture that were taken for objects and are learned as ground, and the pictures that are looked at."""
SPREADS = ((0.05, 8), (0.15, 8), (0.3, 6))
"""How far, and how often, the edges of a true box are moved to make others to learn from."""
GROUND = 30
CLOSEST = 4
MOST_WINDOWS, MOST_MOVED = 40_000, 12_000
"""Windows that are learned at first, and of which is learned how edges are moved."""
PIXELS = 200
"""Of an object, from which its outline is learned."""
MODEL, TOLD = "model.pkl", "found.pkl"


def _windows(asked: Asked) -> Json:
    return {
        "side": asked.suggest_categorical("side", [96, 128, 160]),
        "grid": asked.suggest_categorical("grid", [8, 10, 12]),
        "sizes": asked.suggest_int("sizes", 3, 10),
        "rounds": asked.suggest_int("rounds", 1, 3),
    }


def _trees(asked: Asked) -> Json:
    return {"trees": asked.suggest_categorical("trees", [50, 100, 200])} | _windows(asked)


def _boosted(asked: Asked) -> Json:
    return {
        "learning_rate": asked.suggest_float("learning_rate", 0.03, 0.3, log=True),
        "num_leaves": asked.suggest_int("num_leaves", 4, 31, log=True),
    } | _windows(asked)


def _linear(asked: Asked) -> Json:
    return {"C": asked.suggest_float("C", 1e-4, 1.0, log=True)} | _windows(asked)


_FIRST = {"side": 128, "grid": 8, "sizes": 6, "rounds": 2}
_KINDS = (
    sweeps.Kind("ExtremeRandomTrees", {"trees": 100, **_FIRST}, _trees, "Windows"),
    sweeps.Kind("LightGBM", {"learning_rate": 0.1, "num_leaves": 15, **_FIRST}, _boosted, "Windows"),
    sweeps.Kind("LogisticRegression", {"C": 0.01, **_FIRST}, _linear, "Windows"),
)


def kinds() -> list[sweeps.Kind]:
    """The algorithms that can be tried here."""
    return [one for one in _KINDS if one.name != "LightGBM" or importlib.util.find_spec("lightgbm") is not None]


@dataclass(frozen=True)
class Settings:
    """What holds for all trials, or was swept.

    Attributes:
        limits: Of what is told.
        least: The overlap from which on an object is found.
        seed: Of all that is random.
        outlined: Whether outlines are drawn.
    """

    limits: windows.Limits
    least: float
    seed: int
    outlined: bool


def settings(order: Order, parameters: Mapping[str, Any]) -> Settings:
    """What a trial is to keep to."""
    fixed = dict(sweeps.wishes(order.details).fixed)
    names = {"boxScoreThreshold": "box_score_threshold", "nmsIouThreshold": "nms_iou_threshold",
             "boxDetectionsPerImage": "box_detections_per_image", "validationIouThreshold": "validation_iou_threshold",
             "randomSeed": "random_seed"}  # fmt: skip
    fixed |= {name: parameters[own] for name, own in names.items() if own in parameters}
    plain = windows.Limits()
    limits = windows.Limits(
        sweeps.part(fixed, "boxScoreThreshold", plain.score), sweeps.part(fixed, "nmsIouThreshold", plain.overlap),
        sweeps.integer(fixed, "boxDetectionsPerImage", plain.count),
    )  # fmt: skip
    least = sweeps.part(fixed, "validationIouThreshold", judging.OVERLAP)
    outlined = order.task == "image_instance_segmentation"
    return Settings(limits, least, sweeps.integer(fixed, "randomSeed", order.seed, 0), outlined)


@dataclass
class _Samples:
    """Windows to learn from: features, class (0 for the ground, -1 for neither), and the way to the object."""

    features: list[Any]
    kinds: list[Any]
    aims: list[Any]
    near: list[Any]

    @property
    def count(self) -> int:
        return sum(len(one) for one in self.kinds)

    def add(self, boxes: Floats, features: Any, truth: tuple[Floats, Any, Floats]) -> None:
        """Windows of one picture.

        Args:
            boxes: Shape (windows, 4).
            features: Theirs, shape (windows, features).
            truth: Boxes of its objects, their classes from 1 on, and boxes of crowds.
        """
        objects, kinds, crowds = truth
        shared = windows.overlap(boxes, objects) if len(objects) else np.zeros((len(boxes), 1))
        best = shared.argmax(axis=1)
        most = shared[np.arange(len(boxes)), best]
        own = np.where(most >= GOOD, kinds[best] if len(objects) else 0, np.where(most < POOR, 0, -1))
        if len(crowds):
            own[(own == 0) & (windows.overlap(boxes, crowds).max(axis=1) > NEAR)] = -1
        self.features.append(features)
        self.kinds.append(own)
        self.aims.append(windows.shifts(boxes, objects[best]) if len(objects) else np.zeros((len(boxes), 4)))
        self.near.append(most >= NEAR)


def learn(
    proposal: Proposal, scenes: Sequence[Scene], labels: Sequence[str], kept: Settings, *, threads: int, until: float
) -> tuple[Finder, Outliner | None]:
    """A fitted finder, and what draws outlines where these are asked for.

    Args:
        proposal: Of one of `kinds`.
        scenes: To learn from.
        labels: The classes in their order.
        kept: What to keep to.
        threads: That it may use.
        until: When to look for no more mistakes to learn from, by `time.monotonic`.
    """
    parameters, begun = proposal.parameters, time.monotonic()
    grid, side = int(parameters["grid"]), int(parameters["side"])
    sizes = _sizes(scenes, int(parameters["sizes"]), kept.seed)
    random = np.random.default_rng(kept.seed)
    order = sorted(random.permutation(len(scenes)).tolist(), key=lambda at: not scenes[at].things)
    samples = _Samples([], [], [], [])
    looked: list[tuple[int, Any]] = []
    for at in order:
        if looked and (samples.count > MOST_WINDOWS or time.monotonic() > begun + (until - begun) / 3):
            break
        objects = _truth(scenes[at], labels)
        boxes = _to_learn(objects[0], sizes, random)
        samples.add(boxes, windows.pooled(scenes[at].sums(side), boxes, grid), objects)
        looked.append((at, objects))
    quick, moving = _first_looks(samples, kept.seed, threads)
    naming = _naming(proposal, samples, threads, kept.seed, until)
    finder = windows.Finder(side, grid, sizes, quick, naming, moving, len(labels), kept.limits)
    proposed = []
    for at, objects in looked[:MOST_HARD]:
        if time.monotonic() > until:
            break
        proposed.append((*finder.proposed(scenes[at].sums(side)), objects))
    for _ in range(int(parameters["rounds"]) if proposed else 0):
        if time.monotonic() > until:
            break
        for boxes, seen, objects in proposed:
            samples.add(*_hard(boxes, seen, finder.named(seen)), objects)
        finder.naming = _naming(proposal, samples, threads, kept.seed, until)
    return finder, _outliner(scenes, labels, kept.seed, threads) if kept.outlined else None


def _first_looks(samples: _Samples, seed: int, threads: int) -> tuple[Any, Any]:
    """What tells objects from the ground at a quick look, and what moves the edges of windows."""
    from sklearn.ensemble import ExtraTreesRegressor
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    features, kinds, aims, near = (np.concatenate(one) for one in vars(samples).values())
    quick = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=60, class_weight="balanced"))
    _quietly(quick, features[kinds >= 0], kinds[kinds >= 0] > 0)
    moving = ExtraTreesRegressor(60, min_samples_leaf=3, max_features=0.2, n_jobs=threads, random_state=seed)
    some = np.random.default_rng(seed).permutation(np.flatnonzero(near))[:MOST_MOVED]
    return quick, moving.fit(features[some], np.clip(aims[some], -1, 1))


def _quietly(model: Any, features: Any, target: Any) -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what libraries say of convergence is shown by the score
        model.fit(features, target)


def _naming(proposal: Proposal, samples: _Samples, threads: int, seed: int, until: float) -> Any:
    """What names objects in windows, learned from samples."""
    features, kinds = np.concatenate(samples.features), np.concatenate(samples.kinds)
    model = _namer(proposal, threads, seed, until)
    _quietly(model, features[kinds >= 0], kinds[kinds >= 0])
    return model


def _namer(proposal: Proposal, threads: int, seed: int, until: float) -> Any:
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from jupyter_aml.automl.text import models

    parameters = proposal.parameters
    if proposal.algorithm == "LightGBM":
        few = {"rounds": 100, "columns": 0.15, "bins": 63}  # there are hundreds of features, much alike
        return models.boosting({**parameters, **few}, threads, seed, until)
    if proposal.algorithm == "LogisticRegression":
        return make_pipeline(StandardScaler(), LogisticRegression(C=float(parameters["C"]), max_iter=100))
    return ExtraTreesClassifier(int(parameters["trees"]), min_samples_leaf=2, n_jobs=threads, random_state=seed)


def _sizes(scenes: Iterable[Scene], count: int, seed: int) -> Floats:
    """Widths and heights that objects often have, shape (sizes, 2)."""
    from sklearn.cluster import KMeans

    boxes = np.array([thing.box for one in scenes for thing in one.things if not thing.crowd])
    own = np.log(boxes[:, 2:] - boxes[:, :2])
    different = len(np.unique(own.round(2), axis=0))
    found = KMeans(min(count, different), random_state=seed, n_init=3).fit(own).cluster_centers_
    return np.asarray(np.clip(np.exp(found), 0.02, 0.98))


def _truth(scene: Scene, labels: Sequence[str]) -> tuple[Floats, Any, Floats]:
    own = [one for one in scene.things if not one.crowd and one.label in labels]
    boxes = np.array([one.box for one in own]).reshape(-1, 4)
    crowds = np.array([one.box for one in scene.things if one.crowd]).reshape(-1, 4)
    return boxes, np.array([labels.index(one.label) + 1 for one in own], dtype=int), crowds


def _to_learn(objects: Floats, sizes: Floats, random: np.random.Generator) -> Floats:
    """True boxes, boxes near them, and windows anywhere."""
    every = windows.windows(sizes)
    found = [every[random.choice(len(every), min(GROUND, len(every)), replace=False)]]
    if len(objects):
        found.append(objects)
        for spread, count in SPREADS:
            near = np.repeat(objects, count, axis=0)
            found.append(windows.moved(near, random.normal(0, spread, near.shape)))
        closest = np.argsort(-windows.overlap(objects, every), axis=1)[:, :CLOSEST]
        found.append(every[closest.ravel()])
    return np.concatenate(found)


def _hard(boxes: Floats, features: Any, scores: Floats) -> tuple[Floats, Any]:
    """What the finder takes for objects, with its features: most of it is ground that looks like one."""
    best = scores.max(axis=1)
    likely = np.argsort(-best)[: 4 * HARD]
    likely = likely[windows.alone(boxes[likely], best[likely], 0.9)[:HARD]]
    return boxes[likely], features[likely]


def _outliner(scenes: Sequence[Scene], labels: Sequence[str], seed: int, threads: int) -> Outliner:
    """Learn which pixels around objects are theirs."""
    from sklearn.ensemble import ExtraTreesClassifier

    random = np.random.default_rng(seed)
    features: list[Any] = []
    inside: list[Any] = []
    for scene in scenes:
        picture = scene.picture
        for one in scene.things:
            if one.crowd or one.label not in labels:
                continue
            box = windows.moved(np.array([one.box]), random.normal(0, 0.04, (1, 4)))[0].tolist()
            noted = outlines.noted(outlines.crop(picture, box), labels.index(one.label), len(labels))
            mask = judging.raster(judging.parts(one), outlines.around(box), outlines.PIXELS).ravel()
            kept = random.permutation(len(mask))[:PIXELS]
            features.append(noted[kept])
            inside.append(mask[kept])
    target = np.concatenate(inside)
    if target.all() or not target.any():
        raise ValueError("The polygons have no extent that could be learned; expected x and y in turn, from 0 to 1.")
    trees = ExtraTreesClassifier(60, min_samples_leaf=3, max_features=0.4, n_jobs=threads, random_state=seed)
    return outlines.Outliner(trees.fit(np.concatenate(features), target), len(labels))


# the protocol's parts


def attempt(
    order: Order, data: Json, proposal: Proposal, out: Path, *, early: bool, threads: int, until: float, told: Told
) -> Attempt:
    """Learn a finder and see what it finds in the pictures to be judged by."""
    began, first, kept = time.monotonic(), None, settings(order, proposal.parameters)
    labels, seen = data["labels"], data["seen"]
    if early:
        part = [one for one in seen if one.things][: max(len(seen) // 3, LEAST)]
        learned = learn(proposal, part, labels, kept, threads=threads, until=until)
        scores = judging.measured(_judged(learned, data, kept)[1])
        first = metrics.loss(judging.METRIC, scores[judging.METRIC])
        told(judging.METRIC, scores[judging.METRIC], 0)
        if (proposal.bar is not None and first > proposal.bar) or time.monotonic() > until:
            return Attempt(PRUNED, loss=first, early=first, seconds=time.monotonic() - began)
    model = learn(proposal, seen, labels, kept, threads=threads, until=until)
    found, drawn = _judged(model, data, kept)
    scores = judging.measured(drawn)
    (out / MODEL).write_bytes(pickle.dumps(model))
    (out / TOLD).write_bytes(pickle.dumps((found, drawn)))
    told(judging.METRIC, scores[judging.METRIC], int(early))
    loss = metrics.loss(judging.METRIC, scores[judging.METRIC])
    return Attempt(
        score=scores[judging.METRIC], loss=loss, early=first if early else loss, metrics=scores,
        seconds=time.monotonic() - began,
    )  # fmt: skip


def _judged(model: tuple[Finder, Outliner | None], data: Json, kept: Settings) -> tuple[list[Found], dict[str, Curve]]:
    found = [outlines.seen(*model, one.picture) for one in data["unseen"]]
    return found, judging.curves(data["unseen"], found, data["labels"], kept.least, outlined=kept.outlined)


def finish(order: Order, data: Json, done: Sequence[Done], out: Path, until: float) -> Best:
    """The best finder, learned again from all pictures where we have held some out and there is time."""
    from mlflow.models import infer_signature

    from jupyter_aml.automl import charts
    from jupyter_aml.automl.images import family, judging, served
    from jupyter_aml.automl.text import labelled, results
    from jupyter_aml.automl.text import served as shared

    won = labelled.completed(done)[0]
    kept, labels = settings(order, won.proposal.parameters), data["labels"]
    finder, outliner = pickle.loads((won.place / MODEL).read_bytes())  # noqa: S301 - the trial's own
    found, drawn = pickle.loads((won.place / TOLD).read_bytes())  # noqa: S301 - idem
    left = until - time.monotonic()
    if not data["given"] and left > 2 * won.attempt.seconds:
        everything = [*data["seen"], *data["unseen"]]
        finder, outliner = learn(won.proposal, everything, labels, kept, threads=1, until=until)
    model = outlines.FindingModel(finder, labels, [served.opened, windows.shrunk], outliner)
    example = family.example(data["unseen"][0].pixels)
    boosts = won.proposal.algorithm == "LightGBM"
    results.save_model(
        model, out / "model", inputs=[("image", "any")], outputs=infer_signature(_like(outliner is not None)).inputs,
        example=example, carried=[windows, outlines, served, shared],
        packages=["numpy", "pandas", "scipy", "sklearn", "PIL", *(["lightgbm"] if boosts else [])],
    )  # fmt: skip
    charts.save(out, _charts(drawn), _table(data["unseen"], found, labels))
    score = dict(won.attempt.metrics)
    return Best(won.proposal.title, won.proposal.algorithm, score[judging.METRIC], score, [won.proposal.number])


def _like(outlined: bool) -> pd.DataFrame:
    """What a model returns, for its signature."""
    import pandas as pd

    one: Json = {"box": dict.fromkeys(rows.EDGES, 0.5), "label": "", "score": 0.5}
    return pd.DataFrame({"boxes": [[one | ({"polygon": [[0.5]]} if outlined else {})]]})


def _charts(drawn: Mapping[str, Curve]) -> Json:
    """Precision over recall of each class; beside it the two at the score from which on an object counts."""
    from jupyter_aml.automl import charts
    from jupyter_aml.automl.text import results

    kinds = [
        {
            "label": label, "precision": results.thinned(one.precision), "recall": results.thinned(one.recall),
            "average_precision": one.average, "objects": one.count, "precision_at_score": one.at(judging.SURE)[0],
            "recall_at_score": one.at(judging.SURE)[1],
        }
        for label, one in drawn.items()
    ]  # fmt: skip
    data = {"labels": kinds, "score": judging.SURE, judging.METRIC: judging.measured(drawn)[judging.METRIC]}
    return {"precision_recall": charts.chart("precision_recall", data)}


def _table(scenes: Sequence[Scene], found: Sequence[Found], labels: Sequence[str]) -> pd.DataFrame:
    """The judged pictures with their objects, true and found."""
    import pandas as pd

    told = []
    for scene, one in zip(scenes, found, strict=True):
        true = [{"label": thing.label, "box": [round(edge, 4) for edge in thing.box]} for thing in scene.things]
        given = [
            {"label": labels[kind], "box": [round(float(edge), 4) for edge in box], "score": round(float(score), 4)}
            for box, kind, score in zip(one.boxes, one.kinds, one.scores, strict=True)
        ]
        told.append({"image": scene.address, "truth": json.dumps(true), "prediction": json.dumps(given)})
    return pd.DataFrame(told)
