"""Batch scoring: rows read, predicted and written by a deployment's step, against the limit and fresh processes.

The limit reads and predicts in one process, with the same readers, and writes nothing. Fresh processes are two that
pandas reads for, each a mini-batch of one file at a time, as Azure's contract has it; there both sides count from the
start of their first process.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from jupyter_aml.agent import start
from tests.bench import processes
from tests.bench.places import place
from tests.bench.rows import Row, interleaved

ROWS, FILES, COLUMNS = 5_000_000, 10, 10
FEW, ROUNDS, QUICK_ROUNDS = 500_000, 7, 2
LIMIT_SHARE, FRESH_TIMES = 0.8, 2.0
DATA = """
import pathlib, sys
import mlflow, numpy as np, polars as pl
from sklearn.linear_model import LogisticRegression
rows, files, columns, folder = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), pathlib.Path(sys.argv[4])
draw = np.random.default_rng(0)
for kind in ("csv", "parquet"):
    (folder / kind).mkdir()
for number in range(files):
    frame = pl.DataFrame(draw.normal(size=(rows // files, columns)).round(4), schema=[f"x{i}" for i in range(columns)])
    frame.write_csv(folder / "csv" / f"{number}.csv")
    frame.write_parquet(folder / "parquet" / f"{number}.parquet")
some = frame.head(5000).to_pandas()
model = LogisticRegression().fit(some, some.sum(axis=1) > 0)
signature = mlflow.models.infer_signature(some, model.predict(some).astype(float))
given = {"serialization_format": "cloudpickle", "pip_requirements": ["mlflow"]}
mlflow.sklearn.save_model(model, folder / "model", signature=signature, **given)
"""
OURS = """
import glob, pathlib, sys, time
agent, folder, kind = sys.argv[1:]
sys.path.insert(0, agent)
import parallel_mlflow, parallel_rows, polars, pyarrow.parquet
scorer = parallel_mlflow.Scorer(f"{folder}/model")
files = sorted(glob.glob(f"{folder}/{kind}/*"))
began = time.perf_counter()
held = parallel_rows.keep(scorer.score(files), pathlib.Path(folder, "rows"))
parallel_rows.take(pathlib.Path(folder, "predictions.csv"), {0: held})
print("seconds", time.perf_counter() - began)
"""
LIMIT = """
import glob, sys, time
folder, kind = sys.argv[1:]
import mlflow, polars, pyarrow.parquet
model = mlflow.sklearn.load_model(f"{folder}/model")
files = sorted(glob.glob(f"{folder}/{kind}/*"))
began = time.perf_counter()
for path in files:
    if kind == "csv":
        model.predict(polars.read_csv(path).to_numpy())
    else:
        for batch in pyarrow.parquet.ParquetFile(path).iter_batches(1 << 18):
            model.predict(polars.from_arrow(batch).to_numpy())
print("seconds", time.perf_counter() - began)
"""
FRESH = """
import concurrent.futures, glob, multiprocessing, os, sys

def init(folder):
    import warnings
    warnings.simplefilter("ignore")
    global pd, model
    import mlflow, pandas as pd
    model = mlflow.pyfunc.load_model(f"{folder}/model")

def run(mini_batch):
    found = []
    for path in mini_batch:
        frame = pd.read_csv(path)
        name = os.path.basename(path)
        found.append(pd.DataFrame({"row": range(len(frame)), "prediction": model.predict(frame), "file": name}))
    return pd.concat(found)

if __name__ == "__main__":
    folder = sys.argv[1]
    fresh = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(2, fresh, init, (folder,)) as pool:
        with open(f"{folder}/predictions.csv", "w") as file:
            for frame in pool.map(run, [[path] for path in sorted(glob.glob(f"{folder}/csv/*"))]):
                frame.to_csv(file, header=False, index=False)
"""


def measure(*, quick: bool) -> list[Row]:
    """Ours against the limit, by CSV and by parquet; the whole program against fresh processes; a small invocation."""
    folder = Path(tempfile.mkdtemp(prefix="bench-batch-"))
    count, rounds = (FEW, QUICK_ROUNDS) if quick else (ROWS, ROUNDS)
    try:
        _python(folder, DATA, str(count), str(FILES), str(COLUMNS), str(folder))
        said = f"{count / 1e6:g} million rows"
        return [
            *(_against_the_limit(folder, kind, said, rounds) for kind in ("csv", "parquet")),
            _against_fresh_processes(folder, said, rounds),
            _invocation(folder, rounds),
        ]
    finally:
        shutil.rmtree(folder)


def _python(folder: Path, script: str, *arguments: str) -> str:
    file = folder / "script.py"
    file.write_text(script, encoding="utf-8")
    return processes.python(["-W", "ignore", str(file), *arguments], folder)


def _seconds(folder: Path, script: str, *arguments: str) -> Callable[[], float]:
    """A side that takes as long as its script says."""

    def side() -> float:
        said = _python(folder, script, *arguments)
        return float(said.partition("seconds ")[2].split()[0]) * 1000

    return side


def _against_the_limit(folder: Path, kind: str, said: str, rounds: int) -> Row:
    sides = {
        "ours": _seconds(folder, OURS, start.FOLDER, str(folder), kind),
        "limit": _seconds(folder, LIMIT, str(folder), kind),
    }
    samples = interleaved(sides, rounds)
    figure = f"batch, {said} of {kind}: read, predicted, written"
    return Row.of(figure, samples["ours"], samples["limit"], "read + predict alone", goal=LIMIT_SHARE)


def _against_fresh_processes(folder: Path, said: str, rounds: int) -> Row:
    run = folder / "run"

    def ours() -> float:
        shutil.rmtree(run, ignore_errors=True)
        (run / "code").mkdir(parents=True)
        for source in start.program("parallel"):
            shutil.copy(source, run)
        words = ["../parallel.py", "--entry", "../parallel_scoring.py", "--input", str(folder / "csv")]
        words += ["--concurrency", "1", "--append", str(run / "predictions.csv")]
        words += ["--", "--mlflow", "--model", str(folder / "model")]
        began = time.perf_counter()
        processes.python(["-W", "ignore", *words], run / "code")
        return (time.perf_counter() - began) * 1000

    def fresh() -> float:
        began = time.perf_counter()
        _python(folder, FRESH, str(folder))
        return (time.perf_counter() - began) * 1000

    samples = interleaved({"ours": ours, "fresh": fresh}, rounds)
    figure = f"batch, {said} of csv: from the first process to the last row"
    return Row.of(figure, samples["ours"], samples["fresh"], "two fresh processes", goal=FRESH_TIMES)


def _invocation(folder: Path, rounds: int) -> Row:
    """From invoking an endpoint with one small file to the end of the job."""
    from azure.ai.ml import Input
    from azure.ai.ml.constants import AssetTypes
    from azure.ai.ml.entities import BatchEndpoint, Model, ModelBatchDeployment, ModelBatchDeploymentSettings

    small = folder / "small"
    small.mkdir()
    with (folder / "csv" / "0.csv").open() as source:
        (small / "some.csv").write_text("".join(line for line, _ in zip(source, range(100), strict=False)))
    with place() as here:
        here.client.batch_endpoints.begin_create_or_update(BatchEndpoint(name="bench")).result()
        deployment = ModelBatchDeployment(
            name="blue", endpoint_name="bench", compute="serverless",
            model=Model(name="bench", path=str(folder / "model"), type=AssetTypes.MLFLOW_MODEL),
            settings=ModelBatchDeploymentSettings(mini_batch_size=10),
        )  # fmt: skip
        here.client.batch_deployments.begin_create_or_update(deployment).result()

        def side() -> float:
            here.settle()
            began = time.perf_counter()
            data = Input(type="uri_folder", path=str(small))
            made = here.client.batch_endpoints.invoke("bench", deployment_name="blue", input=data)
            here.finished(made.name)
            return (time.perf_counter() - began) * 1000

        samples = interleaved({"ours": side}, rounds)
    return Row.of("batch, a small file: from invoking to the end of the job", samples["ours"])
