"""Segments that refer to each other."""

from __future__ import annotations

from tests.segments.shop import segments

from orchestrator.segments.compile import compile_segments


def test_a_cycle_is_reported_once_and_names_its_segments() -> None:
    compiled = compile_segments(
        segments(
            a="age > 1 and in_segment('b')",
            b="in_segment('c')",
            c="not in_segment('a')",
            d="in_segment('a')",
            e="age > 1",
        )
    )
    (problem,) = compiled.problems
    assert "a → b → c → a" in problem.message
    assert problem.file == "segments/c.toml"
    assert (problem.line, problem.column, problem.width) == (2, 5, len("in_segment('a')"))
    assert list(compiled.segments) == ["e"]
    assert set(compiled.unusable) == {"a", "b", "c", "d"}


def test_a_segment_that_refers_to_itself_is_a_cycle() -> None:
    compiled = compile_segments(segments(a="in_segment('a')"))
    assert "a → a" in compiled.problems[0].message


def test_a_missing_segment_is_named_with_the_closest_file() -> None:
    compiled = compile_segments(segments(lapsed="age > 1", win_back="in_segment('lapsd')"))
    (problem,) = compiled.problems
    assert problem.message == 'segment "lapsd" does not exist'
    assert problem.hint == "Closest file: segments/lapsed.toml."


def test_a_file_that_cannot_be_read_is_not_missing() -> None:
    compiled = compile_segments(segments(a="in_segment('broken')", b="age > 1"), unreadable={"broken"})
    assert not compiled.problems
    assert compiled.unusable == {"a": "it refers to in_segment('broken'), which cannot be computed"}
    assert list(compiled.segments) == ["b"]


def test_one_bad_condition_does_not_stop_the_others() -> None:
    compiled = compile_segments(segments(good="age > 1", bad="age >", worse="in_segment('bad')"))
    assert [problem.file for problem in compiled.problems] == ["segments/bad.toml"]
    assert list(compiled.segments) == ["good"]
    assert "worse" in compiled.unusable


def test_the_fingerprint_is_of_the_meaning() -> None:
    def fingerprint(**where: str) -> str:
        return compile_segments(segments(**where)).segments["a"].fingerprint

    written = fingerprint(a="age > 1 and in_segment('b')", b="age < 9")
    assert fingerprint(a="age>1 AND  in_segment( 'b' ) -- note", b="age < 9") == written
    assert fingerprint(a="age > 2 and in_segment('b')", b="age < 9") != written
    assert fingerprint(a="age > 1 and in_segment('b')", b="age < 8") != written


def test_fields_and_references_include_those_of_referenced_segments() -> None:
    compiled = compile_segments(segments(a="in_segment('b')", b="age > 1 and in_segment('c')", c="role = 'x'"))
    assert {field.name for field in compiled.segments["a"].fields} == {"age", "role"}
    assert compiled.segments["a"].refers_to == {"b", "c"}


def test_references_cannot_be_used_to_grow_without_end() -> None:
    doubling = {"s0": "age > 1"} | {
        f"s{n}": f"in_segment('s{n - 1}') or not in_segment('s{n - 1}')" for n in range(1, 25)
    }
    compiled = compile_segments(segments(**doubling))
    assert compiled.problems
    assert "too large" in compiled.problems[0].message
    chain = {"s00": "age > 1"} | {f"s{n:02}": f"in_segment('s{n - 1:02}')" for n in range(1, 60)}
    compiled = compile_segments(segments(**chain))
    assert "s29" in compiled.segments
