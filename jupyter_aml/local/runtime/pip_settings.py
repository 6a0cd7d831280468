"""The user's pip configuration in uv's words, so that proxies, mirrors and wheel folders hold for both."""

from __future__ import annotations

import ast
import os
import subprocess
from collections.abc import Mapping

FLAGS = {
    "index-url": "--index-url",
    "extra-index-url": "--extra-index-url",
    "find-links": "--find-links",
    "trusted-host": "--allow-insecure-host",
    "constraint": "--constraint",
    "only-binary": "--only-binary",
    "no-binary": "--no-binary",
}
SWITCHES = {"no-index": "--no-index", "pre": "--prerelease=allow"}
RANKS = ("global", "install", ":env:")
TRUE = frozenset({"1", "true", "yes", "on"})


def ask(python: str) -> dict[str, str]:
    """The settings of `python -m pip`, from its files and variables; empty when it has no pip."""
    done = subprocess.run([python, "-m", "pip", "config", "list"], check=False, capture_output=True, text=True)
    return parse(done.stdout) if done.returncode == 0 else from_variables(os.environ)


def parse(text: str) -> dict[str, str]:
    """The settings in the output of `pip config list`: variables win over `install`, that over `global`."""
    ranked: dict[str, tuple[int, str]] = {}
    for line in text.splitlines():
        key, _, value = line.partition("=")
        section, _, name = key.rpartition(".")
        if section not in RANKS:
            continue
        try:
            read = str(ast.literal_eval(value))
        except (ValueError, SyntaxError):
            continue
        rank = RANKS.index(section)
        if rank >= ranked.get(name, (-1, ""))[0]:
            ranked[name] = rank, read
    return {name: value for name, (_, value) in ranked.items()}


def from_variables(env: Mapping[str, str]) -> dict[str, str]:
    """The settings in PIP_* variables."""
    return {name[4:].lower().replace("_", "-"): value for name, value in env.items() if name.startswith("PIP_")}


def for_uv(settings: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """Flags and variables that make uv look where pip looks."""
    flags = ["--index-strategy", "unsafe-best-match"]  # pip takes the best of all indexes
    for name, flag in FLAGS.items():
        for value in settings.get(name, "").split():
            flags += [flag, value]
    for name, flag in SWITCHES.items():
        if settings.get(name, "").lower() in TRUE:
            flags.append(flag)
    cert = settings.get("cert")
    return flags, {"SSL_CERT_FILE": cert} if cert else {}
