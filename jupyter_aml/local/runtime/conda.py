"""Conda files read for pip: what of one can be had from an index of Python packages, and what cannot, in words."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from jupyter_aml.errors import ResourceError

# Conda's name -> the name on PyPI, where they differ.
RENAMED = {
    "blas": "",
    "dask-core": "dask",
    "docker-py": "docker",
    "faiss-cpu": "faiss-cpu",
    "lightning": "lightning",
    "matplotlib-base": "matplotlib",
    "msgpack-python": "msgpack",
    "opencv": "opencv-python-headless",
    "py-opencv": "opencv-python-headless",
    "py-xgboost": "xgboost",
    "py-xgboost-cpu": "xgboost",
    "pyarrow-core": "pyarrow",
    "pytables": "tables",
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "pytorch-gpu": "torch",
    "ruamel_yaml": "ruamel.yaml",
    "seaborn-base": "seaborn",
    "tensorflow-cpu": "tensorflow-cpu",
    "tensorflow-gpu": "tensorflow",
}
# Installers themselves, or choices that mean nothing to pip.
SILENT = frozenset({"pip", "setuptools", "wheel", "nomkl", "blas", "pip-tools"})
# Programs and libraries that are no Python packages.
FOREIGN = re.compile(
    r"^(_|lib|gcc|gxx|gfortran|cuda|cudnn|cudatoolkit|nccl|pytorch-cuda|mkl|intel-openmp|openmpi|mpich|ffmpeg|nodejs|"
    r"openjdk|java-|git$|make$|cmake$|curl$|wget$|zlib|openssl|sqlite$|tk$|xz$|r-|bzip2|ca-certificates|graphviz$|"
    r"poppler|tesseract|system|sysroot|ld_impl)"
)
_SPEC = re.compile(r"^(?:(?P<channel>[\w./:-]+)::)?(?P<name>[A-Za-z0-9_.-]+)\s*(?P<rest>.*)$")
_BRACKET = re.compile(r"version\s*=\s*['\"]?([^'\",\]]+)")
_EXACT = re.compile(r"^\d+(\.\d+){2,}\w*$")


@dataclass(frozen=True)
class Wanted:
    """What an environment asks of pip.

    Attributes:
        python: Version such as `3.10`, or a range such as `>=3.8,<3.12`; empty when any will do.
        requirements: Lines of a requirements file, in the file's order.
        notes: Sentences on what cannot be had.
    """

    python: str = ""
    requirements: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def parse(text: str) -> Wanted:
    """What a conda file asks for.

    Args:
        text: YAML, as in `properties.condaFile` of an environment version.

    Raises:
        ResourceError: It is no conda file.
    """
    import yaml

    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise _refused(f"it is not YAML ({str(error).splitlines()[0]})") from error
    if not isinstance(content, Mapping):
        raise _refused("it is not a mapping")
    entries = content.get("dependencies") or []
    if not isinstance(entries, list):
        raise _refused("its `dependencies` are not a list")
    python, requirements, notes = "", [], []
    for entry in entries:
        if isinstance(entry, Mapping):
            lines, said = _pip_section(entry)
            requirements += lines
            notes += said
            continue
        name, version = split(str(entry))
        if name == "python":
            python = _python(version)
        elif name not in SILENT and FOREIGN.match(name):
            notes.append(f"The conda package '{entry}' is no Python package; it is not installed here.")
        elif name not in SILENT:
            requirements.append(f"{RENAMED.get(name, name)}{pip_version(version)}")
    return Wanted(python, tuple(dict.fromkeys(requirements)), tuple(notes))


def _python(version: str) -> str:
    """The Python that a conda file asks for: a version, or a range as pip writes it."""
    text = pip_version(version)
    return text.removeprefix("==").removesuffix(".*") if text.startswith("==") and "," not in text else text


def _refused(why: str) -> ResourceError:
    return ResourceError(
        f"The conda file of the environment cannot be used: {why}.",
        code="ValidationError",
        target="properties.condaFile",
        remedy="Write `dependencies:` with a list such as `- python=3.11`, `- pip:` and packages under it.",
    )


def _pip_section(entry: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    lines, notes = [], []
    for line in entry.get("pip") or []:
        text = str(line).strip()
        if re.match(r"^(-r|-c|-e|--requirement|--constraint|--editable)\b|^\.", text):
            notes.append(
                f"'{text}' in the pip section names a file that an environment does not carry; it is left out."
            )
        elif text and not text.startswith("#"):
            lines.append(text)
    return lines, notes


def split(entry: str) -> tuple[str, str]:
    """Name and version part of a conda match specification such as `conda-forge::numpy=1.26=py311_0`."""
    found = _SPEC.match(entry.split("#", maxsplit=1)[0].strip())
    if found is None:
        return entry.strip().lower(), ""
    rest = found["rest"].strip()
    if rest.startswith("["):
        bracket = _BRACKET.search(rest)
        rest = bracket[1].strip() if bracket else ""
    return found["name"].lower(), rest


def pip_version(text: str) -> str:
    """Conda's version part as pip writes it: `=1.26` means 1.26.*, `=1.26.4=build` means ==1.26.4."""
    text = text.strip()
    if not text or text in {"*", "=*"}:
        return ""
    if text[0] in "<>!~":
        return text.replace(" ", "")
    exact = text.startswith("==")
    version, _, build = text.lstrip("= ").replace(" ", "=").partition("=")
    if "|" in version:
        return ""
    version = version.rstrip("*").rstrip(".")
    if exact or build or _EXACT.match(version):
        return f"=={version}"
    return f"=={version}.*"


def from_requirements(lines: list[str]) -> Wanted:
    """What a list of pip requirements asks for."""
    kept = (line.strip() for line in lines)
    return Wanted(requirements=tuple(line for line in kept if line and not line.startswith("#")))


def without(wanted: Wanted, names: Collection[str]) -> Wanted:
    """What is asked for without some packages, and a sentence on each that is left out.

    Args:
        wanted: What is asked for.
        names: Packages in PyPI's spelling: small letters and hyphens.
    """
    kept, notes = [], []
    for line in wanted.requirements:
        name = re.split(r"[^\w.-]", line, maxsplit=1)[0]
        if re.sub(r"[-_.]+", "-", name).lower() in names:
            notes.append(f"'{line}' is left out: what it is for is done here without it.")
        else:
            kept.append(line)
    return replace(wanted, requirements=tuple(kept), notes=(*wanted.notes, *notes))
