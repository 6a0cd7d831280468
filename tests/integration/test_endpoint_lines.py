"""Deploying, scoring cells, asking and the nouns of endpoints in a notebook, with a real host behind them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from jupyter_aml.testing import hosts

from .conftest import Lab, Notebook, wait_for

TRAIN = """%%aml command train --input data={df} --result model=mlflow_model --wait --var job
import mlflow.sklearn
import pandas as pd
from mlflow.models import infer_signature
from sklearn.linear_model import LinearRegression

table = pd.read_parquet(data)
fitted = LinearRegression().fit(table, 2 * table["a"] + table["b"])
mlflow.sklearn.save_model(fitted, model, signature=infer_signature(table, fitted.predict(table)))
"""
DOUBLE = """%%aml score double --input factor=2
import json


def init():
    print("weights are here")


def run(raw_data):
    return [factor * value for value in json.loads(raw_data)["data"]]
"""
BATCH = """%%aml batch-deployment create --set-default
name: trees
endpoint_name: nightly
type: model
model: azureml:line@latest
compute: azureml:cluster
"""
FRAME = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [0.0, 1.0, 0.5]})
EXPECTED = [2.0, 5.0, 6.5]


@pytest.fixture
def trained(notebook: Notebook) -> Notebook:
    """A notebook with a frame `df` and a job that has fitted 2a + b to it."""
    names = notebook.shell.user_ns
    names["df"] = FRAME
    notebook.cell(TRAIN)
    return notebook


def test_the_model_of_a_job_is_deployed_and_asked(trained: Notebook) -> None:
    shown = trained.cell("card = %aml deploy {job} line\ncard")

    assert "line/blue is ready and gets 100 % of the requests." in shown
    assert "%aml invoke line {df.head()}" in shown
    trained.cell("found = %aml invoke line {df}")
    found = trained.shell.user_ns["found"]
    assert list(found) == pytest.approx(EXPECTED, rel=1e-6)
    assert "line/blue answered in" in repr(found)

    shown = trained.cell("%aml deploy {job} line --traffic 25 --instances 2")

    assert "line/green is ready and gets 25 % of the requests." in shown
    endpoint = trained.value("%aml online-endpoint show line")
    assert endpoint.traffic == {"blue": 75, "green": 25}
    models = trained.value("%aml model list line")
    assert len(models) == 1  # the second deployment has the model that the first one registered
    assert "line/green answered" in trained.cell("%aml invoke line {df} --deployment green")

    assert "has blue (75 %), green (25 %) already" in trained.refused("%aml deploy {job} line")
    assert "has no deployment red" in trained.refused("%aml invoke line {df} --deployment red")
    assert "lacks the column 'b'" in trained.refused("%aml invoke line {df[['a']]}")

    trained.cell('%aml online-endpoint update line --traffic "green=100"')
    trained.cell("%aml online-deployment delete line/blue --yes")
    assert [one.name for one in trained.value("%aml online-deployment list line")] == ["green"]
    trained.cell("%aml online-endpoint delete line --yes")
    assert "no online-endpoint 'line'" in trained.refused("%aml invoke line {df}")


def test_a_cell_with_init_and_run_answers_and_is_replaced_when_it_runs_again(notebook: Notebook) -> None:
    notebook.cell(DOUBLE)

    assert list(notebook.value("%aml invoke double {[1, 2]} --key data")) == [2, 4]
    wait_for(
        lambda: "weights are here" in notebook.cell("%aml online-deployment get-logs double/blue"), "the log", 20.0
    )

    notebook.cell(DOUBLE.replace("factor=2", "factor=3"))

    assert list(notebook.value("%aml invoke double {dict(data=[1, 2])}")) == [3, 6]
    assert [one.name for one in notebook.value("%aml online-deployment list double")] == ["blue"]


def test_a_cell_that_cannot_load_says_why_and_one_that_is_mended_takes_its_place(notebook: Notebook) -> None:
    shown = notebook.refused(DOUBLE.replace("score double", "score mended").replace("print(", "raise ValueError("))

    assert "ValueError: weights are here" in shown
    assert "score.py" in shown
    assert "line 6" in shown  # of the cell
    assert "%aml online-deployment get-logs --name blue --endpoint-name mended" in shown
    assert "Failed" in notebook.cell("%aml online-endpoint show mended")

    notebook.cell(DOUBLE.replace("score double", "score mended"))

    assert list(notebook.value("%aml invoke mended {[1]} --key data")) == [2]


def test_a_script_that_raises_is_told_with_the_line_for_its_log(notebook: Notebook) -> None:
    notebook.cell("%%aml score raising\ndef init():\n    pass\ndef run(data):\n    return 1 / 0\n")

    shown = notebook.refused("%aml invoke raising {[1]}")

    assert "raising/blue answered 500" in shown
    assert "get-logs --name blue --endpoint-name raising" in shown


def test_requests_are_kept_where_that_is_wished(notebook: Notebook) -> None:
    notebook.cell(DOUBLE.replace("score double", "score kept --app-insights"))
    notebook.cell("%aml invoke kept {[1]} --key data")

    shown = wait_for(lambda: notebook.value("%aml online-deployment requests kept/blue").plain, "a request", 20.0)

    assert (shown[0]["name"], shown[0]["resultCode"]) == ("POST /score", "200")

    notebook.cell("%aml online-deployment update kept/blue --set app_insights_enabled=false")

    assert "It keeps no requests" in notebook.cell("%aml online-deployment requests kept/blue")


def test_data_is_collected_and_the_deployment_can_still_be_changed(trained: Notebook) -> None:
    trained.cell("%aml deploy {job} watched --collect")
    trained.cell("%aml invoke watched {df}")

    trained.cell("%aml online-deployment update watched/blue --set request_settings.request_timeout_ms=9000")

    held = trained.value("%aml online-deployment show watched/blue")
    assert held.request_settings.request_timeout_ms == 9000
    assert set(held.data_collector.collections) == {"request", "response"}


def test_keys_are_handed_over_and_not_shown(notebook: Notebook) -> None:
    notebook.cell("%aml online-endpoint create locked")

    shown = notebook.cell("keys = %aml online-endpoint get-credentials locked\nkeys")

    keys = notebook.shell.user_ns["keys"]
    before = keys.primary_key, keys.secondary_key
    assert all(before)
    assert not any(key in shown + repr(keys) + str(keys._repr_html_()) for key in before)

    notebook.cell("%aml online-endpoint regenerate-keys locked --key-type secondary")

    notebook.cell("keys = %aml online-endpoint get-credentials locked")
    keys = notebook.shell.user_ns["keys"]
    assert keys.primary_key == before[0]
    assert keys.secondary_key != before[1]


def test_an_endpoint_without_deployments_says_what_to_type(notebook: Notebook) -> None:
    notebook.cell("%aml online-endpoint create empty")

    assert "%aml deploy MODEL empty" in notebook.refused("%aml invoke empty {[1]}")


def test_a_terminal_asks_with_a_file_and_gets_json(notebook: Notebook, lab: Lab, tmp_path: Path) -> None:
    notebook.cell(DOUBLE)
    (tmp_path / "request.json").write_text('{"data": [4]}', encoding="utf-8")

    done = aml(lab, tmp_path, "invoke", "double", "request.json")
    keys = aml(lab, tmp_path, "online-endpoint", "get-credentials", "double", "--query", "primaryKey", "-o", "tsv")

    assert json.loads(done) == [8]
    assert keys.strip() == lab.client.online_endpoints.get_keys("double").primary_key


def test_what_a_terminal_gets_of_a_deployment_is_the_deployment(notebook: Notebook, lab: Lab, tmp_path: Path) -> None:
    notebook.cell(DOUBLE)

    line = ("online-deployment", "update", "double/blue", "--set", "tags.team=red", "--query", "[name, tags.team]")

    assert json.loads(aml(lab, tmp_path, *line)) == ["blue", "red"]


def test_an_endpoint_made_once_more_keeps_its_traffic(notebook: Notebook) -> None:
    notebook.cell(DOUBLE)

    made = notebook.value("%aml online-endpoint create double --tags team=red")

    assert "existed" in made.message
    assert made.traffic == {"blue": 100}
    assert made.tags == {"team": "red"}


def test_a_batch_endpoint_scores_a_frame(trained: Notebook, lab: Lab, tmp_path: Path) -> None:
    trained.cell("%aml model create line {job}")
    trained.cell("%aml compute create cluster --max-instances 2")
    trained.cell("%aml batch-endpoint create nightly")
    trained.cell(BATCH)

    trained.cell("scored = %aml batch-endpoint invoke nightly {df} --wait")

    scored = trained.shell.user_ns["scored"]
    lab.client.jobs.download(scored.name, download_path=tmp_path, output_name="score")
    rows = pd.read_csv(next(tmp_path.rglob("predictions.csv")), header=None)
    assert list(rows[1]) == pytest.approx(EXPECTED, rel=1e-6)
    listed = trained.value("%aml batch-endpoint list-jobs nightly")
    assert [job.name for job in listed] == [scored.name]
    assert [job.name for job in trained.value("%aml batch-deployment list-jobs nightly/trees")] == [scored.name]


def test_serve_takes_the_hosts_place_and_leaves_the_endpoints_alive(notebook: Notebook, lab: Lab) -> None:
    notebook.cell(DOUBLE)
    before = int(lab.host()["pid"])
    url = str(notebook.value("%aml online-endpoint show double").scoring_uri)

    with serving(lab) as (process, said):
        assert "double" in said
        assert url in said
        assert "Ctrl-C ends this process alone" in said
        wait_for(lambda: int(lab.host()["pid"]) == process.pid, "the host in the foreground")
        assert not hosts.alive(before)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)

    assert list(notebook.value("%aml invoke double {[1]} --key data")) == [2]
    with urllib.request.urlopen(url.replace("/score", "/"), timeout=10) as answer:
        assert answer.status == 200


def test_serve_is_for_a_terminal(notebook: Notebook) -> None:
    assert "Type aml serve in a terminal" in notebook.refused("%aml serve")


def environment(lab: Lab) -> dict[str, str]:
    return {**os.environ, "JUPYTER_AML_HOME": str(lab.home)}


def aml(lab: Lab, folder: Path, *words: str) -> str:
    """What a command of the terminal prints."""
    command = [sys.executable, "-m", "jupyter_aml.cli", *words]
    done = subprocess.run(
        command, cwd=folder, env=environment(lab), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextlib.contextmanager
def serving(lab: Lab) -> Any:
    """`aml serve` in a process of its own, and what it says first."""
    command = [sys.executable, "-m", "jupyter_aml.cli", "serve"]
    with subprocess.Popen(command, env=environment(lab), stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            lines: list[str] = []
            while not lines or "Ctrl-C" not in lines[-1]:
                line = process.stdout.readline()
                assert line, "serve ended"
                lines.append(line)
            yield process, "".join(lines)
        finally:
            if process.poll() is None:
                process.kill()
