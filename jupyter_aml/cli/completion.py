"""Completion in a shell: `eval "$(aml completion bash)"`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

BASH = """_aml() {
  local IFS=$'\\n'
  COMPREPLY=($(aml completion words "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _aml aml
"""
ZSH = f"autoload -U +X bashcompinit && bashcompinit\n{BASH}"
SCRIPTS = {"bash": BASH, "zsh": ZSH}


def main(words: Sequence[str]) -> int:
    """Print the script of a shell, or, for `words …`, what may replace the last word."""
    if words[:1] == ["words"]:
        sys.stdout.writelines(f"{text}\n" for text in offered(words[1:]))
        return 0
    script = SCRIPTS.get(words[0] if words else "")
    if script is None:
        sys.stderr.write('aml completion knows bash and zsh.\nPut eval "$(aml completion bash)" into ~/.bashrc.\n')
        return 2
    sys.stdout.write(script)
    return 0


def offered(words: Sequence[str]) -> tuple[str, ...]:
    """What may replace the last of the words after `aml`."""
    from jupyter_aml.commands.complete import Line, complete
    from jupyter_aml.commands.grammar import grammar
    from jupyter_aml.commands.index import Index

    found = complete(Line(tuple(words[:-1]), words[-1] if words else ""), grammar(), Index())
    return found.texts if found is not None else ()
