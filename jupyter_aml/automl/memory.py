"""The memory of one trial: how much its process may take beyond what it holds when the trial begins.

Linux alone keeps such a limit (RLIMIT_DATA, what a process has for itself alone). macOS and Windows keep none: there a
trial takes what it needs, and the system ends its process where that is too much, which ends that trial alone. So do
libraries in C++ that end the process themselves instead of saying that there is no memory.
"""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any

PROPERTY = "jupyter_aml.trial_memory_mb"
"""The property of a job that says how many megabytes a trial may take; without it trials share what is free."""
MB = 1 << 20
LEAST = 512 * MB
"""What a trial may take however little is free: importing the libraries needs as much."""
PROC, GROUP = Path("/proc"), Path("/sys/fs/cgroup")
GROUPS = (
    ("memory.max", "memory.current", "memory.stat"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"),
)
"""A container's limit, what it uses of it, and how much of that are files kept for later: control groups 2 and 1."""
_NO_ROOM = (
    "bad_alloc", "bad_malloc", "unable to allocate", "failed to allocate", "cannot allocate memory", "out of memory",
    "memory allocation", "std::length_error", "can't start new thread", "thread creation failed",
)  # fmt: skip
"""What libraries say that have no memory, in lower case."""
_held: ContextVar[int] = ContextVar("memory", default=0)


def asked(properties: Mapping[str, Any] | None) -> int:
    """The megabytes that a job gives to each of its trials; 0 where it does not say.

    Raises:
        ValueError: They are no whole number above 0.
    """
    found = (properties or {}).get(PROPERTY)
    if found in {None, ""}:
        return 0
    if not re.fullmatch(r"0*[1-9]\d{0,8}", str(found)):
        msg = f"The property {PROPERTY} is {found!r}; expected megabytes as a whole number above 0, such as '4000'."
        raise ValueError(msg)
    return int(str(found))


def allowed(megabytes: int, width: int) -> int:
    """What a trial may take, in bytes; 0 for no limit.

    Args:
        megabytes: That the user gives it; 0 for its share of what this machine has free.
        width: Trials that run side by side and share that.
    """
    if sys.platform != "linux":
        return 0
    if megabytes:
        return megabytes * MB
    there = free()
    return max(there // max(width, 1), LEAST) if there else 0


def free() -> int:
    """Bytes that are free on this machine and in its container; 0 where that is not known."""
    found = re.search(r"^MemAvailable:\s+(\d+) kB", _read(PROC / "meminfo"), re.MULTILINE)
    left = [int(found[1]) * 1024] if found else []
    for most, used, kinds in GROUPS:
        limit, usage = _read(GROUP / most).strip(), _read(GROUP / used).strip()
        if limit.isdigit() and usage.isdigit():
            files = re.search(r"^(?:total_)?inactive_file (\d+)", _read(GROUP / kinds), re.MULTILINE)
            left.append(max(int(limit) - int(usage) + (int(files[1]) if files else 0), 0))
    return min(left, default=0)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError:
        return ""


@contextlib.contextmanager
def limited(count: int) -> Iterator[None]:
    """A block that may take so many bytes beyond what the process holds; 0 for no limit.

    The limit is lifted at the end of the block: other trials may come to the same process. What the block started keeps
    its own.
    """
    holds = re.search(r"^VmData:\s+(\d+) kB", _read(PROC / "self" / "status"), re.MULTILINE)
    if not count or holds is None:
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_DATA)
    soft = int(holds[1]) * 1024 + count
    known = [one for one in (soft, *before) if one != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min(known), before[1]))
    token = _held.set(count)
    try:
        yield
    finally:
        _held.reset(token)
        resource.setrlimit(resource.RLIMIT_DATA, before)


def told(error: BaseException, count: int = 0) -> str:
    """Why a trial failed, in one sentence.

    Args:
        error: What was raised.
        count: Bytes to which it was limited, where the block that was is over.
    """
    plain = f"{type(error).__name__}: {error}"
    count = count or _held.get()
    if not count or not (isinstance(error, MemoryError) or short(plain)):
        return plain
    return (
        f"It needed more than {count // MB:,} MB of memory. Set the job's property {PROPERTY} to more, or lower"
        f" limits.max_concurrent_trials. ({plain.splitlines()[0]})"
    )


def short(said: str) -> bool:
    """Whether a library's words are those of one that has no memory."""
    return any(one in said.lower() for one in _NO_ROOM)
