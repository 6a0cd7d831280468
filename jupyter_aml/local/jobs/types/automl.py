"""AutoML jobs: models of a table that are looked for, tried and put together on this machine."""

from __future__ import annotations

from typing import Any

from jupyter_aml.automl import memory
from jupyter_aml.automl.working import FINISH
from jupyter_aml.local.jobs import checks, ledger, records, settings, slots
from jupyter_aml.local.jobs.conducted import automl
from jupyter_aml.local.jobs.conducted.performance import Conductor
from jupyter_aml.local.jobs.conducted.stage import Stage
from jupyter_aml.local.jobs.types.base import Draft, JobType, Reader

DETAILS = "taskDetails"


class AutoMLType(JobType):
    """A search for the best model of a task."""

    word = "AutoML"
    run_type = "azureml.AutoML"
    log = "azureml-logs/automl.txt"
    conducts = True
    copies = True

    def check(self, draft: Draft) -> None:
        details = _details(draft.body)
        try:
            search = read(draft.body)
            memory.asked(draft.body.get("properties"))
            search.family.check(search.task, details)
        except ValueError as error:
            raise checks.invalid(DETAILS, f"cannot be: {error}", "Look at the job's settings.") from None
        except (AttributeError, KeyError, TypeError) as error:
            form = "Write it as the SDK's automl functions and YAML files do."
            raise checks.invalid(DETAILS, f"has a field of another form than Azure's ({error})", form) from None
        for role, key in automl.TABLES.items():
            if details.get(key):
                checks.check_input(draft, f"{role}_data", details[key])
        if not details.get("trainingData"):
            raise checks.invalid(f"{DETAILS}.trainingData", "is missing", "Give the job training_data: an MLTable.")
        settings.check(draft.body)
        for name, value in checks.objects(draft.body, "outputs").items():
            checks.check_output(draft, name, value)
        self.compute(draft)

    def compute(self, draft: Draft) -> str:
        return checks.compute(draft)

    def source(self, body: dict[str, Any]) -> str:
        return f"AutoML {_details(body).get('taskType')}"

    def conductor(self, stage: Stage) -> Conductor:
        record = stage.record
        at_once = ledger.capacity(stage.workspace, slots.line_of(stage.workspace.entry.id, record.compute))
        return automl.AutoML(stage, read(record.body), at_once=at_once, cores=ledger.cores())

    def conducted_outputs(self, reader: Reader, record: records.Record) -> dict[str, dict[str, Any]]:
        best = (record.body.get("properties") or {}).get("automl_best_child_run_id")
        child = records.get(reader, str(best)) if best else None
        kept = ((child.state.get("outputs") or {}).get(automl.OUTPUT) or {}) if child else {}
        fact = (child.state.get(automl.FACT) or {}) if child else {}
        if not kept.get("uri") or fact.get("role") != FINISH:
            return {}
        return {automl.BEST: {"type": "mlflow_model", "uri": f"{str(kept['uri']).rstrip('/')}/model/"}}


def read(body: dict[str, Any]) -> automl.Search:
    """What a body asks for.

    Raises:
        ValueError: It cannot be; says what was expected.
    """
    from jupyter_aml.automl import families, limits

    details = _details(body)
    task = families.task(details.get("taskType"))
    return automl.Search(task, details, families.family(task), limits.read(details))


def _details(body: dict[str, Any]) -> dict[str, Any]:
    found = body.get(DETAILS)
    if not isinstance(found, dict):
        raise checks.invalid(DETAILS, "is missing", "Say what the task is, as the SDK's automl functions do.")
    return found


TYPE = AutoMLType()
