"""Answers to other origins' pages, as the official server gives them for `AML_CORS_ORIGINS`."""

from __future__ import annotations

METHODS = ("GET", "POST")


def listed(value: str) -> tuple[str, ...]:
    """The origins of `AML_CORS_ORIGINS`: separated by commas."""
    return tuple(part.strip() for part in value.split(",") if part.strip())


def allowed(origins: tuple[str, ...], origin: str | None) -> bytes:
    """The header lines of any answer: who may read it; empty when the page's origin may not.

    Args:
        origins: Those that may; `*` for all.
        origin: What the request says; None when it does not.
    """
    if not origins:
        return b""
    if "*" in origins:
        if origin is None:
            return b"Access-Control-Allow-Origin: *\r\n"
        found = origin
    elif origin is None:
        found = origins[0]
    elif origin in origins:
        found = origin
    else:
        return b""
    return b"Access-Control-Allow-Origin: %b\r\nVary: Origin\r\n" % found.encode("latin-1", "replace")


def preflight(origins: tuple[str, ...], origin: str | None, method: str, headers: str | None) -> bytes:
    """The header lines of an answer to a preflight request for this method and these headers."""
    lines = allowed(origins, origin)
    if not lines or method not in METHODS:
        return lines
    if headers:
        lines += b"Access-Control-Allow-Headers: %b\r\n" % headers.encode("latin-1", "replace")
    return lines + b"Access-Control-Allow-Methods: GET, POST\r\n"
