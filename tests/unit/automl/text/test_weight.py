"""What the service calls of text and image families costs little: no heavy package is imported for it."""

from __future__ import annotations

import subprocess
import sys

CALLS = """
import sys
from jupyter_aml.automl.images.family import FAMILY as images
from jupyter_aml.automl.text.family import FAMILY as text
for family in (images, text):
    for task in family.tasks:
        details = {"targetColumnName": "label"}
        family.check(task, details)
        family.metric(task, details)
        family.planner(task, details, {}, 0).ask()
print(sorted({"pandas", "sklearn", "scipy", "mlflow", "PIL", "lightgbm", "onnxruntime", "onnx"} & set(sys.modules)))
"""


def test_nothing_heavy_is_imported_where_the_service_runs() -> None:
    done = subprocess.run([sys.executable, "-c", CALLS], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.strip() == "[]"
