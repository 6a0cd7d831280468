"""YAML as a person wrote it: parsed, with the line of each field, so that an error can point at it.

The body of a cell counts its lines from the cell's `%%aml` line, which is line 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from jupyter_aml.errors import UsageError

FIRST_OF_CELL = 2
SPACES = "YAML indents with spaces, and has a space after each colon."
EXAMPLE = "Write the YAML that `az ml` takes, such as `type: command`."


@dataclass(frozen=True)
class Field:
    """A field that a line was found for: `line` counts as people do, `path` leads to it, `value` is its text."""

    line: int
    path: tuple[str, ...]
    value: str = ""

    @property
    def name(self) -> str:
        """The path as messages write it: `inputs.data.type`."""
        return ".".join(self.path)


class YamlText:
    """A YAML mapping and where its fields stand.

    Args:
        text: The YAML.
        origin: The file it comes from; "" for a cell's body.

    Raises:
        UsageError: It is no YAML, no mapping, or gives a field twice; said with the line.
    """

    def __init__(self, text: str, origin: str = "") -> None:
        self.text = text
        self.origin = origin
        self.first = 1 if origin else FIRST_OF_CELL
        self._lines = text.splitlines()
        self._root = self._compose()

    @property
    def called(self) -> str:
        """What a person calls it: the file, or the cell."""
        return self.origin or "The cell"

    def at(self, line: int) -> str:
        """A line in words: `Line 5 of the cell`, `job.yml, line 4`."""
        return f"{self.origin}, line {line}" if self.origin else f"Line {line} of the cell"

    def field(self, path: Sequence[str]) -> Field | None:
        """The deepest field on a path; None where not even its first step is there."""
        node, found = self._root, None
        steps: tuple[str, ...] = ()
        for step in path:
            child = _child(node, str(step))
            if child is None:
                continue  # words of a schema, such as `value`, are no steps of the YAML
            key, node = child
            steps = (*steps, str(step))
            found = Field(key.start_mark.line + self.first, steps, _text(node))
        return found

    def has(self, path: Sequence[str]) -> bool:
        """Whether exactly this field is there."""
        found = self.field(path)
        return found is not None and found.path == tuple(str(step) for step in path)

    def keys(self, path: Sequence[str] = ()) -> list[str]:
        """The names below a field."""
        node = self._root
        for step in path:
            child = _child(node, str(step))
            if child is None:
                return []
            node = child[1]
        return [str(key.value) for key, _ in node.value] if _is_mapping(node) else []

    def holding(self, words: Sequence[str]) -> Field | None:
        """The field whose value is one of the words, or else has one as a part; at the line where it stands."""
        values = list(self._values(self._root, ()))
        for same in (_equal, _inside):
            for word in words:
                for path, node in values:
                    if word and same(word, str(node.value)):
                        return Field(self._line_of(node, word), path, str(node.value))
        return None

    def _line_of(self, node: Any, word: str) -> int:
        """The line inside a value of several lines that has the word."""
        start, end = node.start_mark.line, min(node.end_mark.line + 1, len(self._lines))
        inner = (line for line in range(start, end) if _inside(word, self._lines[line]))
        return int(next(inner, start)) + self.first

    def _values(self, node: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
        if _is_mapping(node):
            for key, value in node.value:
                yield from self._values(value, (*path, str(key.value)))
        elif isinstance(node.value, list):
            for index, value in enumerate(node.value):
                yield from self._values(value, (*path, str(index)))
        else:
            yield path, node

    def _compose(self) -> Any:
        import yaml

        try:
            yaml.safe_load(self.text)
            root = yaml.compose(self.text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            where = self.at(mark.line + self.first) if mark else self.called
            msg = f"{where} is no valid YAML: {error.problem or error.context}."
            raise UsageError(msg, remedy=SPACES) from None
        except yaml.YAMLError as error:
            msg = f"{self.called} is no valid YAML: {error}."
            raise UsageError(msg, remedy=SPACES) from None
        if root is None or not _is_mapping(root):
            found = "nothing" if root is None else "a list" if isinstance(root.value, list) else repr(root.value)
            msg = f"{self.called} holds no `name: value` lines, but {found}."
            raise UsageError(msg, remedy=EXAMPLE)
        self._refuse_twins(root)
        return root

    def _refuse_twins(self, node: Any) -> None:
        """Do nothing if no field is given twice; YAML would silently take the last."""
        if isinstance(node.value, str):
            return
        if not _is_mapping(node):
            for item in node.value:
                self._refuse_twins(item)
            return
        seen: dict[str, int] = {}
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + self.first
            if name in seen and name != "<<":
                msg = f"{self.at(line)}: {name} is given a second time; the first is on line {seen[name]}."
                raise UsageError(msg, remedy="Leave one out.")
            seen[name] = line
            self._refuse_twins(value)


def _is_mapping(node: Any) -> bool:
    return type(node).__name__ == "MappingNode"


def _text(node: Any) -> str:
    """A scalar's text; "" for a mapping or a list."""
    return node.value if isinstance(node.value, str) else ""


def _child(node: Any, step: str) -> tuple[Any, Any] | None:
    """The key and the value of a step below a node."""
    if _is_mapping(node):
        return next(((key, value) for key, value in node.value if str(key.value) == step), None)
    if isinstance(node.value, list) and step.isdigit() and int(step) < len(node.value):
        return node.value[int(step)], node.value[int(step)]
    return None


def _equal(word: str, value: str) -> bool:
    """Whether a value names what a word names: as it is, as an asset, or as a path below any folder."""
    bare = value.removeprefix("azureml:")
    path = value.removeprefix("./").rstrip("/")
    return word in (value, bare, re.split("[:@]", bare)[0]) or bool(path and word.rstrip("/").endswith(f"/{path}"))


def _inside(word: str, value: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", value) is not None
