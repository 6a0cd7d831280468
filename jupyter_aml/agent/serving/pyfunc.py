"""MLflow models that MLflow itself has to load: Python models, other flavours, complex signatures."""

from __future__ import annotations

import importlib
import inspect
import time

from . import payload, predictions, traces
from .exchange import BAD_REQUEST, INTERNAL, OK, Answer, Failed, Refused, head, refusal, refuse_method, unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .exchange import Request
    from .mlmodel import Description

USERS = (ValueError, TypeError, KeyError, IndexError, OverflowError)


def load(description: Description, swagger: dict[str, Any]) -> PythonModel:
    """The model through `mlflow.pyfunc`. Raises Failed."""
    try:
        mlflow = importlib.import_module("mlflow.pyfunc")
    except ImportError as error:
        raise Failed(
            "UserScriptImportException",
            f"The model ({description.loader}) needs mlflow, which the deployment's environment lacks ({error}). "
            "Add mlflow to its packages.",
        ) from error
    try:
        model = mlflow.load_model(description.folder)
    except Exception as error:
        raise Failed(
            "BadModel", f"MLflow cannot load the model ({description.loader}): {type(error).__name__}: {error}"
        ) from error
    return PythonModel(model, description, swagger)


class PythonModel:
    """A model behind `mlflow.pyfunc`, which checks the signature; each request is scored alone.

    Args:
        model: What MLflow has loaded.
        description: Of its folder.
        swagger: Its OpenAPI documents by version.
    """

    batches = False
    forkable = False
    why = "The model is loaded by MLflow, whose libraries may have started threads."
    headers = False

    def __init__(self, model: Any, description: Description, swagger: dict[str, Any]) -> None:
        self.swagger = swagger
        self.about = [description.words(), "Each request is scored alone, through mlflow.pyfunc."]
        self._model = model
        self._schema = model.metadata.get_input_schema()
        self._hinted = description.hinted
        self._params = "params" in inspect.signature(model.predict).parameters

    def begin(self) -> None:
        """Nothing is left to do."""

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """As `Scorer`."""
        return [self._safely(request) for request in requests]

    def _safely(self, request: Request) -> Answer:
        try:
            return self._one(request)
        except Exception as error:  # noqa: BLE001 -- no request may end the replica
            return unreadable(error)

    def _one(self, request: Request) -> Answer:
        try:
            if not request.posted:
                refuse_method(request)
            told = payload.read(request.body)
            begun = time.perf_counter()
            found = self._predicted(told)
            milliseconds = (time.perf_counter() - begun) * 1000
            text = self._text(found)
        except Refused as error:
            return refusal(error)
        body = text if told.form == payload.AZURE else f'{{"predictions": {text}}}'
        return Answer(OK, head(milliseconds=milliseconds), body.encode())

    def _predicted(self, told: payload.Payload) -> Any:
        """What the model says. Raises Refused."""
        try:
            data = self._data(told)
            if self._params:
                return self._model.predict(data, params=told.params)
            return self._model.predict(data)
        except Refused:
            raise
        except Exception as error:
            traces.show(error)
            said = f"{type(error).__name__}: {error}"
            if isinstance(error, USERS) or type(error).__name__.startswith("Mlflow"):
                raise Refused(BAD_REQUEST, f"The model cannot score this input: {said}", failed=True) from error
            raise Refused(INTERNAL, f"The model failed: {said}", failed=True) from error

    def _data(self, told: payload.Payload) -> Any:
        """What MLflow's server would give the model."""
        if self._hinted:
            return told.raw
        server = importlib.import_module("mlflow.pyfunc.scoring_server")
        form, value = told.form, told.raw
        if form == payload.AZURE:
            form = "inputs"
            if isinstance(value, dict) and "data" in value and set(value) <= {"columns", "index", "data"}:
                form = "dataframe_split"
            elif told.columns is not None:
                form = "dataframe_records"
            elif isinstance(value, list) and self._schema is not None and self._schema.has_input_names():
                names = self._schema.input_names()
                if not self._schema.is_tensor_spec() and all(isinstance(row, list) for row in value):
                    form, value = "dataframe_split", {"columns": names, "data": value}
        return server.infer_and_parse_data({form: value}, self._schema)

    def _text(self, found: Any) -> str:
        try:
            return predictions.text(found, records=False)
        except (TypeError, ValueError) as error:
            traces.show(error)
            raise Refused(INTERNAL, f"The model's predictions are no JSON: {error}.", failed=True) from error
