"""The reference of all commands in Markdown, made from the grammar: `python -m jupyter_aml.commands.docs`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from jupyter_aml.commands import help as texts
from jupyter_aml.commands.grammar import COMMON, Flag, Grammar, Positional, Verb, grammar


def markdown(table: Grammar) -> str:
    """One page: verbs without a noun, nouns, cells, and the flags that every verb has."""
    return "\n".join(_page(table)).rstrip() + "\n"


def _page(table: Grammar) -> Iterator[str]:
    yield from ("# Commands", "", "Made from the grammar by `python -m jupyter_aml.commands.docs`.", "")
    yield from ("## Flags of every verb", "", *_flags(COMMON), "")
    if table.verbs:
        yield from ("## Every day", "")
        for verb in table.verbs.values():
            yield from _verb(verb, f"%aml {verb.name}")
    for noun in table.nouns.values():
        yield from (f"## {noun.name}", "", noun.summary, "")
        for verb in noun.verbs:
            yield from _verb(verb, f"%aml {noun.name} {verb.name}")
    if table.cells:
        yield from ("## Cells", "")
        for cell in table.cells.values():
            yield from _verb(cell, f"%%aml {cell.name}")


def _verb(verb: Verb, head: str) -> Iterator[str]:
    form = " ".join([head, *(texts.slot(item) for item in verb.positionals)])
    yield from (f"### `{form}`", "", verb.summary, "")
    items: tuple[Flag | Positional, ...] = (*verb.positionals, *verb.flags)
    if items:
        yield from (*_flags(items), "")
    if verb.examples:
        yield from ("```", *"\n\n".join(verb.examples).splitlines(), "```", "")


def _flags(items: tuple[Flag | Positional, ...]) -> Iterator[str]:
    yield from ("| | |", "|---|---|")
    for item in items:
        head = texts.flag_head(item) if isinstance(item, Flag) else texts.slot(item)
        yield f"| `{_cell(head)}` | {_cell(texts.about(item))} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(markdown(grammar()))
