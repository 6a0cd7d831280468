"""A model of pictures answers the requests that Azure's documentation sends to its own."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from jupyter_aml.automl.family import Order
from jupyter_aml.automl.images.family import FAMILY
from tests.unit.automl.images import pictures
from tests.unit.automl.text import rooms

pytestmark = pytest.mark.filterwarnings("ignore")  # of MLflow, which warns of its own type hints


def test_requests_as_azure_documents_them_are_answered(tmp_path: Path) -> None:
    import mlflow.pyfunc
    from mlflow.pyfunc import scoring_server

    table = pictures.digits(tmp_path, 60)
    order = Order("image_classification", {}, {"training": table})
    found = rooms.search(FAMILY, order, tmp_path, trials=1)
    model = mlflow.pyfunc.load_model(str(found.model))
    encoded = [base64.b64encode(Path(one).read_bytes()).decode() for one in table["image_url"].head(2)]

    asked = {"dataframe_split": {"columns": ["image"], "index": [0, 1], "data": encoded}}
    frame = scoring_server.infer_and_parse_data(asked, model.metadata.get_input_schema())
    answers = json.loads(model.predict(frame).to_json(orient="records"))

    assert [set(one) for one in answers] == [{"probs", "labels"}] * 2
    assert all(sum(one["probs"]) == pytest.approx(1) for one in answers)
    assert answers[0]["labels"] == [str(label) for label in range(10)]
    told = [one["labels"][one["probs"].index(max(one["probs"]))] for one in answers]
    assert told == [str(one) for one in table["label"].head(2)]
