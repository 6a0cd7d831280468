"""`make bench`: measures everything, or the modules named, prints one table and writes it into out/."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from importlib import import_module
from pathlib import Path

from tests.bench.rows import Row, table

MODULES = ("loading", "calls", "job_start", "tracking", "many_jobs")
OUT = Path("out") / "bench.json"


def main(names: list[str]) -> int:
    """Measure, print, write; 1 when a goal was missed or a measurement failed."""
    unknown = sorted(set(names) - set(MODULES))
    if unknown:
        sys.stderr.write(f"{', '.join(unknown)}: no such measurement. There are {', '.join(MODULES)}.\n")
        return 64
    rows: list[Row] = []
    failed: dict[str, str] = {}
    for name in names or MODULES:
        started = time.monotonic()
        sys.stderr.write(f"{name} ... ")
        sys.stderr.flush()
        try:
            rows += import_module(f"tests.bench.{name}").measure()
        except Exception as error:
            failed[name] = f"{type(error).__name__}: {error}"
        sys.stderr.write(f"{time.monotonic() - started:.0f} s\n")
    machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, {os.cpu_count()} cores"
    sys.stdout.write(f"{table(rows)}\n\nMedians on {machine}; both sides in turn.\n")
    for name, error in failed.items():
        sys.stdout.write(f"{name} failed: {error}\n")
    OUT.parent.mkdir(exist_ok=True)
    content = {"machine": machine, "rows": [row.plain() for row in rows], "failed": failed}
    OUT.write_text(json.dumps(content, indent=1), encoding="utf-8")
    sys.stdout.write(f"Written to {OUT}.\n")
    return int(bool(failed) or not all(row.met for row in rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
