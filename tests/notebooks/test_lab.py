"""A lab written for Azure, unedited, in a real kernel that cannot leave the machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from jupyter_aml.testing import demo, fence

SIGN_IN = """
from azure.ai.ml import Input, MLClient, command
from azure.ai.ml.constants import AssetTypes
from azure.ai.ml.entities import Data
from azure.identity import DefaultAzureCredential, InteractiveBrowserCredential

try:
    credential = DefaultAzureCredential()
    credential.get_token("https://management.azure.com/.default")
except Exception:
    credential = InteractiveBrowserCredential()
"""
FROM_CONFIG = "MLClient.from_config(DefaultAzureCredential()).workspace_name"
CLIENT = """
ml_client = MLClient(credential, "<SUBSCRIPTION_ID>", "<RESOURCE_GROUP>", "<AML_WORKSPACE_NAME>")
print(ml_client.workspaces.get(ml_client.workspace_name).name)
"""
DATA = """
open("patients.csv", "w").write("age,ill\\n60,1\\n30,0\\n")
data = ml_client.data.create_or_update(Data(name="patients", path="patients.csv", type=AssetTypes.URI_FILE))
print(data.name, data.version)
"""
JOB = """
import os
os.makedirs("src", exist_ok=True)
open("src/count.py", "w").write("import sys\\nprint('rows', len(open(sys.argv[1]).readlines()))\\n")
job = ml_client.jobs.create_or_update(
    command(
        code="./src",
        command="python count.py ${{inputs.data}}",
        inputs={"data": Input(type=AssetTypes.URI_FILE, path=f"azureml:{data.name}:{data.version}")},
        environment="azureml://registries/azureml/environments/sklearn-1.5/labels/latest",
        compute="serverless",
        experiment_name="lab",
    )
)
ml_client.jobs.stream(job.name)
print("ended", str(ml_client.jobs.get(job.name).status).lower())
"""
OWN_CLIENT = """
from jupyter_aml import connection, current_client
made = connection(current_client())
own = MLClient(made.credential, made.subscription, made.group, made.workspace)
print("reports", own.datastores.get_default().name)
"""
STATUS = "import json\nfrom jupyter_aml import status\nprint(json.dumps(status()))"
PASSED_ON = """
import requests
print("before", len(open(REPORT).readlines()) if os.path.exists(REPORT) else 0)
try:
    requests.get("https://management.azure.com/subscriptions/x", timeout=5)
except requests.ConnectionError:
    print("passed on")
from jupyter_aml.client import status
print([seam["what"] for seam in status.patched()])
"""
REPORTS = """
from opentelemetry._logs import get_logger_provider
from azure.core.credentials import AccessToken

class Anybody:
    def get_token(self, *scopes, **options):
        return AccessToken("a.b.c", 1 << 40)

far = MLClient(Anybody(), "11111111-2222-3333-4444-555555555555", "rg", "ws")
try:
    next(iter(far.datastores.list()))
except Exception as error:
    print(type(error).__name__)
get_logger_provider().force_flush(20_000)
"""


def run(folder: Path, home: Path, *sources: str) -> tuple[list[Any], list[str]]:
    """The executed cells, and the hosts that the kernel tried to reach: nothing but the fence keeps it in."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source.strip()) for source in sources])
    private, report = folder / "jupyter", folder / "network.txt"
    client = NotebookClient(
        book, timeout=120, km=demo.kernel_manager(private), resources={"metadata": {"path": str(folder)}}
    )
    environment = demo.kernel_environment(private, home, report)
    client.execute(env={**environment, "JUPYTER_AML_OFFLINE": ""}, cleanup_kc=True)
    return list(book.cells), [line.split()[0] for line in fence.attempts(report)]


def text(cell: Any) -> str:
    """All that a cell shows, as text."""
    shown = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    return "\n".join(shown)


def test_an_unedited_lab_runs_here_and_says_so(home: Path, tmp_path: Path) -> None:
    cells, reached = run(
        tmp_path, home, "%load_ext jupyter_aml", "%aml connect local --adopt", SIGN_IN, FROM_CONFIG, CLIENT, DATA, JOB,
        OWN_CLIENT, "%aml status", STATUS, "%aml disconnect", f"REPORT = {str(tmp_path / 'network.txt')!r}", PASSED_ON,
    )  # fmt: skip
    _, adopted, _, config, client, data, job, own, card, status, gone, _, after = cells

    assert "Every MLClient of this process gets the workspace local/local" in text(adopted)
    assert "LOCAL" in text(adopted)
    assert "local" in text(config)
    assert "answers for <SUBSCRIPTION_ID>/<RESOURCE_GROUP>/<AML_WORKSPACE_NAME>" in text(client)
    assert "patients 1" in text(data)
    assert "rows 3" in text(job)
    assert "completed" in text(job)
    assert "reports workspaceblobstore" in text(own)
    assert "LOCAL" in text(card)
    assert "requests.adapters.HTTPAdapter.send" in text(card)
    found = json.loads(text(status))
    assert found["adopted"]["places"][-1]["workspace"] == "<AML_WORKSPACE_NAME>"
    assert {"pid", "port"} <= set(found["host"])
    assert any("memory" in key for key in found["host"])
    assert found["store"]["free"] > 0
    assert "Disconnected" in text(gone)
    assert "before 0" in text(after), "nothing left while it was adopted"
    assert "passed on" in text(after)
    assert "from_config" not in text(after)
    assert reached == ["management.azure.com"]


def test_a_client_of_a_local_workspace_does_not_report_where_one_of_azure_would(home: Path, tmp_path: Path) -> None:
    imports = "import os\nfrom azure.ai.ml import MLClient\nimport jupyter_aml\njupyter_aml.connect('local')"
    quiet = f"REPORT = {str(tmp_path / 'network.txt')!r}\nprint('local reached', os.path.exists(REPORT))"
    cells, reached = run(tmp_path, home, imports, OWN_CLIENT, quiet, REPORTS)

    assert "reports workspaceblobstore" in text(cells[1])
    assert "local reached False" in text(cells[2])
    assert any("applicationinsights" in host for host in reached), "else the test could not fail"
