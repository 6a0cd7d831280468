"""A supervisor that ends its run when the process that asked for it dies: for runs that begin again elsewhere then."""

from __future__ import annotations

import signal

from . import linux, supervisor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str]) -> None:
    """Supervise one run, with the arguments of `supervisor.main`."""
    linux.die_with_parent(signal.SIGTERM)
    supervisor.main(list(arguments))
