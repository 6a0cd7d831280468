"""From a request to the arguments of `run()`: the body as text, the values of a JSON object, or the whole request.

Source: azureml-inference-server-http 1.5.1, observed.
"""

from __future__ import annotations

import inspect
import json
import sys
from abc import ABC, abstractmethod
from urllib.parse import parse_qs

from . import rawhttp
from .exchange import BAD_REQUEST, INTERNAL, JSON, UNREADABLE, UNSUPPORTED, Failed, Refused, Request, refuse_method

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

HEADERS = "request_headers"


def reader(run: Callable[..., Any]) -> Reader:
    """What reads requests for this `run()`. Raises Failed where it has no argument for them."""
    parameters = list(inspect.signature(run).parameters.values())
    if any(one.kind not in (one.KEYWORD_ONLY, one.POSITIONAL_OR_KEYWORD) for one in parameters):
        raise Failed("UserScriptError", "run() cannot accept positional-only arguments, *args, or **kwargs.")
    named = [one for one in parameters if one.name != HEADERS]
    headers = len(named) < len(parameters)
    if not named:
        other = f' other than "{HEADERS}"' if headers else " for input data"
        raise Failed("UserScriptError", f"run() needs to accept an argument{other}.")
    decorated, raw = schema_decorated(run), rawhttp.asked()
    if raw and decorated:
        raise Failed("UserScriptError", "run() cannot be decorated with both @rawhttp and @input_schema")
    if raw:
        return Raw(named, headers=True, passed=headers)
    if decorated:
        return Values(named, headers=True, passed=headers)
    return Text(named, headers=headers, passed=headers)


def schema_decorated(run: Callable[..., Any]) -> bool:
    """Whether `run()` wears a decorator of inference-schema."""
    util = sys.modules.get("inference_schema.schema_util")
    return bool(util is not None and util.is_schema_decorated(run))


class Reader(ABC):
    """Reads the arguments of `run()` out of requests.

    Args:
        parameters: Those of `run()` but for `request_headers`.
        headers: Whether requests must come with how they were made.
        passed: Whether `run()` takes `request_headers`.

    Attributes:
        gives: What `run()` gets, in words.
    """

    gives = ""

    def __init__(self, parameters: list[inspect.Parameter], *, headers: bool, passed: bool) -> None:
        self.parameters = parameters
        self.name = parameters[0].name
        self.headers = headers
        self._passed = passed

    def __call__(self, request: Request) -> dict[str, Any]:
        """The arguments by name. Raises Refused."""
        values = self.values(request)
        if self._passed:
            values[HEADERS] = {name.title(): value for name, value in request.headers}
        return values

    @abstractmethod
    def values(self, request: Request) -> dict[str, Any]:
        """The arguments but for `request_headers`."""


class Parsed(Reader):
    """Reads them out of the body of a POST, or the query of a GET."""

    def values(self, request: Request) -> dict[str, Any]:
        if request.posted:
            return self.posted(request)
        if request.method != "GET":
            refuse_method(request)
        return self.got(_of_query(request.meta.get("query", "")))

    @abstractmethod
    def posted(self, request: Request) -> dict[str, Any]:
        """The arguments in a body."""

    @abstractmethod
    def got(self, query: dict[str, Any]) -> dict[str, Any]:
        """The arguments in a query."""


class Text(Parsed):
    """The body as text, for a `run()` without a decorator."""

    gives = "the body of a request as text"

    def posted(self, request: Request) -> dict[str, Any]:
        if request.is_form():
            return {self.name: ""}
        try:
            return {self.name: str(request.body, "utf-8")}
        except UnicodeDecodeError as error:
            raise Refused(BAD_REQUEST, f"Input cannot be decoded as UTF-8: {error}") from None

    def got(self, query: dict[str, Any]) -> dict[str, Any]:
        return {self.name: json.dumps(query)}


class Raw(Reader):
    """The request itself, for a `run()` with `@rawhttp`."""

    gives = "the request itself (@rawhttp)"

    def values(self, request: Request) -> dict[str, Any]:
        return {self.name: rawhttp.request(request)}


class Values(Parsed):
    """The values of a JSON object, for a `run()` with `@input_schema`."""

    gives = "the values of a JSON object by name (@input_schema)"

    def posted(self, request: Request) -> dict[str, Any]:
        kind = request.content_type()
        if kind != JSON and not (kind.startswith("application/") and kind.endswith("+json")):
            raise Refused(UNSUPPORTED, "Expects Content-Type to be application/json")
        body = bytes(request.body)
        try:
            told = json.loads(body)
        except json.JSONDecodeError as error:
            if body:
                raise Refused(BAD_REQUEST, f"POST body could not be decoded as JSON: {error}") from None
            raise Refused(BAD_REQUEST, "POST body is empty. Expecting a JSON dictionary.") from None
        except UnicodeDecodeError:
            raise Refused(INTERNAL, UNREADABLE) from None
        if not isinstance(told, dict):
            raise Refused(BAD_REQUEST, "POST body should be a JSON dictionary.")
        return self.got(told)

    def got(self, query: dict[str, Any]) -> dict[str, Any]:
        values = {}
        for parameter in self.parameters:
            value = query.get(parameter.name, parameter.default)
            if value is inspect.Parameter.empty:
                raise Refused(BAD_REQUEST, f"A value is not provided for the {parameter.name!r} parameter.")
            values[parameter.name] = value
        return values


def _of_query(query: str) -> dict[str, Any]:
    """The arguments of a query, each as JSON where it is JSON; a list where a name comes more than once."""
    found = parse_qs(query, keep_blank_values=True)
    values = {name: [_value(text) for text in texts] for name, texts in found.items()}
    return {name: all_of[0] if len(all_of) == 1 else all_of for name, all_of in values.items()}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
