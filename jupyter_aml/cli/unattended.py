"""`python -m jupyter_aml.cli.unattended PROFILE NOUN VERB …`: `aml` in a profile's workspace in Azure, for a server.

Nobody is there to sign in: a kept sign-in serves, or what needs nobody. What a bare `connect()` chooses stays.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout

from jupyter_aml.cli import main as aml


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit code of `aml`."""
    from jupyter_aml.errors import AmlError

    name, *words = arguments
    try:
        with redirect_stdout(sys.stderr):
            _connect(name)
    except AmlError as error:
        sys.stderr.write(f"{error}\n")
        return aml.FAILED
    return aml.main(words)


def _connect(name: str) -> None:
    from jupyter_aml.client import connect
    from jupyter_aml.client.profiles import Profiles
    from jupyter_aml.local.store.catalogue import default_home

    home = default_home()
    profile = Profiles(home).get(name)
    connection = connect.opened(profile, home)
    connect.connect(profile.target, credential=connection.credential, cloud=connection.cloud.name, quiet=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
