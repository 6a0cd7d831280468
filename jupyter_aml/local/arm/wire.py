"""JSON as bytes: several times faster than the standard library, and as forgiving where that matters."""

from __future__ import annotations

import json
from typing import Any

import msgspec

_encode = msgspec.json.encode
_decode = msgspec.json.decode


def dumps(payload: Any) -> bytes:
    """Compact JSON; a number that JSON does not have (NaN, infinity) becomes null."""
    try:
        return _encode(payload)
    except TypeError:  # subclasses of str and the like
        return json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()


def loads(content: str | bytes) -> Any:
    """What JSON says; NaN and infinity are read although JSON does not have them.

    Raises:
        ValueError: It is not JSON.
    """
    try:
        return _decode(content)
    except (msgspec.DecodeError, UnicodeError):  # the standard library knows more words, and says where it fails
        return json.loads(content)
