"""`aml`: the grammar in a terminal, with the formats, streams and exit codes of `az`.

The result alone goes to standard output, so that `$(aml … --query name -o tsv)` captures a bare value; warnings,
progress and whatever a library prints go to standard error. Nothing expands.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from jupyter_aml.commands.context import Context
    from jupyter_aml.commands.outcome import Outcome

OK, FAILED, INTERRUPTED = 0, 1, 130
MAGIC = re.compile(r"%{1,2}aml\b")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 refused or failed, 2 not understood, 3 not found."""
    typed = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _main(typed)
    except BrokenPipeError:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - it takes what Python still flushes at exit
        return OK
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted. What was submitted goes on.\n")
        return INTERRUPTED


def _main(typed: list[str]) -> int:
    if typed in (["--version"], ["version"]):
        from jupyter_aml import __version__

        sys.stdout.write(f"aml {__version__}\n")
        return OK
    if typed[:1] == ["completion"]:
        from jupyter_aml.cli import completion

        return completion.main(typed[1:])
    out = sys.stdout
    try:
        with redirect_stdout(sys.stderr):
            outcome = _run(typed, out)
            text = _text(outcome, out) if outcome is not None else ""
    except Exception as error:
        if isinstance(error, BrokenPipeError):
            raise
        return _report(error, debug="--debug" in typed)
    if text:
        out.write(f"{text}\n")
    out.flush()
    return OK


def _run(typed: list[str], out: TextIO) -> Outcome | None:
    from jupyter_aml.commands.run import run
    from jupyter_aml.commands.tokens import literals

    if "--only-show-errors" in typed:
        import warnings

        warnings.simplefilter("ignore")
    return run(literals(typed), _context(out), body=_body(typed))


def _context(out: TextIO) -> Context:
    from jupyter_aml.commands.context import Context

    def write(text: str) -> None:
        out.write(text)
        out.flush()

    return Context(stdout=write, interactive=sys.stdin.isatty(), ask=_ask, prefix="aml")


def _ask(question: str) -> bool:
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _body(typed: list[str]) -> str | None:
    """A cell's body is standard input: `aml command train < train.py`."""
    from jupyter_aml.commands.grammar import grammar

    table = grammar()
    if not typed or typed[0] not in table.cells or {"-h", "--help"} & set(typed) or sys.stdin.isatty():
        return None
    noun = table.noun(typed[0])
    return sys.stdin.read() if noun is None else None


def _text(outcome: Outcome, out: TextIO) -> str:
    """What goes to standard output: the format asked for, else a drawing for a person and JSON for a pipe."""
    from jupyter_aml.commands import output

    if outcome.form:
        return output.render(outcome, outcome.form)
    if outcome.kind == "text" and isinstance(outcome.entity, str) and not outcome.message:
        return outcome.entity
    if out.isatty():
        return _here(repr(outcome))
    if outcome.message:
        sys.stderr.write(f"{_here(outcome.message)}\n")
    return output.render(outcome, "json")


def _report(error: Exception, *, debug: bool) -> int:
    """Say what went wrong on standard error; returns the exit code."""
    from jupyter_aml import __version__
    from jupyter_aml.commands import faults

    found = faults.translate(error)
    if debug or found is None:
        import traceback

        traceback.print_exception(error)
    if found is None:
        sys.stderr.write(f"{faults.bug_report(error, __version__)}\n")
        return FAILED
    story = str(getattr(found, "traceback", "")).rstrip("\n")
    sys.stderr.write(f"{story}\n" if story else "")
    sys.stderr.write("\n".join(_here(line) for line in faults.lines(found)) + "\n")
    return faults.exit_code(found)


def _here(text: str) -> str:
    """A sentence written for notebooks, as it is typed in a terminal."""
    return MAGIC.sub("aml", text)


if __name__ == "__main__":
    sys.exit(main())
