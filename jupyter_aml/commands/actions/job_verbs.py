"""What `job` does to jobs: submit, validate, follow, cancel, archive, update, download, rerun, delete."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jupyter_aml.commands.actions import cards, jobs, live, loading
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args
from jupyter_aml.commands.outcome import Outcome
from jupyter_aml.errors import AmlError, UsageError

CANCEL_SECONDS = 60.0
"""How long a cancelled job is waited for; a local one is gone within two seconds."""


def create(context: Context, args: Args) -> Outcome:
    """Submit the job that YAML describes."""
    named = {"name": args.name if isinstance(args.name, str) else None}
    job = loading.load("job", context, args, named)
    return submit(context, args, job)


def submit(context: Context, args: Args, job: Any) -> Outcome:
    """Submit a job and go on as the flags say: bind, stream, wait, open, or a card that refreshes.

    Raises:
        JobFailedError: --wait or --stream was given, and the job did not complete.
    """
    check_var(context, args.get("var"))
    options = {"skip_validation": True} if args.get("skip_validation") else {}
    with live.sending(context, str(getattr(job, "name", "") or "")):
        created = context.client.jobs.create_or_update(job, **options)
    with live.going_on(context, created.name):
        return submitted(context, args, created)


def submitted(context: Context, args: Args, created: Any) -> Outcome:
    """Go on with a job that was submitted; raises as `submit` does."""
    outcome = jobs.outcome(context, created)
    if args.get("var"):
        context.bind(args.var, outcome)
    if args.get("web"):
        from jupyter_aml.commands.actions import browser

        browser.show(context, str(created.studio_url or ""))
    if args.get("stream"):
        return _streamed(context, outcome)
    if args.get("wait"):
        if not args.get("output") and args.get("query") is None:
            cards.show_now(context.display, outcome)
        live.wait(context, created.name)
        outcome.refresh()
    return outcome


def check_var(context: Context, name: str | None) -> None:
    """Refuse a `--var` that could not be bound, before anything is sent.

    Raises:
        UsageError: It is no variable's name, or there are no variables here.
    """
    if name and (context.namespace is None or not name.isidentifier()):
        context.bind(name, None)


def _streamed(context: Context, outcome: Outcome) -> Outcome:
    name = outcome.entity.name
    if live.follow(context, name) != "Completed":
        raise live.failed(jobs.Reader(context.connection).snapshot(name))
    return outcome.refresh()


def validate(context: Context, args: Args) -> Outcome:
    """Check YAML as far as the SDK can without submitting it."""
    job = loading.load("job", context, args)
    found = context.client.jobs.validate(job)
    if not found.passed:
        said = "\n".join(f"{field}: {message}" for field, message in found.error_messages.items())
        msg = "The job is not valid."
        raise UsageError(msg, why=said, remedy="Correct the YAML and validate it again.")
    return Outcome(found._to_dict(), kind="record", place=context.place, message="The job is valid.")  # noqa: SLF001 - as az


def stream(context: Context, args: Args) -> Outcome:
    """Follow a job's log; a failed job is an error, as in `az ml`."""
    job = jobs.wanted(context, args.name, "stream")
    return _streamed(context, jobs.outcome(context, job))


def cancel(context: Context, args: Args) -> Outcome:
    """End a job; waits until it is `Canceled` unless --no-wait.

    Raises:
        AmlError: It has not ended after a minute.
    """
    name = jobs.name_of(args.name, "cancel")
    poller = context.client.jobs.begin_cancel(name)
    if args.no_wait:
        return Outcome(None, place=context.place, message=f"{name} is being cancelled.")
    poller.result()
    reader = jobs.Reader(context.connection)
    status = live.until_final(reader, name, most=CANCEL_SECONDS)
    if status not in jobs.FINAL:
        raise AmlError(
            f"{name} was asked to end, and is still {status} after {CANCEL_SECONDS:g} s.",
            remedy=f"Type %aml job show {name} to see how it stands, %aml status for the host that runs it.",
        )
    said = f"{name} is cancelled." if status == "Canceled" else f"{name} had ended already: {status}."
    return jobs.outcome(context, context.client.jobs.get(name), said)


def archive(context: Context, args: Args) -> Outcome:
    """Hide a job from lists."""
    name = jobs.name_of(args.name, "archive")
    context.client.jobs.archive(name)
    return Outcome(None, place=context.place, message=f"{name} is archived.")


def restore(context: Context, args: Args) -> Outcome:
    """Bring an archived job back."""
    name = jobs.name_of(args.name, "restore")
    context.client.jobs.restore(name)
    return Outcome(None, place=context.place, message=f"{name} is restored.")


def update(context: Context, args: Args) -> Outcome:
    """Change what may change of a job: display name, description, tags."""
    job = jobs.wanted(context, args.name, "update")
    changes: dict[str, Any] = {}
    if args.display_name is not None:
        changes["display_name"] = args.display_name
    if args.description is not None:
        changes["description"] = args.description
    tags = {key: str(value) for key, value in (args.tags or {}).items()}
    for one in loading.overrides(args.set):
        for path, value in one.items():
            if path in ("display_name", "description"):
                changes[path] = value
            elif path.startswith("tags."):
                tags[path.removeprefix("tags.")] = str(value)
            else:
                msg = f"--set {path}: of a job only display_name, description and tags change."
                raise UsageError(msg, remedy=f"Type %aml job rerun {job.name} --set {path}=… for a new job.")
    if tags:
        changes["tags"] = tags
    if not changes:
        msg = "job update needs something to change."
        raise UsageError(msg, remedy="Add --display-name, --description or --tags.")
    return jobs.outcome(context, context.client.jobs.update(job.name, **changes), f"{job.name} is updated.")


def download(context: Context, args: Args) -> Outcome:
    """Download into a folder of the job's name."""
    name = jobs.name_of(args.name, "download")
    folder: Path = context.path(args.download_path or ".") / name
    options: dict[str, Any] = {"all": True} if args.all or not args.output_name else {"output_name": args.output_name}
    context.client.jobs.download(name, download_path=folder, **options)
    return Outcome(str(folder), message=f"{name} is in")


def rerun(context: Context, args: Args) -> Outcome:
    """Submit a copy of a job: same code, environment and inputs, but for those that are given."""
    from jupyter_aml.commands.actions import copies

    job = jobs.wanted(context, args.name, "rerun")
    again = copies.copy(context, job, inputs=args.input, changes=loading.overrides(args.set))
    if args["from"]:
        copies.begin_at(context, again, args["from"], job.name)
    return submit(context, args, again)


def delete(context: Context, args: Args) -> Outcome:
    """Delete a job that has ended."""
    name = jobs.name_of(args.name, "delete")
    context.confirm(f"Delete the job {name} with its logs and outputs?", yes=args.yes)
    context.client.jobs.begin_delete(name).result()
    return Outcome(None, place=context.place, message=f"{name} is deleted.")
