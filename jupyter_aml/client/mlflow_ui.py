"""MLflow's own UI over a local workspace's records: the address that opens it in a browser."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jupyter_aml.client.connection import Connection
from jupyter_aml.client.credentials import local_identity
from jupyter_aml.errors import AmlError, ConnectError, ResourceError, StoreError

if TYPE_CHECKING:
    from jupyter_aml.local.store.catalogue import Store

PROTOCOL = "v2.0"
WAIT_SECONDS = 30.0
STEP_SECONDS = 0.05
GOOD = 200


@dataclass(frozen=True)
class Page:
    """Where the UI is.

    Attributes:
        url: Opens it, for whoever was let in before.
        link: The same with a ticket, which lets a browser in during the next minutes.
        minutes: How long the ticket is good.
    """

    url: str
    link: str = field(repr=False)
    minutes: int


def page(here: Connection) -> Page:
    """The UI over the records of a connection's workspace; starts the host where none runs.

    Raises:
        ConnectError: The workspace is in Azure.
        StoreError: The host does not start.
        ResourceError: MLflow is not installed where the host runs.
    """
    from jupyter_aml.local.authz import tokens
    from jupyter_aml.local.doors import pages

    store, entry = here.store, here.entry
    if store is None or entry is None:
        raise ConnectError(
            f"{here} is in Azure; MLflow's UI opens over a local workspace.",
            why="In Azure the studio shows runs, metrics and artifacts.",
            remedy="Type %aml job show NAME --web for a run in the studio, or %aml connect local.",
        )
    who = local_identity(store, here.identity)
    url = f"http://127.0.0.1:{_port(store)}/mlflow/{PROTOCOL}{entry.arm_id}/"
    _look(url, tokens.issue(store, who, audience=url, lifetime=pages.TICKET_SECONDS))
    limited = type(who)(who.name, who.object_id, workspace_id=entry.id)
    link = f"{url}?{pages.TICKET}={pages.ticket(store, limited)}#/experiments"
    return Page(url, link, int(pages.TICKET_SECONDS // 60))


def _port(store: Store) -> int:
    """Where the host's door listens; the host is started when none runs."""
    from jupyter_aml.local.store import bell

    until = time.monotonic() + WAIT_SECONDS
    bell.ring(store.home, start=True)
    while time.monotonic() < until:
        said = bell.ask(store.home, {"op": "status"}, timeout=WAIT_SECONDS)
        if said and said.get("port"):
            return int(said["port"])
        time.sleep(STEP_SECONDS)
    raise StoreError(
        f"The host of {store.home} did not start within {WAIT_SECONDS:g} s.",
        remedy="Look at host.log in the folder `host` of the store.",
    )


def _look(url: str, token: str) -> None:
    """Ask for the page once, so that whoever opens it finds it.

    Raises:
        AmlError: It is not served; with the host's own words.
    """
    import urllib.error
    import urllib.request

    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"}, method="GET")  # noqa: S310 - loopback
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=WAIT_SECONDS) as answer:
            if answer.status == GOOD:
                return
            found = b""
    except urllib.error.HTTPError as error:
        with error:
            found = error.read()
        raise _said(found, error.code) from None
    except OSError as error:
        raise StoreError(
            f"The host does not answer at {url}: {error}.", remedy="Type %aml local stop, then try again."
        ) from error
    raise _said(found, GOOD)


def _said(body: bytes, status: int) -> AmlError:
    try:
        said = str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        said = f"The host answered {status} for MLflow's UI."
    return ResourceError(said, status=status)
