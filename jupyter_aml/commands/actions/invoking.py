"""Asking an online endpoint: what was typed becomes the body of a request, and its answer a table or a value.

A DataFrame is sent in the form of Azure's MLflow deployments, `{"input_data": {"columns", "index", "data"}}`; a list
goes bare to a scoring script and as `input_data` to an MLflow model; a dict, a file and a text go as they are.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jupyter_aml.client import scoring
from jupyter_aml.client.rest import Rest
from jupyter_aml.commands.actions import endpoints, endpoints_card, near, sources
from jupyter_aml.commands.actions.endpoints import ONLINE
from jupyter_aml.commands.actions.endpoints_flags import refuse_local
from jupyter_aml.commands.context import Context
from jupyter_aml.commands.grammar import Args
from jupyter_aml.commands.outcome import Outcome, unwrap
from jupyter_aml.errors import AmlError, ConnectError, NotFoundError, ResourceError, UsageError

INPUT_DATA = "input_data"
SPLIT = (INPUT_DATA, "dataframe_split")
"""Keys whose tables are `{"columns", "index", "data"}`; below any other one they are a list of records."""
MOST = 1 << 30
"""Bytes of a request; the endpoint has its own limit."""
REFUSED = 400
READY = "Succeeded"
EXAMPLE = "%aml invoke iris {df.head()}"


def invoke(context: Context, args: Args) -> Outcome:
    """Send a value to an online endpoint, and show what it predicts."""
    name = _name(args)
    with _asking(context, name) as rest:
        body = _body(context, args, rest, name)
        return asked(context, rest, name, body, args.deployment_name or "")


def invoke_file(context: Context, args: Args) -> Outcome:
    """Send the body that a file holds, as `az ml online-endpoint invoke` does."""
    refuse_local(args)
    name = endpoints.name_of(args.name, ONLINE, "invoke")
    if not args.request_file:
        msg = "online-endpoint invoke needs --request-file, a file with the body of the request."
        raise UsageError(msg, remedy=f"For a value of the notebook type {EXAMPLE}.")
    with _asking(context, name) as rest:
        return asked(context, rest, name, _file(context, args.request_file), args.deployment_name or "")


@contextlib.contextmanager
def _asking(context: Context, name: str) -> Iterator[Rest]:
    """REST of the workspace; where it has no endpoint of that name, the nearest is offered."""
    rest = Rest(context.connection)
    try:
        yield rest
    except ResourceError as error:
        if error.status == near.MISSING and not isinstance(error, NotFoundError):
            endpoints.fetch(context, ONLINE, name)
        raise
    finally:
        rest.close()


def asked(context: Context, rest: Rest, name: str, body: str, deployment: str = "") -> Outcome:
    """The answer of an endpoint.

    Raises:
        NotFoundError: It has no such deployment, or none that takes requests.
        ResourceError: It answered that it cannot; the sentence is its own.
    """
    try:
        found = scoring.invoke(rest, name, body, deployment, most=MOST)
    except ConnectError as error:
        raise _unreachable(rest, name, error) from error
    served = found.headers.get(scoring.DEPLOYMENT, deployment)
    if found.status >= REFUSED:
        raise _refusal(name, served, found)
    return _outcome(context, name, served, found)


def _name(args: Args) -> str:
    """The endpoint that is asked.

    Raises:
        UsageError: None was named.
    """
    if args.name is not None:
        return endpoints.name_of(args.name, ONLINE, "invoke")
    msg = "invoke needs an endpoint, and what to send."
    raise UsageError(msg, remedy=f"For example: {EXAMPLE}")


def _body(context: Context, args: Args, rest: Rest, name: str) -> str:
    value = unwrap(args.value)
    if args.request_file:
        if value is not None:
            msg = "Both a value and --request-file say what to send."
            raise UsageError(msg, remedy="Leave one out.")
        return _file(context, args.request_file)
    if value is None:
        msg = f"invoke {name}: nothing to send."
        raise UsageError(msg, remedy=f"For example: %aml invoke {name} {{df.head()}}")
    if isinstance(value, Path):
        return _file(context, value)
    if isinstance(value, str):
        return _text(context, value)
    return json.dumps(payload(value, args.key, bare=lambda: not _is_mlflow(rest, name)), default=plain_value)


def payload(value: Any, key: str | None, bare: Any) -> Any:
    """What is sent for a value.

    Args:
        value: A DataFrame, an array, a list, a dict or a scalar.
        key: Under which key it stands; by default by its type, see the module.
        bare: Tells whether a list goes without a key.

    Raises:
        UsageError: It is nothing that JSON has a form for.
    """
    if sources.is_frame(value):
        chosen = key or INPUT_DATA
        return {chosen: split(value) if chosen in SPLIT else records(value)}
    if isinstance(value, Mapping):
        return {key: value} if key else dict(value)
    found = value.tolist() if hasattr(value, "tolist") else list(value) if isinstance(value, tuple) else value
    if not isinstance(found, list | bool | int | float):
        msg = f"invoke: a value of type {type(value).__name__} cannot be sent."
        raise UsageError(msg, remedy=f"Send a DataFrame, list, dict, file or text, for example {EXAMPLE}")
    return {key: found} if key else found if not isinstance(found, list) or bare() else {INPUT_DATA: found}


def split(frame: Any) -> dict[str, Any]:
    """A table as `{"columns", "index", "data"}`, missing values as null."""
    if hasattr(frame, "rows"):  # of polars
        rows = [list(row) for row in frame.rows()]
        return {"columns": list(frame.columns), "index": list(range(len(rows))), "data": _clean(rows)}
    rows = frame.astype(object).to_numpy().tolist()
    return {"columns": [str(name) for name in frame.columns], "index": frame.index.tolist(), "data": _clean(rows)}


def records(frame: Any) -> list[dict[str, Any]]:
    """A table as a list of rows, each a mapping of its columns."""
    found = split(frame)
    return [dict(zip(found["columns"], row, strict=True)) for row in found["data"]]


def _clean(rows: list[list[Any]]) -> list[list[Any]]:
    return [[None if _missing(value) else value for value in row] for row in rows]


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value)) or type(value).__name__ in (
        "NAType", "NaTType",
    )  # fmt: skip


def plain_value(value: Any) -> Any:
    """What JSON has no form for: arrays, numbers of numpy, times, tables inside of a dict."""
    if sources.is_frame(value):
        return split(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "isoformat"):
        return value.isoformat()
    msg = f"invoke: a value of type {type(value).__name__} cannot be sent."
    raise UsageError(msg, remedy="Give numbers, texts, lists and dicts.")


def _is_mlflow(rest: Rest, name: str) -> bool:
    """Whether an endpoint's deployments serve MLflow models without a script."""
    found = list(rest.items(f"{ONLINE.segment}/{name}/deployments"))
    return bool(found) and not any(one["properties"].get("codeConfiguration") for one in found)


def _text(context: Context, text: str) -> str:
    """JSON as typed, or the content of a file."""
    if text.lstrip()[:1] in ("{", "["):
        try:
            json.loads(text)
        except ValueError as error:
            msg = f"What is to be sent is no JSON: {error}."
            raise UsageError(msg, remedy=f"Pass the object itself, for example {EXAMPLE}") from None
        return text
    return _file(context, text)


def _file(context: Context, path: str | Path) -> str:
    place = sources.existing("invoke", str(path), context)
    if place.suffix in (".csv", ".parquet"):
        import pandas as pd

        frame = pd.read_csv(place) if place.suffix == ".csv" else pd.read_parquet(place)
        return json.dumps({INPUT_DATA: split(frame)}, default=plain_value)
    try:
        return place.read_text(encoding="utf-8")
    except (UnicodeDecodeError, IsADirectoryError):
        msg = f"{path} is no text; a file with JSON, or a .csv or .parquet, was expected."
        raise UsageError(msg, remedy=f"Type for example {EXAMPLE}") from None


def _unreachable(rest: Rest, name: str, error: ConnectError) -> AmlError:
    """Why nobody answers at an endpoint's address: it has no deployment, or none that is ready."""
    held = endpoints_card.snapshot(rest, name)
    states = {one["name"]: one["status"] for one in held["deployments"]}
    if not states:
        remedy = f"Type %aml deploy MODEL {name}, and ask again."
        return ResourceError(f"The endpoint {name} has no deployments yet: nothing answers there.", remedy=remedy)
    if READY not in states.values():
        said = ", ".join(f"{key} is {state}" for key, state in states.items())
        remedy = f"Type %aml online-endpoint show {name} to see why."
        return ResourceError(f"No deployment of the endpoint {name} is ready: {said}.", remedy=remedy)
    return error


def _refusal(name: str, served: str, found: scoring.Scored) -> ResourceError:
    """What an endpoint's answer of 400 and above says."""
    message, code = _said(found.body)
    where = f"{name}/{served}" if served else name
    said = f"{where} answered {found.status}: {message or 'without a word'}"
    remedy = (
        f"Type %aml online-deployment get-logs --name {served} --endpoint-name {name} for its log."
        if served and found.status != near.MISSING
        else f"Type %aml online-endpoint show {name} to see its deployments."
    )
    if found.status == near.MISSING:
        return NotFoundError(said, remedy=remedy)
    return ResourceError(said, status=found.status, code=code or "UserError", remedy=remedy)


def _said(body: str) -> tuple[str, str]:
    """Message and code of an error's body."""
    try:
        found = json.loads(body)
    except ValueError:
        return body.strip()[:2000], ""
    inner = found.get("error", found) if isinstance(found, dict) else {}
    if isinstance(inner, str):
        return inner, ""
    message = inner.get("message") if isinstance(inner, dict) else None
    return (str(message), str(inner.get("code") or "")) if message else (body.strip()[:2000], "")


def _outcome(context: Context, name: str, served: str, found: scoring.Scored) -> Outcome:
    try:
        answer = json.loads(found.body)
    except ValueError:
        answer = found.body
    rows = answer.get("predictions", answer) if isinstance(answer, dict) and set(answer) == {"predictions"} else answer
    where = f"{name}/{served}" if served else name
    note = f"{where} answered in {found.milliseconds:g} ms."
    if not isinstance(rows, list):
        kind = "record" if isinstance(rows, dict) else "text"
        entity = rows if isinstance(rows, (dict, str)) else json.dumps(rows)
        return Outcome(rows, kind=kind, place=context.place, title=name, message=note, value=entity)
    return Outcome(_frame(rows), kind="table", place=context.place, title=name, message=note, value=rows)


def _frame(rows: list[Any]) -> Any:
    """A table of rows that are mappings, where pandas is installed; any other list as it is."""
    if not rows or not all(isinstance(row, dict) for row in rows):
        return rows
    try:
        import pandas as pd
    except ImportError:
        return rows
    return pd.DataFrame(rows)
