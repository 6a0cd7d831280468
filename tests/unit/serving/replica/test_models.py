"""MLflow models in a replica: the forms of a request, what is refused, forked replicas, memory."""

from __future__ import annotations

import json
import os
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from jupyter_aml.agent.serving import intake, mlflow_model, mlmodel, natives
from jupyter_aml.agent.serving.control import Control
from jupyter_aml.agent.serving.exchange import Refused, Request
from jupyter_aml.agent.serving.replica import Mother

from .conftest import Start, describe
from .driver import Replica, Served, of_model, until

LOW, HIGH = [0.0, 0.5], [3.0, 2.5]


@pytest.fixture(scope="module")
def served(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A replica that several tests ask."""
    with Replica(of_model(model), tmp_path_factory.mktemp("replica")) as replica:
        yield replica.serve()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"input_data": {"columns": ["a", "b"], "data": [LOW, HIGH]}}, [0, 1]),
        ({"input_data": {"columns": ["a", "b"], "index": [7], "data": [HIGH]}}, [1]),
        ({"input_data": {"columns": ["b", "more", "a"], "data": [[2.5, "x", 3.0]]}}, [1]),
        ({"input_data": [LOW, HIGH]}, [0, 1]),
        ({"input_data": [{"a": 0, "b": 0}, {"b": 3, "a": 3}]}, [0, 1]),
        ({"input_data": {"a": [0, 3], "b": [0, 3]}}, [0, 1]),
        ({"input_data": {"a": 3, "b": 3}}, [1]),
        ({"input_data": [HIGH], "params": {"any": 1}}, [1]),
        ({"dataframe_split": {"columns": ["a", "b"], "data": [LOW]}}, {"predictions": [0]}),
        ({"dataframe_records": [{"a": 0.0, "b": 0.5}]}, {"predictions": [0]}),
        ({"instances": [LOW, HIGH]}, {"predictions": [0, 1]}),
        ({"instances": [{"a": 3, "b": 3}]}, {"predictions": [1]}),
        ({"inputs": {"a": [0, 3], "b": [0, 3]}}, {"predictions": [0, 1]}),
    ],
    ids=str,
)
def test_the_forms_of_a_request(served: Served, body: Any, expected: Any) -> None:
    answer = served.one(body)

    assert (answer.json, answer.status) == (expected, 200)
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "POST body is empty. Expected a JSON object with one of"),
        (b"{", "POST body could not be decoded as JSON: "),
        (b"\xff", "POST body could not be decoded as JSON: "),
        (b"[" * 200_000, "POST body could not be decoded as JSON: maximum recursion"),
        ([1], "POST body is an array. "),
        ({"data": [[1, 2]]}, 'POST body has "data". Expected a JSON object with one of "input_data"'),
        ({"inputs": [], "instances": []}, 'POST body has "inputs", "instances". '),
        ({"input_data": 3}, '"input_data" is a number; expected {"columns"'),
        ({"input_data": [HIGH], "params": 3}, '"params" is a number; expected an object'),
        ({"input_data": {"columns": ["a", "c"], "data": [LOW]}}, "lacks the column 'b', and has 'c', which the model"),
        (
            {"input_data": {"columns": ["a", "b"], "data": [[1]]}},
            'Row 0 of "input_data" has 1 values; expected a list of 2',
        ),
        ({"input_data": {"columns": ["a", "b"], "data": [[1, 2], 3]}}, 'Row 1 of "input_data" has a number'),
        ({"input_data": [[1, 2, 3]]}, "Row 0 has 3 values; the model expects a list of 2 values: 'a', 'b'."),
        ({"input_data": [1, 2]}, "Row 0 has a number (1); the model expects a list of 2 values"),
        ({"input_data": [[1, "x"]]}, "Column 'b' has 'x', a string, in row 0; the model expects double."),
        ({"input_data": [[1, 2], [True, 2]]}, "Column 'a' has True, a boolean, in row 1; the model expects double."),
        ({"input_data": {"a": [1], "b": [1, 2]}}, "The lists differ in length ('a': 1, 'b': 2)"),
        ({"dataframe_split": [1]}, '"dataframe_split" has an array; expected {"columns"'),
        ({"dataframe_records": [1]}, '"dataframe_records" must be a list of objects'),
        ({"input_data": {"columns": ["a", "b"], "data": []}}, "The input has no rows; at least one was expected."),
        ({"input_data": [[1, None]]}, "The model cannot score this input: ValueError: Input X contains NaN"),
    ],
    ids=str,
)
def test_what_is_refused_and_why(served: Served, body: Any, sentence: str) -> None:
    answer = served.one(body)

    assert answer.status == 400
    assert sentence in answer.json["message"]


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("long", [1, 2.0, -5], [1.5, "1", None, True]),
        ("integer", [1, 2.0], [1 << 40, 0.5, None]),
        ("float", [1, 0.25], ["x", False]),
        ("boolean", [True, False], [1, "true"]),
        ("string", ["x", ""], [1, True]),
        ("datetime", ["2024-01-31", "2024-01-31T10:00:00"], ["no time", True]),
        ("binary", ["eA==", ""], ["!", 5]),
    ],
)
def test_each_type_of_a_column(kind: str, good: list[Any], bad: list[Any]) -> None:
    signature = json.dumps([{"type": kind, "name": "x"}])
    told = {"flavors": {"python_function": {}}, "signature": {"inputs": signature}}
    read = intake.Intake(mlmodel.Description("", told), arrays=False, names=None)

    def item(value: Any) -> intake.Item:
        return read(memoryview(json.dumps({"input_data": [[value]]}).encode()))

    frame = intake.frame([item(value) for value in good])
    assert list(frame.columns) == ["x"]
    assert len(frame) == len(good)
    for value in bad:
        with pytest.raises(Refused, match=f"Column 'x' has .*; the model expects {kind}"):
            item(value)


@pytest.mark.parametrize("arrays", [True, False])
def test_a_whole_number_that_is_too_long_is_named(arrays: bool) -> None:
    signature = json.dumps([{"type": "long", "name": "x"}, {"type": "long", "name": "y"}])
    told = {"flavors": {"python_function": {}}, "signature": {"inputs": signature}}
    read = intake.Intake(mlmodel.Description("", told), arrays=arrays, names=None)
    model = mlflow_model.Model(natives.Native(len, arrays=arrays, names=None), read, {}, "")
    bodies = [b'{"input_data": [[1, %d]]}' % (1 << at) for at in (3, 70)]

    answers = model.answer([Request(1, memoryview(b""), memoryview(body)) for body in bodies])

    sentence = "Column 'y' has 1180591620717411303424, a number, in row 0; the model expects long."
    assert sentence == json.loads(answers[1].body)["message"]


def test_requests_that_wait_are_one_predict_and_the_bad_ones_fail_alone(served: Served) -> None:
    answers = served.ask({"input_data": [LOW]}, b"{", {"input_data": [HIGH, LOW]}, {"input_data": [["x", 1]]})

    assert [one.status for one in answers] == [200, 400, 200, 400]
    assert [one.json for one in answers[::2]] == [[0], [1, 0]]
    assert answers[0].headers["x-ms-run-fn-exec-ms"] == answers[2].headers["x-ms-run-fn-exec-ms"]
    assert served.began[-4:] == list(range(served.number - 3, served.number + 1))


def test_the_document_has_the_columns(start: Start, model: Path) -> None:
    documents = start(model).loaded["swagger"]

    given = documents["3"]["components"]["schemas"]["ServiceInput"]
    assert given["example"] == {"input_data": {"columns": ["a", "b"], "index": [0], "data": [[0.0, 0.0]]}}


def test_the_log_says_what_is_served_and_counts_what_is_asked(start: Start, model: Path) -> None:
    replica = start(model)
    served = replica.serve()

    served.ask(*[{"input_data": [LOW]}] * 50)
    served.one({"input_data": 3})
    replica.end()

    log = replica.log.read_text()
    assert "MLflow model (mlflow.sklearn), input: 2 columns, output of predict()" in log
    assert "Requests that wait are scored together." in log
    assert "Replicas share what is loaded." in log
    assert "POST /score 200 " in log
    assert " of them 200" in log
    assert log.count("POST /score") < 50


def test_the_mother_forks_replicas_that_share_the_model(start: Start, model: Path) -> None:
    replica = start(model)
    assert (replica.loaded["forkable"], replica.loaded["why"]) == (True, "")

    one, other = replica.serve("1"), replica.serve("2")

    assert len({one.pid, other.pid, replica.process.pid}) == 3
    assert one.one({"input_data": [HIGH]}).json == other.one({"input_data": [HIGH]}).json == [1]


def boosted(folder: Path, kind: str) -> None:
    """Leave a small model whose library computes in threads of its own."""
    rows = np.random.default_rng(0).random((200, 2))
    target = (rows.sum(axis=1) > 1).astype(int)
    loader, flavor = "mlflow.sklearn", {"pickled_model": "model.pkl", "serialization_format": "pickle"}
    if kind == "xgboost":
        xgboost = pytest.importorskip("xgboost")
        xgboost.XGBClassifier(n_estimators=5).fit(rows, target).save_model(folder / "model.ubj")
        loader, flavor = "mlflow.xgboost", {"data": "model.ubj", "model_class": "xgboost.sklearn.XGBClassifier"}
    elif kind == "lightgbm":
        lightgbm = pytest.importorskip("lightgbm")
        lightgbm.LGBMRegressor(n_estimators=5, verbose=-1).fit(rows, target).booster_.save_model(folder / "model.lgb")
        loader, flavor = "mlflow.lightgbm", {"data": "model.lgb", "model_class": "lightgbm.basic.Booster"}
    else:
        (folder / "model.pkl").write_bytes(pickle.dumps(HistGradientBoostingClassifier(max_iter=5).fit(rows, target)))
    describe(folder, flavors={"python_function": {"loader_module": loader}, loader.removeprefix("mlflow."): flavor})


@pytest.mark.parametrize("threads", ["1", "2"])
@pytest.mark.parametrize("kind", ["hist", "lightgbm", "xgboost"])
def test_replicas_of_models_with_threads_of_their_own_answer(
    start: Start, tmp_path: Path, kind: str, threads: str
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    boosted(folder, kind)
    replica = start(folder, env={"OMP_NUM_THREADS": threads})
    number = 2 if replica.loaded["forkable"] else 1

    for served in [replica.serve(str(at)) for at in range(number)]:
        answers = served.ask(*[{"input_data": [[0.9, 0.9]] * 300}] * 5)
        assert [one.status for one in answers] == [200] * 5
        assert all(value > 0.5 for value in answers[0].json)


def test_the_end_of_a_forked_replica_is_told_and_the_others_go_on(start: Start, model: Path) -> None:
    replica = start(model)
    one, other = replica.serve("1"), replica.serve("2")

    os.kill(one.pid, signal.SIGKILL)

    assert replica.event() == {"event": "ended", "id": "1", "pid": one.pid, "status": -signal.SIGKILL}
    assert other.one({"input_data": [LOW]}).json == [0]
    again = replica.serve("3")
    assert again.one({"input_data": [LOW]}).json == [0]
    again.close()
    assert replica.event() == {"event": "ended", "id": "3", "pid": again.pid, "status": 0}


def test_no_forked_replica_outlives_the_mother(start: Start, model: Path) -> None:
    replica = start(model)
    served = [replica.serve(str(number)) for number in range(3)]

    os.kill(replica.process.pid, signal.SIGKILL)

    until(lambda: not any(Path(f"/proc/{one.pid}").exists() for one in served))


@pytest.mark.parametrize("how", ["stop", "closed", "terminated"])
def test_the_mother_ends_her_children(start: Start, model: Path, how: str) -> None:
    replica = start(model)
    served = replica.serve()

    if how == "stop":
        replica.control.sendall(b'{"op": "stop"}\n')
    elif how == "closed":
        replica.control.close()
    else:
        replica.process.send_signal(signal.SIGTERM)

    assert replica.process.wait(20) == 0
    assert not Path(f"/proc/{served.pid}").exists()


def test_a_process_that_missed_the_first_signal_gets_another() -> None:
    deaf = "import os, signal\ncame = []\ndef hear(*_): came.append(1) or (len(came) > 1 and os._exit(0))\n"
    deaf += "signal.signal(signal.SIGTERM, hear)\nprint('up', flush=True)\nwhile True: signal.pause()"
    child = subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "up\n"
    near, far = socket.socketpair()
    mother = Mother(None, Control(near))  # type: ignore[arg-type] # who scores has no part in it
    mother._children[child.pid] = "7"

    mother._stop()

    assert json.loads(far.recv(1000)) == {"event": "ended", "id": "7", "pid": child.pid, "status": 0}
    child.returncode = 0  # it is waited for already
    child.stdout.close()
    near.close()
    far.close()


def test_a_model_that_has_started_a_thread_is_not_forked(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    (folder / "code").mkdir(parents=True)
    (folder / "code" / "threaded.py").write_text(
        "import threading, time\n"
        "class Own:\n"
        "    def predict(self, rows): return rows.sum(axis=1)\n"
        "def make():\n"
        "    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
        "    return Own()\n"
    )
    (folder / "model.pkl").write_bytes(b"cthreaded\nmake\n(tR.")
    flavors = {
        "python_function": {"loader_module": "mlflow.sklearn", "code": "code"},
        "sklearn": {"pickled_model": "model.pkl", "serialization_format": "pickle"},
    }
    describe(folder, flavors=flavors)

    replica = start(folder)

    assert not replica.loaded["forkable"]
    assert replica.loaded["why"] == "Loading the model started a Python thread."
    served = replica.serve()
    assert served.pid == replica.process.pid
    assert served.one({"input_data": [LOW, HIGH]}).json == [0.5, 5.5]


def test_another_replica_of_a_model_takes_little_memory(start: Start, model: Path) -> None:
    replica = start(model)
    served = [replica.serve(str(number)) for number in range(3)]
    for one in served:
        one.ask(*[{"input_data": [LOW, HIGH]}] * 200)

    extra = max(private(one.pid) for one in served)

    assert extra <= 24 * 1024 * 1024


def private(pid: int) -> int:
    """Bytes a process has for itself."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_"))


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda folder: (folder / "MLmodel").unlink(), "has no MLmodel file"),
        (lambda folder: (folder / "MLmodel").write_text("{"), "The MLmodel file is no YAML"),
        (lambda folder: (folder / "MLmodel").write_text("[]"), "is not as MLflow writes it"),
        (
            lambda folder: (folder / "MLmodel").write_text("::: no model ["),
            "is not as MLflow writes it (KeyError('flavors'))",
        ),
        (
            lambda folder: (folder / "MLmodel").write_text("flavors: {h2o: {}}"),
            "no python_function flavour (it has: h2o)",
        ),
        (lambda folder: (folder / "model.pkl").unlink(), "says that it is in 'model.pkl', which is not in its folder"),
        (lambda folder: (folder / "model.pkl").write_bytes(b"\x80\x05broken"), "could not be loaded: UnpicklingError"),
        (lambda folder: (folder / "model.pkl").write_bytes(pickle.dumps({})), "has no predict()"),
    ],
)
def test_a_model_that_cannot_be_served_says_why(start: Start, tmp_path: Path, spoil: Any, sentence: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.pkl").write_bytes(b"")
    describe(folder)
    spoil(folder)

    replica: Replica = start(folder)

    assert replica.loaded["event"] == "failed"
    assert replica.loaded["error"]["code"] == "BadModel"
    assert sentence in replica.loaded["error"]["message"]
    assert replica.process.wait(10) == 3
    assert sentence in replica.log.read_text()
    assert "agent/serving" not in replica.log.read_text()


@pytest.mark.filterwarnings("ignore")
def test_a_python_model_is_served_through_mlflow(start: Start, tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    folder = tmp_path / "model"
    (tmp_path / "own.py").write_text(
        "import mlflow\n\n"
        "class Own(mlflow.pyfunc.PythonModel):\n"
        "    def predict(self, context, model_input, params=None):\n"
        "        return {'rows': len(model_input), 'by': (params or {}).get('by')}\n\n"
        "mlflow.models.set_model(Own())\n"
    )
    signature = mlflow.models.infer_signature([{"a": 1.0}], params={"by": 1})
    mlflow.pyfunc.save_model(
        str(folder), python_model=str(tmp_path / "own.py"), signature=signature, pip_requirements=["mlflow"]
    )
    replica = start(folder)
    assert not replica.loaded["forkable"]
    served = replica.serve()

    good = served.one({"input_data": {"columns": ["a"], "data": [[1.0], [2.0]]}, "params": {"by": 3}})
    bad = served.one({"input_data": {"columns": ["b"], "data": [[1.0]]}})

    assert (good.status, good.json) == (200, {"rows": 2, "by": 3})
    assert bad.status == 400
    assert "missing inputs ['a']" in bad.json["message"]
