"""The installed grammar: laws that every noun, verb and flag keeps."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from jupyter_aml.commands.docs import markdown
from jupyter_aml.commands.grammar import Verb, grammar
from jupyter_aml.commands.parse import parse
from jupyter_aml.commands.tokens import tokenize
from jupyter_aml.errors import UsageError

KEBAB = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LINE = re.compile(r"^(?:\w+ = )?(?P<head>%{1,2})aml(?P<rest>.*)$")


def verbs() -> Iterator[Any]:
    table = grammar()
    for noun in table.nouns.values():
        for verb in noun.verbs:
            yield pytest.param(verb, id=f"{noun.name} {verb.name}")
    for verb in (*table.verbs.values(), *table.cells.values()):
        yield pytest.param(verb, id=verb.name)


@pytest.mark.parametrize("verb", list(verbs()))
def test_every_word_is_kebab_case_and_explained(verb: Verb) -> None:
    for word in (verb.name, *(flag.name for flag in verb.flags), *(item.name for item in verb.positionals)):
        assert KEBAB.fullmatch(word), word
    assert verb.summary.strip().endswith((".", "?"))


@pytest.mark.parametrize("verb", list(verbs()))
def test_no_spelling_means_two_flags(verb: Verb) -> None:
    spelled = Counter(word for flag in verb.all_flags for word in flag.words)

    assert [word for word, count in spelled.items() if count > 1] == []


@pytest.mark.parametrize("verb", list(verbs()))
def test_output_is_the_format_only(verb: Verb) -> None:
    flag = verb.spellings["-o"]

    assert (flag.name, "json" in flag.choices) == ("output", True)


@pytest.mark.parametrize("verb", list(verbs()))
def test_every_example_can_be_read(verb: Verb) -> None:
    for example in verb.examples:
        for line, body in _lines(example):
            words = tokenize(line)
            parse(words, grammar(), None, body)


def _lines(example: str) -> Iterator[tuple[str, str | None]]:
    first, _, rest = example.partition("\n")
    if first.startswith("%%aml"):
        yield first.removeprefix("%%aml"), f"{rest}\n"
        return
    for line in example.splitlines():
        found = LINE.match(line)
        if found is not None:
            yield found["rest"].removesuffix(";"), None


def test_reading_the_grammar_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom jupyter_aml.commands.grammar import grammar\ngrammar()\n"
        "print({'azure', 'yaml', 'sqlite3', 'pandas', 'mlflow', 'requests', 'IPython'} & set(sys.modules))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert shown.stdout.strip() == "set()"


def test_the_reference_of_the_installed_grammar_is_made() -> None:
    page = markdown(grammar())

    assert all(f"## {noun}\n" in page for noun in grammar().nouns)


AZ_ML = {
    "workspace": "create delete diagnose list list-keys outbound-rule provision-network show sync-keys update",
    "compute": "attach connect-ssh create delete detach enable-sso list list-nodes list-sizes list-usage resize "
    "restart show start stop update",
    "datastore": "create delete list mount show update",
    "data": "archive create import list list-materialization-status mount restore share show update",
    "environment": "archive create list restore share show update",
    "component": "archive create list restore show update",
    "model": "archive create download list package restore share show update",
    "online-endpoint": "create delete get-credentials invoke list regenerate-keys show update",
    "online-deployment": "create delete get-logs list show update",
    "batch-endpoint": "create delete invoke list list-jobs show update",
    "batch-deployment": "create delete list list-jobs show update",
    "job": "archive cancel connect-ssh create download list restore show show-services stream update validate",
}
"""The verbs of `az ml NOUN -h`."""


@pytest.mark.parametrize("noun", list(AZ_ML))
def test_every_verb_of_az_ml_is_served_or_refused_in_words(noun: str) -> None:
    found = grammar().nouns[noun]
    served = {verb.name for verb in found.verbs}
    refused = {one.name for one in found.refusals}

    assert set(AZ_ML[noun].split()) <= served | refused
    assert not served & refused


@pytest.mark.parametrize(
    ("noun", "word"), [(noun, one.name) for noun, found in grammar().nouns.items() for one in found.refusals]
)
def test_a_refused_verb_says_why_and_what_to_type(noun: str, word: str) -> None:
    with pytest.raises(UsageError, match=f"^{noun} {word} is a verb of az ml that is not served here.") as caught:
        parse(tokenize(f"{noun} {word} x"), grammar())

    assert caught.value.why.endswith(".")
    assert "%aml" in caught.value.remedy or "az ml" in caught.value.remedy or "terminal" in caught.value.remedy
    for line in re.findall(r"%aml (?P<words>[a-z-]+(?: [a-z-]+)?)", caught.value.remedy):
        first, _, second = line.partition(" ")
        owner = grammar().noun(first)
        assert grammar().verb(first) is not None or (owner is not None and owner.verb(second) is not None), line
