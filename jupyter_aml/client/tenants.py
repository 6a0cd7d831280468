"""Which tenant a subscription trusts: Resource Manager tells it to anybody who asks without a token.

Whoever is a guest there needs not name the tenant.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from jupyter_aml.client.clouds import Cloud
from jupyter_aml.errors import ConnectError

API_VERSION = "2022-12-01"
SECONDS = 20.0
_AUTHORITY = re.compile(r'authorization(?:_uri)?="?https://[^/"]+/([^/", ]+)', re.IGNORECASE)


def of_subscription(cloud: Cloud, subscription: str) -> str:
    """The GUID of the tenant; empty when Resource Manager does not say.

    Raises:
        ConnectError: Resource Manager cannot be reached.
    """
    import requests

    url = f"{cloud.arm}/subscriptions/{quote(subscription, safe='')}?api-version={API_VERSION}"
    try:
        reply = requests.get(url, timeout=SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        msg = f"{cloud.arm} could not be reached: {error}."
        raise ConnectError(msg, remedy="Look at the network and proxy, or work in `local`.") from error
    found = _AUTHORITY.search(reply.headers.get("WWW-Authenticate", ""))
    return found[1] if found is not None else ""
