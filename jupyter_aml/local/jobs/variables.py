"""The environment variables of a run: Azure's, MLflow's, and what this machine's programs need. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jupyter_aml.local.store.workspace import Entry

KEPT = frozenset(
    {
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP", "TERM",
        "LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH", "JAVA_HOME", "SPARK_HOME", "HADOOP_HOME",
        "SPARK_SUBMIT_OPTS",
        "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SYSTEMROOT", "COMSPEC",
        "PATHEXT", "WINDIR", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "NUMBER_OF_PROCESSORS",
        "PROCESSOR_ARCHITECTURE", "USERNAME", "MPLBACKEND", "MPLCONFIGDIR",
    }
)  # fmt: skip
KEPT_PREFIXES = ("LC_", "XDG_", "CUDA", "NVIDIA_", "NCCL_", "ROCR_", "HIP_", "OMP_", "OPENBLAS_", "MKL_")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy", "no_proxy"})
LOOPBACK = ("127.0.0.1", "localhost")
_UNFIT = re.compile(r"\W")


@dataclass(frozen=True)
class Place:
    """Where a run finds things.

    Attributes:
        work: Its private folder.
        artifacts: What `./outputs` is.
        home: The store; None on another machine.
    """

    work: Path
    artifacts: Path
    home: Path | None


@dataclass(frozen=True)
class Facts:
    """What the variables tell.

    Attributes:
        door: Address of the host's loopback door, `http://127.0.0.1:PORT`.
        token: Bearer token of the job, good for its workspace.
        inputs: What the script gets for each input; outputs likewise.
    """

    entry: Entry
    job: str
    root: str
    experiment: str
    experiment_id: str
    door: str
    token: str
    token_expiry: float
    place: Place
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    master_port: int
    compute: str


def base(outer: Mapping[str, str]) -> dict[str, str]:
    """What a run takes over of the host's environment: the machine's settings, none of a person's."""
    kept = {
        name: value
        for name, value in outer.items()
        if name.upper() in KEPT or name.startswith(KEPT_PREFIXES) or name.lower() in PROXIES
    }
    kept.update(no_proxy(outer))
    kept["PYTHONUNBUFFERED"] = "1"
    return kept


def threads(count: object) -> dict[str, str]:
    """How many threads native libraries start, for one of several runs that share the cores; `{}` without a count."""
    return dict.fromkeys(THREADS, str(count)) if count else {}


def no_proxy(outer: Mapping[str, str]) -> dict[str, str]:
    """`NO_PROXY` in both spellings with the loopback in it: a proxy would swallow tracking."""
    found = [part.strip() for part in (outer.get("no_proxy") or outer.get("NO_PROXY") or "").split(",")]
    whole = ",".join([*(part for part in found if part and part not in LOOPBACK), *LOOPBACK])
    return {"NO_PROXY": whole, "no_proxy": whole}


def tracking_uri(door: str, entry: Entry) -> str:
    """MLflow's tracking URI of a workspace."""
    return f"{door}/mlflow/v2.0{entry.arm_id}"


def of_run(facts: Facts) -> dict[str, str]:
    """The variables of one run; the user's own are put over them."""
    own = {"JUPYTER_AML_DOOR": facts.door}
    if facts.place.home is not None:
        own["JUPYTER_AML_HOME"] = str(facts.place.home)
    return {**own, **_azureml(facts), **_data(facts), **_nodes(facts), **_mlflow(facts)}


def _azureml(facts: Facts) -> dict[str, str]:
    entry = facts.entry
    context = {
        "subscription_id": entry.subscription,
        "resource_group": entry.group,
        "workspace_name": entry.name,
        "workspace_id": entry.id,
        "experiment_name": facts.experiment,
        "experiment_id": facts.experiment_id,
        "run_id": facts.job,
        "root_run_id": facts.root,
        "service_endpoint": facts.door,
    }
    return {
        "AZUREML_RUN_ID": facts.job,
        "AZUREML_ROOT_RUN_ID": facts.root,
        "AZUREML_RUN_TOKEN": facts.token,
        "AZUREML_RUN_TOKEN_EXPIRY": str(int(facts.token_expiry)),
        "AZUREML_EXPERIMENT_NAME": facts.experiment,
        "AZUREML_EXPERIMENT_ID": facts.experiment_id,
        "AZUREML_EXPERIMENT_SCOPE": f"{entry.arm_id}/experiments/{facts.experiment}",
        "AZUREML_ARM_SUBSCRIPTION": entry.subscription,
        "AZUREML_ARM_RESOURCEGROUP": entry.group,
        "AZUREML_ARM_WORKSPACE_NAME": entry.name,
        "AZUREML_ARM_PROJECT_NAME": facts.experiment,
        "AZUREML_WORKSPACE_ID": entry.id,
        "AZUREML_WORKSPACE_SCOPE": entry.arm_id,
        "AZUREML_SERVICE_ENDPOINT": facts.door,
        "AZUREML_DISCOVERY_SERVICE_ENDPOINT": f"{facts.door}/discovery",
        "AZUREML_COMPUTE": facts.compute,
        "AZUREML_OUTPUT_DIRECTORY": str(facts.place.artifacts),
        "AZUREML_CR_AZUREML_CONTEXT": json.dumps(context, separators=(",", ":")),
        "AZUREML_CR_COMPUTE_CONTEXT": json.dumps({"cluster_name": facts.compute, "node_id": "local-0"}),
        "AZUREML_CR_DATA_CAPABILITY_PATH": str(facts.place.work),
    }


def _data(facts: Facts) -> dict[str, str]:
    found = {}
    for word, values in (("INPUT", facts.inputs), ("OUTPUT", facts.outputs)):
        for name, value in values.items():
            plain = _UNFIT.sub("_", name)
            found[f"AZUREML_{word}_{plain}"] = value
            found[f"AZURE_ML_{word}_{plain}"] = value
    return found


def _nodes(facts: Facts) -> dict[str, str]:
    """A world of one process: what distributed training reads."""
    address = LOOPBACK[0]
    return {
        "RANK": "0",
        "LOCAL_RANK": "0",
        "NODE_RANK": "0",
        "WORLD_SIZE": "1",
        "LOCAL_WORLD_SIZE": "1",
        "MASTER_ADDR": address,
        "MASTER_PORT": str(facts.master_port),
        "AZUREML_NODE_COUNT": "1",
        "AZUREML_PROCESS_COUNT": "1",
        "AZ_BATCHAI_JOB_NAME": facts.job,
        "AZ_BATCHAI_CLUSTER_NAME": facts.compute,
        "AZ_BATCHAI_JOB_TEMP": str(facts.place.work),
        "AZ_BATCHAI_TASK_INDEX": "0",
        "AZ_BATCHAI_NUM_GPUS": "0",
        "AZ_BATCHAI_JOB_MASTER_NODE_IP": address,
        "AZ_BATCHAI_MPI_MASTER_NODE": address,
        "AZ_BATCH_MASTER_NODE": f"{address}:{facts.master_port}",
        "AZ_BATCH_NODE_LIST": address,
        "AZ_BATCH_HOST_LIST": address,
    }


def _mlflow(facts: Facts) -> dict[str, str]:
    """MLflow's own variables; its client waits a good minute for a host that is being started again.

    It prints no link to the run at a run's end: no UI is behind the address it tracks to.
    """
    return {
        "MLFLOW_TRACKING_URI": tracking_uri(facts.door, facts.entry),
        "MLFLOW_TRACKING_TOKEN": facts.token,
        "MLFLOW_RUN_ID": facts.job,
        "MLFLOW_EXPERIMENT_ID": facts.experiment_id,
        "MLFLOW_EXPERIMENT_NAME": facts.experiment,
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "6",
        "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
        "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": "0",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
        "DO_NOT_TRACK": "true",
        "GIT_PYTHON_REFRESH": "quiet",
    }
