"""The entry script of a batch deployment's step: the user's scoring script, or an MLflow model with no code.

A scoring script has `init()` and `run(mini_batch)`, which gets paths of files and gives a list, or a DataFrame.
Source: Azure's page "Author scoring scripts for batch deployments".
"""

from __future__ import annotations

import argparse
import inspect
import logging
import os
import runpy
import shutil
import sys
from contextlib import suppress
from typing import Any

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
MODEL_DIR, OUTPUT = "AZUREML_MODEL_DIR", "AZUREML_BI_OUTPUT_PATH"
FICLONE = 0x40049409
"""Linux's request that a file share what another holds."""
LOGS = os.path.join("logs", "user", "stdout")
"""Where Azure keeps what the processes print."""


class Process:
    """What a process that scores holds: the user's functions, or the model."""

    run: Any = None
    shutdown: Any = None
    counts: bool = True
    """Whether each row that is given back stands for something scored."""


_PROCESS = Process()


def settings(given: list[str]) -> argparse.Namespace:
    """How the deployment wants its files scored."""
    parser = argparse.ArgumentParser(prog="scoring", allow_abbrev=False)
    parser.add_argument("--script", default="")
    parser.add_argument("--model", default="")
    parser.add_argument("--model-name", default="")
    parser.add_argument("--mlflow", action="store_true")
    parser.add_argument("--summary-only", action="store_true")
    parser.add_argument("--logging-level", default="info")
    parser.add_argument("--work", default="", help="what tells this work from other work of the same kind")
    return parser.parse_args(given)


def init() -> None:
    """Make ready to score: the model's folder, the log, the user's `init()`."""
    asked = settings(sys.argv[1:])
    _log(asked.logging_level)
    if asked.model:
        os.environ[MODEL_DIR] = model_folder(asked.model, asked.model_name)
    _PROCESS.counts = not asked.summary_only
    if asked.mlflow:
        try:
            import parallel_mlflow as mlflows  # type: ignore[import-not-found] # beside it, in a run's folder
        except ImportError:
            from jupyter_aml.agent import parallel_mlflow as mlflows
        scorer = mlflows.Scorer(asked.model)
        print(scorer.told)  # noqa: T201 - into the run's log
        _PROCESS.run = scorer.score
    else:
        _load(asked.script)


def run(mini_batch: Any, context: Any) -> Any:
    """What the deployment makes of a mini-batch."""
    takes = inspect.signature(_PROCESS.run).parameters
    found = _PROCESS.run(mini_batch, context) if len(takes) > 1 else _PROCESS.run(mini_batch)
    if found is None and not _PROCESS.counts:
        return None
    if found is None or isinstance(found, (str, bytes, dict)) or not hasattr(found, "__iter__"):
        if hasattr(found, "write_rows"):
            return found
        msg = f"run() gave {type(found).__name__}; a list or a DataFrame with a row for each file was expected."
        raise TypeError(msg)
    return found


def shutdown() -> None:
    """What the user's script does last."""
    if _PROCESS.shutdown:
        _PROCESS.shutdown()


def model_folder(model: str, name: str) -> str:
    """The folder that AZUREML_MODEL_DIR names: in it lies the model's file, or its folder under its own name.

    A folder is copied, by the first process of the run: MLflow follows no link out of the folder that it is given.
    """
    if os.path.isfile(model):
        return os.path.dirname(model)
    whole = os.path.join(os.path.dirname(os.path.abspath(__file__)), "model")
    with open(f"{whole}.lock", "wb") as lock:
        if fcntl:
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(whole):
            begun = f"{whole}.begun"
            shutil.rmtree(begun, ignore_errors=True)  # of a process that was killed
            shutil.copytree(model, os.path.join(begun, name or "model"), copy_function=_cloned)
            os.rename(begun, whole)
    return whole


def _cloned(source: str, target: str) -> None:
    """Copy a file; where the file system can, both share what they hold until one is written to."""
    with open(source, "rb") as reader, open(target, "wb") as writer:
        try:
            fcntl.ioctl(writer.fileno(), FICLONE, reader.fileno())
        except (OSError, AttributeError):
            shutil.copyfileobj(reader, writer, 1 << 20)


def _load(script: str) -> None:
    """Run the scoring script, then its `init()`."""
    if not os.path.isfile(script):
        raise SystemExit(f"The scoring script {script} is not in the code of the deployment.")
    sys.argv = [script]
    sys.path.insert(0, os.path.dirname(os.path.abspath(script)))
    found = runpy.run_path(script, run_name="__batch__")
    missing = [f"{name}()" for name in ("init", "run") if not callable(found.get(name))]
    if missing:
        raise SystemExit(f"The scoring script {script} has no function {' and no '.join(missing)}.")
    found["init"]()
    _PROCESS.run, _PROCESS.shutdown = found["run"], found.get("shutdown")


class _Both:
    """A stream that is also kept in a file of its own."""

    def __init__(self, stream: Any, path: str) -> None:
        self._stream = stream
        self._kept = open(path, "a", encoding="utf-8", buffering=1)  # noqa: SIM115 - as long as the process

    def write(self, text: str) -> int:
        self._kept.write(text)
        return int(self._stream.write(text))

    def flush(self) -> None:
        self._kept.flush()
        self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _log(level: str) -> None:
    """Keep what this process prints also beside the run's log, as Azure does, and let its loggers speak."""
    folder = os.path.join(LOGS, "node0")
    with suppress(OSError):
        os.makedirs(folder, exist_ok=True)
        sys.stdout = _Both(sys.stdout, os.path.join(folder, f"process{os.getpid()}.stdout.txt"))
    logging.basicConfig(level=LEVELS.get(level.lower(), logging.INFO), stream=sys.stdout)
