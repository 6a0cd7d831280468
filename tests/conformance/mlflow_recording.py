"""Records what a real MLflow client sends: `python mlflow_recording.py PYTHON NAME` writes recordings/NAME.json.

PYTHON is the interpreter of an environment with that MLflow, matplotlib and scikit-learn. Ids that the service
chose become `$1`, `$2`, ..., the workspace's folder `$FOLDER`: a replay binds them anew.
"""

from __future__ import annotations

import getpass
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RECORDINGS = HERE / "recordings"
CREATIONS = re.compile(r"/(runs/create|logged-models|2\.0/mlflow/traces)$")
MACHINE = re.compile(r"/(?:tmp|work|root|home|usr)/[\w./-]*")


def chosen(exchanges: Iterable[dict[str, Any]]) -> list[str]:
    """Ids that the service chose, in the order it did."""
    found: list[str] = []
    for one in exchanges:
        if one["method"] != "POST" or not CREATIONS.search(one["path"]) or one["status"] != 200:
            continue
        answer = one["answer"]
        for kind, name in (("run", "run_id"), ("model", "model_id"), ("trace_info", "request_id")):
            if kind in answer:
                info = answer[kind].get("info", answer[kind])
                found.append(info[name])
    return list(dict.fromkeys(found))


def cleaned(exchanges: list[dict[str, Any]], folder: str) -> list[dict[str, Any]]:
    """The exchanges without this machine's names and with variables for ids."""
    ids = chosen(exchanges)
    text = json.dumps(exchanges, ensure_ascii=False)
    text = text.replace(folder, "$FOLDER")
    for index, value in enumerate(ids):
        text = text.replace(value, f"${index + 1}$")
    text = MACHINE.sub("PATH", text)
    text = re.sub(rf"\b{re.escape(getpass.getuser())}\b", "somebody", text)
    found: list[dict[str, Any]] = json.loads(text)
    return found


def main(python: str, name: str) -> None:
    """Run the workload with that interpreter and write the recording."""
    sys.path.insert(0, str(HERE))
    from mlflow_server import serve

    from jupyter_aml.local.store.catalogue import Store

    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryDirectory() as cwd:
        store = Store.open(Path(home))
        store.rings = False
        workspace = store.workspace(store.create("recorded"))
        shutil.copy(HERE / "mlflow_workload.py", cwd)
        with serve(workspace) as served:
            env = {**os.environ, "MLFLOW_TRACKING_URI": served.url, "WORKLOAD_LOG_MODELS": "1"}
            subprocess.run([python, "mlflow_workload.py"], cwd=cwd, env=env, check=True)
        found = cleaned([vars(one) for one in served.exchanges], str(workspace.folder))
    lines = ",\n".join(json.dumps(one, ensure_ascii=False, sort_keys=True) for one in found)
    (RECORDINGS / f"{name}.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
