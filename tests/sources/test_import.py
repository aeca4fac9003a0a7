"""What becomes of the rows of an export: stored, left alone, or set aside with a reason."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event, inspect, text
from sqlalchemy.exc import OperationalError
from tests.sources.conftest import NOW, PEOPLE, reasons, settings

from orchestrator.errors import DataError, UsageError
from orchestrator.sources import journal, merge, table_import
from orchestrator.sources.load import import_sources
from orchestrator.sources.report import TableCounts

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection
    from tests.sources.conftest import Erp


def test_rows_are_inserted_then_unchanged_then_updated(erp: Erp) -> None:
    assert erp.load(PEOPLE).tables["accounts"] == TableCounts(read=2, inserted=2)
    assert erp.load(PEOPLE).tables["accounts"] == TableCounts(read=2, unchanged=2)
    report = erp.load(accounts="account_id,name\nA1,Pumps and Company\nA2,Valves Ltd\nA3,New\n")
    assert report.tables["accounts"] == TableCounts(read=3, inserted=1, updated=1, unchanged=1)
    assert erp.rows("select key, name from account order by key") == [
        ("A1", "Pumps and Company"),
        ("A2", "Valves Ltd"),
        ("A3", "New"),
    ]


def test_unchanged_rows_are_not_written(erp: Erp) -> None:
    contacts = "contact_id,email,points,lead_score\nC1,ann@pumps.example,7,1.5\nC2,bob@valves.example,,\n"
    events = 'event_id,contact_id,kind,at,properties\nE1,C1,login,2026-01-01,"{""b"": 1.0, ""a"": ""ö""}"\n'
    erp.load(contacts=contacts, events=events)
    written: list[int] = []

    def count(_connection: object, cursor: object, statement: str, *_: object) -> None:
        if statement.startswith(("UPDATE contact", "INSERT INTO contact", "UPDATE event", "INSERT INTO event")):
            written.append(cursor.rowcount)  # type: ignore[attr-defined]  # any driver's cursor

    event.listen(erp.database.engine, "after_cursor_execute", count)
    report = erp.load(contacts=contacts, events=events)
    assert {name: counts.unchanged for name, counts in report.tables.items()} == {"contacts": 2, "events": 1}
    assert sum(written) == 0
    assert written


def test_a_row_replaces_the_columns_it_has_and_no_others(erp: Erp) -> None:
    erp.load(accounts="account_id,name,city,points,grade\nA1,Pumps,Lund,7,x\n")
    report = erp.load(accounts="account_id,city,points\nA1,,8\n")
    assert report.tables["accounts"].updated == 1
    name, city, extra = erp.rows("select name, city, extra from account")[0]
    assert (name, city) == ("Pumps", None)
    assert as_json(extra) == {"points": "8", "grade": "x"}


def test_unknown_columns_become_custom_fields_and_an_empty_one_takes_its_field_away(erp: Erp) -> None:
    erp.load(accounts="account_id,Größe (m²),Loyalty Points\nA1,12.50,7\nA2,,\n")
    stored = dict(erp.rows("select key, extra from account"))
    assert as_json(stored["A1"]) == {"grosse_m2": "12.50", "loyalty_points": "7"}
    assert as_json(stored["A2"]) == {}
    erp.load(accounts="account_id,Loyalty Points\nA1,\n")
    assert as_json(erp.rows("select extra from account where key = 'A1'")[0][0]) == {"grosse_m2": "12.50"}


def as_json(stored: object) -> object:
    return json.loads(stored) if isinstance(stored, str) else stored


def test_every_column_of_every_table_is_stored_in_its_form(erp: Erp) -> None:
    report = erp.load(
        accounts="""
            account_id,name,employees,annual_revenue,channel,country,latitude,longitude,cost_to_serve
            A1,"Pumps, Inc",250,1234567.80,web,Sweden,59.33,-18.06,high
        """,
        contacts="""
            contact_id,account_id,email,language,country,timezone,created_at,consent,lead_score,birth_date,interests
            C1,A1,Ann@Pumps.example,sv_se,se,europe/stockholm,2026-01-31,opted_in,4.5,1980-05-17,Pumps; Valves
        """,
        products="product_id,name,price\nP1,Pump,19.9\n",
        orders="order_id,contact_id,placed_at,status,channel,total,discount\nO1,C1,2026-01-31 09:00,,EDI,-99.50,0\n",
        order_lines="order_id,product_id,quantity,unit_price\nO1,P1,-5,19.90\n",
        carts="cart_id,contact_id,modified_at,status\nK1,C1,2026-01-31T09:00:00Z,\n",
        cart_lines="cart_id,product_id,quantity\nK1,P1,3\n",
        events='event_id,contact_id,kind,at,properties\nE1,C1,page_view,2026-01-31,"{""url"": ""/a""}"\n',
    )
    assert not report.rejects
    assert not report.failures
    assert {name: counts.inserted for name, counts in report.tables.items()} == dict.fromkeys(report.tables, 1)
    account = "select employees, annual_revenue_cents, country, latitude, cost_to_serve from account"
    assert erp.rows(account) == [(250, 123456780, "SE", 59.33, "high")]
    contact = "select email, email_key, language, timezone, created_at, consent, lead_score, birth_date, interests"
    assert erp.rows(f"{contact} from contact") == [
        (
            "Ann@Pumps.example",
            "ann@pumps.example",
            "sv-SE",
            "Europe/Stockholm",
            1769814000,
            "opted_in",
            4.5,
            "1980-05-17",
            ";pumps;valves;",
        )
    ]
    orders = "select placed_at, status, channel, total_cents, discount_cents from orders"
    assert erp.rows(orders) == [(1769846400, "completed", "edi", -9950, 0)]
    assert erp.rows("select quantity, unit_price_cents from order_line") == [(-5, 1990)]
    assert erp.rows("select status, modified_at from cart") == [("open", 1769850000)]
    assert as_json(erp.rows("select properties from event")[0][0]) == {"url": "/a"}


def test_what_a_source_leaves_open_gets_its_default(erp: Erp) -> None:
    erp.load(
        contacts="contact_id,email\nC1,ann@pumps.example\n",
        orders="order_id,contact_id,placed_at,total\nO1,C1,2026-01-31,1\n",
        carts="cart_id,contact_id\nK1,C1\n",
        events="event_id,contact_id,kind,at\nE1,C1,login,2026-01-31\n",
    )
    assert erp.rows("select consent from contact") == [("unknown",)]
    assert erp.rows("select status from orders") == [("completed",)]
    assert erp.rows("select status from cart") == [("open",)]
    assert as_json(erp.rows("select properties from event")[0][0]) == {}


def test_each_bad_value_is_set_aside_with_its_column(erp: Erp) -> None:
    erp.load_people()
    report = erp.load(
        contacts="""
            contact_id,email,account_id,consent,language,country,timezone,created_at,birth_date,lead_score
            C3,,A1,,,,,,,
            C4,no address,A1,,,,,,,
            C5,c5@x.example,A9,,,,,,,
            C6,c6@x.example,,yes,,,,,,
            C7,c7@x.example,,,swedish,,,,,
            C8,c8@x.example,,,,Atlantis,,,,
            C9,c9@x.example,,,,,Mars/Base,,,
            C10,c10@x.example,,,,,,31/01/2026,,
            C11,c11@x.example,,,,,,,0000-00-00,
            C12,c12@x.example,,,,,,,,nan
            C13,c13@x.example,A1,,,,,,,
        """
    )
    assert [reject.column for reject in report.rejects] == [
        "email",
        "email",
        "account_id",
        "consent",
        "language",
        "country",
        "timezone",
        "created_at",
        "birth_date",
        "lead_score",
    ]
    assert [reject.line for reject in report.rejects] == list(range(2, 12))
    assert report.rejects[2].reason == 'no such account: "A9"'
    assert report.tables["contacts"] == TableCounts(read=11, inserted=1, rejected=10)


def test_references_to_nothing_are_set_aside(erp: Erp) -> None:
    erp.load_people()
    report = erp.load(
        products="product_id\nP1\n",
        orders="""
            order_id,contact_id,account_id,placed_at,total
            O1,C1,,2026-01-01,1
            O2,C9,,2026-01-01,1
            O3,C1,A9,2026-01-01,1
            O4,,,2026-01-01,1
            O5,,A1,2026-01-01,1
        """,
        order_lines="order_id,product_id,quantity\nO1,P1,1\nO9,P1,1\nO1,P9,1\nO4,P1,1\n",
        carts="cart_id,contact_id\nK1,C1\nK2,C9\n",
        cart_lines="cart_id,product_id,quantity\nK1,P1,1\nK2,P1,1\nK1,P9,1\nK1,P1,-1\n",
        events="event_id,contact_id,kind,at\nE1,C9,login,2026-01-01\n",
    )
    assert [(reject.table, reject.line, reject.column, reject.reason) for reject in report.rejects] == [
        ("orders", 3, "contact_id", 'no such contact: "C9"'),
        ("orders", 4, "account_id", 'no such account: "A9"'),
        ("orders", 5, "contact_id", "names neither a contact nor an account"),
        ("order_lines", 3, "order_id", 'no such order: "O9"'),
        ("order_lines", 4, "product_id", 'no such product: "P9"'),
        ("order_lines", 5, "order_id", 'no such order: "O4"'),
        ("carts", 3, "contact_id", 'no such contact: "C9"'),
        ("cart_lines", 3, "cart_id", 'no such cart: "K2"'),
        ("cart_lines", 4, "product_id", 'no such product: "P9"'),
        ("cart_lines", 5, "quantity", "-1 is less than 0"),
        ("events", 2, "contact_id", 'no such contact: "C9"'),
    ]


def test_of_rows_with_one_key_the_first_good_one_is_kept(erp: Erp) -> None:
    report = erp.load(accounts="account_id,employees\nA1,many\nA1,1\n A1 ,2\na1,3\n")
    assert reasons(report) == [("accounts.csv", 2, "employees"), ("accounts.csv", 4, "account_id")]
    assert report.rejects[1].reason == "the same account stands on line 3 already; that one is kept"
    assert erp.rows("select key, employees from account order by employees") == [("A1", 1), ("a1", 3)]


def test_a_line_is_known_by_its_order_and_product(erp: Erp) -> None:
    erp.load_people()
    files: dict[str, str | bytes] = {
        "products": "product_id\nP1\nP2\n",
        "orders": "order_id,contact_id,placed_at,total\nO1,C1,2026-01-01,1\nO2,C1,2026-01-01,1\n",
    }
    report = erp.load(files, order_lines="order_id,product_id,quantity\nO1,P1,1\nO1,P2,2\nO2,P1,3\nO1,P1,4\n")
    assert reasons(report) == [("order_lines.csv", 5, "order_id")]
    report = erp.load(order_lines="order_id,product_id,quantity\nO1,P1,1\nO1,P2,20\nO2,P2,5\n")
    assert report.tables["order_lines"] == TableCounts(read=3, inserted=1, updated=1, unchanged=1)
    assert erp.rows("select quantity from order_line order by quantity") == [(1,), (3,), (5,), (20,)]


def test_an_order_belongs_to_its_contacts_account_at_the_time_for_good(erp: Erp) -> None:
    erp.load_people()
    header = "order_id,contact_id,account_id,placed_at,total\n"
    erp.load(orders=f"{header}O1,C1,,2026-01-01,1\nO2,C1,A2,2026-01-01,1\nO3,,A2,2026-01-01,1\n")
    accounts = "select orders.key, account.key from orders join account on account.id = orders.account order by 1"
    assert erp.rows(accounts) == [("O1", "A1"), ("O2", "A2"), ("O3", "A2")]
    erp.load(contacts="contact_id,account_id,email\nC1,A2,ann@pumps.example\n")
    report = erp.load(orders=f"{header}O1,C1,,2026-01-01,2\nO4,C1,,2026-01-01,1\n")
    assert report.tables["orders"] == TableCounts(read=2, inserted=1, updated=1)
    assert erp.rows(accounts) == [("O1", "A1"), ("O2", "A2"), ("O3", "A2"), ("O4", "A2")]
    # the same without the column, and an order that another contact takes over
    assert erp.load(orders="order_id,contact_id,placed_at,total\nO1,C1,2026-01-01,2\n").tables["orders"].unchanged == 1
    erp.load(orders=f"{header}O1,C2,,2026-01-01,2\n")
    assert erp.rows(accounts)[0] == ("O1", "A2")


def test_a_column_of_references_that_is_absent_leaves_them(erp: Erp) -> None:
    erp.load_people()
    erp.load(orders="order_id,contact_id,placed_at,total\nO1,C1,2026-01-01,1\n")
    report = erp.load(orders="order_id,placed_at,total\nO1,2026-01-01,5\nO2,2026-01-01,5\n")
    assert report.tables["orders"] == TableCounts(read=2, updated=1, rejected=1)
    assert erp.rows("select contact.key, total_cents from orders join contact on contact.id = contact") == [("C1", 500)]


def test_rows_and_files_that_are_absent_delete_nothing(erp: Erp) -> None:
    erp.load_people()
    erp.load(accounts="account_id\nA3\n")
    assert erp.rows("select count(*) from account") == [(3,)]
    assert erp.rows("select count(*) from contact") == [(2,)]


def test_a_broken_file_changes_nothing_of_its_table_and_stops_no_other(erp: Erp) -> None:
    erp.load_people()
    report = erp.load(
        accounts=b'account_id,name\nA1,Changed\nA9,New\nA10,"cut o',
        contacts="contact_id,email\nC3,cleo@x.example\n",
    )
    assert [(failure.table, failure.refused) for failure in report.failures] == [("accounts", False)]
    assert set(report.tables) == {"contacts"}
    assert erp.rows("select key, name from account order by key") == [("A1", "Pumps & Co"), ("A2", "Valves Ltd")]
    assert erp.rows("select count(*) from contact") == [(3,)]
    stored = dict(erp.rows('select "table", failure from source_table'))
    assert "never closed" in stored["accounts"]
    assert stored["contacts"] is None


def test_a_table_that_became_empty_is_refused_until_forced(erp: Erp) -> None:
    erp.load_people()
    later = NOW + timedelta(hours=1)
    report = erp.load(accounts="account_id,name\n", now=later)
    (failure,) = report.failures
    assert failure.refused
    assert "--force" in failure.message
    assert erp.rows("select good_at from source_table where \"table\" = 'accounts'") == [(int(NOW.timestamp()),)]
    report = erp.load(accounts="account_id,name\n", now=later, force=True)
    assert report.tables["accounts"] == TableCounts()
    assert erp.rows("select count(*) from account") == [(2,)]
    assert erp.rows("select good_at, failure from source_table where \"table\" = 'accounts'") == [
        (int(later.timestamp()), None)
    ]


def test_a_table_that_was_always_empty_is_no_failure(erp: Erp) -> None:
    assert erp.load(accounts="account_id,name\n").failures == ()


def test_rows_set_aside_are_kept_until_the_next_import_of_their_table(erp: Erp) -> None:
    query = 'select source, "table", file, line, "column", reason from rejected_row'
    erp.load(accounts="account_id\n\nA1\nA1\n")
    assert erp.rows(query) == [
        (
            "csv",
            "accounts",
            "accounts.csv",
            4,
            "account_id",
            "the same account stands on line 3 already; that one is kept",
        )
    ]
    erp.load(contacts="contact_id,email\nC1,x\n")
    assert len(erp.rows(query)) == 2
    erp.load(accounts="account_id\nA1\n")
    assert [row[1] for row in erp.rows(query)] == ["contacts"]


def test_all_rejects_are_counted_and_the_first_ones_kept(erp: Erp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_import, "KEPT_REJECTS", 3)
    monkeypatch.setattr(table_import, "CHUNK_ROWS", 2)
    report = erp.load(accounts="account_id,employees\nA1,1\nA1,1\nA2,x\nA1,1\nA3,x\nA4,x\nA5,x\n")
    assert report.tables["accounts"] == TableCounts(read=7, inserted=1, rejected=6)
    assert [reject.line for reject in report.rejects] == [3, 4, 5]
    assert erp.rows("select count(*) from rejected_row") == [(3,)]


def test_progress_tells_the_rows_read_and_an_estimate(erp: Erp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_import, "CHUNK_ROWS", 1000)
    folder = erp.folder({"accounts": "account_id\n" + "".join(f"A{number}\n" for number in range(2500))})
    told: list[tuple[str, int, int | None]] = []
    import_sources(
        erp.database, settings(), erp.root, csv_folder=folder, now=NOW, progress=lambda *told_now: told.append(told_now)
    )
    assert [(table, rows) for table, rows, _ in told] == [("accounts", 1000), ("accounts", 2000), ("accounts", 2500)]
    assert told[-1][2] == 2500


def test_a_large_import_is_measured_for_the_planner(erp: Erp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_import, "LARGE_CHANGE", 2)
    erp.load_people()
    if erp.database.dialect == "sqlite":
        assert erp.rows("select count(*) > 0 from sqlite_stat1 where tbl = 'account'") == [(1,)]
    else:
        measured = "select reltuples, relallvisible = relpages from pg_class where relname = 'account'"
        assert erp.rows(measured) == [(2.0, True)]


def indexes(erp: Erp) -> dict[str, object]:
    """Each index of the tables of facts, as the database describes it."""
    with erp.database.read() as connection:
        found = inspect(connection)
        tables = ("account", "contact", "orders", "cart", "event")
        described = [one for table in tables for one in found.get_indexes(table)]
        for one in described:  # the condition of a partial index as text
            one["dialect_options"] = {name: str(value) for name, value in one.get("dialect_options", {}).items()}
        return {str(one["name"]): one for one in described}


@pytest.fixture
def dropped(erp: Erp) -> list[str]:
    """Statements that drop an index, as they come."""
    seen: list[str] = []

    @event.listens_for(erp.database.engine, "before_cursor_execute")
    def _(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "DROP INDEX" in statement:
            seen.append(statement)

    return seen


FACTS: dict[str, str | bytes] = {
    "orders": "order_id,contact_id,placed_at,status,total\n"
    + "".join(f"O{n},C1,2026-01-0{n},completed,{n}0.00\n" for n in range(1, 4)),
    "carts": "cart_id,contact_id,modified_at\nK1,C1,2026-01-01\nK2,C2,2026-01-02\n",
}


def test_a_first_import_of_many_rows_makes_the_indexes_anew(
    erp: Erp, dropped: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge, "BULK", 2)
    before = indexes(erp)
    report = erp.load(PEOPLE | FACTS)
    assert [report.tables[name].inserted for name in ("orders", "carts")] == [3, 2]
    assert any("orders_by_contact" in one for one in dropped)
    assert any("cart_by_change" in one for one in dropped)
    assert indexes(erp) == before
    known = "select id from contact where key = 'C1'"
    assert erp.rows(f"select count(*) from orders where contact = ({known})") == [(3,)]


def test_indexes_stay_where_fewer_rows_come_than_there_are(
    erp: Erp, dropped: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    erp.load(PEOPLE | FACTS)
    monkeypatch.setattr(merge, "BULK", 2)
    more = (
        "order_id,contact_id,placed_at,status,total\nO8,C1,2026-02-01,completed,1.00\nO9,C1,2026-02-02,completed,1.00\n"
    )
    assert erp.load(orders=f"order_id,contact_id,placed_at,status,total\n{more}").tables["orders"].inserted == 2
    assert dropped == []


def test_an_import_does_not_wait_for_a_backup(erp: Erp, dropped: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    erp.load(PEOPLE)
    monkeypatch.setattr(merge, "BULK", 2)
    if erp.database.dialect == "postgresql":
        # who waits all the same fails

        @event.listens_for(erp.database.engine, "begin")
        def _(connection: Connection) -> None:
            connection.exec_driver_sql("SET LOCAL lock_timeout = '5s'")

    with erp.database.read() as backup:
        backup.execute(text("SELECT COUNT(*) FROM orders"))
        assert erp.load(FACTS).tables["orders"].inserted == 3
    if erp.database.dialect == "postgresql":
        assert not any("orders" in one for one in dropped)
    else:
        assert any("orders" in one for one in dropped)


def test_an_import_that_dies_without_its_indexes_leaves_them(
    erp: Erp, dropped: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merge, "BULK", 2)
    erp.load(PEOPLE)
    before = indexes(erp)

    def fail(*_: object) -> int:
        raise OperationalError("INSERT", {}, Exception("disk full"))

    with monkeypatch.context() as patched:
        patched.setattr(merge.Merge, "_rows_of", fail)
        assert erp.load(FACTS).failures
    assert dropped
    assert indexes(erp) == before
    assert erp.load(FACTS).tables["orders"].inserted == 3


def test_rows_are_stored_whether_or_not_their_table_can_be_measured(erp: Erp, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("VACUUM", {}, Exception("out of disk"))

    monkeypatch.setattr(table_import, "LARGE_CHANGE", 1)
    monkeypatch.setattr(type(erp.database), "measure", fail)
    report = erp.load(accounts="account_id\nA1\n")
    assert (report.failures, report.tables["accounts"].inserted) == ((), 1)


def test_an_import_leaves_no_temporary_tables(erp: Erp) -> None:
    erp.load_people()
    erp.load(accounts=b'account_id\n"cut')
    if erp.database.dialect == "sqlite":
        assert erp.rows("select count(*) from sqlite_temp_master") == [(0,)]
    else:
        assert erp.rows("select count(*) from pg_class where relname in ('staged', 'verdict', 'claim')") == [(0,)]


def test_the_source_of_an_import_must_exist(erp: Erp, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="names no source"):
        import_sources(erp.database, settings(), tmp_path, now=NOW)
    with pytest.raises(UsageError, match='no source "erp"'):
        import_sources(erp.database, settings(), tmp_path, source="erp", now=NOW)
    with pytest.raises(DataError, match="cannot be read"):
        import_sources(erp.database, settings(), tmp_path, csv_folder=tmp_path / "absent", now=NOW)


def test_a_fault_of_our_own_database_fails_the_table_and_quotes_no_row(
    erp: Erp, monkeypatch: pytest.MonkeyPatch
) -> None:
    erp.load_people()
    monkeypatch.setattr("orchestrator.sources.judge.settle_addresses", lambda *_: None)
    report = erp.load(contacts="contact_id,email\nC3,ann@pumps.example\nC4,new@x.example\n")
    (failure,) = report.failures
    assert "the local database refused the rows" in failure.message
    assert "ann@" not in failure.message
    assert erp.rows("select count(*) from contact") == [(2,)]
    with erp.database.read() as connection:
        assert journal.last_good_import(connection, settings()) == NOW
