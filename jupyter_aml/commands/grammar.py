"""The grammar: the one table of nouns, verbs and flags that everything else reads.

A noun is one module `commands/nouns/<noun>.py` with an object `NOUN`; words that stand without a noun
(`connect`, `ls`) are a tuple `VERBS` of such a module; a cell whose body is a script is one module
`commands/cells/<word>.py` with an object `CELL`. All are found by discovery, and two modules that name the
same noun are merged. Every `aml -h` reads these modules, so they import nothing heavy at their top: azure,
yaml and pandas belong inside the functions that run.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from jupyter_aml.commands.context import Context

Kind = Literal["text", "int", "float", "bool", "switch", "path", "pair", "object"]
"""How a value is read.

text    a string; `{expr}` of a number becomes its text, of an entity its name
int     a whole number
float   a number
bool    true or false, alone it means true (`az`'s three-state flags)
switch  takes no value: present is True
path    a file or folder, `~` expanded; `-` is the body or standard input
pair    `key=value`; the verb receives a dict, where `key={expr}` keeps its Python type
object  anything: a text as typed, or the Python object of `{expr}`
"""


@dataclass(frozen=True)
class Flag:
    """One `--flag` of a verb.

    Args:
        name: The long word without dashes, kebab-case; the verb reads `args.snake_case`.
        help: One line, without a full stop needed.
        short: One letter, or "".
        kind: How the value is read.
        metavar: What help shows for the value; by default the name in capitals.
        choices: The only values allowed, if any.
        default: What `args` holds when absent; else False (switch), () (repeatable), {} (pair), None.
        required: Whether its absence is an error.
        repeatable: May stand several times; `args` holds a tuple.
        several: Takes all words up to the next flag (`--set a=1 b=2`); implies repeatable.
        split: A value with spaces in quotes holds several pairs (`--traffic "blue=90 green=10"`).
        aliases: Other long words that mean the same (`--endpoint` for `--endpoint-name`).
        completes: Which names of the workspace complete the value: data, model, compute, job, file, ...
        expands: Whether `{expr}` is evaluated in the value.
        offers: Values that completion offers, others being allowed.
    """

    name: str
    help: str = ""
    short: str = ""
    kind: Kind = "text"
    metavar: str = ""
    choices: tuple[str, ...] = ()
    default: Any = None
    required: bool = False
    repeatable: bool = False
    several: bool = False
    split: bool = False
    aliases: tuple[str, ...] = ()
    completes: str = ""
    expands: bool = True
    offers: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The attribute of `args`: the name in snake_case."""
        return self.name.replace("-", "_")

    @property
    def many(self) -> bool:
        """Whether the flag may carry more than one value."""
        return self.repeatable or self.several or self.kind == "pair"

    @property
    def words(self) -> tuple[str, ...]:
        """Every spelling on the line, the usual one first: `--name`, `-n`, `--alias`."""
        short = (f"-{self.short}",) if self.short else ()
        return (f"--{self.name}", *short, *(f"--{alias}" for alias in self.aliases))

    @property
    def empty(self) -> Any:
        """What `args` holds when the flag is absent."""
        if self.default is not None:
            return self.default
        if self.kind == "pair":
            return {}
        if self.kind == "switch":
            return False
        return () if self.many else None


@dataclass(frozen=True)
class Positional:
    """One value without a flag; the fields mean what they mean for `Flag`.

    A positional and a flag may share a name (`%aml job show X` is `%aml job show --name X`): either fills it.
    """

    name: str
    help: str = ""
    kind: Kind = "text"
    metavar: str = ""
    choices: tuple[str, ...] = ()
    required: bool = False
    several: bool = False
    completes: str = ""
    expands: bool = True

    @property
    def key(self) -> str:
        """The attribute of `args`: the name in snake_case."""
        return self.name.replace("-", "_")


class Args(dict[str, Any]):
    """What was typed, by snake_case name: `args.experiment_name`, or `args["experiment_name"]`.

    Every flag and positional of the verb is present. `args.body` is the text of the cell or None,
    `args.given` the names that were typed.
    """

    given: frozenset[str] = frozenset()

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


Run = Callable[["Context", Args], object]
"""What a verb does; it returns an `Outcome` (see outcome.py), or None where there is nothing to show."""


@dataclass(frozen=True)
class Verb:
    """One thing to do.

    Args:
        name: The word, kebab-case.
        summary: One line for lists of verbs, starting with a verb.
        run: Called by commands/run.py with the context and the arguments.
        flags: Its own flags; the common ones are added by the parser.
        positionals: Values without a flag, in order.
        examples: Full lines starting with `%aml` or `%%aml`; each runs offline and a test executes it.
        aliases: Other words that mean the same.
        cell: Whether it takes a body (`%%aml noun verb`, or `%%aml noun` for the first such verb).
        body: What the body is, for help: "python", "yaml", "dsl" or "".
        extras: The key of `args` that collects `#| name: value` options which are no flags; "" refuses them.
        connects: Whether it needs a workspace.
        passes: Whether the words after it are handed over unread, as `args.words`.
    """

    name: str
    summary: str
    run: Run
    flags: tuple[Flag, ...] = ()
    positionals: tuple[Positional, ...] = ()
    examples: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    cell: bool = False
    body: str = ""
    extras: str = ""
    connects: bool = True
    passes: bool = False

    @functools.cached_property
    def all_flags(self) -> tuple[Flag, ...]:
        """Its own flags and those common flags that it does not define itself."""
        own = {word for flag in self.flags for word in flag.words}
        common = []
        for flag in COMMON:
            if f"--{flag.name}" in own or flag.key in {mine.key for mine in self.flags}:
                continue
            clash = f"-{flag.short}" in own
            common.append(replace(flag, short="") if clash else flag)
        return (*self.flags, *common)

    @functools.cached_property
    def spellings(self) -> Mapping[str, Flag]:
        """Each spelling of each flag, such as `--name` and `-n`."""
        return {word: flag for flag in self.all_flags for word in flag.words}


@dataclass(frozen=True)
class Refusal:
    """A verb of `az ml` that is not served: `why` it is not, and the `remedy` that takes its place."""

    name: str
    why: str
    remedy: str


@dataclass(frozen=True)
class Noun:
    """One kind of thing and what can be done with it; the name may be several words (`role assignment`)."""

    name: str
    summary: str
    verbs: tuple[Verb, ...]
    aliases: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()

    def verb(self, word: str) -> Verb | None:
        """Its verb of that word or alias."""
        return next((verb for verb in self.verbs if word == verb.name or word in verb.aliases), None)

    @property
    def cell(self) -> Verb | None:
        """The verb of `%%aml <noun>`."""
        return next((verb for verb in self.verbs if verb.cell), None)


OUTPUTS = ("json", "jsonc", "yaml", "yamlc", "table", "tsv", "none")

COMMON = (
    Flag("workspace-name", "The workspace, if not the connected one.", "w", aliases=("workspace",),
         metavar="NAME", completes="workspace"),
    Flag("resource-group", "The resource group of that workspace.", "g", metavar="GROUP"),
    Flag("subscription", "The subscription of that workspace, a name or id.", metavar="ID"),
    Flag("output", "The format of the result, and nothing else.", "o", choices=OUTPUTS, metavar="FORMAT"),
    Flag("query", "A JMESPath expression over the result, as in az.", metavar="JMESPATH", expands=False),
    Flag("only-show-errors", "Leave warnings out.", kind="switch"),
    Flag("verbose", "Say what is being done.", kind="switch"),
    Flag("debug", "Show the traceback of every error.", kind="switch"),
    Flag("help", "Show this help.", "h", kind="switch"),
)  # fmt: skip


@dataclass(frozen=True)
class Grammar:
    """All nouns, the verbs that stand without one, and the cells."""

    nouns: Mapping[str, Noun] = field(default_factory=dict)
    verbs: Mapping[str, Verb] = field(default_factory=dict)
    cells: Mapping[str, Verb] = field(default_factory=dict)

    def noun(self, word: str) -> Noun | None:
        """The noun of that name or alias."""
        found = self.nouns.get(word)
        return found or next((noun for noun in self.nouns.values() if word in noun.aliases), None)

    def verb(self, word: str) -> Verb | None:
        """The verb without a noun of that name or alias."""
        found = self.verbs.get(word)
        return found or next((verb for verb in self.verbs.values() if word in verb.aliases), None)

    @functools.cached_property
    def first_words(self) -> tuple[str, ...]:
        """What may stand right after `%aml`."""
        return tuple(sorted({name.split()[0] for name in self.nouns} | set(self.verbs)))


def build(nouns: tuple[Noun, ...] = (), verbs: tuple[Verb, ...] = (), cells: tuple[Verb, ...] = ()) -> Grammar:
    """A grammar of the given parts; nouns of one name are merged, the first one's words win."""
    merged: dict[str, Noun] = {}
    for noun in nouns:
        known = merged.get(noun.name)
        merged[noun.name] = (
            noun
            if known is None
            else replace(known, verbs=known.verbs + noun.verbs, refusals=known.refusals + noun.refusals)
        )
    return Grammar(
        nouns=dict(sorted(merged.items())),
        verbs={verb.name: verb for verb in sorted(verbs, key=lambda verb: verb.name)},
        cells={cell.name: cell for cell in sorted(cells, key=lambda cell: cell.name)},
    )


def _modules(package: str) -> Iterator[Any]:
    try:
        parent = importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        return
    for found in pkgutil.iter_modules(parent.__path__):
        if not found.name.startswith("_"):
            yield importlib.import_module(f"{package}.{found.name}")


@functools.cache
def grammar() -> Grammar:
    """The grammar of this installation, read once."""
    nouns: list[Noun] = []
    verbs: list[Verb] = []
    cells: list[Verb] = []
    for module in _modules("jupyter_aml.commands.nouns"):
        noun = getattr(module, "NOUN", None)
        if noun is not None:
            nouns.append(noun)
        verbs.extend(getattr(module, "VERBS", ()))
    for module in _modules("jupyter_aml.commands.cells"):
        cell = getattr(module, "CELL", None)
        if cell is not None:
            cells.append(cell)
    return build(tuple(nouns), tuple(verbs), tuple(cells))
