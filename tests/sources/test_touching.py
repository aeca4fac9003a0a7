"""Whom an import queues for the next recompute."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from tests.sources.conftest import PEOPLE

from orchestrator.sources import touching

if TYPE_CHECKING:
    from tests.sources.conftest import Erp

SHOP = {
    **PEOPLE,
    "products": "product_id,name,category,price\nP1,Pump,Pumps,10\nP2,Valve,Valves,20\n",
    "orders": "order_id,contact_id,placed_at,total\nO1,C1,2026-01-01,5\nO2,C2,2026-01-01,5\n",
    "order_lines": "order_id,product_id,quantity\nO1,P1,1\nO2,P2,1\n",
    "carts": "cart_id,contact_id,modified_at\nK1,C1,2026-01-01\nK2,C2,2026-01-01\n",
    "cart_lines": "cart_id,product_id,quantity,unit_price\nK1,P1,1,\nK2,P2,1,3\n",
    "events": "event_id,contact_id,kind,at\nE1,C1,login,2026-01-01\n",
}


def queued(erp: Erp) -> list[tuple[str, str | None, str | None]]:
    """Fact, contact and account of what was queued since the last time."""
    rows = erp.rows(
        "select distinct t.fact, c.key, a.key from touched t left join contact c on c.id = t.contact"
        " left join account a on a.id = t.account"
    )
    with erp.database.write() as connection:
        connection.execute(text("delete from touched"))
    return sorted(
        ((fact, contact, account) for fact, contact, account in rows), key=lambda row: [one or "~" for one in row]
    )


@pytest.fixture
def shop(erp: Erp) -> Erp:
    assert not erp.load(SHOP).rejects
    queued(erp)
    return erp


def test_the_first_import_queues_every_contact(erp: Erp) -> None:
    erp.load(PEOPLE)
    assert queued(erp) == [("contact", "C1", None), ("contact", "C2", None)]


def test_rows_that_stay_as_they_are_queue_nobody(shop: Erp) -> None:
    shop.load(SHOP)
    assert queued(shop) == []


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"accounts": "account_id,name\nA1,Other\n"}, [("account", None, "A1")]),
        ({"accounts": "account_id,name\nA9,New\n"}, []),
        ({"contacts": "contact_id,account_id,email\nC1,A2,ann@pumps.example\n"}, [("contact", "C1", None)]),
        (
            {"orders": "order_id,contact_id,placed_at,total\nO3,C2,2020-01-01,5\n"},
            [("orders", "C2", None), ("orders", None, "A2")],
        ),
        (
            {"orders": "order_id,account_id,placed_at,total\nO3,A1,2020-01-01,5\n"},
            [("orders", None, "A1")],
        ),
        (
            {"orders": "order_id,contact_id,placed_at,total,status\nO1,C1,2026-01-01,5,cancelled\n"},
            [("orders", "C1", None), ("orders", None, "A1")],
        ),
        (
            {"orders": "order_id,contact_id,placed_at,total\nO1,C2,2026-01-01,5\n"},
            [("orders", "C1", None), ("orders", "C2", None), ("orders", None, "A1"), ("orders", None, "A2")],
        ),
        ({"order_lines": "order_id,product_id,quantity\nO1,P2,1\n"}, [("order_line", "C1", None)]),
        ({"order_lines": "order_id,product_id,quantity\nO2,P2,7\n"}, [("order_line", "C2", None)]),
        (
            {"carts": "cart_id,contact_id,modified_at\nK1,C2,2026-01-01\n"},
            [("cart", "C1", None), ("cart", "C2", None)],
        ),
        ({"cart_lines": "cart_id,product_id,quantity\nK1,P1,9\n"}, [("cart_line", "C1", None)]),
        ({"events": "event_id,contact_id,kind,at\nE2,C2,login,2020-01-01\n"}, [("event", "C2", None)]),
        (
            {"events": "event_id,contact_id,kind,at\nE1,C2,login,2026-01-01\n"},
            [("event", "C1", None), ("event", "C2", None)],
        ),
        ({"products": "product_id,category\nP1,Other\nP2,Valves\n"}, [("order_line", "C1", None)]),
        ({"products": "product_id,price\nP1,11\nP2,21\n"}, [("cart_line", "C1", None)]),
        ({"products": "product_id,name\nP1,Other\n"}, []),
    ],
    ids=[
        "an account changes",
        "a new account has nobody yet",
        "a contact moves to another account",
        "a late order",
        "an order of an account alone",
        "an order is cancelled",
        "an order moves to another contact",
        "a new line of an order",
        "a line of an order changes",
        "a cart moves to another contact",
        "a line of a cart changes",
        "a late event",
        "an event moves to another contact",
        "a product moves to another category",
        "a price changes where the cart names none",
        "a product gets another name",
    ],
)
def test_whoever_has_the_row_before_or_after_is_queued(
    shop: Erp, files: dict[str, str], expected: list[tuple[str, str | None, str | None]]
) -> None:
    assert not shop.load(files).rejects
    assert queued(shop) == expected


def test_where_much_changes_everybody_is_queued_in_one_row(shop: Erp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(touching, "FEW", 1)
    monkeypatch.setattr(touching, "MANY_PRODUCTS", 1)
    shop.load(orders="order_id,contact_id,placed_at,total\nO1,C1,2026-01-01,6\nO9,C2,2026-01-01,6\n")
    assert queued(shop) == [("orders", None, None)]
    shop.load(products="product_id,category\nP1,Other\nP2,Another\n")
    assert queued(shop) == [("order_line", None, None)]
