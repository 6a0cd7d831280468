"""What a failed job says: the script's own exception before anything of ours."""

from __future__ import annotations

from typing import Any

from jupyter_aml.local.jobs import verdict
from jupyter_aml.local.jobs.lifecycle import Fault

LOG = """epoch 1
Traceback (most recent call last):
  File "old.py", line 1, in <module>
KeyError: 'handled'
carried on
Traceback (most recent call last):
  File "train.py", line 3, in <module>
    fit(x)
  File "train.py", line 1, in fit
    raise ValueError("no rows")
ValueError: no rows
"""


def judge(**changes: Any) -> Fault | None:
    facts: dict[str, Any] = {
        "code": 1,
        "signal_number": None,
        "reason": "exited",
        "error": None,
        "log_tail": "",
    }
    return verdict.of(**{**facts, **changes})


def test_exit_code_0_is_no_fault() -> None:
    assert judge(code=0) is None


def test_the_exception_that_the_agent_saw_comes_first() -> None:
    error = {"type": "ValueError", "message": "no rows", "traceback": "Traceback...\nValueError: no rows"}

    assert judge(error=error, log_tail=LOG) == Fault("UserError", "ValueError: no rows", error["traceback"])


def test_the_last_traceback_of_the_log_is_the_reason_of_a_shell_job() -> None:
    fault = judge(log_tail=LOG)

    assert fault is not None
    assert fault.message == "ValueError: no rows"
    assert fault.traceback.startswith('Traceback (most recent call last):\n  File "train.py", line 3')


def test_an_exit_code_without_traceback_is_told_with_the_last_line() -> None:
    fault = judge(code=3, log_tail="one\nno such table\n\n")

    assert fault is not None
    assert fault.message == "The command ended with exit code 3. Its last line: no such table"


def test_a_silent_failure_says_that_it_was_silent() -> None:
    fault = judge(code=3)

    assert fault is not None
    assert fault.message == "The command ended with exit code 3. It printed nothing."


def test_a_program_that_was_not_found_is_named_as_the_cause() -> None:
    fault = judge(code=127, log_tail="bash: line 1: pyton: command not found")

    assert fault is not None
    assert "did not find a program" in fault.message
    assert "pyton" in fault.message


def test_sigkill_asks_about_memory() -> None:
    fault = judge(code=None, signal_number=9)

    assert fault is not None
    assert fault.message == "The run was killed by signal 9 SIGKILL (out of memory?)."


def test_a_traceback_long_before_a_segfault_is_not_its_cause() -> None:
    fault = judge(code=None, signal_number=11, log_tail=LOG)

    assert fault is not None
    assert fault.message == "The run was killed by signal 11 SIGSEGV."


def test_a_program_that_a_signal_killed_inside_a_shell_is_told() -> None:
    fault = judge(code=139, log_tail="core")

    assert fault is not None
    assert "exit code 139. A program of it was killed by signal 11 SIGSEGV." in fault.message


def test_an_endless_exception_is_clipped_and_keeps_its_beginning_and_its_end() -> None:
    long = "x" * 1_000_000
    error = {"type": "ValueError", "message": long, "traceback": f"Traceback (most recent call last):\n{long}\nend"}

    fault = judge(error=error)

    assert fault is not None
    assert fault.message.startswith("ValueError: xxx")
    assert len(fault.message) < 5_000
    assert fault.traceback.startswith("Traceback (most recent call last):")
    assert fault.traceback.endswith("end")
    assert len(fault.traceback) < 21_000


def test_a_timeout_names_the_limit() -> None:
    fault = judge(code=None, signal_number=15, reason="timeout", timeout=90.0)

    assert fault == Fault("JobTimeout", "The job ran longer than its limit of 90 s and was ended.")


def test_a_traceback_cut_off_in_the_middle_is_not_told_as_one() -> None:
    assert verdict.last_traceback("Traceback (most recent call last):\n  File") == ""


def test_a_cancelled_run_has_no_fault() -> None:
    assert judge(code=None, signal_number=15, reason="cancelled") is None
