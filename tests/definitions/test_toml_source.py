from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from orchestrator.definitions.toml_source import Document, excerpt_of, parse, read_bytes
from orchestrator.problems import Problem

if TYPE_CHECKING:
    from pathlib import Path


def fault(text: str | bytes) -> Problem:
    problem = parse(text if isinstance(text, bytes) else text.encode(), "campaigns/x.toml")
    assert isinstance(problem, Problem)
    return problem


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("a =\nb = 1", 1, 4, "a value is missing here"),
        ("a", 1, 2, "an equals sign is missing behind the key"),
        ("a b = 1", 1, 3, "an equals sign is missing behind the key"),
        ("b = 1\n  a = 1\n  b2 = 2\n  a = 2", 4, 3, "this key stands twice in the same table"),
        ("[t]\na = 1\n[t]", 3, 1, "the table [t] stands twice in this file"),
        ('a = "open\nb = 1', 1, 5, "a text has no closing quote"),
        ('a = "open', 1, 5, "a text has no closing quote"),
        ('a = 1\nb = """\nopen\nfor ever\n', 2, 5, 'the text opened by """ is never closed'),
        ("a = [1,\nb = 2", 2, 1, "a key is not expected here"),
        ("a = '''\nopen", 1, 5, "the text opened by ''' is never closed"),
        ("a = 4 hours", 1, 7, "something follows the value on this line"),
        ("a = “x”", 1, 5, "typographic quotes are not understood"),
        ("a = yes", 1, 5, "this is not a value"),
        ("a = env:X", 1, 5, "this is not a value"),
        ("[t\na = 1", 1, 3, "the table's name is not closed"),
        ("= 1", 1, 1, "this is neither a [table] nor key = value"),
        ("a = { x = 1, }", 1, 14, "a key is expected here"),
        ("a = 'x\\y'\nb = \"C:\\data\"", 2, 10, "a backslash in a text needs another one"),
    ],
)
def test_a_syntax_error_is_explained_at_its_place(text: str, line: int, column: int, message: str) -> None:
    problem = fault(text)
    assert (problem.line, problem.column, problem.message) == (line, column, message)
    assert problem.hint
    assert problem.excerpt == text.split("\n")[line - 1]


def test_windows_line_ends_do_not_shift_lines() -> None:
    assert fault("a = 1\r\nb = 2\r\nc =\r\n").line == 3


def test_a_byte_order_mark_is_no_part_of_the_first_key() -> None:
    document = parse("\ufeffa = 1\n".encode(), "config.toml")
    assert isinstance(document, Document)
    assert document.data == {"a": 1}
    assert document.place("a").key.column == 1


def test_utf_16_is_named() -> None:
    assert fault("a = 1".encode("utf-16")).message == "the file is saved as UTF-16"


def test_a_byte_that_is_not_utf_8_is_named_with_its_place() -> None:
    problem = fault(b'a = 1\nname = "M\xfcller"\n')
    assert (problem.line, problem.column, problem.message) == (2, 10, "the byte 0xfc is not UTF-8")


def test_decimals_stay_exact() -> None:
    document = parse(b"share = 0.10", "config.toml")
    assert isinstance(document, Document)
    assert document.data["share"] == Decimal("0.10")


@pytest.mark.parametrize("text", ["a = " + "[" * 5000, "a = 1" + "0" * 5000, "a = 1e" + "9" * 30])
def test_absurd_values_are_no_crash(text: str) -> None:
    parsed = parse(text.encode(), "config.toml")
    assert isinstance(parsed, Problem | Document)


def test_a_folder_and_a_missing_file_are_explained(tmp_path: Path) -> None:
    folder = read_bytes(tmp_path, "segments/x.toml")
    missing = read_bytes(tmp_path / "x.toml", "segments/x.toml")
    assert isinstance(folder, Problem)
    assert isinstance(missing, Problem)
    assert folder.message == "this is a folder, not a file"
    assert missing.message == "the file cannot be read: no such file or directory"


def test_a_huge_file_is_not_parsed(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(b"#" * 1_000_001)
    problem = read_bytes(tmp_path / "x.toml", "x.toml")
    assert isinstance(problem, Problem)
    assert "larger" in problem.message


@pytest.mark.parametrize(
    "line",
    [
        'api_key = "0123456789abcdef0123456789abcdef-us1"',
        "api_key = 'topsecret'",
        "api_key = topsecret",
        'mailchimp = { api_key = "topsecret", audience = "x" }',
        "# 0123456789abcdef0123456789abcdef-us1",
        'url = "postgresql://me:topsecret@host/db"',
        'url = "postgresql://me:top/sec@ret@host/db"',
    ],
)
def test_what_is_shown_of_a_file_holds_no_secret(line: str) -> None:
    shown = excerpt_of((line,), 1)
    assert not {"topsecret", "sec@ret", "0123456789abcdef"} & {
        word for word in ("topsecret", "sec@ret", "0123456789abcdef") if word in shown
    }
    assert len(shown) == len(line)


def test_a_reference_to_a_secret_is_shown() -> None:
    assert excerpt_of(('api_key = "env:KEY"',), 1) == 'api_key = "env:KEY"'
