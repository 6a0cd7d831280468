"""Why a run failed, from what its supervisor recorded and the end of its log: the script's own words first."""

from __future__ import annotations

import re
import signal
from dataclasses import replace

from jupyter_aml.agent.records import clip
from jupyter_aml.local.jobs.lifecycle import Fault

LONGEST_TRACEBACK = 20_000
LONGEST_MESSAGE = 4_000
SHELL_SIGNAL = 128
"""A shell adds this to the number of the signal that killed a program of it."""
_HEAD = "Traceback (most recent call last):"
_LAST_LINE = re.compile(r"^(?P<type>[A-Za-z_][\w.]*)(?:: (?P<message>.*))?$")


def of(
    *,
    code: int | None,
    signal_number: int | None,
    reason: str,
    error: dict[str, str] | None,
    log_tail: str,
    timeout: float | None = None,
) -> Fault | None:
    """The fault of a run that ended; None when it did well.

    Args:
        code: Exit code, None when a signal ended it.
        signal_number: The signal that ended it.
        reason: The supervisor's word: `exited`, `timeout`, `cancelled` or `lost`; `refused` when a worker elsewhere
            could not make the run, whose `error` then has a code as its type.
        error: `type`, `message` and `traceback` of the script's exception, where the agent saw it; `held` when the
            run was held with it until it ended.
        log_tail: The end of the log, in which a traceback is looked for.
        timeout: Seconds that the run was allowed.
    """
    held = bool((error or {}).get("held"))
    if reason == "timeout" and not held:
        limit = f"{timeout:g} s" if timeout else "its time limit"
        return Fault("JobTimeout", f"The job ran longer than its limit of {limit} and was ended.")
    if reason == "lost":
        told = (error or {}).get("message") or "The run ended without a record: its processes were killed from outside."
        return Fault("JobLost", told)
    if reason == "refused" and error:
        return Fault(error["type"], error["message"])
    if reason == "cancelled" or (code == 0 and signal_number is None):
        return None
    if error and error.get("type"):
        return _of_exception(error["type"], error.get("message", ""), error.get("traceback", ""))
    return Fault("UserError", _signal_sentence(signal_number)) if signal_number else _of_exit(code, log_tail)


def of_one(fault: Fault, rank: int, size: int, log: str) -> Fault:
    """The fault of one of several processes as the job's: its words first, then which one it was."""
    return replace(fault, message=f"{fault.message} (process {rank} of {size}, see user_logs/{log})")


def _of_exit(code: int | None, log_tail: str) -> Fault:
    found = last_traceback(log_tail)
    if found:
        kind, message = _split(found.rstrip().splitlines()[-1])
        return _of_exception(kind, message, found)
    return Fault("UserError", _exit_sentence(code, log_tail))


def _of_exception(kind: str, message: str, traceback: str) -> Fault:
    text = f"{kind}: {message}" if message else kind
    if len(text) > LONGEST_MESSAGE:
        text = f"{text[:LONGEST_MESSAGE]} ..."
    return Fault("UserError", text, clip(traceback, LONGEST_TRACEBACK))


def _split(line: str) -> tuple[str, str]:
    match = _LAST_LINE.match(line)
    return (match["type"], match["message"] or "") if match else ("Error", line)


def last_traceback(text: str) -> str:
    """The last Python traceback in a log, with its exception's lines; empty when there is none."""
    start = text.rfind(_HEAD)
    if start < 0:
        return ""
    lines = text[start:].splitlines()
    kept = [lines[0]]
    for line in lines[1:]:
        kept.append(line)
        if line and not line[0].isspace():
            return "\n".join(kept)
    return ""  # cut off in the middle: no exception was told


def _exit_sentence(code: int | None, log_tail: str) -> str:
    sentence = f"The command ended with exit code {code}."
    if code == 127:  # noqa: PLR2004 - the shell's word for "not found"
        sentence += " The shell did not find a program that it names."
    if code is not None and code > SHELL_SIGNAL and _signal_name(code - SHELL_SIGNAL):
        number = code - SHELL_SIGNAL
        sentence += f" A program of it was killed by signal {number} {_signal_name(number)}{_memory_hint(number)}."
    lines = [line.strip() for line in log_tail.splitlines() if line.strip()]
    return f"{sentence} Its last line: {lines[-1][:500]}" if lines else f"{sentence} It printed nothing."


def _signal_sentence(number: int) -> str:
    return f"The run was killed by signal {number} {_signal_name(number) or 'unknown'}{_memory_hint(number)}."


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return ""


def _memory_hint(number: int) -> str:
    return " (out of memory?)" if number == getattr(signal, "SIGKILL", 9) else ""
