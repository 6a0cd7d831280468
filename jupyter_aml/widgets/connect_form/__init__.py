"""A form that connects the notebook: to a workspace on this machine, or to one in Azure, signing in in the cell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from jupyter_aml.client import connect, targets
from jupyter_aml.client.connection import Connection
from jupyter_aml.client.keeping import kept, target_of, texts
from jupyter_aml.client.profiles import Profile
from jupyter_aml.client.signing import SignIns
from jupyter_aml.errors import NotFoundError
from jupyter_aml.local.store.catalogue import default_home
from jupyter_aml.widgets.asks import Ask
from jupyter_aml.widgets.base import Asked, drawn
from jupyter_aml.widgets.wire import Answered, refusal

HINT = "Type %aml connect local, or %aml connect azure:SUBSCRIPTION/RESOURCE_GROUP/WORKSPACE --save NAME."


class ConnectForm(Asked):
    """Connects the notebook, as `%aml connect` does; `client` is the `MLClient` once it is connected."""

    _esm = Path(__file__).parent / "widget.js"

    def __init__(self) -> None:
        self.client: Any = None
        self._sign_ins = SignIns(default_home(), self._signed_in)
        super().__init__(workspace="", place=targets.LOCAL)

    def still(self) -> dict[str, str]:
        """What the notebook is connected to, else what to type."""
        said = str(connect.connection(self.client)) if self.client is not None else HINT
        return drawn("text", {"entity": said, "title": "connect"})

    def answer(self, ask: Ask) -> Answered:
        """What the form asks: `connect` and `sign-in`, as the server extension has them."""
        try:
            return 200, json.dumps(self._answer(ask))
        except Exception as error:  # noqa: BLE001 - it is an answer as well
            return refusal(error, status=400)

    def close(self) -> None:
        """Tell the page nothing more, and wait for nobody to sign in."""
        if self.comm is not None:
            self._sign_ins.close()
        super().close()

    def _answer(self, ask: Ask) -> dict[str, Any]:
        path, _, query = ask.path.partition("?")
        if path == "connect" and ask.method == "POST":
            return self._connect(texts(ask.body))
        if path == "sign-in":
            profile = parse_qs(query).get("profile", [texts(ask.body, ("profile",))["profile"]])[-1]
            if ask.method == "POST":
                return vars(self._sign_ins.start(profile, beside=False))
            return vars(self._sign_ins.cancel(profile) if ask.method == "DELETE" else self._sign_ins.state(profile))
        msg = f"The form cannot ask for '{path}'."
        raise NotFoundError(msg)

    def _connect(self, asked: dict[str, str]) -> dict[str, Any]:
        target = target_of(asked["target"])
        if target.kind != "local":
            return kept(target, asked, default_home(), Path.cwd())
        self.client = connect.connect(asked["target"], quiet=True)
        named = connect.connection(self.client).workspace_path
        return {"id": named, "place": targets.LOCAL, "profile": "", "target": asked["target"]}

    def _signed_in(self, profile: Profile, connection: Connection) -> None:
        cloud = connection.cloud.name
        self.client = connect.connect(profile.target, credential=connection.credential, cloud=cloud, quiet=True)
