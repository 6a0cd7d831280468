"""The parts of Flask's request and response that scoring scripts use, for environments without Flask."""

from __future__ import annotations

import io
import json
from email import message_from_bytes
from http.cookies import SimpleCookie
from urllib.parse import parse_qsl

from .exchange import JSON

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any


class Pairs:
    """Names with values, some with several; names of headers are the same in any case.

    Args:
        pairs: Names and values in their order.
        folded: Whether the case of a name does not matter.
    """

    def __init__(self, pairs: Iterable[tuple[str, Any]] = (), *, folded: bool = False) -> None:
        self._pairs = list(pairs)
        self._folded = folded

    def _same(self, one: str, other: str) -> bool:
        return one.lower() == other.lower() if self._folded else one == other

    def getlist(self, name: str) -> list[Any]:
        """All values of a name."""
        return [value for key, value in self._pairs if self._same(key, name)]

    def get(self, name: str, default: Any = None, type: Any = None) -> Any:  # noqa: A002 -- Flask's name for it
        """The first value of a name, through `type` where that is given."""
        found = self.getlist(name)
        if not found:
            return default
        try:
            return found[0] if type is None else type(found[0])
        except ValueError:
            return default

    def __getitem__(self, name: str) -> Any:
        found = self.getlist(name)
        if not found:
            raise KeyError(name)
        return found[0]

    def __setitem__(self, name: str, value: Any) -> None:
        self.remove(name)
        self.add(name, value)

    def __contains__(self, name: object) -> bool:
        return bool(self.getlist(str(name)))

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(key for key, _ in self._pairs))

    def __len__(self) -> int:
        return len(self._pairs)

    def keys(self) -> Iterable[str]:
        """The names."""
        return list(self)

    def values(self) -> Iterable[Any]:
        """The values."""
        return [value for _, value in self._pairs]

    def items(self) -> Iterable[tuple[str, Any]]:
        """Names and values."""
        return list(self._pairs)

    def add(self, name: str, value: Any) -> None:
        """Add a value to those a name has."""
        self._pairs.append((name, value))

    add_header = add

    def remove(self, name: str) -> None:
        """Take all values of a name away."""
        self._pairs = [(key, value) for key, value in self._pairs if not self._same(key, name)]

    def to_dict(self) -> dict[str, Any]:
        """The first value of each name."""
        return {name: self[name] for name in self}


class File(io.BytesIO):
    """A file of a form.

    Attributes:
        filename: As the client calls it.
        content_type: Its media type.
    """

    def __init__(self, content: bytes, filename: str, content_type: str) -> None:
        super().__init__(content)
        self.filename = filename
        self.content_type = self.mimetype = content_type

    @property
    def stream(self) -> io.BytesIO:
        """The file itself, to be read."""
        return self


class AMLRequest:
    """A request: `method`, `path`, `args`, `headers`, `get_data()`, `get_json()`, `form`, `files`."""

    def __init__(
        self,
        method: str = "GET",
        path: str = "/score",
        query: str = "",
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> None:
        self.method = method
        self.path = path
        self.query_string = query.encode()
        self.full_path = f"{path}?{query}"
        self.url = f"http://127.0.0.1{path}" + (f"?{query}" if query else "")
        self.headers = Pairs(((name.title(), value) for name, value in headers), folded=True)
        self.args = Pairs(parse_qsl(query, keep_blank_values=True))
        self.content_type: str = self.headers.get("Content-Type", "")
        self.mimetype = self.content_type.partition(";")[0].strip().lower()
        self.content_length = len(body)
        self.is_json = self.mimetype == JSON or self.mimetype.endswith("+json")
        self.stream = io.BytesIO(body)
        self._body = body
        self._form: tuple[Pairs, Pairs] | None = None

    def get_data(self, *, cache: bool = True, as_text: bool = False) -> Any:
        """The body, as bytes or text."""
        del cache
        return self._body.decode("utf-8", "replace") if as_text else self._body

    @property
    def data(self) -> bytes:
        """The body."""
        return self._body

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        """The body as JSON; None, or an error, where it is none."""
        del cache
        if not force and not self.is_json:
            if silent:
                return None
            raise ValueError(f"the content type is {self.content_type!r}, not application/json")
        try:
            return json.loads(self._body)
        except ValueError:
            if silent:
                return None
            raise

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return self.get_json()

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies by name."""
        return {name: one.value for name, one in SimpleCookie(self.headers.get("Cookie", "")).items()}

    @property
    def values(self) -> Pairs:
        """The arguments of the query, then the fields of a form."""
        return Pairs([*self.args.items(), *self.form.items()])

    @property
    def form(self) -> Pairs:
        """The fields of a form."""
        return self._parts()[0]

    @property
    def files(self) -> Pairs:
        """The files of a form."""
        return self._parts()[1]

    def _parts(self) -> tuple[Pairs, Pairs]:
        if self._form is None:
            self._form = self._read_form()
        return self._form

    def _read_form(self) -> tuple[Pairs, Pairs]:
        fields, files = Pairs(), Pairs()
        if self.mimetype == "application/x-www-form-urlencoded":
            fields = Pairs(parse_qsl(self._body.decode("utf-8", "replace"), keep_blank_values=True))
        elif self.mimetype == "multipart/form-data":
            whole = message_from_bytes(f"Content-Type: {self.content_type}\r\n\r\n".encode() + self._body)
            for part in whole.walk():
                name = part.get_param("name", header="Content-Disposition")
                if not isinstance(name, str):
                    continue
                content = part.get_payload(decode=True)
                content = content if isinstance(content, bytes) else b""
                if part.get_filename() is None:
                    fields.add(name, content.decode("utf-8", "replace"))
                else:
                    files.add(name, File(content, str(part.get_filename()), part.get_content_type()))
        return fields, files


class AMLResponse:
    """A response of a script's own.

    Args:
        message: The body: text or bytes; an object where `json_str`; None for `{}`.
        status_code: HTTP status.
        response_headers: By name; a comma makes two of a value.
        json_str: Whether to write the message as JSON.
        run_function_failed: Whether to say so in the head.
    """

    def __init__(
        self,
        message: Any,
        status_code: int,
        response_headers: dict[str, str] | None = None,
        json_str: bool = False,
        run_function_failed: bool = False,
    ) -> None:
        told = response_headers or {}
        self.status_code = status_code
        self.headers = Pairs(folded=True)
        if message is None or json_str:
            self._body = json.dumps({} if message is None else message).encode()
            self.headers.add("Content-Type", JSON)
        else:
            if not isinstance(message, (str, bytes, bytearray)):
                raise TypeError(f"AMLResponse needs text or bytes, not {type(message).__name__}, unless json_str=True")
            self._body = message.encode() if isinstance(message, str) else bytes(message)
            if "Content-Type" not in told:
                self.headers.add("Content-Type", "text/html; charset=utf-8")
        self.headers["x-ms-run-function-failed"] = run_function_failed
        for name, values in told.items():
            for value in values.split(","):
                self.headers.add(name, value.strip())

    def get_data(self, *, as_text: bool = False) -> Any:
        """The body, as bytes or text."""
        return self._body.decode() if as_text else self._body

    @property
    def data(self) -> bytes:
        """The body."""
        return self._body
