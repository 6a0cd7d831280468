"""How `job` shows jobs: lists, cards, logs, comparisons, and written down in other forms."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from jupyter_aml.client.rest import Rest
from jupyter_aml.commands import plain
from jupyter_aml.commands.actions import assets, jobs, live
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args
from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.commands.scripts import forms
from jupyter_aml.errors import UsageError
from jupyter_aml.views import children, logs

COLUMNS = (
    "name",
    "display_name",
    "status",
    "type",
    "experiment=experiment_name",
    "created=creation_context.created_at",
)
CONDUCTING = ("sweep", "pipeline", "automl")
"""Types of jobs that have children."""
TWO = 2
MOST_COMPARED = 8
"""Trials of a sweep that are compared, the best ones."""
AT_ONCE = 8
"""Jobs asked for at the same time."""
LONGEST_LOG = 2 << 20
"""Bytes of a log that a notebook shows."""


def listing(context: Context, args: Args) -> Outcome:
    """The newest jobs that fit the filters."""
    found, note = assets.limited(_fitting(context, args), args.max_results, "job")
    return Outcome(found, kind="table", columns=COLUMNS, place=context.place, title="job", message=note)


def _fitting(context: Context, args: Args) -> Iterator[Any]:
    """The jobs of a list; by status and experiment the service narrows, and the SDK reads what is shown alone."""
    found: Iterable[Any]
    if args.parent_job_name is not None:
        found = _children(context, jobs.wanted(context, args.parent_job_name, "list").name)
    elif not args.all_children and (args.status or args.experiment_name):
        found = _read(context, _names(context, args))
    else:
        found = _every(context, args)
    return (job for job in found if _fits(args, job.status, job.experiment_name, job.type))


def _every(context: Context, args: Args) -> Iterable[Any]:
    """The jobs of the SDK's own list."""
    wanted: dict[str, Any] = {"list_view_type": assets.view(args)}
    if args.tag:
        wanted["tag"] = args.tag
    if args.type and not args.all_children:
        wanted["job_type"] = args.type.capitalize() if args.type.lower() != "automl" else "AutoML"
    found: Iterable[Any] = context.client.jobs.list(**wanted)
    return _with_children(context, found) if args.all_children else found


def _fits(args: Args, status: Any, experiment: Any, kind: Any) -> bool:
    """Whether a job has the status, the experiment and the type that are asked for."""
    wanted = ((args.status, status), (args.experiment_name, experiment), (args.type, kind))
    return all(not word or str(plain.plain(found)).lower() == word.lower() for word, found in wanted)


def _names(context: Context, args: Args) -> Iterator[str]:
    """The names of the jobs that fit, newest first; Azure's list does not know all of these filters."""
    asked = {
        "listViewType": assets.view(args).value, "jobType": args.type, "tag": args.tag, "status": args.status,
        "experimentName": args.experiment_name,
    }  # fmt: skip
    for item in Rest(context.connection).items("jobs", query={key: value for key, value in asked.items() if value}):
        found = item["properties"]
        if _fits(args, found.get("status"), found.get("experimentName"), found.get("jobType")):
            yield str(item["name"])


def _read(context: Context, names: Iterable[str]) -> Iterator[Any]:
    """Jobs by their names, some of them at a time, in the order of the names."""
    left = iter(names)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while some := list(itertools.islice(left, AT_ONCE)):
            yield from pool.map(context.client.jobs.get, some)


def _children(context: Context, parent: str) -> Iterator[Any]:
    """The children of a job; what the SDK lists of them has no type."""
    return _read(context, (child.name for child in context.client.jobs.list(parent_job_name=parent)))


def _with_children(context: Context, found: Iterable[Any]) -> Iterator[Any]:
    """Jobs, each followed by its children, and theirs."""
    for job in found:
        yield job
        if str(job.type).lower() in CONDUCTING:
            yield from _with_children(context, _children(context, job.name))


def show(context: Context, args: Args) -> Outcome:
    """A job as a card, or in another form."""
    job = jobs.wanted(context, args.name, "show")
    if args.web:
        from jupyter_aml.commands.actions import browser

        browser.show(context, str(job.studio_url or ""))
    if args.save:
        from jupyter_aml.commands.actions import snapshots

        folder = snapshots.save(context, job, context.path(args.save))
        return Outcome(str(folder), message=f"{job.name} is written down in")
    if args["as"]:
        return Outcome(written(context, job, args["as"]), kind="text")
    return jobs.outcome(context, job)


def written(context: Context, job: Any, form: forms.Form) -> str:
    """A job of the workspace in another form."""
    connection = context.connection
    said = jobs.whole(connection, job)
    if form == "script":
        from jupyter_aml.commands.actions import snapshots

        return snapshots.script(context, job)
    if form == "cli":
        return forms.as_cli(said, group=connection.group, workspace=connection.workspace)
    if form == "sdk":
        return forms.as_sdk(
            said, group=connection.group, workspace=connection.workspace, subscription=connection.subscription
        )
    return forms.as_yaml(said)


def log(context: Context, args: Args) -> Outcome | None:
    """A job's log: followed, or as text with what went wrong on top."""
    name = jobs.name_of(args.name, "logs")
    if args.follow:
        live.follow(context, name)
        return None
    reader = jobs.Reader(context.connection)
    files = reader.log_files(name)
    wanted = args.file or jobs.main_log(files)
    if wanted not in files:
        if args.file:
            msg = f"The job {name} has no log {wanted}."
            raise UsageError(msg, why=f"Its logs are {', '.join(files) or 'none yet'}.")
        return Outcome("", message=f"{name} has written nothing yet.", place=context.place)
    text = _log_text(context, reader, files[wanted], name)
    shown = logs.tail(text, args.lines) if args.lines else text
    error = reader.failure(name, text) if reader.status(name) == "Failed" else ""
    return Outcome(shown, kind="log", title=name, place=context.place, details={"error": error, "log": shown})


def _log_text(context: Context, reader: jobs.Reader, url: str, name: str) -> str:
    """All of a log; of one that is too long for a notebook its end, which is said."""
    if context.namespace is None:
        return reader.bytes_of(url, 0)[0].decode("utf-8", errors="replace")
    _, size = reader.bytes_of(url, 0, 0)
    if size > LONGEST_LOG:
        context.warn(
            f"The log of {name} has {size / 1e6:,.0f} MB; this is the end of it. %aml job download {name} brings all."
        )
    return reader.tail(url, LONGEST_LOG)


def compare(context: Context, args: Args) -> Outcome:
    """Several jobs side by side."""
    names = [jobs.name_of(value, "compare") for value in args.names]
    reader = jobs.Reader(context.connection)
    if len(names) == 1 and not args.last and not args.experiment_name:
        names = _compared(context, reader, names[0])
    if args.last or args.experiment_name:
        every = context.client.jobs.list()
        fitting = (job.name for job in every if args.experiment_name in (None, job.experiment_name))
        names += list(itertools.islice((name for name in fitting if name not in names), args.last or TWO))
    if len(names) < TWO:
        msg = f"job compare needs two jobs or more, and has {len(names)}."
        raise UsageError(msg, remedy="Type %aml job compare {job} {other}, or %aml job compare --last 2.")
    from jupyter_aml.views import compare as drawing

    runs = [reader.snapshot(name) for name in names]
    return Outcome(drawing.rows(runs), kind="compare", place=context.place, details={"runs": runs})


def _compared(context: Context, reader: jobs.Reader, name: str) -> list[str]:
    """The best trials of a sweep, or the steps of a pipeline; of another job itself."""
    snapshot = reader.snapshot(jobs.wanted(context, name, "compare").name)
    if "trials" in snapshot:
        return [str(one["name"]) for one in children.ordered(snapshot)[:MOST_COMPARED]]
    begun = [str(one["name"]) for one in snapshot.get("steps") or [] if one["name"]]
    return begun[:MOST_COMPARED] or [name]


def open_page(context: Context, args: Args) -> Outcome:
    """Open the job's page: the studio's in Azure, its folder here."""
    from jupyter_aml.commands.actions import browser

    job = jobs.wanted(context, args.name, "open")
    url = str(job.studio_url or "")
    if url.startswith("http"):
        browser.show(context, url)
    return Outcome(url, place=context.place, title=job.name)


def services(context: Context, args: Args) -> Outcome:
    """The services of a running job."""
    name = jobs.name_of(args.name, "show-services")
    found = context.client.jobs.show_services(name, args.node_index) or {}
    return Outcome(dict(found), kind="record", place=context.place, title=f"services of {name}")
