"""Sweep jobs: one command, tried with many values of its parameters."""

from __future__ import annotations

from typing import Any

from jupyter_aml.local.jobs import checks, ledger, records, settings, slots
from jupyter_aml.local.jobs.conducted.performance import Conductor
from jupyter_aml.local.jobs.conducted.stage import Stage
from jupyter_aml.local.jobs.conducted.sweep import Sweep, trial_body
from jupyter_aml.local.jobs.sweeps import plan
from jupyter_aml.local.jobs.types.base import Draft, JobType, Reader


class SweepType(JobType):
    """A search over the parameters of a checks."""

    word = "Sweep"
    run_type = "hyperdrive"
    log = "azureml-logs/hyperdrive.txt"
    conducts = True

    def check(self, draft: Draft) -> None:
        planned = plan.read(draft.body)
        if not isinstance(draft.body.get("trial"), dict):
            raise checks.invalid("trial", "is missing", "Give the sweep a trial: the command that is tried.")
        trial = trial_body(draft.name, draft.body, planned, 0, {})
        points = {"search_space": dict.fromkeys(planned.space, "x")}
        one = Draft(draft.workspace, draft.reader, draft.name, trial, points)
        settings.check(one.body)
        checks.run_of_command(one)
        settings.fits(one, checks.compute(one))
        for name, value in checks.objects(draft.body, "outputs").items():
            checks.check_output(draft, name, value)

    def compute(self, draft: Draft) -> str:
        return checks.compute(draft)

    def source(self, body: dict[str, Any]) -> str:
        return checks.first_line(body["trial"])

    def conductor(self, stage: Stage) -> Conductor:
        record = stage.record
        line = slots.line_of(stage.workspace.entry.id, record.compute)
        at_once = ledger.capacity(stage.workspace, line)
        return Sweep(stage, plan.read(record.body), at_once=at_once, cores=ledger.cores())

    def conducted_outputs(self, reader: Reader, record: records.Record) -> dict[str, dict[str, Any]]:
        best = (record.body.get("properties") or {}).get("best_child_run_id")
        child = records.get(reader, str(best)) if best else None
        return dict(child.state.get("outputs") or {}) if child else {}


TYPE = SweepType()
