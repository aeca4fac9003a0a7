"""Rows of a source -> the values to store, one row after the other."""

from __future__ import annotations

from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from orchestrator.sources import rows
from orchestrator.sources.canonical import TABLES
from orchestrator.sources.rows import BadRow, RowReader, lay_out

UTC = ZoneInfo("UTC")


def reader(table: str, *names: str) -> RowReader:
    return RowReader(lay_out(TABLES[table], names, where="test"), UTC)


def test_what_drivers_give_is_told_apart_where_python_finds_it_equal() -> None:
    products = reader("products", "product_id", "name")
    given = [1, True, 1.0, Decimal(1), "1", " 1 "]
    assert [products.read([value, "x"])[0] for value in given] == ["1", "true", "1", "1", "1", "1"]


def test_a_cell_that_comes_again_is_read_as_it_was_at_first() -> None:
    orders = reader("orders", "order_id", "contact_id", "placed_at", "total")
    for _ in range(2):
        assert orders.read([" O1", "", "1970-01-02", "12.50 "])[1:] == [None, 86_400, 1250]
        with pytest.raises(BadRow, match="has a comma") as fault:
            orders.read(["O2", "C1", "1970-01-02", "12,50"])
        assert fault.value.column == "total"
        with pytest.raises(BadRow, match="is empty") as fault:
            orders.read(["  ", "C1", "1970-01-02", "12.50"])
        assert fault.value.column == "order_id"


def test_no_more_is_remembered_than_has_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "REMEMBERED", 10)
    products = reader("products", "product_id", "name")
    for number in range(95):
        long = f"{number} " + "x" * rows.LONG
        assert products.read([f"P{number}", long]) == [f"P{number}", long]
    keys, names = (cells for _, cells in products._cells)
    assert list(keys) == [f"P{number}" for number in range(90, 95)]
    assert not names
