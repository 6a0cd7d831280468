"""What a notebook pays before its first result."""

from __future__ import annotations

import json

from tests.bench import processes
from tests.bench.places import temporary
from tests.bench.rows import Row, interleaved

ROUNDS, RESULTS = 9, 5
LOAD = """
import os, time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
started = time.perf_counter()
shell.run_line_magic("load_ext", {extension!r})
print((time.perf_counter() - started) * 1000, flush=True)
os._exit(0)
"""
FIRST = """
import time
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
started = time.perf_counter()
shell.run_line_magic("load_ext", "jupyter_aml")
from jupyter_aml.client import warm
if {wait}:
    assert warm.wait(120)
    started = time.perf_counter()
shell.run_line_magic("aml", "connect local")
result = shell.run_line_magic("aml", "data list")
shell.display_formatter.format(result)
print((time.perf_counter() - started) * 1000, flush=True)
"""


def measure(*, quick: bool) -> list[Row]:
    """`%load_ext` against jupysql's, and the first result in a fresh store."""
    taken = interleaved({"ours": lambda: _load("jupyter_aml"), "jupysql": lambda: _load("sql")}, 3 if quick else ROUNDS)
    load = Row.of("%load_ext jupyter_aml", taken["ours"], taken["jupysql"], "jupysql's", goal=15, most=30)
    first = interleaved(
        {"warm": lambda: _first(wait=True), "cold": lambda: _first(wait=False)}, 2 if quick else RESULTS
    )
    return [
        load,
        Row.of("first %aml result once the SDK is imported", first["warm"], most=1000),
        Row.of("%load_ext and first %aml result at once", first["cold"]),
    ]


def _load(extension: str) -> float:
    return _printed(LOAD.format(extension=extension))


def _first(*, wait: bool) -> float:
    return _printed(FIRST.format(wait=wait))


def _printed(code: str) -> float:
    """What a fresh IPython prints in the end, in a store of its own."""
    with temporary() as folder:
        private = dict.fromkeys(("HOME", "IPYTHONDIR"), str(folder))
        written = processes.python(["-c", code], folder, JUPYTER_AML_HOME=str(folder / "home"), **private)
    return float(json.loads(next(line for line in reversed(written.splitlines()) if _number(line))))


def _number(line: str) -> bool:
    return line.replace(".", "", 1).isdecimal()
