"""`--csv`: opens in spreadsheets, keeps numbers, and computes nothing."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, strategies as st
from tests.scenarios.world import MONDAY

from orchestrator.cli.spreadsheet import BEGINS_FORMULA, MARK, cell, print_csv

if TYPE_CHECKING:
    from tests.scenarios.world import World

FORMULAS = ("=1+1", "+46 70 123", "-", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x/?"&A1)', "  =1", "＝1")


def _read(text: str) -> list[list[str]]:
    assert text.startswith(MARK)
    return list(csv.reader(io.StringIO(text.removeprefix(MARK), newline="")))


@pytest.mark.parametrize("text", FORMULAS, ids=range(len(FORMULAS)))
def test_no_text_begins_a_formula(text: str) -> None:
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize("number", [-5, 12, Decimal("-12.50"), 0.25])
def test_a_number_stays_a_number(number: object, capsys: pytest.CaptureFixture[str]) -> None:
    print_csv(("figure",), [(number,)])
    assert capsys.readouterr().out.splitlines()[1] == str(number)


def test_texts_are_in_quotes_and_come_back(capsys: pytest.CaptureFixture[str]) -> None:
    print_csv(("a", "b"), [("Bau; Söhne, AB", 'say "=1"'), (None, True)])
    written = capsys.readouterr().out
    assert '"Bau; Söhne, AB","say ""=1"""' in written
    assert _read(written) == [["a", "b"], ["Bau; Söhne, AB", 'say "=1"'], ["", "yes"]]


@given(st.lists(st.text(), min_size=1, max_size=3))
def test_whatever_the_texts_are_no_cell_computes(texts: list[str]) -> None:
    for text in texts:
        shown = str(cell(text))
        assert not shown.startswith(BEGINS_FORMULA)
        assert shown.removeprefix("'").lstrip("'") == text.replace("\0", "").lstrip("'")


def test_members_a_run_and_a_report_answer_in_tables(shop: World) -> None:
    shop.contact("=cmd|'/c calc'!A1", email="mallory@shop.example")
    shop.load(MONDAY)
    shop.ok("send", "news", "--yes", now=MONDAY)
    members = _read(shop.ok("segments", "members", "everybody", "--csv", now=MONDAY).out)
    assert members[0] == ["contact_id", "email", "since"]
    assert "'=cmd|'/c calc'!A1" in [row[0] for row in members]
    runs = _read(shop.ok("runs", "--csv", now=MONDAY).out)
    name = next(row[0] for row in runs if row[0].startswith("news-"))
    contacts = _read(shop.ok("runs", name, "--csv", now=MONDAY).out)
    assert contacts[0] == ["contact_id", "decision", "sent_at", "bounce", "mailchimp_id", "reason"]
    assert ["c1", "sent", "2026-03-02 10:00"] in [row[:3] for row in contacts]
    report = _read(shop.ok("report", "news", "--csv", now=MONDAY).out)
    assert report[0][:4] == ["campaign", "run", "sent", "delivered"]
    assert [row[:3] for row in report[1:]] == [["news", "", "4"], ["news", name, "4"]]


def test_two_answers_at_once_are_refused(shop: World) -> None:
    assert shop.command("runs", "--csv", "--json", now=MONDAY).code == 2
