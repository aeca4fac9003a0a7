"""Two contacts, one address: who keeps it, in every order in which it can come up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.sources.conftest import reasons

from orchestrator.sources.report import TableCounts

if TYPE_CHECKING:
    from tests.sources.conftest import Erp

HEADER = "contact_id,email\n"


@pytest.fixture(autouse=True)
def _three_contacts(erp: Erp) -> None:
    erp.load(contacts=f"{HEADER}C1,ann@x.example\nC2,bob@x.example\nC3,cleo@x.example\n")


def test_a_new_contact_does_not_get_an_address_that_another_has(erp: Erp) -> None:
    report = erp.load(contacts=f"{HEADER}C4,ANN@X.example\nC5,eve@x.example\n")
    assert reasons(report) == [("contacts.csv", 2, "email")]
    assert report.rejects[0].reason == 'contact "C1" has the same address and keeps it'
    assert report.tables["contacts"] == TableCounts(read=2, inserted=1, rejected=1)


def test_of_two_new_contacts_the_first_gets_the_address(erp: Erp) -> None:
    report = erp.load(contacts=f"{HEADER}C4,new@x.example\nC5,New@x.example\nC6,NEW@x.example\n")
    assert reasons(report) == [("contacts.csv", 3, "email"), ("contacts.csv", 4, "email")]
    assert report.rejects[0].reason == "line 2 has the same address; the first contact keeps it"
    assert erp.emails()["C4"] == "new@x.example"


def test_who_has_an_address_keeps_it_even_when_asked_for_on_an_earlier_line(erp: Erp) -> None:
    report = erp.load(contacts=f"{HEADER}C4,ann@x.example\nC1,ann@x.example\n")
    assert reasons(report) == [("contacts.csv", 2, "email")]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_contacts_can_swap_addresses(erp: Erp, order: tuple[int, int]) -> None:
    rows = ["C1,bob@x.example\n", "C2,ann@x.example\n"]
    report = erp.load(contacts=HEADER + rows[order[0]] + rows[order[1]])
    assert report.tables["contacts"] == TableCounts(read=2, updated=2)
    assert erp.emails() == {"C1": "bob@x.example", "C2": "ann@x.example", "C3": "cleo@x.example"}


def test_addresses_can_go_round(erp: Erp) -> None:
    erp.load(contacts=f"{HEADER}C1,bob@x.example\nC2,cleo@x.example\nC3,ann@x.example\n")
    assert erp.emails() == {"C1": "bob@x.example", "C2": "cleo@x.example", "C3": "ann@x.example"}


def test_an_address_that_one_leaves_another_may_take_in_the_same_file(erp: Erp) -> None:
    report = erp.load(contacts=f"{HEADER}C4,ann@x.example\nC1,ann.new@x.example\n")
    assert report.tables["contacts"] == TableCounts(read=2, inserted=1, updated=1)
    assert erp.emails()["C4"] == "ann@x.example"


def test_who_is_refused_a_new_address_keeps_the_old_one_which_refuses_the_next(erp: Erp) -> None:
    # C3's address is not free, so C2 stays at bob@, so C1 stays at ann@, so C4 gets nothing
    report = erp.load(contacts=f"{HEADER}C4,ann@x.example\nC1,bob@x.example\nC2,cleo@x.example\n")
    assert report.tables["contacts"] == TableCounts(read=3, rejected=3)
    assert [reject.reason for reject in report.rejects] == [
        f'contact "{holder}" has the same address and keeps it' for holder in ("C1", "C2", "C3")
    ]
    assert erp.emails() == {"C1": "ann@x.example", "C2": "bob@x.example", "C3": "cleo@x.example"}


def test_a_bad_row_does_not_free_its_contacts_address(erp: Erp) -> None:
    report = erp.load(contacts=f"{HEADER[:-1]},account_id\nC1,ann.new@x.example,A9\nC4,ann@x.example,\n")
    assert reasons(report) == [("contacts.csv", 2, "account_id"), ("contacts.csv", 3, "email")]


def test_another_spelling_of_ones_own_address_is_stored(erp: Erp) -> None:
    report = erp.load(contacts=f"{HEADER}C1,Ann@X.example\n")
    assert report.tables["contacts"].updated == 1
    assert erp.rows("select email, email_key from contact where key = 'C1'") == [("Ann@X.example", "ann@x.example")]
