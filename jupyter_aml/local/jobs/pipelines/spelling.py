"""From the spelling of YAML, in which steps and components are written, to that of ARM's job bodies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MODES = {
    "ro_mount": "ReadOnlyMount",
    "rw_mount": "ReadWriteMount",
    "mount": "ReadOnlyMount",
    "upload": "Upload",
    "download": "Download",
    "direct": "Direct",
    "eval_mount": "EvalMount",
    "eval_download": "EvalDownload",
}
DISTRIBUTIONS = {"pytorch": "PyTorch", "mpi": "Mpi", "tensorflow": "TensorFlow", "ray": "Ray"}
IDENTITIES = {
    "user_identity": "UserIdentity", "userid": "UserIdentity", "managed_identity": "Managed", "managed": "Managed",
    "aml_token": "AMLToken", "amltoken": "AMLToken",
}  # fmt: skip
POLICIES = {"bandit": "Bandit", "median_stopping": "MedianStopping", "truncation_selection": "TruncationSelection"}
ARGUMENTS = {
    "uniform": ("min_value", "max_value"),
    "loguniform": ("min_value", "max_value"),
    "quniform": ("min_value", "max_value", "q"),
    "qloguniform": ("min_value", "max_value", "q"),
    "normal": ("mu", "sigma"),
    "lognormal": ("mu", "sigma"),
    "qnormal": ("mu", "sigma", "q"),
    "qlognormal": ("mu", "sigma", "q"),
    "randint": ("upper",),
}
_BREAK = re.compile(r"_(\w)")


def camel(value: Any) -> Any:
    """Keys of mappings in camelCase, all the way down; empty values are left out."""
    if isinstance(value, Mapping):
        return {
            _BREAK.sub(lambda match: match[1].upper(), key): camel(item)
            for key, item in value.items()
            if item is not None
        }
    return [camel(item) for item in value] if isinstance(value, list) else value


def mode(text: object) -> str:
    """A mode in ARM's spelling; empty for none."""
    word = str(text or "")
    return MODES.get(word.lower(), word)


def duration(value: object) -> str | None:
    """Seconds, or ISO 8601 text, as ISO 8601; None for none."""
    if value in (None, "", 0):
        return None
    text = str(value)
    return text if text.upper().startswith("P") else f"PT{text}S"


def distribution(written: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """How processes are distributed."""
    if not written:
        return None
    rest = {key: value for key, value in written.items() if key not in {"type", "distribution_type"}}
    word = str(written.get("type") or written.get("distribution_type") or "")
    return {"distributionType": DISTRIBUTIONS.get(word.lower(), word), **camel(rest)}


def resources(written: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """How many machines, and what they are; the properties keep their keys."""
    if not written:
        return None
    properties = written.get("properties")
    return {**camel({**written, "properties": None}), **({"properties": dict(properties)} if properties else {})}


def identity(written: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """As whom a step runs."""
    if not written:
        return None
    word = str(written.get("type") or written.get("identity_type") or "")
    rest = {key: value for key, value in written.items() if key not in {"type", "identity_type"}}
    return {"identityType": IDENTITIES.get(word.lower(), word), **camel(rest)}


def output(written: Mapping[str, Any], kind: str, default_mode: str) -> dict[str, Any]:
    """An output's place, mode and the asset that it becomes."""
    found = {
        "jobOutputType": str(written.get("job_output_type") or written.get("jobOutputType") or kind),
        "uri": written.get("uri") or written.get("path"),
        "mode": mode(written.get("mode") or default_mode) or None,
        "assetName": written.get("asset_name") or written.get("assetName") or written.get("name"),
        "assetVersion": written.get("asset_version") or written.get("assetVersion") or written.get("version"),
    }
    return {key: value for key, value in found.items() if value is not None}


def dimension(written: Any) -> list[Any]:
    """A distribution as ARM writes it: `[kind, [arguments]]`; what is unknown is left for the sweep to refuse."""
    if not isinstance(written, Mapping):
        return [written, []]
    kind = str(written.get("type") or "")
    if kind == "choice":
        return ["choice", [[_choice(value) for value in written.get("values") or []]]]
    return [kind, [written[key] for key in ARGUMENTS.get(kind, ()) if key in written]]


def _choice(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {
        key: dimension(item) if isinstance(item, Mapping) and "type" in item else item for key, item in value.items()
    }


def sampling(written: Any) -> dict[str, Any]:
    """The sampling algorithm, which may be its bare name."""
    if not isinstance(written, Mapping):
        return {"samplingAlgorithmType": str(written or "random").capitalize()}
    rest = {key: value for key, value in written.items() if key not in {"type", "sampling_algorithm_type"}}
    word = str(written.get("type") or written.get("sampling_algorithm_type") or "random")
    return {"samplingAlgorithmType": word.capitalize(), **camel(rest)}


def termination(written: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The early termination policy."""
    if not written:
        return None
    word = str(written.get("type") or written.get("policy_type") or "")
    rest = {key: value for key, value in written.items() if key not in {"type", "policy_type"}}
    return {"policyType": POLICIES.get(word.lower(), word), **camel(rest)}


def plain_id(text: object) -> str | None:
    """An id without the scheme that YAML puts before it; that of a URI such as a registry's belongs to it."""
    if not text:
        return None
    found = str(text)
    bare = found.removeprefix("azureml:")
    return bare if bare.startswith(("azureml://", "/")) and not bare.startswith("//") else found
