"""The code that a job ran: read back from its snapshot, to print it or to write the whole job down."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from jupyter_aml.commands.actions import codes, jobs, stores
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.scripts import forms, header
from jupyter_aml.errors import UsageError

_SCRIPT = re.compile(r"\bpython[\d.]*\s+(?:-\S+\s+)*(?P<script>[\w./-]+\.py)\b")


def script(context: Context, job: Any) -> str:
    """The script that a job's command names, with its header spread over lines.

    Raises:
        UsageError: The job ran no script of its own.
    """
    name = script_in(job)
    files = _files(context, job)
    if not name or files is None:
        msg = f"The job {job.name} ran no script of its own."
        raise UsageError(msg, remedy=f"Type %aml job show {job.name} --as yaml.")
    content = files.read(name)
    return header.readable(content.decode("utf-8", errors="replace"))


def _work(job: Any) -> Any:
    """What a job runs: itself, or the trial of a sweep."""
    return getattr(job, "trial", None) or job


def script_in(job: Any) -> str:
    """The script that a job runs, from the folder of its code; "" if it runs none."""
    work = _work(job)
    entry = getattr(work, "entry", None)
    return str(getattr(entry, "entry", "") or "") or script_of(str(getattr(work, "command", "") or ""))


def script_of(command: str) -> str:
    """The script that a command line runs with Python, without a leading `./`; "" if it runs none."""
    found = _SCRIPT.search(command)
    return found["script"].removeprefix("./") if found is not None else ""


def save(context: Context, job: Any, folder: Path) -> Path:
    """Write `job.yml` and the code beside it, ready for `az ml job create --file job.yml`.

    Raises:
        UsageError: The folder holds something already.
    """
    if folder.exists() and any(folder.iterdir()):
        msg = f"--save {folder}: the folder is not empty."
        raise UsageError(msg, remedy="Name a new folder.")
    folder.mkdir(parents=True, exist_ok=True)
    spec = forms.specification(jobs.whole(context.connection, job))
    files = _files(context, job)
    if files is not None:
        for name in files.names():
            target = folder / "code" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(files.read(name))
        spec.get("trial", spec)["code"] = "./code"
    (folder / "job.yml").write_text(forms.as_yaml(spec), encoding="utf-8")
    return folder


def _files(context: Context, job: Any) -> stores.Files | None:
    """The files of a job's code snapshot; None without one."""
    code = str(getattr(_work(job), "code", "") or "")
    return codes.of_id(context, code) if codes.is_id(code) else None
