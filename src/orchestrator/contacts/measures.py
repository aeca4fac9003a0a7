"""What can be known of a contact, as values: the questions that the profile query answers.

The catalogue of fields (segments/fields.py) gives each question a name and an explanation; ``profile.py`` turns
questions into SQL. Equal questions are equal values, so that one pass asks each of them once.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class ValueType(StrEnum):
    """Type of a value in a condition."""

    TEXT = "text"
    NUMBER = "number"
    MONEY = "money"
    """in the workspace's currency, exact to the hundredth"""
    BOOLEAN = "boolean"
    DATE = "date"
    """YYYY-MM-DD"""


DerivedName = Literal["email_domain", "country", "region", "size", "age", "days_since_signup", "consent"]
OrderFigureName = Literal["orders", "revenue", "avg_order_value", "web_share", "returns"]
CartFigureName = Literal["items", "lines", "value", "hours_since_change", "hours_since_add"]
RfmName = Literal["recency", "frequency", "monetary", "score", "tier"]
BoughtBy = Literal["product", "category", "brand"]


@dataclass(frozen=True, slots=True)
class ContactColumn:
    """A column of the contact as the source gave it."""

    name: str


@dataclass(frozen=True, slots=True)
class AccountColumn:
    """A column of the contact's account."""

    name: str


@dataclass(frozen=True, slots=True)
class Derived:
    """Something computed from the contact and its account alone."""

    what: DerivedName


@dataclass(frozen=True, slots=True)
class OrderFigure:
    """A figure over the orders of a period: the contact's own, or all of its account."""

    figure: OrderFigureName
    period: str
    of_account: bool = False


@dataclass(frozen=True, slots=True)
class OrderAge:
    """Whole days since the first or last completed order."""

    which: Literal["first", "last"]
    of_account: bool = False


@dataclass(frozen=True, slots=True)
class CartFigure:
    """Something about the contact's open carts, all taken together."""

    figure: CartFigureName


@dataclass(frozen=True, slots=True)
class EventCount:
    """How many events of a kind lie in a period."""

    kind: str
    period: str


@dataclass(frozen=True, slots=True)
class EventAge:
    """Whole days since the latest event of a kind."""

    kind: str


@dataclass(frozen=True, slots=True)
class EventMention:
    """Whether an event of a kind has this word among the names or values of its properties."""

    kind: str
    word: str


@dataclass(frozen=True, slots=True)
class MailCount:
    """How many mails were sent to the contact, opened or clicked (each opening and click counts) in a period."""

    what: Literal["mails", "opens", "clicks"]
    period: str


@dataclass(frozen=True, slots=True)
class MailAge:
    """Whole days since the latest opening or click."""

    what: Literal["open", "click"]


@dataclass(frozen=True, slots=True)
class MailOf:
    """Whether the contact received a mail of a campaign, or clicked in one."""

    what: Literal["received", "clicked"]
    campaign: str


@dataclass(frozen=True, slots=True)
class Bought:
    """Whether a completed order of a period holds a product of this key, category or brand."""

    by: BoughtBy
    value: str
    period: str = "total"


@dataclass(frozen=True, slots=True)
class Interest:
    """Whether a word stands among the contact's interests."""

    word: str


@dataclass(frozen=True, slots=True)
class Rfm:
    """A score from 1 to 5, their three digits, or the tier, over all contacts with an order in the window."""

    what: RfmName


@dataclass(frozen=True, slots=True)
class CustomColumn:
    """A column of the source that we do not know, kept as text; read as the type that its values have."""

    table: Literal["contact", "account"]
    key: str
    type: ValueType
    decimals: int = 0
    """of a number: digits after the point that its values need"""


Measure = (
    ContactColumn
    | AccountColumn
    | Derived
    | OrderFigure
    | OrderAge
    | CartFigure
    | EventCount
    | EventAge
    | EventMention
    | MailCount
    | MailAge
    | MailOf
    | Bought
    | Interest
    | Rfm
    | CustomColumn
)
