"""`make bench`: measures everything, prints one table and writes it into out/."""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import time
import traceback
from importlib import import_module
from pathlib import Path

from tests.bench.rows import CONTENDED, Row, load, table

MODULES = (
    "loading", "calls", "job_start", "runners", "tracking", "many_jobs", "sweeps", "panel", "serving", "batch",
    "forecasting", "tables",
)  # fmt: skip
OUT = Path("out") / "bench.json"
LEGEND = f"""\
ours, rival: medians; the sides take turns on this machine. quiet: what the quickest tenth of ours stays below.
waiting: how much longer than alone a computation took meanwhile; above {CONTENDED}, others used the machine, and a
limit counts as met when it is kept in quiet moments.\
"""


def main() -> int:
    """Measure, print, write; 1 when a goal was missed or a measurement failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=MODULES, metavar="NAME", help=", ".join(MODULES))
    parser.add_argument(
        "--quick",
        action="store_true",
        help="a few rounds: rough figures, in a minute or two where nobody else computes",
    )
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leaves no server and no folder behind
    started = time.monotonic()
    rows: list[Row] = []
    failed: dict[str, str] = {}
    for name in asked.only or MODULES:
        began = time.monotonic()
        sys.stderr.write(f"{name} ... ")
        sys.stderr.flush()
        try:
            rows += import_module(f"tests.bench.{name}").measure(quick=asked.quick)
        except Exception as error:
            failed[name] = f"{type(error).__name__}: {error}"
            traceback.print_exc(limit=-3)
        sys.stderr.write(f"{time.monotonic() - began:.0f} s, load {load()}\n")
    machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, {os.cpu_count()} cores"
    took = f"{(time.monotonic() - started) / 60:.1f} minutes, load {load()}"
    sys.stdout.write(f"{table(rows)}\n\n{LEGEND}\n{machine}; {took}.\n")
    for name, error in failed.items():
        sys.stdout.write(f"{name} failed: {error}\n")
    OUT.parent.mkdir(exist_ok=True)
    content = {"machine": machine, "took": took, "rows": [row.plain() for row in rows], "failed": failed}
    OUT.write_text(json.dumps(content, indent=1), encoding="utf-8")
    sys.stdout.write(f"Written to {OUT}.\n")
    return int(bool(failed) or any(row.verdict == "MISSED" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
