"""Keys of this machine: random bytes in files that only their owner can read, or in the keyring of the system.

Where a key lies is recorded when it is made, so that every process finds the same one.
"""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from jupyter_aml.errors import StoreError
from jupyter_aml.local.store import filesystem

BYTES = 32
KEYRING_MARK = "keyring"


def key(home: Path, name: str) -> bytes:
    """The key of that name, 32 bytes; made on first use.

    Args:
        home: The store's folder; `JUPYTER_AML_KEYRING=1` puts a key that is made now into the system's keyring.
        name: A short word, such as `secrets` or `tokens`.

    Raises:
        StoreError: The key is recorded but cannot be read.
    """
    path = home / "keys" / f"{name}.key"
    if not path.exists():
        _make(home, path, name)
    try:
        text = path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise StoreError(
            f"The key {path} cannot be read: {error.strerror}.",
            remedy=f"Log in as the user who owns {home}, or set JUPYTER_AML_HOME to a store of your own.",
        ) from error
    if text == KEYRING_MARK:
        text = _from_keyring(home, name)
    return base64.b64decode(text)


def _make(home: Path, path: Path, name: str) -> None:
    filesystem.make_folder(path.parent)
    text = base64.b64encode(secrets.token_bytes(BYTES)).decode()
    if os.environ.get("JUPYTER_AML_KEYRING") == "1":
        _into_keyring(home, name, text)
        text = KEYRING_MARK
    handle, temporary = tempfile.mkstemp(dir=path.parent)  # 0600
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    with contextlib.suppress(FileExistsError):  # whoever links first has made the key
        os.link(temporary, path)
    Path(temporary).unlink()


def _into_keyring(home: Path, name: str, text: str) -> None:
    try:
        import keyring
    except ImportError as error:
        raise StoreError(
            "JUPYTER_AML_KEYRING=1 asks for the system's keyring, and the package keyring is missing.",
            remedy="Run `pip install 'jupyter_aml[keyring]'`, or unset JUPYTER_AML_KEYRING to keep keys in files.",
        ) from error
    try:
        keyring.set_password(f"jupyter_aml:{home}", name, text)
    except keyring.errors.KeyringError as error:
        raise StoreError(
            f"JUPYTER_AML_KEYRING=1 asks for the system's keyring, which took no key: {error}",
            remedy="Unlock it, or unset JUPYTER_AML_KEYRING to keep keys in files.",
        ) from error


def _from_keyring(home: Path, name: str) -> str:
    try:
        import keyring
    except ImportError as error:
        raise StoreError(
            f"The key {name!r} of {home} lies in the system's keyring, and the package keyring is missing.",
            remedy="Run `pip install 'jupyter_aml[keyring]'`.",
        ) from error
    found = keyring.get_password(f"jupyter_aml:{home}", name)
    if not found:
        raise StoreError(
            f"The key {name!r} of {home} is not in the system's keyring.",
            remedy="Unlock the keyring of the user who made this store and repeat the command.",
        )
    return str(found)
