"""Options in a cell's first lines."""

from __future__ import annotations

import pytest

from jupyter_aml.commands.options import read
from jupyter_aml.errors import UsageError


def pairs(body: str) -> list[tuple[str, tuple[str, ...]]]:
    return [(option.key, option.values) for option in read(body)]


def test_values_lists_and_bare_keys_are_read() -> None:
    body = (
        '#| aml: command train\n\n#| tags: [a=1, "b=x y", c=(1, 2)]\n#| wait:\n#| description: it is: fine\nimport os\n'
    )

    assert pairs(body) == [
        ("aml", ("command train",)),
        ("tags", ("a=1", "b=x y", "c=(1, 2)")),
        ("wait", ()),
        ("description", ("it is: fine",)),
    ]


def test_items_on_their_own_lines_are_read() -> None:
    body = "#| input:\n#|   - lr=1\n#|   - data=x\n#| env:\n#|   A: b c\n#|   D: 'e'\n"

    assert pairs(body) == [("input", ("lr=1", "data=x")), ("env", ("A=b c", "D=e"))]


def test_lines_after_the_first_statement_are_code() -> None:
    assert pairs("x = 1\n#| wait: true\n") == []


def test_quotes_around_a_whole_value_fall_away() -> None:
    assert pairs("#| name: 'a b'\n#| query: 'a' or 'b'\n") == [("name", ("a b",)), ("query", ("'a' or 'b'",))]


def test_a_line_that_is_no_option_is_refused_with_its_number() -> None:
    with pytest.raises(UsageError, match=r"Line 2 of the cell") as caught:
        read("#| wait: true\n#| what is this\n")

    assert "#| key: value" in caught.value.remedy


def test_a_mapping_gives_pairs_on_one_line_or_on_several() -> None:
    line = "#| input: {data: iris@latest, lr: 0.1, word: 'a, b', frame: {df[\"x\"]}}\n"
    body = f"{line}#| tags:\n#|   a.b: x\n#|   'c d': 1\n"

    assert [(option.key, option.values, option.form) for option in read(body)] == [
        ("input", ("data=iris@latest", "lr=0.1", "word=a, b", 'frame={df["x"]}'), "mapping"),
        ("tags", ("a.b=x", "c d=1"), "mapping"),
    ]


@pytest.mark.parametrize("text", ["{df}", "{d[1:2]}", "{f(lambda x: x)}", "{a:1}", '{"a" if b else c}'])
def test_an_expression_in_braces_is_no_mapping(text: str) -> None:
    assert pairs(f"#| data: {text}\n") == [("data", (text,))]


def test_an_indented_block_is_nested_only_below_its_key() -> None:
    assert pairs("#|   wait: true\n#|   name: x\n") == [("wait", ("true",)), ("name", ("x",))]


def test_a_value_is_not_continued_on_the_next_line() -> None:
    with pytest.raises(UsageError, match="Line 2 of the cell: input has a value already") as caught:
        read("#| input: a=1\n#|   - b=2\n")

    assert "#| input: [b=2]" in caught.value.remedy
