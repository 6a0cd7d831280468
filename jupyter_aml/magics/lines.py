"""Lines of a cell before and after IPython's own transformation: `?` asks for help, a trailing `;` silences."""

from __future__ import annotations

import re

ASKING = re.compile(r"^(?P<start>\s*(?:[\w, ]+=\s*)?%{1,2}aml\s.*[^\s?])\?\s*$")
CALL = re.compile(r"get_ipython\(\)\.run_(?:line|cell)_magic\((?P<quote>['\"])aml(?P=quote), ")


def ask_for_help(lines: list[str]) -> list[str]:
    """`%aml job create?` becomes `%aml job create -h`; IPython would look for a variable `create`."""
    if lines and lines[0].startswith("%%"):
        if not lines[0].startswith("%%aml") or any(line.strip() for line in lines[1:]):
            return lines
        asked = ASKING.match(lines[0])
        return [f"{asked['start'].replace('%%aml', '%aml', 1)} -h\n"] if asked is not None else lines
    return [_helped(line) for line in lines]


def _helped(line: str) -> str:
    asked = ASKING.match(line)
    return f"{asked['start']} -h\n" if asked is not None else line


def keep_quiet(lines: list[str]) -> list[str]:
    """Put the `;` that ends a magic's line, or the first line of a cell, where IPython looks for it."""
    last = next((index for index in reversed(range(len(lines))) if lines[index].strip()), None)
    if last is None:
        return lines
    line = lines[last].rstrip("\n")
    called = CALL.search(line)
    if called is None or not line.endswith(")"):
        return lines
    words = _first_string(line[called.end() :])
    if words.rstrip().endswith(";"):
        lines[last] = f"{line};\n"
    return lines


def _first_string(text: str) -> str:
    """The value of the string literal at the start of a call's remaining text."""
    import ast

    try:
        parsed = ast.parse(f"f({text}", mode="eval").body
    except SyntaxError:
        return ""
    if not isinstance(parsed, ast.Call) or not parsed.args:
        return ""
    first = parsed.args[0]
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""
