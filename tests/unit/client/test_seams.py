"""The private parts of other packages that we touch are where they were; a failure here means: look at seams.py."""

from __future__ import annotations

import importlib.metadata
import inspect
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.client import seams, warm


@pytest.fixture(scope="module", autouse=True)
def sdk() -> Any:
    return warm.sdk()


def fresh(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_every_seam_says_where_since_when_and_why() -> None:
    for seam in seams.SEAMS:
        assert seam.where
        assert seam.reason.endswith(".")
        installed = importlib.metadata.version(seam.package)
        assert installed.startswith(seam.version), f"{seam.where} was seen in {seam.version}, now {installed}"


def test_the_sdk_is_imported_without_the_grammar_that_nobody_calls() -> None:
    said = fresh(
        "import sys; from jupyter_aml.client import warm; warm.sdk();"
        "print('lark' in sys.modules, 'rfc3987_syntax' in sys.modules)"
    )

    assert said == "False False"


def test_the_spared_grammar_still_checks_iris() -> None:
    said = fresh(
        "from jupyter_aml.client import warm; warm.sdk(); import jsonschema\n"
        "checker = jsonschema.FormatChecker(['iri'])\n"
        "print(checker.conforms('https://example.com/é', 'iri'), checker.conforms('not an iri', 'iri'))"
    )

    assert said == "True False"


def test_the_dots_of_pollers_are_where_they_were() -> None:
    from azure.ai.ml._utils import _azureml_polling as helper

    assert "print(" in inspect.getsource(helper.AzureMLPolling.update_status)
    assert seams.quiet_polling(lambda: False)


def test_the_wait_of_stream_is_where_it_was() -> None:
    from azure.ai.ml.operations import _job_ops_helper as helper

    source = inspect.getsource(helper.stream_logs_until_completion)
    assert "_wait_before_polling(" in source


def test_stream_looks_often_at_a_local_job_and_as_always_at_one_in_azure() -> None:
    from azure.ai.ml.operations import _job_ops_helper as helper

    here = [True]
    original = helper._wait_before_polling
    try:
        helper._wait_before_polling = plain = lambda seconds: 2
        assert seams.quicken_streams(lambda: here[0])
        assert helper._wait_before_polling(100.0) == seams.POLL_SECONDS
        here[0] = False
        assert helper._wait_before_polling(100.0) == 2
        assert helper._wait_before_polling is not plain
    finally:
        helper._wait_before_polling = original


def test_a_local_table_does_without_the_schema_from_the_web_and_one_in_azure_fetches_it() -> None:
    from types import SimpleNamespace

    from azure.ai.ml.operations._data_operations import DataOperations

    assert "_try_get_mltable_metadata_jsonschema(" in inspect.getsource(DataOperations._validate)
    original = DataOperations._try_get_mltable_metadata_jsonschema
    fetched: list[Any] = []
    try:
        DataOperations._try_get_mltable_metadata_jsonschema = lambda _self, url: fetched.append(url) or {"a": 1}
        assert seams.skip_table_schema(lambda subscription: subscription == "here")
        look = DataOperations._try_get_mltable_metadata_jsonschema
        assert look(SimpleNamespace(_subscription_id="here"), "url") is None
        assert fetched == []
        assert look(SimpleNamespace(_subscription_id="azure"), "url") == {"a": 1}
    finally:
        DataOperations._try_get_mltable_metadata_jsonschema = original


def test_telemetry_is_set_up_by_name_in_the_client_module() -> None:
    from azure.ai.ml import _ml_client

    assert "configure_appinsights_logging(" in inspect.getsource(_ml_client.MLClient.__init__)
    assert "enable_telemetry" in inspect.signature(_ml_client.configure_appinsights_logging).parameters


def test_a_client_sets_the_cloud_for_the_whole_process(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    from azure.ai.ml import MLClient

    from jupyter_aml.client.connect import connect

    monkeypatch.setenv(seams.CLOUD_VARIABLE, "AzureCloud")
    far = MLClient(object(), "s", "g", "w", cloud="AzureChinaCloud", enable_telemetry=False)
    assert os.environ[seams.CLOUD_VARIABLE] == "AzureChinaCloud"
    assert seams.cloud_of(far) == "AzureChinaCloud"

    client = connect("local")
    assert os.environ[seams.CLOUD_VARIABLE] == "AzureChinaCloud"
    assert client.workspaces.get("local").name == "local"


def test_the_client_keeps_its_credential_where_it_did() -> None:
    from azure.ai.ml import MLClient

    credential = object()
    assert seams.credential_of(MLClient(credential, "s", "g", "w", enable_telemetry=False)) is credential


@pytest.mark.parametrize(("bar", "written"), [(False, ""), (True, "\x1b[39m")])
def test_an_upload_without_a_progress_bar_writes_nothing(
    bar: bool, written: str, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from azure.ai.ml.entities import Data

    from jupyter_aml.client.connect import connect

    (tmp_path / "few.csv").write_text("x\n1\n", encoding="utf-8")
    client = connect("local", show_progress=bar)

    client.data.create_or_update(Data(name="few", path=str(tmp_path / "few.csv"), type="uri_file"))

    said = capsys.readouterr().err
    assert (said == "") is not bar
    assert said.strip().endswith(written)


def test_an_invocation_leaves_nothing_to_the_next() -> None:
    from azure.ai.ml.constants._endpoint import EndpointInvokeFields
    from azure.ai.ml.operations import _batch_endpoint_operations as batch
    from azure.ai.ml.operations import _online_endpoint_operations as online

    before = dict(EndpointInvokeFields.DEFAULT_HEADER)
    assert seams.separate_invocations()
    assert seams.separate_invocations()
    for module in (batch, online):
        headers = module.EndpointInvokeFields.DEFAULT_HEADER
        assert headers == before
        headers[module.EndpointInvokeFields.MODEL_DEPLOYMENT] = "blue"

        assert before == module.EndpointInvokeFields.DEFAULT_HEADER
    assert before == EndpointInvokeFields.DEFAULT_HEADER


def test_the_thread_imports_the_sdk_while_others_go_on() -> None:
    said = fresh(
        "import time; begun = time.perf_counter()\n"
        "from jupyter_aml.client import warm\n"
        "warm.start(); warm.start(); started = time.perf_counter() - begun\n"
        "print(started < 0.5, warm.importing(), warm.wait(60), warm.ready())\n"
        "import gc; print(gc.isenabled())"
    )

    assert said.split() == ["True", "True", "True", "True", "True"]


def test_a_connection_while_the_thread_imports_waits_for_it() -> None:
    begun = time.perf_counter()
    said = fresh("from jupyter_aml.client import warm; warm.start()\nprint(warm.sdk().MLClient.__name__, warm.ready())")

    assert said == "MLClient True"
    assert time.perf_counter() - begun < 60


def test_importing_the_package_is_light() -> None:
    said = fresh(
        "import sys; import jupyter_aml; dir(jupyter_aml)\n"
        "heavy = {'azure', 'mlflow', 'pandas', 'sklearn', 'yaml', 'sqlite3', 'requests', 'IPython'}\n"
        "print(sorted(heavy & set(sys.modules)), len([m for m in sys.modules if m.startswith('jupyter_aml')]))"
    )

    assert said == "[] 1"
