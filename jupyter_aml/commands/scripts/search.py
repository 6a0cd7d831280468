"""The search space of a sweep as people write it: `loguniform(-5, 0)`, `choice(a, b)`, `bandit(0.1)` (pure).

What comes out is in the schema of `az ml`: `{type: loguniform, min_value: -5, max_value: 0}`.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jupyter_aml.commands import options
from jupyter_aml.commands.scripts.header import Kind
from jupyter_aml.commands.suggest import did_you_mean, listed
from jupyter_aml.errors import UsageError

Specification = dict[str, Any]
"""A distribution or a policy in the schema of `az ml`."""

CALL = re.compile(r"^(?P<word>[A-Za-z_]+)\s*(?:\((?P<inside>.*)\))?$", re.DOTALL)
NAMED = re.compile(r"^(?P<key>[A-Za-z_]\w*)\s*=\s*(?P<value>.+)$", re.DOTALL)
RANGE, STEPPED = ("min_value", "max_value"), ("min_value", "max_value", "q")
MOMENTS, STEPPED_MOMENTS = ("mu", "sigma"), ("mu", "sigma", "q")
ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "choice": ("values",),
    "randint": ("upper",),
    "uniform": RANGE,
    "quniform": STEPPED,
    "loguniform": RANGE,
    "qloguniform": STEPPED,
    "normal": MOMENTS,
    "qnormal": STEPPED_MOMENTS,
    "lognormal": MOMENTS,
    "qlognormal": STEPPED_MOMENTS,
}
EXAMPLES = {
    "choice": "choice(16, 32, 64)",
    "randint": "randint(10)",
    "uniform": "uniform(0, 1)",
    "quniform": "quniform(2, 20, 2)",
    "loguniform": "loguniform(-5, 0)",
    "qloguniform": "qloguniform(0, 5, 1)",
    "normal": "normal(0, 1)",
    "qnormal": "qnormal(50, 10, 1)",
    "lognormal": "lognormal(0, 1)",
    "qlognormal": "qlognormal(2, 1, 1)",
}
POLICIES: Mapping[str, tuple[str, ...]] = {
    "bandit": ("slack_factor", "slack_amount", "evaluation_interval", "delay_evaluation"),
    "median_stopping": ("evaluation_interval", "delay_evaluation"),
    "truncation_selection": ("truncation_percentage", "evaluation_interval", "delay_evaluation"),
}
SHORT = {
    "median": "median_stopping", "truncation": "truncation_selection", "interval": "evaluation_interval",
    "delay": "delay_evaluation", "factor": "slack_factor", "amount": "slack_amount",
    "percentage": "truncation_percentage",
}  # fmt: skip
USUAL: Mapping[str, Mapping[str, float]] = {
    "bandit": {"slack_factor": 0.1},
    "truncation_selection": {"truncation_percentage": 20},
}
"""What a policy is given that is named without its number."""


@dataclass(frozen=True)
class Call:
    """A word with arguments, as typed."""

    word: str
    values: tuple[Any, ...]
    named: Mapping[str, Any]


def distribution(name: str, value: Any) -> Specification:
    """The distribution that a parameter is searched in.

    Args:
        name: The parameter's.
        value: A text such as `loguniform(-5, 0)`; a list of choices; or a distribution of the SDK.

    Raises:
        UsageError: It is none of Azure's, or has arguments that do not fit.
    """
    if isinstance(value, list | tuple | range):
        return _choice(name, list(value))
    if not isinstance(value, str):
        return _of_object(name, value)
    if value.startswith("[") and value.endswith("]"):
        return _choice(name, _literal(value))
    call = parse(value)
    if call is None or call.word not in ARGUMENTS:
        raise _unknown(name, value, call)
    if call.word == "choice":
        given = call.named.get("values", call.values)
        flat = given[0] if len(given) == 1 and isinstance(given[0], list | tuple) else given
        return _choice(name, list(flat))
    return _numbers(name, value, call)


def kind_of(found: Specification) -> Kind:
    """How a script reads the parameter; one whose values are whole numbers also where Azure writes them as 3.0."""
    match found["type"]:
        case "choice":
            values = found["values"]
            for kinds, word in (((bool,), "bool"), ((int,), "int"), ((int, float), "float")):
                if all(isinstance(one, kinds) and (word == "bool") == isinstance(one, bool) for one in values):
                    return word  # type: ignore[return-value] # a Kind
            return "str"
        case "randint":
            return "int"
        case _ if "q" in found and float(found["q"]).is_integer():
            return "whole"
    return "float"


def size(space: Mapping[str, Specification]) -> int | None:
    """How many points the space has; None when they cannot be counted."""
    counts = [
        len(one["values"]) if one["type"] == "choice" else one["upper"] if one["type"] == "randint" else 0
        for one in space.values()
    ]
    return math.prod(counts) if all(counts) else None


def policy(text: str) -> Specification:
    """The early termination that `bandit(0.1, interval=2)`, `median` or `truncation(20)` means.

    Raises:
        UsageError: It is none of Azure's, or has arguments that do not fit.
    """
    call = parse(text)
    word = SHORT.get(call.word, call.word) if call is not None else ""
    if call is None or word not in POLICIES:
        msg = f"--early-termination {text}: no policy."
        known = ("bandit", "median", "truncation")
        remedy = did_you_mean(text.partition("(")[0], (*known, *POLICIES)) or "Type --early-termination bandit(0.1)."
        raise UsageError(msg, why=f"The policies are {listed(known)}.", remedy=remedy)
    keys = POLICIES[word]
    if len(call.values) > 1 or (call.values and word == "median_stopping"):
        raise _policy_fault(text, word, "only the first number stands without a name", keys)
    given = dict(zip(keys, call.values, strict=False))
    for key, value in call.named.items():
        long = SHORT.get(key, key)
        if long not in keys:
            raise _policy_fault(text, word, f"it has no {key!r}", keys)
        given[long] = value
    for key, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise _policy_fault(text, word, f"{key} is {value!r}, not a number", keys)
    if word == "bandit" and {"slack_factor", "slack_amount"} <= set(given):
        raise _policy_fault(text, word, "slack_factor and slack_amount exclude each other", keys)
    usual = {} if "slack_amount" in given else USUAL.get(word, {})
    return {"type": word, **usual, "evaluation_interval": 1, **given}


def parse(text: str) -> Call | None:
    """A word with its arguments, or None; arguments are literals of Python, `true`, `false`, or bare texts."""
    found = CALL.match(text.strip())
    if found is None:
        return None
    values: list[Any] = []
    named: dict[str, Any] = {}
    for item in options.items(found["inside"] or ""):
        if not item.strip():
            continue
        pair = NAMED.match(item.strip())
        if pair is None:
            values.append(_literal(item))
        else:
            named[pair["key"]] = _literal(pair["value"])
    return Call(found["word"].lower(), tuple(values), named)


def _literal(text: str) -> Any:
    text = text.strip()
    if text in ("true", "false"):
        return text == "true"
    if text.startswith("[") and text.endswith("]"):
        return [_literal(item) for item in options.items(text[1:-1]) if item.strip()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _choice(name: str, values: Sequence[Any]) -> Specification:
    plain = [one.item() if hasattr(one, "item") and getattr(one, "shape", None) == () else one for one in values]
    if not plain:
        raise _fault(name, "choice()", "it has no values", "choice")
    for one in plain:
        if not isinstance(one, str | bool | int | float):
            raise _fault(name, "choice(…)", f"{one!r} is neither a text nor a number", "choice")
    return {"type": "choice", "values": plain}


def _numbers(name: str, text: str, call: Call) -> Specification:
    keys = ARGUMENTS[call.word]
    given = {**dict(zip(keys, call.values, strict=False)), **call.named}
    strange = sorted(set(given) - set(keys))
    if strange or len(call.values) > len(keys) or set(given) != set(keys):
        shown = ", ".join(keys)
        raise _fault(name, text, f"{call.word} takes {shown}", call.word)
    for key, value in given.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise _fault(name, text, f"{key} is {value!r}, not a number", call.word)
    if keys[:2] == RANGE and given["min_value"] > given["max_value"]:
        raise _fault(name, text, "the lower end comes first", call.word)
    if given.get("q", 1) <= 0 or given.get("sigma", 1) <= 0 or given.get("upper", 1) < 1:
        raise _fault(name, text, f"{'q' if 'q' in given else keys[-1]} must be above 0", call.word)
    return {"type": call.word, **{key: given[key] for key in keys}}


def _of_object(name: str, value: Any) -> Specification:
    """A distribution of the SDK, such as `Uniform(0, 1)`."""
    word = str(getattr(value, "type", "") or "")
    if word not in ARGUMENTS:
        msg = f"--search {name}: a {type(value).__name__} is no distribution."
        raise UsageError(msg, remedy=f"Type for example --search {name}=uniform(0,1), or give a list.")
    if word == "choice":
        return _choice(name, list(value.values))
    return {"type": word, **{key: getattr(value, key) for key in ARGUMENTS[word]}}


def _unknown(name: str, text: str, call: Call | None) -> UsageError:
    if call is None and text.count("(") > text.count(")"):
        return UsageError(
            f"--search {name}={text}: the bracket is not closed.",
            why="A space ends a word of the line.",
            remedy=f"Leave spaces out, or put it into quotes: --search '{name}=uniform(0, 1)'",
        )
    near = did_you_mean(call.word if call else text, tuple(ARGUMENTS))
    return UsageError(
        f"--search {name}={text}: no distribution.",
        why=f"The distributions are {listed(tuple(ARGUMENTS))}.",
        remedy=near or f"Write for example #| {name}: {EXAMPLES['uniform']}, or {EXAMPLES['choice']}.",
    )


def _fault(name: str, text: str, why: str, word: str) -> UsageError:
    return UsageError(
        f"--search {name}={text}: wrong arguments.", why=f"{why[:1].upper()}{why[1:]}.",
        remedy=f"Write for example #| {name}: {EXAMPLES[word]}",
    )  # fmt: skip


def _policy_fault(text: str, word: str, why: str, keys: Sequence[str]) -> UsageError:
    short = {long: brief for brief, long in SHORT.items()}
    known = ", ".join(short.get(key, key) for key in keys)
    example = {"bandit": "bandit(0.1,interval=2)", "median_stopping": "median(delay=5)"}.get(word, "truncation(20)")
    return UsageError(
        f"--early-termination {text}: wrong arguments.",
        why=f"{why[:1].upper()}{why[1:]}; {word} takes {known}.",
        remedy=f"Type for example --early-termination {example}",
    )


def metrics_in(body: str) -> Iterator[str]:
    """The names under which a script logs metrics, as far as they are written out."""
    for node in ast.walk(ast.parse(body)):
        if isinstance(node, ast.Call) and node.args:
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            first = node.args[0]
            if called == "log_metric" and isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value
            elif called == "log_metrics" and isinstance(first, ast.Dict):
                keys = (key.value for key in first.keys if isinstance(key, ast.Constant))
                yield from (key for key in keys if isinstance(key, str))
