"""The store: workspaces and their folders, keys and tokens."""

from __future__ import annotations

import shutil
import stat
import sys
from pathlib import Path
from types import ModuleType

import pytest

from jupyter_aml.errors import ConflictError, StoreError
from jupyter_aml.local.arm.http import Identity
from jupyter_aml.local.authz import tokens
from jupyter_aml.local.secrets import seal
from jupyter_aml.local.store import keys
from jupyter_aml.local.store.catalogue import Store


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Store:
    made = Store.open(tmp_path / "home", clock)
    made.rings = False
    return made


ADA = Identity("ada@local", "1f0d9c1e-0000-4000-8000-000000000001")


def test_the_same_home_gives_the_same_subscription(store: Store) -> None:
    assert Store.open(store.home).subscription_id == store.subscription_id


def test_a_workspace_is_made_once_and_found_whatever_the_case(store: Store) -> None:
    first = store.create("Lab", "Team")

    assert store.create("lab", "team") == first
    assert store.entry(store.subscription_id.upper(), "TEAM", "LAB") == first
    assert store.entry_by_account(first.account) == first
    assert store.entry_by_id(first.id) == first


def test_a_prefix_of_an_account_is_no_account(store: Store) -> None:
    made = store.create()

    assert store.entry_by_account(made.account[:-1]) is None
    assert store.entry_by_account(made.account + "x") is None


def test_a_workspace_folder_can_be_moved_and_keeps_its_id(store: Store, tmp_path: Path) -> None:
    made = store.create("lab", folder=tmp_path / "here")
    store.forget(made)
    shutil.move(tmp_path / "here", tmp_path / "there")

    again = store.create("lab", folder=tmp_path / "there")

    assert again.id == made.id


def test_a_name_that_another_folder_has_is_refused(store: Store, tmp_path: Path) -> None:
    store.create("lab", folder=tmp_path / "here")

    with pytest.raises(ConflictError, match="exists already") as caught:
        store.create("lab", folder=tmp_path / "there")

    assert caught.value.status == 409
    assert "another name" in caught.value.remedy


def test_a_second_copy_of_a_workspace_is_refused(store: Store, tmp_path: Path) -> None:
    store.create("lab", folder=tmp_path / "here")
    store.workspace(store.entries()[0]).database.close()
    shutil.copytree(tmp_path / "here", tmp_path / "copy")

    with pytest.raises(StoreError, match="holds a copy"):
        store.create("copy", folder=tmp_path / "copy")


def test_secrets_are_sealed_and_the_key_is_private(store: Store) -> None:
    workspace = store.workspace(store.create())
    with workspace.database.write() as transaction:
        seal.put(workspace, transaction, "datastores", "lake", {"key": "s3cr3t-value"})

    assert seal.get(workspace, "datastores", "LAKE") == {"key": "s3cr3t-value"}
    assert b"s3cr3t-value" not in (workspace.folder / "workspace.db").read_bytes()
    assert b"s3cr3t-value" not in (workspace.folder / "workspace.db-wal").read_bytes()
    mode = (store.home / "keys" / "secrets.key").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_a_secret_from_another_store_is_refused_with_what_to_do(store: Store, tmp_path: Path) -> None:
    workspace = store.workspace(store.create("lab", folder=tmp_path / "lab"))
    with workspace.database.write() as transaction:
        seal.put(workspace, transaction, "datastores", "lake", {"key": "x"})
    other = Store.open(tmp_path / "other")
    other.rings = False

    with pytest.raises(StoreError, match="sealed with the key of another store") as caught:
        seal.get(other.workspace(other.create("lab", folder=tmp_path / "lab")), "datastores", "lake")

    assert "datastore create" in caught.value.remedy


def test_keys_are_the_same_for_every_process(store: Store) -> None:
    assert keys.key(store.home, "tokens") == keys.key(store.home, "tokens")
    assert keys.key(store.home, "tokens") != keys.key(store.home, "secrets")


def test_a_keyring_that_is_asked_for_and_not_installed_is_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_AML_KEYRING", "1")
    monkeypatch.setitem(sys.modules, "keyring", None)

    with pytest.raises(StoreError, match="the package keyring is missing") as caught:
        keys.key(store.home, "secrets")

    assert "pip install 'jupyter_aml[keyring]'" in caught.value.remedy
    assert not (store.home / "keys" / "secrets.key").exists()


class Keyring(ModuleType):
    """A system's keyring, which may be locked."""

    class errors:  # noqa: N801 - the module's name
        class KeyringError(Exception): ...

    def __init__(self, *, locked: bool = False) -> None:
        super().__init__("keyring")
        self.locked = locked
        self.held: dict[tuple[str, str], str] = {}

    def set_password(self, service: str, name: str, text: str) -> None:
        if self.locked:
            raise self.errors.KeyringError("it is locked")
        self.held[service, name] = text

    def get_password(self, service: str, name: str) -> str | None:
        return self.held.get((service, name))


def test_a_key_goes_into_the_keyring_and_its_file_only_says_so(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_AML_KEYRING", "1")
    ring = Keyring()
    monkeypatch.setitem(sys.modules, "keyring", ring)

    made = keys.key(store.home, "secrets")
    monkeypatch.delenv("JUPYTER_AML_KEYRING")

    assert keys.key(store.home, "secrets") == made
    assert (store.home / "keys" / "secrets.key").read_text(encoding="ascii") == keys.KEYRING_MARK
    assert len(ring.held) == 1


def test_a_locked_keyring_is_said_and_leaves_no_key_behind(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_AML_KEYRING", "1")
    monkeypatch.setitem(sys.modules, "keyring", Keyring(locked=True))

    with pytest.raises(StoreError, match="took no key: it is locked") as caught:
        keys.key(store.home, "secrets")

    assert "Unlock it" in caught.value.remedy
    assert not (store.home / "keys" / "secrets.key").exists()


def test_a_token_stands_for_its_identity_until_it_expires(store: Store, clock: Clock) -> None:
    asker = Identity(ADA.name, ADA.object_id, job="train-1", workspace_id="w")
    token = tokens.issue(store, asker, audience="https://ml.azure.com", lifetime=60)

    assert tokens.verify(store, token) == asker
    clock.now += 61
    assert tokens.verify(store, token) is None


def test_a_changed_token_and_one_of_another_store_stand_for_nobody(store: Store, tmp_path: Path, clock: Clock) -> None:
    token = tokens.issue(store, ADA, audience="https://management.azure.com")
    head, body, signature = token.split(".")
    other = Store.open(tmp_path / "other", clock)

    assert tokens.verify(store, f"{head}.{body}.{signature[::-1]}") is None
    assert tokens.verify(store, "no token") is None
    assert tokens.verify(other, token) is None
