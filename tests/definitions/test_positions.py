from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
from hypothesis import given, strategies as st

from orchestrator.definitions.positions import Path, positions
from orchestrator.definitions.strings import character_places, text_start

AWKWARD = '''\
# a comment with "quotes" and = signs
top = "one" # behind
"quoted key" = 'lit # eral'
dotted . inner = 2026-01-31 07:32:00
list = [ # inside
  "a", # one
  [1, 2],
  { x = 1, y.z = """inline""" },
]
where = """
region = 'Europe' -- "x" = ""quoted""
and a \\\\ b \\
   continued"""""
\tindented=true
[table]
one = 1
[[many]]
name = "first"
[many.deep]
k = 1
[[many]]
name = "second"
[a.b."c.d"]
e = -0.5
[a]
f = 1
'''


def leaves(value: Any, path: Path = ()) -> list[tuple[Path, Any]]:
    match value:
        case dict():
            found = [(path, value)] if path else []
            return found + [leaf for key, inner in value.items() for leaf in leaves(inner, (*path, key))]
        case list():
            return [(path, value), *(leaf for i, inner in enumerate(value) for leaf in leaves(inner, (*path, i)))]
        case _:
            return [(path, value)]


def assert_every_value_is_found(text: str) -> None:
    data = tomllib.loads(text)
    places = positions(text)
    lines = text.split("\n")
    for path, value in leaves(data):
        place = places[path]
        if not isinstance(value, dict | list):
            assert tomllib.loads(f"x = {place.literal}")["x"] == value
        for span in (place.key, place.value):
            assert 1 <= span.column <= span.column + span.width <= len(lines[span.line - 1]) + 1
        if place.literal:
            assert lines[place.value.line - 1][place.value.column - 1 :].startswith(place.literal.split("\n")[0])


def test_every_value_of_an_awkward_file_is_found() -> None:
    assert_every_value_is_found(AWKWARD)


@pytest.mark.parametrize(
    ("path", "line", "column", "width"),
    [
        (("top",), 2, 1, 3),
        (("quoted key",), 3, 1, 12),
        (("dotted", "inner"), 4, 1, 14),
        (("indented",), 14, 2, 8),
        (("table",), 15, 2, 5),
        (("many", 1), 21, 3, 4),
        (("many", 0, "deep"), 19, 2, 9),
        (("a", "b", "c.d", "e"), 24, 1, 1),
    ],
)
def test_keys_and_headers_stand_where_they_are_written(path: Path, line: int, column: int, width: int) -> None:
    key = positions(AWKWARD)[path].key
    assert (key.line, key.column, key.width) == (line, column, width)


KEYS = st.text("ab-_1", min_size=1, max_size=4) | st.sampled_from(['"a b"', "'x.y'", '"\\u00e9"'])
TEXTS = st.text(max_size=8).map(lambda text: json.dumps(text.replace("\x7f", ""), ensure_ascii=False))
SCALARS = st.sampled_from(
    ["1", "-2.5e3", "true", "2026-01-31", "2026-01-31 07:32:00Z", "'it'", "'#'", '"""a\n"b" \\\n c"""', "'''\n]'''"]
)
VALUES = st.recursive(
    SCALARS | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda values: "[ # x\n" + ",\n ".join(values) + "]")
        | st.dictionaries(KEYS, inner, max_size=3).map(
            lambda table: "{ " + ", ".join(f"{key} = {value}" for key, value in table.items()) + " }"
        )
    ),
    max_leaves=6,
)
STATEMENTS = st.lists(
    st.tuples(KEYS, VALUES).map(lambda pair: f"{pair[0]} = {pair[1]}")
    | st.lists(KEYS, min_size=1, max_size=3).map(lambda keys: f"[{'.'.join(keys)}]  # table")
    | st.lists(KEYS, min_size=1, max_size=2).map(lambda keys: f"  [[ {' . '.join(keys)} ]]"),
    max_size=8,
).map("\n".join)


@given(STATEMENTS)
def test_every_value_of_any_valid_file_is_found(text: str) -> None:
    try:
        tomllib.loads(text)
    except (tomllib.TOMLDecodeError, ValueError):
        return
    assert_every_value_is_found(text)


@pytest.mark.parametrize(
    ("literal", "start"),
    [('"abc"', (5, 12)), ("'abc'", (5, 12)), ('"""abc"""', (5, 14)), ('"""\nabc"""', (6, 1)), ("'''\nabc'''", (6, 1))],
)
def test_a_text_begins_behind_its_quotes(literal: str, start: tuple[int, int]) -> None:
    assert text_start(literal, 5, 11) == start
    assert character_places(literal, 5, 11)[0] == start


def test_escapes_shift_what_follows_them() -> None:
    assert character_places(r'"a\"b\u00e9c"', 1, 1) == [(1, 2), (1, 3), (1, 5), (1, 6), (1, 12), (1, 13)]


def test_a_cut_line_end_continues_where_the_text_goes_on() -> None:
    assert character_places('"""\na \\\n   b"""', 1, 9) == [(2, 1), (2, 2), (3, 4), (3, 5)]


@given(TEXTS | SCALARS.filter(lambda literal: literal[0] in "\"'"))
def test_every_character_of_a_value_has_a_place(literal: str) -> None:
    assert len(character_places(literal, 1, 1)) == len(tomllib.loads(f"x = {literal}")["x"]) + 1
