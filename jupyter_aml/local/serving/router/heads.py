"""Heads of requests: read by httptools, and held to what RFC 9112 leaves no room for, so that nothing is smuggled."""

from __future__ import annotations

import re

import httptools

from jupyter_aml.local.serving.router.asked import Head

END = b"\r\n\r\n"
LARGEST = 30 * 1024
"""Bytes of a head; with it the meta of a frame, whose length has two bytes, holds all headers."""
LONGEST_LINE = 8190
"""Bytes of the request line, and of a header line."""
MOST_FIELDS = 100
_KNOWN = 512
_REUSED = 4096
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_TARGET = re.compile(rb"[\x21-\x22\x24-\x7e]+\Z")
_DIGITS = re.compile(r"[0-9]{1,15}\Z")
_HOST = re.compile(r"[A-Za-z0-9\-._~%!$&'()*+,;=:\[\]]*\Z")
_UNSEEN = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_CHANGING = frozenset({"x-request-id", "x-ms-request-id", "x-ms-client-request-id", "traceparent", "traceid"})


class BadRequestError(Exception):
    """A head or a body that is no HTTP/1.1; the connection is closed after the answer.

    Args:
        status: What it is answered with.
        message: What was found, and what was expected.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Heads:
    """Reads heads, and remembers those that come again byte for byte, as a client's do."""

    def __init__(self) -> None:
        self._known: dict[bytes, Head] = {}

    def read(self, raw: bytes) -> Head:
        """The head of a request.

        Args:
            raw: From the first byte of the request line to the empty line, which is included.

        Raises:
            BadRequestError: It is not one.
        """
        head = self._known.get(raw)
        if head is None:
            head = parse(raw)
            if len(raw) <= _REUSED and _CHANGING.isdisjoint(name for name, _ in head.headers):
                if len(self._known) >= _KNOWN:
                    self._known.clear()
                self._known[raw] = head
        return head


class _Parts:
    """What httptools tells of a head."""

    def __init__(self) -> None:
        self.target = b""
        self.fields: list[tuple[bytes, bytes]] = []

    def on_url(self, part: bytes) -> None:
        self.target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value))


def partial(data: bytes) -> None:
    """Check the beginning of a head.

    Raises:
        BadRequestError: Whatever follows, it will not be one.
    """
    _check_lines(data[:-1] if data.endswith(b"\r") else data)
    if b"\r\n" not in data and len(data) > LONGEST_LINE:
        raise BadRequestError(414, f"The request line is longer than {LONGEST_LINE} bytes.")
    if len(data) > LARGEST:
        raise BadRequestError(431, f"The headers are larger than {LARGEST} bytes.")


def parse(raw: bytes) -> Head:
    """The head of a request, read anew. See `Heads.read`."""
    partial(raw)
    _check_sizes(raw)
    parts, version, method = _told(raw)
    if not _TARGET.match(parts.target):
        raise BadRequestError(400, "The request target has characters that a URL cannot have.")
    headers = tuple(
        (name.decode("latin-1").lower(), value.decode("latin-1").strip(" \t")) for name, value in parts.fields
    )
    if not all(map(_TOKEN.match, (name for name, _ in headers))):
        raise BadRequestError(400, "A header has a name that is no token.")
    _check_host(headers, version)
    path, query = _split(parts.target.decode("ascii"))
    expects = version == "1.1" and any(name == "expect" and value.lower() == "100-continue" for name, value in headers)
    return Head(
        method, path, query, headers, _length(headers, version), _keeps(headers, version), version == "1.0", expects
    )


def _told(raw: bytes) -> tuple[_Parts, str, str]:
    """What httptools reads: the parts, the version, the method."""
    parts = _Parts()
    parser = httptools.HttpRequestParser(parts)
    try:
        parser.feed_data(raw)
    except httptools.HttpParserUpgrade:
        pass  # another protocol was offered; we go on with this one (RFC 9110, 7.8)
    except httptools.HttpParserInvalidMethodError:
        raise BadRequestError(501, "The method is none of HTTP's.") from None
    except httptools.HttpParserError as error:
        raise BadRequestError(400, f"The request is not HTTP/1.1: {error}.") from None
    version, method = parser.get_http_version(), parser.get_method().decode()
    if version not in {"1.1", "1.0"}:
        raise BadRequestError(505, f"HTTP/{version} is not spoken here; use HTTP/1.1.")
    if method == "CONNECT":
        raise BadRequestError(405, "CONNECT is for proxies.")
    return parts, version, method


def _check_lines(data: bytes) -> None:
    """Lines end in CRLF, are not folded, and hold nothing that cannot be seen."""
    if not data.count(b"\n") == data.count(b"\r") == data.count(b"\r\n"):
        raise BadRequestError(400, "A line of the head does not end in CR LF.")
    if _UNSEEN.search(data):
        raise BadRequestError(400, "The head has a control character.")
    if b"\r\n " in data or b"\r\n\t" in data:
        raise BadRequestError(400, "A header is folded over two lines.")


def _check_sizes(raw: bytes) -> None:
    lines = raw.split(b"\r\n")
    if len(lines[0]) > LONGEST_LINE:
        raise BadRequestError(414, f"The request line is longer than {LONGEST_LINE} bytes.")
    if len(lines) - 3 > MOST_FIELDS:
        raise BadRequestError(431, f"There are more than {MOST_FIELDS} headers.")
    if any(len(line) > LONGEST_LINE for line in lines):
        raise BadRequestError(431, f"A header is longer than {LONGEST_LINE} bytes.")
    if lines[0].count(b" ") != 2:  # noqa: PLR2004 - method, target, version
        raise BadRequestError(400, "The request line is not METHOD TARGET HTTP/1.1.")


def _check_host(headers: tuple[tuple[str, str], ...], version: str) -> None:
    """One valid Host, as HTTP/1.1 demands (RFC 9112, 3.2)."""
    hosts = [value for name, value in headers if name == "host"]
    if len(hosts) > 1 or (not hosts and version == "1.1") or not all(map(_HOST.match, hosts)):
        raise BadRequestError(400, f"There must be one valid Host header; there are {len(hosts)}.")


def _length(headers: tuple[tuple[str, str], ...], version: str) -> int | None:
    """Bytes of the body; None when it comes in chunks. Anything ambiguous is refused."""
    lengths = [value for name, value in headers if name == "content-length"]
    codings = [value for name, value in headers if name == "transfer-encoding"]
    if codings:
        if lengths or version == "1.0":
            raise BadRequestError(400, "Transfer-Encoding with Content-Length, or in HTTP/1.0, is refused.")
        if len(codings) > 1 or codings[0].lower() != "chunked":
            raise BadRequestError(501, "The only Transfer-Encoding understood is chunked.")
        return None
    if len(lengths) > 1 or not all(map(_DIGITS.match, lengths)):
        raise BadRequestError(400, "Content-Length must be given once, in digits.")
    return int(lengths[0]) if lengths else 0


def _keeps(headers: tuple[tuple[str, str], ...], version: str) -> bool:
    """Whether the connection stays open after the answer (RFC 9112, 9.3)."""
    told = {option.strip().lower() for name, value in headers if name == "connection" for option in value.split(",")}
    return "close" not in told and (version == "1.1" or "keep-alive" in told)


def _split(target: str) -> tuple[str, str]:
    """Path and query of a target in origin, absolute or asterisk form."""
    if not target.startswith(("/", "*")):
        scheme, mark, rest = target.partition("://")
        if not mark or scheme.lower() not in {"http", "https"}:
            raise BadRequestError(400, "The request target is neither a path nor a URL.")
        _, slash, path = rest.partition("/")
        target = slash + path if slash else "/"
    path, _, query = target.partition("?")
    return path, query
