"""Tokens: what shlex and braces make of a line."""

from __future__ import annotations

import pytest

from jupyter_aml.commands.tokens import Brace, Expr, Word, literals, tokenize
from jupyter_aml.errors import UsageError


def raws(line: str) -> list[str]:
    return [word.raw for word in tokenize(line)]


def test_quoted_spaces_stay_in_one_word_without_the_quotes() -> None:
    assert raws("job create --name \"my job\" --tag 'a b'") == ["job", "create", "--name", "my job", "--tag", "a b"]


def test_backslashes_mean_themselves() -> None:
    assert raws(r"data create x C:\data\new") == ["data", "create", "x", r"C:\data\new"]


def test_a_hash_starts_no_comment() -> None:
    assert raws("--name a#b #c") == ["--name", "a#b", "#c"]


def test_placeholders_of_azure_ml_pass_verbatim_with_their_spaces() -> None:
    words = tokenize("--command python t.py --lr ${{ inputs.lr }} $[[--x ${{inputs.x}}]]")

    assert [word.raw for word in words][-2:] == ["${{ inputs.lr }}", "$[[--x ${{inputs.x}}]]"]
    assert all(word.plain for word in words)


def test_an_expression_keeps_its_quotes_and_spaces() -> None:
    word = tokenize('--data {df["a b"]}')[1]

    assert word.parts == (Expr('df["a b"]', '{df["a b"]}'),)


@pytest.mark.parametrize(
    "expression",
    [
        "{'a': {'b': 1}}['a']",
        "f\"{x} {'}'}\"",
        'd["}"]',
        "[{1, 2}, (3,)]",
        '"""}"""',
        r"'\'}'",
        'f"{{}}"',
    ],
)
def test_braces_inside_an_expression_are_balanced(expression: str) -> None:
    (word,) = tokenize(f"{{ {expression} }}")

    assert word.parts == (Expr(expression, f"{{ {expression} }}"),)


def test_doubled_braces_are_literal() -> None:
    (word,) = tokenize("a{{b}}c")

    assert word.parts == ("a", Brace("{{", "{"), "b", Brace("}}", "}"), "c")
    assert word.raw == "a{{b}}c"


def test_an_expression_inside_text_is_one_part_of_the_word() -> None:
    (word,) = tokenize("run-{lr}-x")

    assert word.parts == ("run-", Expr("lr", "{lr}"), "-x")


def test_an_open_brace_without_end_is_marked() -> None:
    (word,) = tokenize("a{b")

    assert word.parts == ("a", Expr("", "{", closed=False), "b")


def test_json_and_jmespath_survive_verbatim() -> None:
    assert raws("""--query "[?name=='x'].{a: name, b: {c: id}}" --set 'e={"a": "b c"}'""") == [
        "--query",
        "[?name=='x'].{a: name, b: {c: id}}",
        "--set",
        'e={"a": "b c"}',
    ]


def test_a_quote_left_open_is_refused_in_words() -> None:
    with pytest.raises(UsageError, match="A quote is opened and not closed") as caught:
        tokenize("--name it's")

    assert "double quotes" in caught.value.remedy


def test_empty_quotes_are_an_empty_word() -> None:
    assert raws('--description ""') == ["--description", ""]


def test_private_characters_of_a_line_are_kept() -> None:
    assert raws("\ue0000\ue001 {x}") == ["\ue0000\ue001", "{x}"]


def test_words_of_a_console_hold_no_expressions() -> None:
    (word,) = literals(["{x}"])

    assert word.plain
    assert word.raw == "{x}"


def test_a_pair_is_divided_at_the_first_literal_equals_sign() -> None:
    (word,) = tokenize('lr={d["a=b"]}')
    divided = word.partition()

    assert divided == (Word(("lr",)), Word((Expr('d["a=b"]', '{d["a=b"]}'),)))


def test_an_equals_sign_inside_an_expression_divides_nothing() -> None:
    (word,) = tokenize("{dict(a=1)}")

    assert word.partition() is None


def test_a_word_is_divided_at_its_spaces_with_expressions_kept() -> None:
    (word,) = tokenize('"blue={b} green=10"')

    assert [piece.raw for piece in word.split()] == ["blue={b}", "green=10"]


@pytest.mark.parametrize("line", ["${{ inputs.x", "$[[ x"])
def test_a_placeholder_without_end_does_not_swallow_the_line(line: str) -> None:
    assert "".join(raws(line)).replace(" ", "") == line.replace(" ", "")
