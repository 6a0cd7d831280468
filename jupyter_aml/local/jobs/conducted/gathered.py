"""What the rounds of a parallel_for gave, as one output of the loop: values as a JSON list, data as a table of them.

The kinds are those that the SDK tells for such a loop: `string` for values of every type, `mltable` for all else.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from jupyter_aml.errors import ResourceError
from jupyter_aml.local.jobs import literals, locate, outputs
from jupyter_aml.local.store.workspace import Workspace

TABLE = "MLTable"
Kept = Mapping[str, Any]


def described(pipeline: str, loop: str, output: str, kind: str, rounds: Sequence[Kept]) -> dict[str, str]:
    """The `type` and `uri`, or `value`, of a loop's output. Pure.

    Args:
        pipeline: Name of the pipeline's job.
        loop: Name of the loop.
        output: Name of the output.
        kind: Its type in one round.
        rounds: What each round has kept, in the order of the items.
    """
    if kind in literals.KINDS:
        return {"type": "string", "value": json.dumps([_typed(kind, str(kept.get("value"))) for kept in rounds])}
    return {"type": "mltable", "uri": f"azureml://datastores/{outputs.STORE}/paths/azureml/{pipeline}_{loop}/{output}/"}


def _typed(kind: str, text: str) -> Any:
    if kind == "boolean":
        return text.lower() in literals.TRUE
    if kind == "integer":
        return int(text)
    return float(text) if kind == "number" else text


def make(workspace: Workspace, described: Kept, rounds: Sequence[Kept]) -> None:
    """Put the data of all rounds into one folder, each in a folder of its number, with an MLTable that names them.

    What is there already stays. The files are copies, which share their blocks where the file system can.

    Raises:
        ResourceError: A round's data are not in this workspace, or the disk refuses.
    """
    if "uri" not in described:
        return
    with workspace.database.read() as reader:
        target = _here(locate.find(workspace, reader, described["uri"], "mltable", "outputs"))
        sources = [
            _here(locate.find(workspace, reader, str(kept["uri"]), str(kept.get("type")), "outputs")) for kept in rounds
        ]
    name = target.name.rstrip("/")
    if workspace.blobs.path(target.container, f"{name}/{TABLE}").exists():
        return
    work = workspace.work_folder("")
    work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=work, prefix="gathered-") as place:
        folder = Path(place) / "whole"
        lines = ["paths:"]
        for number, source in enumerate(sources):
            bare = source.name.rstrip("/")
            single = source.path(workspace).is_file()
            inside = f"{number}/{PurePosixPath(bare).name}" if single else f"{number}"
            workspace.blobs.export(source.container, bare, folder / inside)
            lines.append(f"- {'file' if single else 'folder'}: {json.dumps(f'./{inside}', ensure_ascii=False)}")
        folder.mkdir(exist_ok=True)
        (folder / TABLE).write_text("\n".join([*lines, "transformations: []", "type: mltable", ""]), encoding="utf-8")
        workspace.blobs.adopt_folder(folder, target.container, name)


def _here(found: locate.Place | locate.Elsewhere) -> locate.Place:
    if isinstance(found, locate.Elsewhere):
        msg = f"{found.uri} is not in this workspace, so the outputs of the loop's rounds cannot be gathered."
        raise ResourceError(msg, code="UserError")
    return found
