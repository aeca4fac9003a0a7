"""The canonical tables of the product, column by column. Readers, checks, storage and messages are driven by this.

``TABLES`` is in the order in which tables are loaded: what is referred to comes first.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType
from typing import TYPE_CHECKING

from sqlmodel import SQLModel

from orchestrator.store import tables
from orchestrator.vocabulary import CartStatus, Consent, OrderChannel, OrderStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Table


class Kind(Enum):
    """How the text of a column is read."""

    KEY = auto()
    """an identifier of the source: text of at most 255 characters"""
    TEXT = auto()
    EMAIL = auto()
    MONEY = auto()
    """exact hundredths"""
    WHOLE = auto()
    NUMBER = auto()
    LATITUDE = auto()
    LONGITUDE = auto()
    MOMENT = auto()
    """seconds since 1970 UTC"""
    DAY = auto()
    """YYYY-MM-DD"""
    WORD = auto()
    """one of ``Column.words``, or any lower-case word where it has none"""
    LANGUAGE = auto()
    COUNTRY = auto()
    TIMEZONE = auto()
    INTERESTS = auto()
    OBJECT = auto()
    """a JSON object"""


@dataclass(frozen=True, slots=True)
class Column:
    """A column as sources name it, and where it is stored."""

    name: str
    kind: Kind = Kind.TEXT
    required: bool = False
    words: tuple[str, ...] = ()
    default: str | None = None
    """stored where the source gives nothing"""
    refers_to: str = ""
    """canonical table whose key stands here"""
    lowest: int | None = None
    """smallest whole number that makes sense"""
    column: str = ""
    """name in the database where it differs"""

    @property
    def stored(self) -> str:
        """The column of the database."""
        return self.column or (f"{self.name}_cents" if self.kind is Kind.MONEY else self.name)


@dataclass(frozen=True, slots=True)
class CanonicalTable:
    """A table as sources name it, and where it is stored."""

    name: str
    target: Table
    key: tuple[str, ...]
    """the columns that identify a row"""
    columns: tuple[Column, ...]
    thing: str
    """one row, in a sentence: ``no such account``"""

    @property
    def by_name(self) -> Mapping[str, Column]:
        """Canonical name -> column."""
        return {column.name: column for column in self.columns}

    @property
    def stored_key(self) -> tuple[str, ...]:
        """The columns of the database that identify a row."""
        return tuple(self.by_name[name].stored for name in self.key)

    @property
    def references(self) -> tuple[Column, ...]:
        """The columns that hold keys of other tables."""
        return tuple(column for column in self.columns if column.refers_to)


def _stored(model: type[SQLModel]) -> Table:
    return SQLModel.metadata.tables[str(model.__tablename__)]


def _texts(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name) for name in names)


def _key(name: str) -> Column:
    return Column(name, Kind.KEY, required=True, column="key")


_ACCOUNTS = CanonicalTable(
    "accounts",
    _stored(tables.Account),
    ("account_id",),
    (
        _key("account_id"),
        *_texts("name", "industry"),
        Column("employees", Kind.WHOLE, lowest=0),
        Column("annual_revenue", Kind.MONEY),
        *_texts("customer_group", "price_list", "channel"),
        Column("country", Kind.COUNTRY),
        *_texts("city", "postcode"),
        Column("latitude", Kind.LATITUDE),
        Column("longitude", Kind.LONGITUDE),
        *_texts("legal_form", "order_method", "payment_terms", "delivery_terms", "sales_rep", "cost_to_serve"),
    ),
    "account",
)

_CONTACTS = CanonicalTable(
    "contacts",
    _stored(tables.Contact),
    ("contact_id",),
    (
        _key("contact_id"),
        Column("account_id", Kind.KEY, refers_to="accounts", column="account"),
        Column("email", Kind.EMAIL, required=True),
        *_texts("first_name", "last_name", "job_title", "role"),
        Column("language", Kind.LANGUAGE),
        Column("country", Kind.COUNTRY),
        Column("timezone", Kind.TIMEZONE),
        Column("created_at", Kind.MOMENT),
        Column("consent", Kind.WORD, words=tuple(Consent), default=Consent.UNKNOWN),
        Column("consent_at", Kind.MOMENT),
        Column("consent_source"),
        Column("lead_score", Kind.NUMBER),
        Column("lifecycle_stage"),
        Column("birth_date", Kind.DAY),
        Column("gender"),
        Column("interests", Kind.INTERESTS),
    ),
    "contact",
)

_PRODUCTS = CanonicalTable(
    "products",
    _stored(tables.Product),
    ("product_id",),
    (
        _key("product_id"),
        *_texts("name", "category", "brand", "url", "image_url"),
        Column("price", Kind.MONEY),
    ),
    "product",
)

_ORDERS = CanonicalTable(
    "orders",
    _stored(tables.Order),
    ("order_id",),
    (
        _key("order_id"),
        Column("contact_id", Kind.KEY, refers_to="contacts", column="contact"),
        Column("account_id", Kind.KEY, refers_to="accounts", column="account"),
        Column("placed_at", Kind.MOMENT, required=True),
        Column("status", Kind.WORD, words=tuple(OrderStatus), default=OrderStatus.COMPLETED),
        Column("channel", Kind.WORD, words=tuple(OrderChannel)),
        Column("currency"),
        Column("total", Kind.MONEY, required=True),
        Column("discount", Kind.MONEY),
        Column("coupon"),
    ),
    "order",
)

_ORDER_LINES = CanonicalTable(
    "order_lines",
    _stored(tables.OrderLine),
    ("order_id", "product_id"),
    (
        Column("order_id", Kind.KEY, required=True, refers_to="orders"),
        Column("product_id", Kind.KEY, required=True, refers_to="products", column="product"),
        Column("quantity", Kind.WHOLE, required=True),
        Column("unit_price", Kind.MONEY),
    ),
    "order line",
)

_CARTS = CanonicalTable(
    "carts",
    _stored(tables.Cart),
    ("cart_id",),
    (
        _key("cart_id"),
        Column("contact_id", Kind.KEY, required=True, refers_to="contacts", column="contact"),
        Column("modified_at", Kind.MOMENT),
        Column("last_added_at", Kind.MOMENT),
        Column("status", Kind.WORD, words=tuple(CartStatus), default=CartStatus.OPEN),
        Column("url"),
    ),
    "cart",
)

_CART_LINES = CanonicalTable(
    "cart_lines",
    _stored(tables.CartLine),
    ("cart_id", "product_id"),
    (
        Column("cart_id", Kind.KEY, required=True, refers_to="carts", column="cart"),
        Column("product_id", Kind.KEY, required=True, refers_to="products", column="product"),
        Column("quantity", Kind.WHOLE, required=True, lowest=0),
        Column("unit_price", Kind.MONEY),
    ),
    "cart line",
)

_EVENTS = CanonicalTable(
    "events",
    _stored(tables.Event),
    ("event_id",),
    (
        _key("event_id"),
        Column("contact_id", Kind.KEY, required=True, refers_to="contacts", column="contact"),
        Column("kind", Kind.WORD, required=True),
        Column("at", Kind.MOMENT, required=True),
        Column("properties", Kind.OBJECT, default="{}"),
    ),
    "event",
)

TABLES: Mapping[str, CanonicalTable] = MappingProxyType(
    {
        table.name: table
        for table in (_ACCOUNTS, _CONTACTS, _PRODUCTS, _ORDERS, _ORDER_LINES, _CARTS, _CART_LINES, _EVENTS)
    }
)
