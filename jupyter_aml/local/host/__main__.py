"""`python -m jupyter_aml.local.host --home HOME`: the host of a store, or nothing when it has one already."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def main() -> int:
    """Be the host until there is nothing left to do."""
    parser = argparse.ArgumentParser(prog="python -m jupyter_aml.local.host", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="folder of the store")
    home: Path = parser.parse_args().home
    if not (home / "store.db").exists():  # removed since somebody asked for a host: it is not made again
        return 0
    from jupyter_aml.local.host import lock

    held = lock.take(home)
    if held is None:
        return 0
    from jupyter_aml.local.host.process import Host

    with held:
        Host(home).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
