"""ONNX models through ONNX Runtime alone, as MLflow's wrapper calls it."""

from __future__ import annotations

import importlib
import importlib.util

from .exchange import Failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .mlmodel import Description

TYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
}
"""Inputs that numbers can be given to."""
_EACH_ROW = """
ai.onnx.ml:TreeEnsembleClassifier ai.onnx.ml:TreeEnsembleRegressor ai.onnx.ml:TreeEnsemble
ai.onnx.ml:LinearClassifier ai.onnx.ml:LinearRegressor ai.onnx.ml:SVMClassifier ai.onnx.ml:SVMRegressor
ai.onnx.ml:Scaler ai.onnx.ml:Imputer ai.onnx.ml:Normalizer ai.onnx.ml:Binarizer ai.onnx.ml:LabelEncoder
ai.onnx.ml:ZipMap ai.onnx.ml:ArrayFeatureExtractor Identity Cast Relu Sigmoid Tanh Exp Log Abs Neg Sqrt Erf Elu Selu
LeakyRelu Softplus Clip Dropout
"""
EACH_ROW = frozenset(_EACH_ROW.split())
"""Operators that treat each row by itself whatever their attributes."""
LAST_AXIS = frozenset(("Softmax", "LogSoftmax", "ArgMax", "ArgMin", "Concat"))
"""Operators that do so unless their axis is the first."""
WITH_WEIGHTS = frozenset(("Add", "Sub", "Mul", "Div", "Gemm", "MatMul"))
"""Operators that do so where they join rows with weights of the model, or rows with rows."""


class Session:
    """A session of ONNX Runtime that is called with rows.

    Attributes:
        independent: Whether each row is scored by itself.
    """

    def __init__(self, session: Any, *, independent: bool) -> None:
        self._session = session
        (only,) = session.get_inputs()
        self._input = only.name
        self._type = TYPES[only.type]
        self._outputs = [one.name for one in session.get_outputs()]
        self.independent = independent and not isinstance((only.shape or [1])[0], int)

    def __call__(self, rows: Any) -> dict[str, Any]:
        """The outputs by name, for a matrix, a frame or a tensor."""
        import numpy as np

        values = np.asarray(rows)
        if self._type == "float32" and values.dtype == np.float64:
            values = values.astype(np.float32)
        found = self._session.run(self._outputs, {self._input: values})
        return {name: np.asarray(value) for name, value in zip(self._outputs, found, strict=True)}


def load(description: Description) -> Session | None:
    """The model; None where it has several inputs or others than numbers. Raises Failed."""
    runtime = importlib.import_module("onnxruntime")
    path = description.path(description.flavor["data"])
    options = runtime.SessionOptions()
    _set_options(runtime, options, description.flavor.get("onnx_session_options") or {})
    given = description.flavor.get("providers") or []
    wanted = [tuple(one) if isinstance(one, list) else one for one in ([given] if isinstance(given, str) else given)]
    usable = [one for one in wanted if (one if isinstance(one, str) else one[0]) in runtime.get_available_providers()]
    try:
        session = runtime.InferenceSession(path, sess_options=options, providers=usable or ["CPUExecutionProvider"])
    except Exception as error:
        raise Failed("BadModel", f"ONNX Runtime cannot load {description.flavor['data']}: {error}") from error
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type not in TYPES:
        return None
    return Session(session, independent=_independent(path))


def _set_options(runtime: Any, options: Any, told: dict[str, Any]) -> None:
    """What the model says of threads and order; threads that wait do not take a core from other replicas."""
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    for name in ("inter_op_num_threads", "intra_op_num_threads"):
        if told.get(name):
            setattr(options, name, told[name])
    if told.get("execution_mode"):
        options.execution_mode = getattr(runtime.ExecutionMode, f"ORT_{told['execution_mode'].upper()}")
    if told.get("graph_optimization_level"):
        options.graph_optimization_level = runtime.GraphOptimizationLevel(told["graph_optimization_level"])
    for key, value in (told.get("extra_session_config") or {}).items():
        options.add_session_config_entry(key, value)


def _independent(path: str) -> bool:
    """Whether all operators of a graph treat each row by itself; unknown where the package `onnx` is absent."""
    if importlib.util.find_spec("onnx") is None:
        return False
    graph = importlib.import_module("onnx").load(path).graph
    weights = {one.name for one in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            weights.update(node.output)
    return all(_row_by_row(node, weights) for node in graph.node)


def _row_by_row(node: Any, weights: set[str]) -> bool:
    name = f"{node.domain}:{node.op_type}" if node.domain == "ai.onnx.ml" else node.op_type
    if name in EACH_ROW or name == "Constant":
        return True
    attributes = {one.name: one.i for one in node.attribute}
    if node.op_type in LAST_AXIS:
        return bool(attributes.get("axis", 0 if node.op_type in {"ArgMax", "ArgMin"} else 1) in {1, -1})
    if node.op_type in {"Gemm", "MatMul"}:
        return node.input[0] not in weights and node.input[1] in weights and not attributes.get("transA")
    return node.op_type in WITH_WEIGHTS
