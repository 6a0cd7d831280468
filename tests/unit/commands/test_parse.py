"""Parsing: words to a verb with its arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jupyter_aml.commands.grammar import Args, Grammar, Noun, Positional, Verb, build
from jupyter_aml.commands.parse import Command, parse
from jupyter_aml.commands.tokens import literals, tokenize
from jupyter_aml.errors import UsageError

Reader = Callable[..., Command]


@pytest.fixture
def read(grammar: Grammar) -> Reader:
    def reader(line: str, body: str | None = None, **namespace: Any) -> Command:
        return parse(tokenize(line), grammar, namespace, body)

    return reader


def given(command: Command) -> dict[str, Any]:
    return {key: command.args[key] for key in command.args.given}


def test_flags_long_short_and_attached_are_the_same(read: Reader) -> None:
    wanted = {"name": "iris", "version": "1"}

    for line in ("--name iris --version 1", "-n iris -v 1", "--name=iris -v=1"):
        assert given(read(f"data create {line}")) == wanted


def test_choices_are_taken_in_any_capitals_as_in_az(read: Reader) -> None:
    assert read("data create -t URI_File").args.type == "uri_file"


def test_positionals_fill_in_order(read: Reader) -> None:
    frame = object()

    assert given(read("data create iris {df}", df=frame)) == {"name": "iris", "path": frame}


def test_absent_flags_have_their_empty_values(read: Reader) -> None:
    args = read("job create").args

    assert (args.file, args.stream, args.arg, args.input, args.body) == (None, False, (), {}, None)


def test_a_pair_keeps_the_type_of_its_expression(read: Reader) -> None:
    args = read("job create --input lr={lr} --input data=iris@latest", lr=0.1).args

    assert args.input == {"lr": 0.1, "data": "iris@latest"}


def test_a_pair_flag_takes_a_dict(read: Reader) -> None:
    assert read("job create --input {d}", d={"a": 1}).args.input == {"a": 1}


def test_set_takes_several_assignments_after_one_flag_and_never_expands(read: Reader) -> None:
    args = read("job create --set a.b=c d.e={x} --stream").args

    assert args["set"] == {"a.b": "c", "d.e": "{x}"}
    assert args.stream


def test_query_never_expands(read: Reader) -> None:
    assert read('job list --query "{a: name}"').args.query == "{a: name}"


def test_repeated_flags_collect(read: Reader) -> None:
    assert read("job create --arg a --arg b").args.arg == ("a", "b")


def test_the_last_of_a_flag_given_twice_wins_as_in_az(read: Reader) -> None:
    assert read("data create -n a -n b").args.name == "b"


def test_traffic_in_quotes_is_several_pairs(read: Reader) -> None:
    assert read('job create --traffic "blue={b} green=10"', b=90).args.traffic == {"blue": 90, "green": "10"}


def test_an_alias_of_a_flag_fills_the_flag(read: Reader) -> None:
    assert read("job create --endpoint x").args.endpoint_name == "x"


@pytest.mark.parametrize(("typed", "value"), [("", True), (" true", True), ("=false", False), (" no", False)])
def test_a_three_state_flag_reads_its_value_or_means_true(read: Reader, typed: str, value: bool) -> None:
    assert read(f"job create --enabled{typed} --stream").args.enabled is value


def test_numbers_are_read_and_negative_ones_are_values(read: Reader) -> None:
    args = read("job create --seed -3 --rate -.5").args

    assert (args.seed, args.rate) == (-3, -0.5)


def test_numbers_of_python_are_taken_as_they_are(read: Reader) -> None:
    assert read("job create --seed {s} --rate {r}", s=3, r=2).args.rate == 2.0


def test_a_text_flag_given_a_number_gets_its_text(read: Reader) -> None:
    assert read("data create -n iris -v {v}", v=3).args.version == "3"


def test_verbs_without_a_noun_and_nouns_of_two_words_are_found(read: Reader) -> None:
    assert read("connect local").path == ("connect",)
    assert read("role assignment create --role Reader").path == ("role assignment", "create")


def test_a_last_positional_takes_all_words(read: Reader) -> None:
    assert read("pipeline prep >> train >> evaluate").args.steps == ("prep", ">>", "train", ">>", "evaluate")


def test_an_alias_of_a_verb_is_the_verb(read: Reader) -> None:
    assert read("job submit").verb.name == "create"


def test_common_flags_are_read_for_every_verb(read: Reader) -> None:
    args = read("job list -w ws -g rg -o table").args

    assert (args.workspace_name, args.resource_group, args.output) == ("ws", "rg", "table")


def test_words_of_a_console_never_expand(grammar: Grammar) -> None:
    command = parse(literals(["job", "create", "--input", "a={x}"]), grammar, None)

    assert command.args.input == {"a": "{x}"}


def test_two_dashes_end_the_flags(read: Reader) -> None:
    assert read("pipeline -- --odd").args.steps == ("--odd",)


# ---- refusals


@pytest.mark.parametrize(
    ("line", "message", "remedy"),
    [
        ("dta list", "There is no noun or verb 'dta'", "Did you mean %aml data list?"),
        ("list", "There is no noun or verb 'list'", "The noun comes first, for example %aml data list."),
        ("data lst", "data has no verb 'lst'", "Did you mean %aml data list?"),
        ("data --name x", "data needs a verb before --name", "data -h"),
        ("data create --nam x", "data create has no flag --nam", "Did you mean --name?"),
        ("data create --name", "--name needs a value", "Type --name NAME."),
        ("data create --name --version 1", "--name needs a value", "--name NAME"),
        ("data create -t uri_fle", "-t uri_fle is none of uri_file, uri_folder, mltable", "Did you mean uri_file?"),
        ("data list -r many", "-r many: not a whole number", "-r 3"),
        ("data list -r {2.5}", "not a whole number", "-r 3"),
        ("job create --rate x", "--rate x: not a number", "--rate 0.5"),
        ("job create --enabled=perhaps", "neither true nor false", "--enabled true"),
        ("job create --stream=yes", "--stream takes no value", "--stream alone"),
        ("job create --input lr", "--input lr: no name before a value", "--input lr=1"),
        ("job create --file {1}", "is a int, not a path", "train.yml"),
        ("data create a b c", "does not know what to do with 'c'", "data create -h"),
        ("data create a --name b", "name is given twice", "Leave one out."),
        ("data show", "data show needs --name", "data show -h"),
        ("pipeline", "pipeline needs STEPS", "pipeline -h"),
        ("role", "role is not complete", "role assignment -h"),
        ("command x", "command needs a body", "%%aml command"),
        ("job create --name {df}", "job create has no flag --name", "endpoint-name"),
    ],
)
def test_what_is_unknown_or_missing_is_refused_with_what_to_type(
    read: Reader, line: str, message: str, remedy: str
) -> None:
    with pytest.raises(UsageError) as caught:
        read(line)

    assert message in caught.value.message
    assert remedy in caught.value.remedy


def test_abbreviations_are_refused_naming_the_full_word(read: Reader) -> None:
    with pytest.raises(UsageError) as caught:
        read("data create --vers 1")

    assert caught.value.remedy == "Did you mean --version?"


# ---- cells


def test_a_cell_is_found_with_its_body(read: Reader) -> None:
    command = read("command train --input lr={lr}", "print(lr)", lr=1)

    assert command.cell
    assert (command.args.name, command.args.input, command.args.body) == ("train", {"lr": 1}, "print(lr)")


def test_a_noun_of_the_same_word_is_meant_when_a_verb_follows(read: Reader) -> None:
    assert read("job list").path == ("job", "list")
    assert read("job", "type: command").cell


def test_a_noun_with_a_cell_verb_takes_a_body(read: Reader) -> None:
    assert read("data create", "name: x").args.body == "name: x"
    assert read("data", "name: x").path == ("data", "create")


def test_a_body_where_none_belongs_is_refused(read: Reader) -> None:
    with pytest.raises(UsageError, match="data list takes no body") as caught:
        read("data list", "x")

    assert "line of its own" in caught.value.remedy


def test_options_in_the_body_are_flags(read: Reader) -> None:
    body = "#| input: [lr={lr}, data=iris]\n#| wait: true\n#| compute: my-cluster\nx = 1\n#| compute: no\n"

    args = read("command train", body, lr=0.5).args

    assert (args.input, args.wait, args.compute) == ({"lr": 0.5, "data": "iris"}, True, "my-cluster")
    assert args.body == body


def test_the_line_wins_over_the_body_and_pairs_join(read: Reader) -> None:
    args = read("command --compute b --input lr=2", "#| compute: a\n#| input: [lr=1, d=x]\n").args

    assert (args.compute, args.input) == ("b", {"lr": "2", "d": "x"})


def test_a_positional_may_stand_in_the_body(read: Reader) -> None:
    assert read("command", "#| name: train\n").args.name == "train"


def test_free_options_are_collected_where_a_cell_takes_them(read: Reader) -> None:
    args = read("sweep --metric auc", "#| lr: loguniform(-5, 0)\n#| k: choice([1, 2])\n").args

    assert args.space == {"lr": "loguniform(-5, 0)", "k": "choice([1, 2])"}


def test_a_list_among_free_options_stays_a_list_and_expressions_keep_their_objects(read: Reader) -> None:
    args = read("sweep", "#| kind: [gini, entropy]\n#| depth: {depths}\n", depths=[1, 2]).args

    assert args.space == {"kind": "[gini, entropy]", "depth": [1, 2]}


def test_a_cell_and_a_noun_with_a_cell_of_one_word_are_told_apart_by_a_name() -> None:
    def echo(_context: Any, args: Args) -> Args:
        return args

    table = build(
        (Noun("part", "Parts.", (Verb("create", "From YAML.", echo, cell=True),)),),
        (),
        (Verb("part", "From a script.", echo, positionals=(Positional("name"),), cell=True),),
    )

    def path(line: str) -> tuple[tuple[str, ...], bool]:
        found = parse(tokenize(line), table, {}, "body")
        return found.path, found.cell

    assert path("part") == (("part", "create"), True)
    assert path("part --verbose") == (("part", "create"), True)
    assert path("part create") == (("part", "create"), False)
    assert path("part prep") == (("part",), True)


def test_a_value_cut_at_a_space_is_refused_with_quotes_as_the_remedy(read: Reader) -> None:
    with pytest.raises(UsageError, match=r"does not know what to do with '1\)'") as caught:
        read("command train --input lr=uniform(0, 1)", "x = 1")

    assert caught.value.remedy == "A value with spaces stands in quotes: 'lr=uniform(0, 1)'."


def test_an_unknown_option_is_refused_with_its_line(read: Reader) -> None:
    with pytest.raises(UsageError, match="Line 2 of the cell: command has no option 'compte'") as caught:
        read("command", "#| wait: true\n#| compte: a\n")

    assert caught.value.remedy == "Did you mean compute?"


def test_the_marker_of_a_plain_cell_is_no_option(read: Reader) -> None:
    assert read("command train", "#| aml: command train\n").args.given == {"name"}


@pytest.mark.parametrize(
    "option",
    [
        "#| input: {d: iris@latest, lr: {lr}}\n",
        "#| input: [d=iris@latest, 'lr={lr}']\n",
        "#| input: [{d: iris@latest}, lr: {lr}]\n",
        "#| input:\n#|   d: iris@latest\n#|   lr: {lr}\n",
        "#| input:\n#|   - d: iris@latest\n#|   - lr={lr}\n",
        "#| input: {inputs}\n",
    ],
)
def test_pairs_in_a_body_are_a_mapping_a_list_or_a_dict(read: Reader, option: str) -> None:
    args = read("command", option, lr=0.1, inputs={"d": "iris@latest", "lr": 0.1}).args

    assert args.input["d"] == "iris@latest"
    assert float(args.input["lr"]) == 0.1


def test_a_mapping_sets_paths_and_nothing_in_it_expands(read: Reader) -> None:
    assert read("data create x", "#| set: {tags.team: clinic, path: '{lr}'}\n").args.set == {
        "tags.team": "clinic",
        "path": "{lr}",
    }


@pytest.mark.parametrize(
    ("option", "what"),
    [
        ("#| compute: [a, b]\n", "takes one value, not a list of 2."),
        ("#| compute: {a: b}\n", "takes one value, not `name: value` pairs."),
        ("#| compute:\n", "has no value."),
    ],
)
def test_an_option_that_takes_one_value_is_given_no_other_form(read: Reader, option: str, what: str) -> None:
    with pytest.raises(UsageError) as caught:
        read("command", f"#| wait: true\n{option}")

    assert caught.value.message == f"Line 2 of the cell: #| compute: {what}"
    assert caught.value.remedy == "Write #| compute: COMPUTE"


def test_a_text_with_both_quotes_still_expands(read: Reader) -> None:
    assert read("command", '#| compute: it\'s "{lr}"\n', lr=0.1).args.compute == 'it\'s "0.1"'


# ---- help


def test_help_is_asked_at_every_level(read: Reader) -> None:
    assert read("").help
    assert read("data -h").noun.name == "data"
    assert read("data").help
    assert read("data create -h").verb.name == "create"
    assert read("command -h").verb.name == "command"


def test_two_modules_of_one_noun_are_merged() -> None:
    def run(_context: Any, _args: Args) -> None:
        return None

    merged = build((Noun("a", "A.", (Verb("x", "X.", run),)), Noun("a", "B.", (Verb("y", "Y.", run),))))

    assert [verb.name for verb in merged.nouns["a"].verbs] == ["x", "y"]
