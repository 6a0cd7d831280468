"""MLflow's filter and order_by language, taken apart; pure.

    metrics.auc > 0.9 AND params.`learning rate` != '0.1' AND attributes.run_id IN ('a', 'b')

Source: mlflow/utils/search_utils.py (SearchUtils and the classes derived from it), 2.18 to 3.17.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from jupyter_aml.local.tracking import faults

METRIC, PARAM, TAG, ATTRIBUTE, DATASET, METADATA = "metric", "parameter", "tag", "attribute", "dataset", "metadata"
NUMERIC_OPERATORS = frozenset({">", ">=", "!=", "=", "<", "<="})
TEXT_OPERATORS = frozenset({"!=", "=", "LIKE", "ILIKE"})
LIST_OPERATORS = frozenset({"IN", "NOT IN"})
NULL_OPERATORS = frozenset({"IS NULL", "IS NOT NULL"})

Value = str | float | tuple[str, ...] | None

_NAMES = {
    **dict.fromkeys(("metric", "metrics"), METRIC),
    **dict.fromkeys(("parameter", "parameters", "param", "params"), PARAM),
    **dict.fromkeys(("tag", "tags"), TAG),
    **dict.fromkeys(("attribute", "attributes", "attr", "run", "trace"), ATTRIBUTE),
    **dict.fromkeys(("dataset", "datasets"), DATASET),
    **dict.fromkeys(("metadata", "request_metadata"), METADATA),
}
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<identifier>`?[A-Za-z_]+`?\.(?:`[^`]*`|"[^"]*"|[\w./:-]+)|`[^`]+`)
    | (?P<operator>>=|<=|!=|<>|=|>|<)
    | (?P<text>'(?:[^'])*'|"(?:[^"])*")
    | (?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<mark>[(),])
    | (?P<word>[A-Za-z_]\w*)
    )""",
    re.VERBOSE,
)
_ORDER = re.compile(r"^\s*(?P<what>.+?)(?:\s+(?P<way>asc|desc))?\s*$", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Clause:
    """One comparison: `kind` and `key` name what is compared, `value` is None for IS [NOT] NULL."""

    kind: str
    key: str
    operator: str
    value: Value


@dataclass(frozen=True)
class Order:
    """One term of an order: what, and which way."""

    kind: str
    key: str
    descending: bool = False


@dataclass(frozen=True)
class Grammar:
    """What may be searched.

    Attributes:
        text: Attributes that hold text.
        numeric: Attributes that hold numbers.
        kinds: Kinds besides attributes, such as METRIC and TAG.
        lists: Attributes that take IN; None for every one with text.
        aliases: Other spellings of attributes.
        orderable: Attributes to order by; text and numeric ones when empty.
    """

    text: frozenset[str]
    numeric: frozenset[str]
    kinds: frozenset[str]
    lists: frozenset[str] | None = None
    aliases: dict[str, str] = field(default_factory=dict)
    orderable: frozenset[str] = frozenset()

    def filter(self, text: str | None) -> list[Clause]:
        """The comparisons of a filter; all of them must hold.

        Raises:
            ResourceError: The filter cannot be understood (INVALID_PARAMETER_VALUE).
        """
        if not text or not text.strip():
            return []
        return _Reader(self, text).clauses()

    def order(self, terms: Sequence[str]) -> list[Order]:
        """The terms of an order_by.

        Raises:
            ResourceError: A term cannot be understood, or comes twice.
        """
        found: list[Order] = []
        for term in terms:
            match = _ORDER.match(term)
            if match is None:
                raise faults.invalid(f"Invalid order_by clause {term!r}. Expected e.g. 'metrics.auc DESC'.")
            kind, key = self.identifier(match["what"].strip())
            allowed = self.orderable or (self.text | self.numeric)
            if kind == ATTRIBUTE and key not in allowed:
                raise faults.invalid(
                    f"Invalid order_by attribute '{key}'. Valid ones are {', '.join(sorted(allowed))}."
                )
            if any((held.kind, held.key) == (kind, key) for held in found):
                raise faults.invalid(f"`order_by` contains duplicate fields: {list(terms)}")
            found.append(Order(kind, key, (match["way"] or "").lower() == "desc"))
        return found

    def identifier(self, text: str) -> tuple[str, str]:
        """Kind and key of `params.lr`, `attributes.status` or a bare attribute."""
        if _bare(text) in self.text | self.numeric | set(self.aliases):
            return ATTRIBUTE, self.aliases.get(_bare(text), _bare(text))
        entity, dot, key = text.partition(".")
        if not dot:
            return ATTRIBUTE, self._attribute(_bare(text))
        kind = _NAMES.get(entity.strip("`"), "")
        if kind not in self.kinds and kind != ATTRIBUTE:
            valid = sorted({*self.kinds, ATTRIBUTE})
            raise faults.invalid(f"Invalid entity type '{entity}'. Valid values are {valid}")
        key = _bare(key)
        if kind == DATASET and key not in {"name", "digest", "context"}:
            raise faults.invalid(f"Invalid dataset key '{key}' specified. Valid keys are name, digest, context.")
        return kind, self._attribute(key) if kind == ATTRIBUTE else key

    def _attribute(self, key: str) -> str:
        found = self.aliases.get(key, key)
        if found not in self.text | self.numeric:
            valid = sorted(self.text | self.numeric)
            raise faults.invalid(f"Invalid attribute key '{key}' specified. Valid keys are {', '.join(valid)}.")
        return found

    def clause(self, kind: str, key: str, operator: str, value: Value) -> Clause:
        """A comparison, with its operator and value checked against what is compared."""
        number = kind == METRIC or (kind == ATTRIBUTE and key in self.numeric)
        allowed = NUMERIC_OPERATORS if number else TEXT_OPERATORS
        if kind in {PARAM, TAG, METADATA}:
            allowed |= NULL_OPERATORS
        elif not number and (kind == DATASET or self.lists is None or key in self.lists):
            allowed |= LIST_OPERATORS
        if operator not in allowed:
            raise faults.invalid(
                f"Invalid comparator '{operator}' for {kind} '{key}'. Expected one of {', '.join(sorted(allowed))}."
            )
        if operator in NULL_OPERATORS:
            return Clause(kind, key, operator, None)
        wanted = float if number else tuple if operator in LIST_OPERATORS else str
        if not isinstance(value, wanted):
            what = {float: "a number", tuple: "a list of quoted strings", str: "a quoted string"}[wanted]
            raise faults.invalid(f"Expected {what} for {kind} '{key}' (e.g. 'my-value'). Got value {value}")
        return Clause(kind, key, operator, value)


def _bare(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "`\"'" else text


class _Reader:
    """One filter, token by token."""

    def __init__(self, grammar: Grammar, text: str) -> None:
        self._grammar = grammar
        self._text = text
        self._tokens: list[tuple[str, str]] = []
        position, end = 0, len(text.rstrip())
        while position < end:
            match = _TOKEN.match(text, position)
            if match is None:
                raise self._bad(text[position:].strip())
            self._tokens.append((str(match.lastgroup), match[str(match.lastgroup)]))
            position = match.end()
        self._at = 0

    def _bad(self, what: str) -> Exception:
        return faults.invalid(
            f"Invalid clause(s) in filter string: {what!r} in {self._text!r}. Expected comparisons joined by"
            " AND, such as metrics.auc > 0.9 AND params.model = 'tree'."
        )

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise self._bad("the end")
        self._at += 1
        return self._tokens[self._at - 1]

    def _word(self, word: str) -> None:
        kind, text = self._next()
        if kind != "word" or text.upper() != word:
            raise self._bad(text)

    def clauses(self) -> list[Clause]:
        found = [self._clause()]
        while self._at < len(self._tokens):
            self._word("AND")
            found.append(self._clause())
        return found

    def _clause(self) -> Clause:
        part, text = self._next()
        if part not in {"identifier", "word", "text"}:
            raise self._bad(text)
        kind, key = self._grammar.identifier(text)
        operator = self._operator()
        value: Value = None
        if operator in LIST_OPERATORS:
            value = self._list()
        elif operator not in NULL_OPERATORS:
            part, text = self._next()
            if part not in {"text", "number", "identifier"} or (part == "identifier" and text[0] != "`"):
                raise self._bad(text)
            value = float(text) if part == "number" else _bare(text)
        return self._grammar.clause(kind, key, operator, value)

    def _operator(self) -> str:
        part, text = self._next()
        if part == "operator":
            return "!=" if text == "<>" else text
        word = text.upper() if part == "word" else ""
        if word in {"LIKE", "ILIKE", "IN"}:
            return word
        if word == "NOT":
            self._word("IN")
            return "NOT IN"
        if word == "IS":
            if self._at < len(self._tokens) and self._tokens[self._at][1].upper() == "NOT":
                self._at += 1
                self._word("NULL")
                return "IS NOT NULL"
            self._word("NULL")
            return "IS NULL"
        raise self._bad(text)

    def _list(self) -> tuple[str, ...]:
        found: list[str] = []
        if self._next() != ("mark", "("):
            raise self._bad("IN without a list in parentheses")
        while True:
            part, text = self._next()
            if part != "text":
                raise self._bad(text)
            found.append(_bare(text))
            mark = self._next()
            if mark == ("mark", ")"):
                return tuple(found)
            if mark != ("mark", ","):
                raise self._bad(mark[1])
