"""Profiles: places with a name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jupyter_aml.client.profiles import FILE, Profile, Profiles
from jupyter_aml.errors import ConnectError

PROD = Profile("prod", "azure:s/g/w", tenant="t", sign_in="device-code")


@pytest.fixture
def profiles(tmp_path: Path) -> Profiles:
    return Profiles(tmp_path / "store")


def test_a_saved_profile_comes_back(profiles: Profiles) -> None:
    profiles.save(PROD)

    assert Profiles(profiles.path.parent).get("prod") == PROD
    assert PROD.place == "AZURE"


def test_profiles_are_listed_by_name(profiles: Profiles) -> None:
    profiles.save(PROD)
    profiles.save(Profile("Alpha", "local:alpha"))

    assert [profile.name for profile in profiles.list()] == ["Alpha", "prod"]


def test_an_unknown_name_offers_the_nearest(profiles: Profiles) -> None:
    profiles.save(PROD)

    with pytest.raises(ConnectError, match=r"There is no profile called 'pord'; saved are: prod\.") as caught:
        profiles.get("pord")

    assert caught.value.remedy == "Did you mean connect('prod')?"


@pytest.mark.parametrize("name", ["local", "azure", "Config", "a/b", "a b", "", "-x"])
def test_a_name_that_could_mean_something_else_is_refused(profiles: Profiles, name: str) -> None:
    with pytest.raises(ConnectError, match="cannot be a profile's name") as caught:
        profiles.save(Profile(name, "local"))

    assert "Choose another" in caught.value.remedy


def test_a_profile_of_a_profile_is_refused(profiles: Profiles) -> None:
    with pytest.raises(ConnectError, match="cannot stand for another profile"):
        profiles.save(Profile("a", "b"))


def test_choosing_is_remembered_and_undone(profiles: Profiles) -> None:
    profiles.save(PROD)
    profiles.choose("prod")
    assert profiles.chosen() == PROD

    profiles.choose("")
    assert profiles.chosen() is None


def test_an_unknown_name_cannot_be_chosen(profiles: Profiles) -> None:
    with pytest.raises(ConnectError, match="no profile called"):
        profiles.choose("prod")


def test_a_removed_profile_is_no_longer_chosen(profiles: Profiles) -> None:
    profiles.save(PROD)
    profiles.choose("prod")
    profiles.remove("prod")

    assert profiles.list() == []
    assert profiles.chosen() is None


def test_undoing_no_choice_writes_nothing(profiles: Profiles) -> None:
    profiles.choose("")

    assert not profiles.path.exists()


def test_a_broken_file_is_refused_in_words(profiles: Profiles) -> None:
    profiles.path.parent.mkdir()
    profiles.path.write_text("{", encoding="utf-8")

    with pytest.raises(ConnectError, match="cannot be read as JSON"):
        profiles.list()


def test_fields_of_a_newer_version_are_passed_over(profiles: Profiles) -> None:
    profiles.save(PROD)
    content = json.loads((profiles.path.parent / FILE).read_text(encoding="utf-8"))
    content["profiles"][0]["colour"] = "blue"
    profiles.path.write_text(json.dumps(content), encoding="utf-8")

    assert profiles.get("prod") == PROD
