"""Lists of jobs through the unmodified SDK: order, pages, views, tags, children. No job here ever starts."""

from __future__ import annotations

from typing import Any

import pytest
from azure.ai.ml import command
from azure.ai.ml.constants import ListViewType
from azure.ai.ml.entities import Environment
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from jupyter_aml.local.arm.http import Identity
from jupyter_aml.local.jobs import submit

PAGE = 100
"""How many jobs the service puts on a page when nobody asks for a number; the SDK never does."""


@pytest.fixture
def world(world: Any) -> Any:
    world.client.environments.create_or_update(Environment(name="plain", version="1", image="python:3"))
    return world


def fill(world: Any, count: int, *, parent: str = "", prefix: str = "job") -> list[str]:
    """Put jobs straight into the store, a second apart; their names, oldest first."""
    workspace = world.service.workspace(world.entry)
    body = {"jobType": "Command", "command": "true", "environmentId": "azureml:plain:1", "experimentName": "many"}
    found = [f"{prefix}-{number}" for number in range(count)]
    for number, name in enumerate(found):
        child = {"parentJobName": parent} if parent else {}
        submit.submit(
            workspace,
            name,
            {**body, **child, "tags": {"number": str(number), "half": "even" if number % 2 == 0 else "odd"}},
            identity=Identity("me", "me"),
            interpreter="",
            now=1_700_000_000.0 + number,
        )
    return found


def names(found: Any) -> list[str]:
    return [job.name for job in found]


def test_every_page_of_a_long_list_comes_newest_first(world: Any) -> None:
    made = fill(world, PAGE + 5)

    assert names(world.client.jobs.list()) == made[::-1]


def test_the_list_is_read_page_by_page(world: Any) -> None:
    made = fill(world, PAGE + 5)

    found = world.client.jobs.list().by_page()
    first = names(next(found))
    following = found.continuation_token
    pages = [first, *(names(page) for page in found)]

    assert following.startswith(f"https://management.azure.com{world.entry.arm_id}/jobs?")
    assert pages == [made[::-1][:PAGE], made[::-1][PAGE:]]


def test_jobs_that_are_added_between_two_pages_shift_nothing(world: Any) -> None:
    made = fill(world, PAGE + 5)
    pages = world.client.jobs.list().by_page()
    first = names(next(pages))

    world.client.jobs.create_or_update(command(command="true", environment="plain:1", name="newest"))

    assert first + names(next(pages)) == made[::-1]


def test_a_listed_job_is_whole(world: Any) -> None:
    fill(world, 1)

    (job,) = world.client.jobs.list()

    assert (job.type, job.command, job.experiment_name, job.status) == ("command", "true", "many", "NotStarted")
    assert job.id == f"{world.entry.arm_id}/jobs/job-0"


def test_views_tell_active_and_archived_jobs_apart(world: Any) -> None:
    one, two, three = fill(world, 3)
    world.client.jobs.archive(two)

    def seen(view: Any) -> list[str]:
        return names(world.client.jobs.list(list_view_type=view))

    assert seen(ListViewType.ACTIVE_ONLY) == [three, one]
    assert seen(ListViewType.ARCHIVED_ONLY) == [two]
    assert seen(ListViewType.ALL) == [three, two, one]
    world.client.jobs.restore(two)
    assert seen(ListViewType.ARCHIVED_ONLY) == []


def test_jobs_are_filtered_by_tag_type_and_property(world: Any) -> None:
    made = fill(world, 4)
    job = world.client.jobs.get(made[0])
    job.tags = {"only": "here"}
    world.client.jobs.create_or_update(job)

    assert names(world.client.jobs.list(tag="half=odd")) == [made[3], made[1]]
    assert names(world.client.jobs.list(tag="only")) == [made[0]]
    assert names(world.client.jobs.list(tag="half=neither")) == []
    assert len(names(world.client.jobs.list(job_type="Command"))) == len(made)
    assert names(world.client.jobs.list(job_type="Sweep")) == []


def test_all_children_come_newest_first_however_many(world: Any) -> None:
    (parent,) = fill(world, 1, prefix="parent")
    made = fill(world, 205, parent=parent, prefix="child")

    assert names(world.client.jobs.list(parent_job_name=parent)) == made[::-1]


def test_no_more_children_come_than_were_asked_for(world: Any) -> None:
    (parent,) = fill(world, 1, prefix="parent")
    made = fill(world, 205, parent=parent, prefix="child")

    assert names(world.client.jobs.list(parent_job_name=parent, max_results=2)) == made[:-3:-1]
    assert len(names(world.client.jobs.list(parent_job_name=parent, max_results=203))) == 203


def test_a_job_without_children_lists_none_and_an_unknown_one_is_not_found(world: Any) -> None:
    fill(world, 1)

    assert names(world.client.jobs.list(parent_job_name="job-0")) == []
    with pytest.raises(ResourceNotFoundError):
        names(world.client.jobs.list(parent_job_name="absent"))


def test_a_page_token_of_somebody_else_is_refused(world: Any) -> None:
    fill(world, 1)

    with pytest.raises(HttpResponseError, match="was not issued by this") as caught:
        names(world.client.jobs.list(skip="bm9wZQ"))

    assert (caught.value.status_code, caught.value.error.code) == (400, "InvalidPagingToken")
