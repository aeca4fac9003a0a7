"""How old the data is: the moment up to which every source was imported without a fault."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tests.sources.conftest import NOW, PEOPLE, Erp, settings

from orchestrator.definitions.values import CsvSource, SqlSource, SqlTable
from orchestrator.sources.journal import last_good_import
from orchestrator.sources.load import import_sources

if TYPE_CHECKING:
    from datetime import datetime

    from orchestrator.definitions.values import Source
    from orchestrator.store.database import Database

HOUR = timedelta(hours=1)


def fresh(database: Database, *sources: Source) -> datetime | None:
    with database.read() as connection:
        return last_good_import(connection, settings(*sources))


def test_nothing_imported_is_not_fresh(database: Database) -> None:
    assert fresh(database) is None
    assert fresh(database, CsvSource("files", Path("files"))) is None


def test_a_later_import_by_hand_counts_whatever_is_configured(erp: Erp) -> None:
    erp.load(PEOPLE)
    erp.load(accounts=PEOPLE["accounts"], now=NOW + HOUR)
    assert fresh(erp.database) == NOW + HOUR
    assert fresh(erp.database, CsvSource("files", Path("files"))) == NOW + HOUR


def test_a_file_that_fails_holds_the_moment_back_until_it_is_good_again(erp: Erp) -> None:
    erp.load(PEOPLE)
    erp.load(accounts=b"", contacts=PEOPLE["contacts"], now=NOW + HOUR)
    assert fresh(erp.database) == NOW
    erp.load(accounts=PEOPLE["accounts"], now=NOW + 2 * HOUR)
    assert fresh(erp.database) == NOW + 2 * HOUR


def test_the_query_that_worked_longest_ago_decides(sqlite_database: Database, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "erp.db") as connection:
        connection.execute("create table customers (account_id)")
        connection.execute("create table goods (product_id)")
    connection.close()
    tables = {"accounts": SqlTable("select * from customers"), "products": SqlTable("select * from goods")}
    source = SqlSource("erp", "sqlite:///erp.db", tables)
    import_sources(sqlite_database, settings(source), tmp_path, now=NOW)
    assert fresh(sqlite_database, source) == NOW
    with sqlite3.connect(tmp_path / "erp.db") as connection:
        connection.execute("drop table goods")
    connection.close()
    import_sources(sqlite_database, settings(source), tmp_path, now=NOW + HOUR)
    assert fresh(sqlite_database, source) == NOW
    new_query = SqlSource("erp", "sqlite:///erp.db", {**tables, "contacts": SqlTable("select 1")})
    assert fresh(sqlite_database, new_query) is None


def test_a_folder_that_is_gone_makes_its_data_old(sqlite_database: Database, tmp_path: Path) -> None:
    folder = Erp(sqlite_database, tmp_path).folder(PEOPLE)
    source = CsvSource("files", folder.relative_to(tmp_path))
    import_sources(sqlite_database, settings(source), tmp_path, now=NOW)
    folder.rename(tmp_path / "elsewhere")
    report = import_sources(sqlite_database, settings(source), tmp_path, now=NOW + HOUR)
    assert [(failure.source, failure.table) for failure in report.failures] == [("files", "")]
    assert fresh(sqlite_database, source) == NOW
