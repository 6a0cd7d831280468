"""What MLflow accepts: names, lengths, sizes of a batch, and numbers.

Source: mlflow/utils/validation.py, 2.18 to 3.17.
"""

from __future__ import annotations

import math
import posixpath
import re
from typing import Any

from jupyter_aml.local.tracking import faults

RUN_ID = re.compile(r"^[a-zA-Z0-9][\w\-]{0,255}$")
_KEY = re.compile(r"^[/\w.\- :]*$")
_ALIAS = re.compile(r"^[\w\-]+$")
_VERSION_ALIAS = re.compile(r"^[vV]\d+$")

KEY_LENGTH = 250
PARAM_LENGTH = 6000
TAG_LENGTH = 8000
EXPERIMENT_TAG_LENGTH = 20_000
MODEL_TAG_LENGTH = 100_000
EXPERIMENT_NAME_LENGTH = 500
ALIAS_LENGTH = 255
METRICS_PER_BATCH = 1000
PAIRS_PER_BATCH = 100
ENTITIES_PER_BATCH = 1000
RUNS_PER_PAGE = 50_000
EXPERIMENTS_PER_PAGE = 50_000
VERSIONS_PER_PAGE = 200_000
MODELS_PER_PAGE = 1000
LONG = 1 << 63
DATASET_LIMITS = {"name": 500, "digest": 36, "schema": 1_048_575, "source": 65_535, "profile": 16_777_215}
STATUSES = ("RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED")

_CHARACTERS = (
    "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:)"
    " and slashes (/)."
)


def run_id(text: str) -> str:
    """The id, checked."""
    if not RUN_ID.match(text):
        raise faults.invalid(f"Invalid value {text!r} for parameter 'run_id' supplied.")
    return text


def key(text: Any, what: str = "key", length: int = KEY_LENGTH) -> str:
    """The key of a metric, param or tag, checked."""
    if text is None or text == "":
        raise faults.invalid(f"Missing value for required parameter '{what}'. A key name must be provided.")
    if not isinstance(text, str) or not _KEY.match(text):
        raise faults.invalid(f"Invalid value {text!r} for parameter '{what}' supplied: {_CHARACTERS}")
    normal = posixpath.normpath(text)
    if normal != text or normal == "." or normal.startswith(("..", "/")):
        raise faults.invalid(
            f"Invalid value {text!r} for parameter '{what}' supplied: Names may be treated as files in certain"
            f" cases, and must not resolve to other names when treated as such. This name would resolve to"
            f" {normal!r}"
        )
    if len(text) > length:
        raise too_long(what, length)
    return text


def too_long(what: str, length: int) -> Exception:
    """The refusal of a text over its limit."""
    return faults.invalid(f"'{what}' exceeds the maximum length of {length} characters")


def value(text: Any, length: int) -> str:
    """The value of a param or tag, cut to its length as MLflow's store cuts it."""
    return str("" if text is None else text)[:length]


def within(text: Any, what: str, length: int) -> str:
    """A text that is refused, not cut, when it is too long."""
    found = str("" if text is None else text)
    if len(found) > length:
        raise too_long(what, length)
    return found


def number(given: Any, what: str) -> float:
    """A metric's value: a number, or `NaN`, `Infinity`, `-Infinity` as protobuf writes them in JSON."""
    if given is None:
        raise faults.invalid(f"Missing value for required parameter '{what}'.")
    if not isinstance(given, bool) and isinstance(given, int | float | str):
        try:
            return float(given)
        except (ValueError, OverflowError):
            pass
    raise faults.invalid(
        f"Invalid value {given!r} for parameter '{what}' supplied: Please specify value as a valid double"
        " (64-bit floating point)"
    )


def whole(given: Any, what: str, least: int = -LONG) -> int:
    """A 64-bit whole number, also when sent as text."""
    if not isinstance(given, bool):
        try:
            found = int(given)
            exact = not isinstance(given, float) or (math.isfinite(given) and given == found)
            if exact and least <= found < LONG:
                return found
        except (TypeError, ValueError, OverflowError):
            pass
    kind = "a nonnegative long" if least == 0 else "a valid long"
    raise faults.invalid(
        f"Invalid value {given!r} for parameter '{what}' supplied: It must be {kind} (64-bit integer)."
    )


def on_wire(found: float) -> float | str:
    """A number as JSON can carry it."""
    if math.isfinite(found):
        return found
    if math.isnan(found):
        return "NaN"
    return "Infinity" if found > 0 else "-Infinity"


def batch(metrics: int, params: int, tags: int) -> None:
    """Refuse a batch that is larger than MLflow's."""
    for what, most, size in (
        ("metrics", METRICS_PER_BATCH, metrics),
        ("params", PAIRS_PER_BATCH, params),
        ("tags", PAIRS_PER_BATCH, tags),
        ("metrics, params, and tags", ENTITIES_PER_BATCH, metrics + params + tags),
    ):
        if size > most:
            raise faults.invalid(
                f"A batch logging request can contain at most {most} {what}. Got {size} {what}. Please split"
                f" up {what} across multiple requests and try again."
            )


def experiment_name(text: Any) -> str:
    """An experiment's name, checked."""
    if not text or not isinstance(text, str):
        raise faults.invalid(f"Invalid experiment name: {text!r}. Expects a non-empty string.")
    return within(text, "name", EXPERIMENT_NAME_LENGTH)


def model_name(text: Any) -> str:
    """A registered model's name, checked."""
    if text is None or not str(text).strip():
        raise faults.invalid("Missing value for required parameter 'name'.")
    found = str(text)
    if any(mark in found for mark in "/:\\%") or posixpath.normpath(found) != found or found in {".", ".."}:
        raise faults.invalid(f"Invalid model name '{found}'. Names cannot contain '/', ':', '\\' or '%'.")
    return found


def alias(text: Any, *, new: bool = False) -> str:
    """An alias of a model version; `new` refuses those that MLflow reserves."""
    found = str(text or "")
    if not _ALIAS.match(found):
        raise faults.invalid(
            f"Invalid alias name: '{found}'. Names may only contain alphanumerics, underscores (_), and dashes (-)."
        )
    within(found, "alias", ALIAS_LENGTH)
    if new and (found.lower() == "latest" or _VERSION_ALIAS.match(found)):
        raise faults.invalid(f"'{found}' alias name is reserved.")
    return found


def page_size(given: Any, default: int, most: int) -> int:
    """How many entries a page holds."""
    if given is None or given == "":
        return default
    found = whole(given, "max_results")
    if not 1 <= found <= most:
        raise faults.invalid(
            f"Invalid value {found} for parameter 'max_results' supplied: It must be at least 1 and at most {most}."
        )
    return found
