"""Whatever stands in a file: a value or problems inside the file, never a traceback."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from tests.definitions.conftest import read
from tests.definitions.test_schema import SOUND

from orchestrator.definitions.toml_source import Document, parse
from orchestrator.problems import Problem

KINDS = st.sampled_from(["config", "segment", "campaign"])


def assert_inside(problems: list[Problem], text: str) -> None:
    count = len(text.split("\n"))
    for problem in problems:
        assert 1 <= problem.line <= count
        assert problem.column >= 1
        assert problem.message
        assert str(problem)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_document_or_a_problem(content: bytes) -> None:
    found = parse(content, "segments/x.toml")
    if isinstance(found, Problem):
        assert 1 <= found.line <= content.count(b"\n") + 1
    else:
        assert isinstance(found, Document)


@given(KINDS, st.data())
def test_any_cut_out_piece_leaves_a_value_or_problems_inside_the_file(kind: str, data: st.DataObject) -> None:
    text = SOUND[kind]
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 12)))
    assert_value_or_problems(kind, text[:start] + text[end:])


@given(KINDS, st.data(), st.text(max_size=3) | st.sampled_from(list("\"'[]{}=#,.\n\\")))
def test_any_piece_put_in_leaves_a_value_or_problems_inside_the_file(
    kind: str, data: st.DataObject, piece: str
) -> None:
    text = SOUND[kind]
    at = data.draw(st.integers(0, len(text)))
    assert_value_or_problems(kind, text[:at] + piece + text[at:])


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(KINDS, st.data())
def test_any_value_in_place_of_another_is_a_value_or_a_problem_at_its_line(kind: str, data: st.DataObject) -> None:
    lines = SOUND[kind].split("\n")
    candidates = [number for number, line in enumerate(lines) if " = " in line]
    number = data.draw(st.sampled_from(candidates))
    value = data.draw(
        st.sampled_from(
            ['""', '"x"', "-1", "0", "1e999", "nan", "true", "[]", "[[]]", "{}", "{ a = 1 }", "2026-01-31", "07:32:00",
             "1979-05-27T07:32:00Z", '"\\u0000"', '"4 hours"', "99999999999999999999", '["a", "a"]', '"env:"']
        )
    )  # fmt: skip
    lines[number] = lines[number].split(" = ")[0] + f" = {value}"
    assert_value_or_problems(kind, "\n".join(lines))


@pytest.mark.parametrize("kind", ["config", "segment", "campaign"])
def test_the_sound_files_are_sound(kind: str) -> None:
    assert read(kind, SOUND[kind])[1] == []


def assert_value_or_problems(kind: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    value, problems = read(kind, text)
    assert (value is None) == bool(problems)
    assert_inside(problems, text)
