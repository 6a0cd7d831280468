"""Help: the grammar as text for a person, at the level asked: everything, a noun, a verb."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from jupyter_aml.commands.grammar import COMMON, Flag, Grammar, Noun, Positional, Verb
from jupyter_aml.commands.parse import Command, metavar

INTRO = "Azure Machine Learning in Jupyter, here or in the cloud."
GAP = 2
WIDE = 34
BODIES = {
    "python": "Below the first line stands the script.",
    "yaml": "Below the first line stands the YAML of az ml.",
    "dsl": "Below the first line stands what a function with the SDK's @pipeline would do.",
}


def text(command: Command, grammar: Grammar, prefix: str = "%aml") -> str:
    """The help that a command asks for.

    Args:
        command: What was typed; its verb or noun is the subject.
        grammar: The table.
        prefix: `%aml` in a notebook, `aml` in a terminal.
    """
    if command.verb is not None:
        return of_verb(command.verb, " ".join(command.path), prefix, cell=command.cell)
    return of_noun(command.noun, prefix) if command.noun is not None else of_all(grammar, prefix)


def of_all(grammar: Grammar, prefix: str) -> str:
    """Every noun, verb and cell with its summary."""
    cells = [(f"%%aml {name}", cell.summary) for name, cell in grammar.cells.items()] if prefix == "%aml" else []
    usage = f"{prefix} <noun> <verb> [--flags]      {prefix} <verb> ...      {prefix} <noun> [<verb>] -h for help"
    return _blocks(
        INTRO,
        ("", [usage]),
        ("Every day", _rows((name, verb.summary) for name, verb in grammar.verbs.items())),
        ("Nouns", _rows((name, noun.summary) for name, noun in grammar.nouns.items())),
        ("Cells", _rows(cells)),
        ("Flags of every verb", _rows((flag_head(flag), flag.help) for flag in COMMON)),
    )


def of_noun(noun: Noun, prefix: str) -> str:
    """The verbs of a noun and its examples."""
    examples = noun.examples or tuple(verb.examples[0] for verb in noun.verbs if verb.examples)
    return _blocks(
        f"{prefix} {noun.name}: {noun.summary}",
        ("Verbs", _rows((verb.name, verb.summary) for verb in noun.verbs)),
        ("Examples", _examples(examples, prefix)),
        ("", [f"{prefix} {noun.name} <verb> -h shows the flags of a verb."]),
    )


def of_verb(verb: Verb, path: str, prefix: str, *, cell: bool = False) -> str:
    """The form, arguments, flags and examples of a verb."""
    head = f"%{prefix}" if cell and prefix == "%aml" else prefix
    form = " ".join([head, path, *(slot(item) for item in verb.positionals), "[--flags]"])
    own = {flag.key for flag in verb.flags}
    common = [flag for flag in verb.all_flags if flag.key not in own]
    return _blocks(
        f"{head} {path}: {verb.summary}",
        ("", [form, *([BODIES[verb.body]] if verb.cell and verb.body in BODIES else [])]),
        ("Arguments", _rows((_caps(item), about(item)) for item in verb.positionals)),
        ("Flags", _rows((flag_head(flag), about(flag)) for flag in verb.flags)),
        ("Flags of every verb", _rows((flag_head(flag), flag.help) for flag in common)),
        ("Examples", _examples(verb.examples, prefix)),
    )


def slot(item: Positional) -> str:
    """A positional in a form: `NAME`, `[NAME]`, `[STEPS ...]`."""
    shown = f"{_caps(item)} ..." if item.several else _caps(item)
    return shown if item.required else f"[{shown}]"


def flag_head(flag: Flag) -> str:
    """A flag's spellings and its value: `-n, --name NAME`."""
    words = sorted(flag.words, key=len)
    value = "" if flag.kind == "switch" else f" {metavar(flag)}"
    return ", ".join(words) + value


def about(item: Flag | Positional) -> str:
    """The help of a flag or positional with its rules in brackets."""
    notes = []
    if item.required:
        notes.append("required")
    if isinstance(item, Flag) and (item.many or item.several):
        notes.append("several" if item.several else "repeatable")
    if item.choices and item.metavar:
        notes.append("one of " + ", ".join(item.choices))
    if isinstance(item, Flag) and item.default not in (None, "", (), False):
        notes.append(f"default {item.default}")
    return f"{item.help} ({'; '.join(notes)})" if notes else item.help


def _caps(item: Positional) -> str:
    return item.metavar or item.name.upper().replace("-", "_")


def _rows(rows: Iterable[tuple[str, str]]) -> list[str]:
    pairs = list(rows)
    width = min(max((len(head) for head, _ in pairs), default=0), WIDE) + GAP
    lines = []
    for head, tail in pairs:
        if len(head) + GAP > width:
            lines += [head, f"{'':{width}}{tail}"]
        else:
            lines.append(f"{head:{width}}{tail}".rstrip())
    return lines


def _examples(examples: Sequence[str], prefix: str) -> list[str]:
    lines: list[str] = []
    for example in examples:
        single = "\n" not in example and not example.startswith("%%") and "{" not in example
        if prefix == "%aml":
            lines += example.splitlines()
        elif single and " = %aml" not in example:
            lines.append(example.replace("%aml", prefix, 1))
    return lines


def _blocks(title: str, *blocks: tuple[str, list[str]]) -> str:
    parts = [title]
    for head, lines in blocks:
        if lines:
            parts.append("\n".join([*([head] if head else []), *(f"  {line}".rstrip() for line in lines)]))
    return "\n\n".join(parts)
