"""Signing in to Azure from a page: the server asks, the page shows what the person has to do, tokens stay here.

One sign-in at a time for each profile. One that was cancelled leaves nothing behind, even if the person agrees later.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jupyter_aml.client import connect, targets
from jupyter_aml.client.connection import Connection
from jupyter_aml.client.profiles import Profile, Profiles
from jupyter_aml.client.rest import Rest
from jupyter_aml.client.sign_in import SignInNeededError, has_browser
from jupyter_aml.errors import AmlError, ConnectError, NotFoundError, ResourceError

NONE, WAITING, DONE, FAILED = "none", "waiting", "done", "failed"
SignedIn = Callable[[Profile, Connection], None]


@dataclass(frozen=True)
class State:
    """How far a sign-in has come.

    Attributes:
        state: `none`, `waiting`, `done` or `failed`.
        way: How, one of `client.sign_in.WAYS`.
        url: Where the person types the code in; empty where no code is needed.
        code: The code.
        message: Why it failed, or a sentence for the person.
        expires: When the code expires, as ISO 8601 in UTC.
        workspace: ARM id of the workspace, once the sign-in is done.
    """

    state: str = NONE
    way: str = ""
    url: str = ""
    code: str = ""
    message: str = ""
    expires: str = ""
    workspace: str = ""


class SignIn:
    """One sign-in, in a thread of its own.

    Args:
        profile: Where, and how.
        home: The store's folder.
        beside: Whether a browser that the server opens appears before the person.
        signed_in: Called with the connection, in the thread, when all went well.
    """

    def __init__(self, profile: Profile, home: Path, *, beside: bool, signed_in: SignedIn) -> None:
        self.state = State(WAITING, profile.sign_in or "auto")
        self.profile = profile
        self._home = home
        self._beside = beside
        self._signed_in = signed_in
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="jupyter_aml-sign-in", daemon=True)

    @property
    def waiting(self) -> bool:
        """Whether it goes on."""
        return self.state.state == WAITING

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def cancel(self) -> None:
        """End it; what still asks the authority does so until the code expires, and keeps nothing."""
        self._change(state=NONE)

    def _change(self, **fields: Any) -> bool:
        """Change the state while it waits; whether it did."""
        with self._lock:
            if not self.waiting:
                return False
            self.state = replace(self.state, **fields)
            return True

    def _run(self) -> None:
        try:
            self._finish(*self._found(self._asked()))
        except AmlError as error:
            self._change(state=FAILED, message=" ".join(filter(None, (error.message, error.why, error.remedy))))
        except Exception as error:
            self._change(state=FAILED, message=f"The sign-in broke off: {type(error).__name__}.")
            raise

    def _finish(self, profile: Profile, connection: Connection) -> None:
        """Hand the connection over and be done, unless it was cancelled; nobody cancels in between."""
        with self._lock:
            if self.waiting:
                self._signed_in(profile, connection)
                done = connection.workspace_path
                self.state = replace(self.state, state=DONE, url="", code="", expires="", workspace=done)

    def _asked(self) -> Connection:
        """A connection that has got a token: from what needs nobody, else from the person."""
        way = self.profile.sign_in or "auto"
        if way == "auto":
            try:
                return _with_token(connect.opened(self.profile, self._home))
            except SignInNeededError:
                way = "browser"
        if way == "browser" and not (self._beside and has_browser()):
            way = "device-code"
        self._change(way=way)
        return _with_token(
            connect.opened(
                self.profile,
                self._home,
                way=way,
                present=lambda: self.waiting,
                prompt=self._show,
                say=self._say,
            )
        )

    def _show(self, url: str, code: str, expires: datetime | None) -> None:
        until = expires.astimezone(UTC).isoformat(timespec="seconds") if expires is not None else ""
        self._change(url=url, code=code, expires=until)

    def _say(self, sentence: str) -> None:
        self._change(message=sentence)

    def _found(self, connection: Connection) -> tuple[Profile, Connection]:
        """The profile and the connection, with the subscription's GUID, when the workspace is there.

        Raises:
            ResourceError: There is no such workspace, or the person must not see it.
            ConnectError: No subscription is called so.
        """
        profile, rest = self.profile, Rest(connection)
        try:
            if not _is_guid(connection.subscription):
                connection = replace(connection, subscription=_subscription(rest, connection.subscription))
                target = f"azure:{connection.subscription}/{connection.group}/{connection.workspace}"
                profile = replace(profile, target=target)
            rest.get(connection.workspace_path)
        finally:
            rest.close()
        if self.waiting and profile != self.profile:
            Profiles(self._home).save(profile)
        return profile, connection


class SignIns:
    """The sign-ins of a server, one at a time for each profile.

    Args:
        home: The store's folder, which keeps the profiles.
        signed_in: Called with the profile and its connection after each that went well.
    """

    def __init__(self, home: Path, signed_in: SignedIn) -> None:
        self._home = home
        self._signed_in = signed_in
        self._held: dict[str, SignIn] = {}
        self._lock = threading.Lock()

    def start(self, name: str, *, beside: bool) -> State:
        """Begin to sign in to a profile, unless somebody is at it; one to what the profile was before is ended.

        Raises:
            NotFoundError: There is no such profile.
            ResourceError: It is no profile of Azure.
        """
        profile = self._profile(name)
        with self._lock:
            held = self._held.get(name)
            if held is not None and held.profile != profile:
                held.cancel()
            if held is None or not held.waiting:
                held = self._held[name] = SignIn(profile, self._home, beside=beside, signed_in=self._signed_in)
                held.start()
        return held.state

    def state(self, name: str) -> State:
        """How far the latest sign-in to a profile has come."""
        held = self._held.get(name)
        return held.state if held is not None else State()

    def cancel(self, name: str) -> State:
        """End a sign-in to a profile, if there is one."""
        held = self._held.get(name)
        if held is not None:
            held.cancel()
        return self.state(name)

    def forget(self, name: str) -> None:
        """End a sign-in to a profile that is no more, and know nothing of it."""
        with self._lock:
            held = self._held.pop(name, None)
        if held is not None:
            held.cancel()

    def close(self) -> None:
        """End all sign-ins."""
        for held in list(self._held.values()):
            held.cancel()

    def _profile(self, name: str) -> Profile:
        try:
            found = Profiles(self._home).get(name)
        except ConnectError as error:
            raise NotFoundError(error.message) from error
        if found.place != targets.AZURE:
            msg = f"The profile {name!r} is on this machine: nobody has to sign in."
            raise ResourceError(msg, code="UserError", target="profile")
        return found


def _with_token(connection: Connection) -> Connection:
    connection.credential.get_token(f"{connection.cloud.arm}/.default")
    return connection


def _subscription(rest: Rest, name: str) -> str:
    """The GUID of the subscription that is called so.

    Raises:
        ConnectError: The person sees none, or several.
    """
    seen = {str(one["subscriptionId"]): str(one.get("displayName") or "") for one in rest.subscriptions()}
    found = [guid for guid, called in seen.items() if called.lower() == name.lower()]
    if len(found) == 1:
        return found[0]
    known = ", ".join(f"{called} ({guid})" for guid, called in seen.items()) or "none"
    what = "No subscription is" if not found else "Several subscriptions are"
    raise ConnectError(f"{what} called {name!r}; you can see {known}.", remedy="Give its GUID.")


def _is_guid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
