"""Command jobs: one command line, its inputs and its outputs."""

from __future__ import annotations

from typing import Any

from jupyter_aml.local.jobs import checks, settings
from jupyter_aml.local.jobs.types.base import Draft, JobType


class Command(JobType):
    """A command in a shell or a Python script, with code, inputs, outputs and an environment."""

    word = "Command"
    run_type = "azureml.scriptrun"

    def check(self, draft: Draft) -> None:
        settings.check(draft.body)
        checks.run_of_command(draft)
        settings.fits(draft, checks.compute(draft))

    def compute(self, draft: Draft) -> str:
        return checks.compute(draft)

    def source(self, body: dict[str, Any]) -> str:
        return checks.first_line(body)


TYPE = Command()
