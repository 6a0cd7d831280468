"""An MLflow model's folder as its MLmodel file describes it: how to load it, and what goes in and comes out."""

from __future__ import annotations

import json
import os
import sys

from .exchange import Failed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NUMERIC = {"double": "float64", "float": "float32", "long": "int64", "integer": "int32"}
"""MLflow's numeric types of a column, as numpy calls them."""
PLAIN = {*NUMERIC, "boolean", "string", "datetime", "binary"}
"""MLflow's types of a column that hold one value."""


class Column:
    """One column of a signature.

    Attributes:
        name: None where the signature names no columns.
        type: MLflow's word for it, such as `double`.
        required: Whether a request must have it.
    """

    __slots__ = ("name", "required", "type")

    def __init__(self, told: dict[str, Any]) -> None:
        self.name: str | None = told.get("name")
        self.type: str = str(told.get("type"))
        self.required = bool(told.get("required", not told.get("optional", False)))


class Tensor:
    """One tensor of a signature: name (None for the only one), numpy type and shape (-1 for any length)."""

    __slots__ = ("dtype", "name", "shape")

    def __init__(self, told: dict[str, Any]) -> None:
        self.name: str | None = told.get("name")
        self.dtype: str = told["tensor-spec"]["dtype"]
        self.shape: tuple[int, ...] = tuple(told["tensor-spec"]["shape"])


class Description:
    """What an MLmodel file says.

    Attributes:
        folder: Of the model.
        loader: Name of the module that loads it as a Python function, such as `mlflow.sklearn`.
        function: The entry `python_function`.
        flavor: The entry of the library's own flavour.
        columns: Of the input, where the signature has columns.
        tensors: Of the input, where the signature has tensors.
        params: Of the signature, by name.
        outputs: The output's specifications as they are written.
    """

    def __init__(self, folder: str, told: dict[str, Any]) -> None:
        self.folder = folder
        flavors = told["flavors"] or {}
        if "python_function" not in flavors:
            names = ", ".join(flavors) or "none"
            raise Failed(
                "BadModel",
                f"The MLflow model has no python_function flavour (it has: {names}), which a deployment without a "
                "scoring script needs. Deploy it with a scoring script.",
            )
        self.function: dict[str, Any] = flavors["python_function"]
        self.loader: str = self.function.get("loader_module", "")
        self.flavor: dict[str, Any] = flavors.get(self.loader.removeprefix("mlflow."), {})
        signature = told.get("signature") or {}
        inputs = _specifications(signature.get("inputs"))
        self.tensors = [Tensor(one) for one in inputs if one.get("type") == "tensor"]
        self.columns = [] if self.tensors else [Column(one) for one in inputs]
        self.params = {one["name"]: one for one in _specifications(signature.get("params"))}
        self.outputs = _specifications(signature.get("outputs"))
        self.hinted = bool(told.get("is_signature_from_type_hint"))

    def words(self) -> str:
        """What is served, in a line."""
        given = "no signature"
        if self.columns:
            given = f"{len(self.columns)} columns"
        elif self.tensors:
            given = ", ".join(f"a tensor {one.dtype} {list(one.shape)}" for one in self.tensors)
        return f"MLflow model ({self.loader}), input: {given}, output of {self.function.get('predict_fn', 'predict')}()"

    def path(self, name: str) -> str:
        """A file of the model. Raises Failed where it is not there."""
        found = os.path.join(self.folder, name)
        if not os.path.exists(found):
            raise Failed(
                "BadModel",
                f"The MLflow model says that it is in {name!r}, which is not in its folder. Log or register it again.",
            )
        return found

    def use_code(self) -> None:
        """Put the code that was logged with the model on `sys.path`."""
        name = self.function.get("code")
        if name:
            folder = os.path.join(self.folder, name)
            if folder not in sys.path:
                sys.path.insert(0, folder)


def _specifications(text: str | None) -> list[dict[str, Any]]:
    return list(json.loads(text)) if text else []


def read(folder: str) -> Description:
    """What the MLmodel file of a folder says. Raises Failed where there is none that can be read."""
    import yaml

    path = os.path.join(folder, "MLmodel")
    try:
        with open(path, encoding="utf-8") as file:
            told = yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 -- both are safe
    except FileNotFoundError:
        raise Failed(
            "BadModel",
            "The folder of the MLflow model has no MLmodel file. Register the folder that has it, or give the "
            "deployment a scoring script.",
        ) from None
    except yaml.YAMLError as error:
        raise Failed("BadModel", f"The MLmodel file is no YAML: {error}.") from error
    try:
        return Description(folder, told)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Failed(
            "BadModel", f"The MLmodel file is not as MLflow writes it ({error!r}). Register the model again."
        ) from error
