"""Runs a program that must not outlive who asked for it: when the asker's end of stdin closes, all of it is ended.

    guard.main([program, argument, ...])

Its exit code is the program's. What is inherited, such as a lock, stays held until the last process is gone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading

from . import linux, processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

ENDED = 130


def main(arguments: Sequence[str]) -> None:
    """Run a program to its end, or to that of the asker."""
    adopts = linux.become_subreaper()
    program = subprocess.Popen(arguments, stdin=subprocess.DEVNULL)
    left = threading.Event()
    watcher = threading.Thread(target=_end_with_asker, args=(program, adopts, left), daemon=True)
    watcher.start()
    code = program.wait()
    if left.is_set():
        watcher.join()
    os._exit(code if code >= 0 else 128 - code)


def _end_with_asker(
    program: subprocess.Popen[bytes],
    adopts: bool,
    left: threading.Event,
) -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    left.set()
    if adopts:
        processes.kill_all(_none_left)
    else:
        from . import portable

        portable.end_tree(program)
    os._exit(ENDED)


def _none_left() -> bool:
    """Collect dead children; whether none is left."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return True
        if pid == 0:
            return False
