"""Programs of ours that some jobs run: put beside a run's code, so that every environment's Python finds them."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from jupyter_aml.agent import copying, start

PROGRAM = "jupyter_aml.program"
"""Property of a job that says which program it needs."""


class Program(StrEnum):
    """A program, by the word that the property has."""

    PARALLEL = "parallel"
    GATHER = "parallel_shares"
    COPYING = "copying"
    SPARK = "sparking"
    AUTOML = "automl"

    @property
    def script(self) -> str:
        """Its file as a command of the run names it, from the folder of the code."""
        return f"../{self.value}.py"


PARALLEL, GATHER, COPYING, SPARK = Program.PARALLEL, Program.GATHER, Program.COPYING, Program.SPARK
AUTOML = Program.AUTOML
PLAIN = frozenset({COPYING, GATHER, AUTOML})
"""Programs that need no environment, and run on this machine, where the data are."""


def word(body: Mapping[str, Any]) -> str:
    """The word of the program that a job needs; empty for none."""
    if str(body.get("jobType")).lower() == "spark":
        return SPARK
    named = str((body.get("properties") or {}).get(PROGRAM) or "")
    return named if named in {program.value for program in Program} else ""


def place(body: Mapping[str, Any], work: Path, kept: Iterable[Path]) -> None:
    """Put the program that a job needs into the run's folder.

    Args:
        body: The job's.
        work: The folder.
        kept: Where the job's outputs will be kept, for a program that asks what is there already.
    """
    named = word(body)
    if named:
        for source in start.program(PARALLEL if named == GATHER else named):  # which is a part of it
            shutil.copy(source, work)
    if named == COPYING:
        there = {name for path in kept if path.exists() for _, name in copying.files(str(path))}
        (work / copying.HELD).write_text("\n".join(sorted(there)), encoding="utf-8")
