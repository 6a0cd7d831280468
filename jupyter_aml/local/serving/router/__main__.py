"""`python -m jupyter_aml.local.serving.router --folder FOLDER`: the process of an endpoint, one per folder."""

from __future__ import annotations

import argparse
import fcntl
import sys
import time
from pathlib import Path

PATIENCE = 4.0
"""Seconds for the process before this one to end."""
PAUSE = 0.02


def main() -> int:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m jupyter_aml.local.serving.router", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="folder of the endpoint")
    folder: Path = parser.parse_args().folder
    if not folder.is_dir():  # removed since the host started this
        return 0
    with (folder / "lock").open("a+b") as lock:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() > until:
                    return 1
                time.sleep(PAUSE)
        _serve(folder)
    return 0


def _serve(folder: Path) -> None:
    import uvloop

    from jupyter_aml.local.serving.online.places import EndpointPlace
    from jupyter_aml.local.serving.router.process import Process

    async def run() -> None:
        await Process(EndpointPlace(folder)).run()

    uvloop.run(run())


if __name__ == "__main__":
    sys.exit(main())
