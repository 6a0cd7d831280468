"""Spark jobs: a Python script with a Spark session on this machine, or with the master of an attached compute."""

from __future__ import annotations

from typing import Any

from jupyter_aml.local.jobs import checks, locate, lookup, settings, sparks
from jupyter_aml.local.jobs.types.base import Draft, JobType


class Spark(JobType):
    """A script, its arguments and files, and what Spark is to be like."""

    word = sparks.WORD
    run_type = "azureml.SparkRun"

    def check(self, draft: Draft) -> None:
        settings.check(draft.body)
        found = sparks.read(draft.body)
        checks.run_of_script(draft, "args")
        sparks.words(str(draft.body.get("args") or ""))
        code = None
        if draft.body.get("codeId"):
            target = "properties.codeId"
            place = locate.find(draft.workspace, draft.reader, str(draft.body["codeId"]), "code", target)
            code = place.path(draft.workspace) if isinstance(place, locate.Place) else None
        sparks.check_files(found, code)
        self.compute(draft)

    def compute(self, draft: Draft) -> str:
        return lookup.compute(draft, draft.body.get("computeId"))

    def source(self, body: dict[str, Any]) -> str:
        return str(body["entry"]["file"])[:200]


TYPE = Spark()
