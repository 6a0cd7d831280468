"""`aml serve`: the host of the store in the foreground, which keeps the endpoints alive."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path
from typing import Any

from jupyter_aml.client.rest import Rest
from jupyter_aml.commands.actions import endpoints_card
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args
from jupyter_aml.errors import AmlError, UsageError

SECONDS = 15.0
"""How long the host that runs already may take to leave."""
STEP = 0.05


def serve(context: Context, args: Args) -> None:
    """Be the host until interrupted; endpoints go on in processes of their own.

    Raises:
        UsageError: This is a notebook, or the workspace is in Azure.
        AmlError: The host that runs does not leave.
    """
    del args
    if context.namespace is not None:
        msg = "serve is for a terminal: it runs until it is interrupted."
        raise UsageError(msg, remedy="Type aml serve in a terminal; in a notebook endpoints are kept alive anyway.")
    connection = context.connection
    if connection.store is None:
        msg = f"{connection} is in Azure, which serves by itself."
        raise UsageError(msg, remedy="Type aml connect local first.")
    home: Path = connection.store.home
    held = _taken(home)
    context.stdout(_said(addresses(connection), home))
    from jupyter_aml.local.host.process import Host

    with held:
        host = Host(home)
        host.idle = math.inf
        host.run()


def addresses(connection: Any) -> dict[str, str]:
    """The scoring URIs of a workspace's online endpoints, by name; nothing where they cannot be read."""
    rest = Rest(connection)
    try:
        found = list(rest.items(endpoints_card.ONLINE))
    except AmlError:
        return {}
    finally:
        rest.close()
    return {str(one["name"]): str(one["properties"].get("scoringUri") or "") for one in found}


def _taken(home: Path) -> Any:
    """The lock of the store; a host that runs in the background gives it up, with nothing lost.

    Raises:
        AmlError: It does not.
    """
    from jupyter_aml.local.host import lock
    from jupyter_aml.local.store import bell

    until = time.monotonic() + SECONDS
    while (held := lock.take(home)) is None:
        if time.monotonic() > until:
            msg = f"The host of {home} does not leave."
            raise AmlError(msg, remedy="Type aml local stop, and aml serve again.")
        bell.ask(home, {"op": "stop"})
        time.sleep(STEP)
    return held


def _said(found: dict[str, str], home: Path) -> str:
    lines = [f"Serving the store {home}, process {os.getpid()}."]
    widest = max((len(name) for name in found), default=0)
    lines += [f"  {name:<{widest}}  {url}" for name, url in sorted(found.items())] or ["  There are no endpoints yet."]
    lines.append("Ctrl-C ends this process alone: endpoints and jobs go on, and the next command starts a host again.")
    return "\n".join(lines) + "\n"
