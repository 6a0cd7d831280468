"""A fence around Python processes: put this folder on PYTHONPATH and they reach nothing but this machine.

Name a file in `JUPYTER_AML_FENCE`; every attempt to leave is refused and becomes a line of that file. The fence is a
`sitecustomize`, so processes that a fenced one starts are fenced as well.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

REPORT = "JUPYTER_AML_FENCE"


def environment(report: Path, base: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment variables of a fenced process; attempts to leave are written into `report`."""
    found = dict(os.environ if base is None else base)
    paths = [str(Path(__file__).parent), *filter(None, [found.get("PYTHONPATH")])]
    return {**found, "PYTHONPATH": os.pathsep.join(paths), REPORT: str(report)}


def attempts(report: Path) -> list[str]:
    """The attempts to leave the machine, each with who tried."""
    return report.read_text(encoding="utf-8").splitlines() if report.exists() else []
