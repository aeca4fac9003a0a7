"""What a CSV file may look like, and what makes a file one that cannot be trusted."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest
from tests.sources.conftest import reasons

from orchestrator.errors import DataError
from orchestrator.sources.csv_folder import look_into, open_csv
from orchestrator.sources.values import BadValue

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sources.conftest import Erp


def read(path: Path, content: bytes) -> tuple[list[str], list[tuple[int, list[str] | BadValue]]]:
    path.write_bytes(content)
    with open_csv(path) as reader:
        return list(reader.names), list(reader.records())


@pytest.mark.parametrize("separator", [b",", b";", b"\t"])
def test_the_separator_is_found_by_the_names_it_gives(tmp_path: Path, separator: bytes) -> None:
    content = b"account_id,name,note\nA1,Pumps,\n".replace(b",", separator)
    names, records = read(tmp_path / "accounts.csv", content)
    assert names == ["account_id", "name", "note"]
    assert records == [(2, ["A1", "Pumps", ""])]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_byte_order_mark_and_both_line_ends_are_understood(tmp_path: Path, end: bytes) -> None:
    names, records = read(
        tmp_path / "accounts.csv", b"\xef\xbb\xbfaccount_id,name\nA1,K\xc3\xb6p\n".replace(b"\n", end)
    )
    assert names == ["account_id", "name"]
    assert records == [(2, ["A1", "Köp"])]


def test_lines_are_counted_as_an_editor_shows_them(tmp_path: Path) -> None:
    content = b'account_id,name\nA1,"two\nlines, ""quoted"""\n\nA2,x\nA3\nA4,y\n'
    _, records = read(tmp_path / "accounts.csv", content)
    assert [line for line, _ in records] == [2, 5, 6, 7]
    assert records[0][1] == ["A1", 'two\nlines, "quoted"']
    assert isinstance(records[2][1], BadValue)


def test_a_stray_quote_costs_one_record(tmp_path: Path) -> None:
    _, records = read(tmp_path / "accounts.csv", b'account_id,name\nA1,"12" pipes"\nA2,x\n')
    assert isinstance(records[0][1], BadValue)
    assert records[1] == (3, ["A2", "x"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"account_id,name\nA1,K\xf6p\n", "accounts.csv:2: byte 5 of the line is 0xF6"),
        ("account_id,name\nA1,Köp\n".encode("utf-16"), "accounts.csv:1: byte 1 of the line is 0xFF"),
        (b"account_id,name\rA1,x\r", "CR alone"),
        (b'account_id,name\nA1,"Pumps\nA2,x\n', "accounts.csv:2: a quote that opens here is never closed"),
        (b'account_id,name\nA1,"' + b"x\n" * 70_000 + b'"\n', "accounts.csv:2: a quote that opens here"),
    ],
    ids=["empty", "blank", "latin-1", "utf-16", "old mac", "cut off", "runaway quote"],
)
def test_a_file_that_cannot_be_trusted_is_refused_as_a_whole(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path / "accounts.csv", content)


def test_a_gzipped_file_is_read_and_a_truncated_one_refused(tmp_path: Path) -> None:
    packed = gzip.compress(b"account_id,name\n" + b"".join(b"A%d,x\n" % number for number in range(5000)))
    assert len(read(tmp_path / "accounts.csv.gz", packed)[1]) == 5000
    with pytest.raises(DataError, match="damaged or incomplete"):
        read(tmp_path / "accounts.csv.gz", packed[:-100])
    with pytest.raises(DataError, match="is not gzipped"):
        read(tmp_path / "accounts.csv.gz", b"account_id\nA1\n")


def test_a_folder_without_tables_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(DataError, match=r"holds none of the files accounts\.csv"):
        look_into(tmp_path)
    with pytest.raises(DataError, match="cannot be read"):
        look_into(tmp_path / "absent")


def test_a_slip_in_a_files_name_does_not_pass_as_an_absent_file(tmp_path: Path) -> None:
    for name in ("accounts.csv", "contact.csv", "Orders.CSV", "pricing.csv"):
        (tmp_path / name).write_text("x\n")
    found = look_into(tmp_path)
    assert set(found.files) == {"accounts", "orders"}
    assert found.faults == {
        "contacts": "contact.csv is not the name of a table. Rename it to contacts.csv, or move it away."
    }


def test_a_file_beside_its_gzipped_form_is_a_fault(tmp_path: Path) -> None:
    for name in ("accounts.csv", "accounts.csv.gz", "contacts.csv"):
        (tmp_path / name).write_text("x\n")
    found = look_into(tmp_path)
    assert set(found.files) == {"contacts"}
    assert "both there" in found.faults["accounts"]


def test_names_of_columns_are_matched_without_case_and_blanks(erp: Erp) -> None:
    report = erp.load(accounts="Account ID , NAME,\nA1,Pumps,\n")
    assert report.tables["accounts"].inserted == 1
    assert erp.rows("select key, name from account") == [("A1", "Pumps")]


def test_a_missing_required_column_names_what_was_found_and_the_closest(erp: Erp) -> None:
    report = erp.load(accounts="account_no,name\nA1,Pumps\n")
    (failure,) = report.failures
    assert failure.message == (
        'accounts.csv: the required column "account_id" is missing. Columns found: account_no, name. '
        'Did you mean "account_id" by "account_no"?'
    )


def test_a_column_that_comes_twice_is_a_failure(erp: Erp) -> None:
    report = erp.load(accounts="account_id,name,Name\nA1,Pumps,Pompes\n")
    assert 'the column "name" comes twice' in report.failures[0].message


def test_rows_of_another_width_and_damaged_cells_are_set_aside(erp: Erp) -> None:
    content = b'account_id,name\nA1\nA2,"two\nlines"\nA3,x\0y\nA4,a,b\n,nobody\nA5,fine\n'
    report = erp.load(accounts=content)
    assert reasons(report) == [
        ("accounts.csv", 2, ""),
        ("accounts.csv", 5, "name"),
        ("accounts.csv", 6, ""),
        ("accounts.csv", 7, "account_id"),
    ]
    counts = report.tables["accounts"]
    assert (counts.read, counts.inserted, counts.rejected) == (6, 2, 4)
