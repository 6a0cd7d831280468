"""Parsing: words in, a verb with its arguments out; every unknown word is refused with the nearest known one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jupyter_aml.commands import expand, values
from jupyter_aml.commands import options as cell_options
from jupyter_aml.commands.grammar import Args, Flag, Grammar, Noun, Positional, Verb
from jupyter_aml.commands.suggest import did_you_mean, listed, nearest
from jupyter_aml.commands.tokens import Expr, Word, whole
from jupyter_aml.errors import UsageError

HELP = frozenset({"-h", "--help", "?", "help"})
NUMBER = re.compile(r"-\.?\d")
LONGEST_NOUN = 3


@dataclass(frozen=True)
class Command:
    """What a line means.

    Args:
        path: The words that led to the verb, such as ("data", "create"); () for a bare `%aml`.
        noun: The noun, if any.
        verb: The verb; None where help about the noun or about everything was asked.
        args: The arguments of the verb.
        help: Whether help was asked, or is the best answer to an unfinished line.
        cell: Whether the verb was found as a cell (`%%aml command`).
    """

    path: tuple[str, ...] = ()
    noun: Noun | None = None
    verb: Verb | None = None
    args: Args = field(default_factory=Args)
    help: bool = False
    cell: bool = False


def parse(
    words: Sequence[Word],
    grammar: Grammar,
    namespace: Mapping[str, Any] | None = None,
    body: str | None = None,
) -> Command:
    """The command that words mean.

    Args:
        words: The line after `%aml`.
        grammar: The table.
        namespace: The user's variables, for `{expr}`; None where nothing expands.
        body: The cell's body, if the line heads one.

    Raises:
        UsageError: An unknown, missing or misplaced word, or a value that does not fit.
    """
    command, rest = resolve(words, grammar, cell=body is not None)
    if command.verb is None:
        return command
    if any(word.raw in ("-h", "--help", "?") for word in rest):
        return Command(command.path, command.noun, command.verb, help=True, cell=command.cell)
    reader = _Reader(command.verb, " ".join(command.path), namespace)
    reader.options(body or "")
    reader.words(() if command.verb.passes else rest)
    args = reader.finish()
    if command.verb.passes:
        args["words"] = tuple(rest)
    args["body"] = body
    return Command(command.path, command.noun, command.verb, args, cell=command.cell)


def resolve(words: Sequence[Word], grammar: Grammar, *, cell: bool = False) -> tuple[Command, Sequence[Word]]:
    """The noun and verb at the start of a line, and the words after them.

    Raises:
        UsageError: They are unknown, or do not take a body that is there.
    """
    texts = [word.raw for word in words]
    if not texts or texts[0] in HELP:
        return Command(help=True), ()
    if texts[0] in grammar.cells and (cell or grammar.verb(texts[0]) is None):
        found = _cell(texts, words, grammar, body=cell)
        if found is not None:
            return found
    for length in range(min(LONGEST_NOUN, len(texts)), 0, -1):
        noun = grammar.noun(" ".join(texts[:length]))
        if noun is not None:
            return _verb_of(noun, tuple(texts[:length]), words[length:], cell=cell)
    verb = grammar.verb(texts[0])
    if verb is not None:
        _check_body(verb, texts[0], cell=cell)
        return Command((verb.name,), None, verb), words[1:]
    raise _unknown_first(texts, grammar, cell=cell)


def _cell(
    texts: Sequence[str], words: Sequence[Word], grammar: Grammar, *, body: bool
) -> tuple[Command, Sequence[Word]] | None:
    """The cell that a line heads; None where the noun of that name is meant.

    That is so for `%aml job list` and `%%aml job create`; and for `%%aml component` without a name, where the noun has
    a cell of its own.
    """
    verb, noun = grammar.cells[texts[0]], grammar.noun(texts[0])
    after = noun.verb(texts[1]) if noun is not None and len(texts) > 1 else None
    if noun is not None and (after is not None or not body):
        return None
    if noun is not None and noun.cell is not None and (len(texts) == 1 or texts[1].startswith("-")):
        return None
    asks = any(text in ("-h", "--help", "?") for text in texts[1:])
    if not body and not asks:
        msg = f"{texts[0]} needs a body."
        raise UsageError(msg, remedy=f"Begin the cell with %%aml {texts[0]} and put the body below.")
    return Command((verb.name,), None, verb, cell=True), words[1:]


def _check_body(verb: Verb, shown: str, *, cell: bool) -> None:
    if cell and not verb.cell:
        msg = f"{shown} takes no body."
        raise UsageError(msg, remedy=f"Type %aml {shown} on a line of its own.")


def _verb_of(noun: Noun, path: tuple[str, ...], words: Sequence[Word], *, cell: bool) -> tuple[Command, Sequence[Word]]:
    first = words[0].raw if words else ""
    verb = noun.verb(first)
    if verb is not None:
        _check_body(verb, f"{noun.name} {verb.name}", cell=cell)
        return Command((noun.name, verb.name), noun, verb), words[1:]
    if cell and noun.cell is not None and (not first or first.startswith("-")):
        return Command((noun.name, noun.cell.name), noun, noun.cell, cell=True), words
    if not first or first in HELP:
        return Command(path, noun, help=True), ()
    refusal = next((one for one in noun.refusals if one.name == first), None)
    if refusal is not None:
        msg = f"{noun.name} {first} is a verb of az ml that is not served here."
        raise UsageError(msg, why=refusal.why, remedy=refusal.remedy)
    known = [verb.name for verb in noun.verbs]
    if first.startswith("-"):
        msg = f"{noun.name} needs a verb before {first}."
    else:
        msg = f"{noun.name} has no verb {first!r}."
    found = nearest(first, known)
    remedy = f"Did you mean %aml {noun.name} {found}?" if found else f"Type %aml {noun.name} -h for examples."
    raise UsageError(msg, why=f"Its verbs are {listed(known)}.", remedy=remedy)


def _unknown_first(texts: Sequence[str], grammar: Grammar, *, cell: bool) -> UsageError:
    first = texts[0]
    groups = sorted(name for name in grammar.nouns if name.split()[0] == first)
    if groups:
        rest = sorted({name.split(maxsplit=1)[1] for name in groups})
        return UsageError(
            f"{first} is not complete.",
            why=f"It is followed by {listed(rest)}.",
            remedy=f"Type for example %aml {groups[0]} -h.",
        )
    with_verb = [noun.name for noun in grammar.nouns.values() if noun.verb(first) is not None]
    known = {*grammar.first_words, *(grammar.cells if cell else ())}
    found = nearest(first, known)
    if found:
        remedy = f"Did you mean %{'%' if cell else ''}aml {' '.join([found, *texts[1:2]])}?"
    elif with_verb:
        remedy = f"The noun comes first, for example %aml {with_verb[0]} {first}."
    else:
        remedy = "Type %aml -h for all of them."
    return UsageError(f"There is no noun or verb {first!r}.", remedy=remedy)


class _Reader:
    """Fills the arguments of one verb from words and from a cell's options."""

    def __init__(self, verb: Verb, path: str, namespace: Mapping[str, Any] | None) -> None:
        self.verb = verb
        self.path = path
        self.namespace = namespace
        self.found: dict[str, Any] = {}
        self.loose: list[Word] = []
        self.extras: dict[str, Any] = {}
        self.from_body: set[str] = set()

    def words(self, words: Sequence[Word]) -> None:
        """Read flags, their values and positionals."""
        position, only_values = 0, False
        while position < len(words):
            word = words[position]
            position += 1
            if only_values or not self._looks_like_flag(word):
                self.loose.append(word)
            elif word.raw == "--":
                only_values = True
            else:
                position = self._flag(word, words, position)

    def options(self, body: str) -> None:
        """Read the `#| key: value` lines of a body; the words of the line win over them."""
        for option in cell_options.read(body) if self.verb.cell else ():
            if option.key == "aml":
                continue
            flag = self._option_flag(option.key)
            if flag is None:
                self._extra(option)
                continue
            shown = f"#| {option.key}:"
            for text in _fitting(flag, option):
                word = whole(text) if flag.expands else Word.literal(text)
                self._put(flag, values.read(flag, shown, word, self.namespace))
            self.from_body.add(flag.key)

    def _option_flag(self, key: str) -> Flag | None:
        return self.verb.spellings.get(f"--{key.replace('_', '-')}")

    def _extra(self, option: cell_options.Option) -> None:
        positional = next((item for item in self.verb.positionals if item.name == option.key), None)
        if positional is not None and len(option.values) == 1:
            self.found[positional.key] = values.read(
                positional, f"#| {option.key}", whole(option.values[0]), self.namespace
            )
            self.from_body.add(positional.key)
            return
        if self.verb.extras:
            text = ", ".join(option.values)
            written = option.form == "list"
            self.extras[option.key] = f"[{text}]" if written else expand.value(whole(text), self.namespace)
            return
        known = [flag.name for flag in self.verb.all_flags]
        msg = f"Line {option.line} of the cell: {self.path} has no option {option.key!r}."
        remedy = did_you_mean(option.key, known) or f"Type %%aml {self.path} -h for its options."
        raise UsageError(msg, remedy=remedy)

    def _looks_like_flag(self, word: Word) -> bool:
        start = word.start
        if not start.startswith("-") or start == "-":
            return False
        return not (NUMBER.match(start) and start[:2] not in self.verb.spellings)

    def _flag(self, word: Word, words: Sequence[Word], position: int) -> int:
        divided = word.partition("=")
        head, attached = divided if divided is not None else (word, None)
        shown = head.raw
        flag = self.verb.spellings.get(shown)
        if flag is None:
            raise self._unknown_flag(shown)
        if flag.key in self.from_body and flag.kind != "pair":
            self.found.pop(flag.key, None)
            self.from_body.discard(flag.key)
        if flag.kind == "switch":
            if attached is not None:
                msg = f"{shown} takes no value."
                raise UsageError(msg, remedy=f"Type {shown} alone.")
            self.found[flag.key] = True
            return position
        if attached is not None:
            self._put(flag, values.read(flag, shown, attached, self.namespace))
            return position
        return self._values_after(flag, shown, words, position)

    def _values_after(self, flag: Flag, shown: str, words: Sequence[Word], position: int) -> int:
        taken = 0
        while position < len(words) and not self._looks_like_flag(words[position]):
            if flag.kind == "bool" and not _is_truth(words[position]):
                break
            self._put(flag, values.read(flag, shown, words[position], self.namespace))
            position += 1
            taken += 1
            if not flag.several:
                break
        if not taken:
            if flag.kind != "bool":
                msg = f"{shown} needs a value."
                raise UsageError(msg, remedy=f"Type {shown} {metavar(flag)}.")
            self.found[flag.key] = True
        return position

    def _put(self, flag: Flag, value: Any) -> None:
        if flag.kind == "pair":
            self.found[flag.key] = {**self.found.get(flag.key, {}), **value}
        elif flag.many:
            self.found[flag.key] = (*self.found.get(flag.key, ()), value)
        else:
            self.found[flag.key] = value

    def _unknown_flag(self, shown: str) -> UsageError:
        long = [word[2:] for word in self.verb.spellings if word.startswith("--")]
        found = nearest(shown.lstrip("-"), long)
        remedy = f"Did you mean --{found}?" if found else f"Type %aml {self.path} -h for its flags."
        own = [flag.words[0] for flag in self.verb.flags]
        why = f"Its flags are {listed(own)}." if own else ""
        return UsageError(f"{self.path} has no flag {shown}.", why=why, remedy=remedy)

    def _positionals(self) -> None:
        waiting = list(self.loose)
        for positional in self.verb.positionals:
            if not waiting:
                break
            take = waiting if positional.several else waiting[:1]
            waiting = [] if positional.several else waiting[1:]
            read = [values.read(positional, _caps(positional), word, self.namespace) for word in take]
            if positional.key in self.found and positional.key not in self.from_body:
                msg = f"{positional.name} is given twice: {take[0].raw} and --{positional.name}."
                raise UsageError(msg, remedy="Leave one out.")
            self.found[positional.key] = tuple(read) if positional.several else read[0]
        if waiting:
            extra = waiting[0].raw
            msg = f"{self.path} does not know what to do with {extra!r}."
            found = nearest(extra, [word[2:] for word in self.verb.spellings if word.startswith("--")])
            remedy = f"Did you mean --{found}?" if found else f"Type %aml {self.path} -h for its form."
            if extra.endswith(")") and "(" not in extra:
                remedy = "A value with spaces stands in quotes: 'lr=uniform(0, 1)'."
            raise UsageError(msg, remedy=remedy)

    def finish(self) -> Args:
        """The arguments, defaults included.

        Raises:
            UsageError: A required one is missing, or a word is left over.
        """
        self._positionals()
        missing = [flag.words[0] for flag in self.verb.flags if flag.required and flag.key not in self.found]
        shared = {flag.key for flag in self.verb.flags if flag.required}
        missing += [
            _caps(item)
            for item in self.verb.positionals
            if item.required and item.key not in self.found and item.key not in shared
        ]
        if missing:
            msg = f"{self.path} needs {' and '.join(missing)}."
            example = next(iter(self.verb.examples), "").splitlines()[:1]
            remedy = f"For example: {example[0]}" if example else f"Type %aml {self.path} -h."
            raise UsageError(msg, remedy=remedy)
        args = Args({item.key: () if item.several else None for item in self.verb.positionals})
        args.update({flag.key: flag.empty for flag in self.verb.all_flags})
        args.update(self.found)
        args.given = frozenset(self.found)
        if self.verb.extras:
            args[self.verb.extras] = self.extras
        return args


def _fitting(flag: Flag, option: cell_options.Option) -> tuple[str, ...]:
    """The texts of an option as the flag reads them: pairs where it takes pairs, several where it takes several.

    Raises:
        UsageError: The flag takes one value and the option has a list or a mapping, or it takes no pairs.
    """
    takes_pairs = flag.kind == "pair" or "=" in flag.metavar
    shown = f"Line {option.line} of the cell: #| {option.key}:"
    if option.form == "mapping" and not takes_pairs:
        msg = f"{shown} takes {'texts' if flag.many else 'one value'}, not `name: value` pairs."
        raise UsageError(msg, remedy=f"Write #| {option.key}: {metavar(flag)}")
    if option.form == "list" and not flag.many:
        msg = f"{shown} takes one value, not a list of {len(option.values)}."
        raise UsageError(msg, remedy=f"Write #| {option.key}: {metavar(flag)}")
    if option.form == "list" and takes_pairs:
        return tuple(pair for text in option.values for pair in cell_options.pairs(text) or (text,))
    if not option.values and flag.kind not in ("switch", "bool"):
        msg = f"{shown} has no value."
        raise UsageError(msg, remedy=f"Write #| {option.key}: {metavar(flag)}")
    return option.values or ("true",)


def metavar(item: Flag | Positional) -> str:
    """What help shows in place of a value."""
    if item.metavar:
        return item.metavar
    if item.choices:
        return "|".join(item.choices)
    return "NAME=VALUE" if item.kind == "pair" else _caps(item)


def _caps(item: Flag | Positional) -> str:
    return item.metavar or item.name.upper().replace("-", "_")


def _is_truth(word: Word) -> bool:
    if any(isinstance(part, Expr) for part in word.parts):
        return True
    return word.raw.lower() in (*values.TRUE, *values.FALSE)
