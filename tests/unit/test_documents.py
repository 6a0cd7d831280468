"""README and CONTRIBUTING keep to the truth: what they tell to type is understood, and what they name is there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_aml.commands.grammar import grammar
from jupyter_aml.commands.parse import parse
from jupyter_aml.commands.tokens import literals, tokenize
from jupyter_aml.errors import UsageError
from jupyter_aml.local.jobs import registry

ROOT = Path(__file__).parents[2]
DOCUMENTS = ("README.md", "CONTRIBUTING.md")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
MAGIC = re.compile(r"^(?:\w+ = )?%%?aml\b ?(.*)$")
MAKE = re.compile(r"\bmake ([a-z]+)")
TARGET = re.compile(r"^([a-z]+):", re.MULTILINE)
SPELL = re.compile(r"^(?:\w+ = )?%.*$")
"""A line of the README that IPython makes Python of."""
PLACE = re.compile(r"^\.?[\w-]+(?:/[\w.-]+)+/?$|^[\w-]+\.(?:md|py|toml|txt|ipynb)$|^Makefile$|^\.importlinter$")
ROOTS = ("", "jupyter_aml/", "jupyter_aml/local/", "jupyter_aml/commands/", "jupyter_aml/local/resources/",
         "jupyter_aml/local/jobs/", "tests/conformance/")  # fmt: skip
MADE_BY_THE_READER = frozenset({"fit.ipynb", "score.py", "src/train.py", ".venv", "out/"})
"""Places that a reader has or makes."""


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def typed(name: str) -> Iterator[tuple[str, bool]]:
    """Each line for `%aml` or `aml` of a document, without that word; and whether it is the console's."""
    blocks = [line.strip() for _, block in BLOCK.findall(text(name)) for line in block.splitlines()]
    for line in [*blocks, *INLINE.findall(BLOCK.sub("", text(name)))]:
        magic = MAGIC.match(line)
        if magic and magic[1]:
            yield magic[1], False
        elif line.startswith("aml ") and not line.startswith("aml completion"):
            yield line[4:].partition(" <")[0], True


def understand(line: str, *, console: bool) -> None:
    """Parse a line, as a cell with a body where it heads one; a flag that it still needs is no fault of a document."""
    names: dict[str, Any] = dict.fromkeys(re.findall(r"(?<!{){(\w+)}", line), "value")
    words = literals(line.split()) if console else tokenize(line)
    parse(words, grammar(), None if console else names, "" if line.split(maxsplit=1)[0] in grammar().cells else None)


def is_help_or_noun(line: str) -> bool:
    """Whether the line is only a noun, as in the title of a cell with YAML."""
    return grammar().noun(line) is not None


LINES = [
    pytest.param(line, console, id=f"{name}: {line}")
    for name in DOCUMENTS
    for line, console in typed(name)
]  # fmt: skip


def test_the_documents_have_lines_to_type() -> None:
    assert len(LINES) > 20


@pytest.mark.parametrize(("line", "console"), LINES)
def test_a_line_to_type_is_understood(line: str, console: bool) -> None:
    if is_help_or_noun(line) and not console:
        assert grammar().noun(line).cell is not None
        return

    understand(line, console=console)


@pytest.mark.parametrize("line", ["job shew x", "nothing", "job list --colour red"])
def test_a_line_with_a_mistake_is_not_understood(line: str) -> None:
    with pytest.raises(UsageError):
        understand(line, console=False)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_target_of_make_that_a_document_names_exists(name: str) -> None:
    named = {word for found in INLINE.findall(BLOCK.sub("", text(name))) for word in MAKE.findall(found)}
    named |= {word for _, block in BLOCK.findall(text(name)) for word in MAKE.findall(block)}

    assert named
    assert named - set(TARGET.findall(text("Makefile"))) == set()


def places(name: str) -> set[str]:
    """The files and folders that a document names."""
    linked = {path for path in re.findall(r"\]\(([^)]+)\)", text(name)) if ":" not in path}
    words = {word.strip("`") for found in INLINE.findall(BLOCK.sub("", text(name))) for word in found.split()}
    return linked | {word for word in words if PLACE.match(word)} - MADE_BY_THE_READER


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_place_that_a_document_names_exists(name: str) -> None:
    named = {one for one in places(name) if not one.startswith((".venv/", "OTHER/"))}

    assert named
    assert {one for one in named if not any((ROOT / root / one).exists() for root in ROOTS)} == set()


def test_python_in_the_readme_is_python() -> None:
    for language, block in BLOCK.findall(text("README.md")):
        if language == "python":
            lines = (SPELL.sub("pass", line) for line in block.splitlines())
            ast.parse("\n".join(lines))


def row(title: str) -> set[str]:
    """The words in code of a row of the README's table of what is served."""
    (found,) = re.findall(rf"^\| {title} \| (.*) \|$", text("README.md"), re.MULTILINE)
    return {word.removeprefix("%%aml ") for word in INLINE.findall(found)}


def test_the_readme_names_what_is_served_and_nothing_else() -> None:
    table = grammar()

    assert row("nouns") == set(table.nouns)
    assert row("words without a noun") == set(table.verbs)
    assert row("cells with a script") == set(table.cells)
    assert row("cells with YAML") == {name for name, noun in table.nouns.items() if noun.cell} - set(table.cells)


def test_the_readme_names_the_job_types_that_run() -> None:
    (found,) = re.findall(r"^\| job types \| (.*?) \(", text("README.md"), re.MULTILINE)

    assert set(found.split(", ")) == set(registry.all_types())


def test_the_readme_names_the_job_types_that_do_not_run() -> None:
    (found,) = re.findall(r"That holds for (.*?) jobs", text("README.md"), re.DOTALL)

    assert {word.replace("-", "") for word in re.split(r",?\s+(?:and\s+)?", found)} == set(registry.ELSEWHERE)


def test_the_readme_names_every_setting_that_the_package_reads_from_the_environment() -> None:
    inside_a_job = {"AUTOML", "PROCESS", "WORK", "ERRORS", "DOOR", "DOOR_PATIENCE", "TOKEN"}
    of_tests = {"FENCE"}
    read = {
        name
        for path in (ROOT / "jupyter_aml").rglob("*.py")
        for name in re.findall(r"JUPYTER_AML_([A-Z_]+)", path.read_text(encoding="utf-8"))
    }
    listed = set(re.findall(r"^\| `JUPYTER_AML_([A-Z_]+)`", text("README.md"), re.MULTILINE))

    assert listed == read - inside_a_job - of_tests
