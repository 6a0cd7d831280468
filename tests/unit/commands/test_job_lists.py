"""`job list` by status and experiment: the service narrows, the SDK reads only what is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.client.connect import connect, connection, disconnect
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.run import run
from jupyter_aml.commands.tokens import tokenize
from jupyter_aml.local.arm.http import Identity
from jupyter_aml.local.jobs import records, submit
from jupyter_aml.local.jobs.lifecycle import Status

FAILED = (1, 119)


@pytest.fixture
def client(home: Path) -> Any:
    """A workspace with 120 jobs, the second and the last of them failed; nothing runs."""
    from azure.ai.ml.entities import Environment

    made = connect("local", home=home, show_progress=False)
    made.environments.create_or_update(Environment(name="plain", version="1", image="python:3"))
    found = connection(made)
    workspace = found.store.workspace(found.entry)
    body = {"jobType": "Command", "command": "true", "environmentId": "azureml:plain:1"}
    with workspace.database.write() as transaction:
        for number in range(120):
            experiment = {"experimentName": ("even", "odd")[number % 2]}
            submit.submit(
                workspace,
                f"job-{number}",
                {**body, **experiment},
                identity=Identity("me", "me"),
                interpreter="",
                now=1.7e9 + number,
            )
            status = Status.FAILED if number in FAILED else Status.COMPLETED
            records.advance(transaction, f"job-{number}", status=status, state={}, now=1.7e9 + number)
    yield made
    disconnect()


def listed(line: str) -> list[str]:
    outcome = run(tokenize(line), Context(namespace={}))
    assert outcome is not None
    return [job.name for job in outcome.entity]


def test_a_rare_status_is_found_without_reading_the_other_jobs(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    get = type(client.jobs).get

    def counted(self: Any, name: str) -> Any:
        read.append(name)
        return get(self, name)

    monkeypatch.setattr(type(client.jobs), "get", counted)

    assert listed("job list --status failed") == ["job-119", "job-1"]
    assert sorted(read) == ["job-1", "job-119"]


def test_status_and_experiment_narrow_together(client: Any) -> None:
    assert listed("job list --status Completed --experiment-name odd --max-results 2") == ["job-117", "job-115"]
    assert listed("job list --experiment-name even --max-results 1000") == [f"job-{n}" for n in range(118, -1, -2)]
    assert listed("job list --status Failed --experiment-name even") == []


def test_a_service_that_gives_every_job_is_narrowed_here(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Azure's list does not know these filters."""
    monkeypatch.setattr(records.Filter, "where", lambda _: ([], []))

    assert listed("job list --status Failed") == ["job-119", "job-1"]
