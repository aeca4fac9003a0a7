"""The rows of the catalogue, family by family.

``PERIOD`` in a name stands for every period; the measure beside it is that of ``total``.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from orchestrator.contacts.measures import (
    AccountColumn,
    CartFigure,
    CartFigureName,
    ContactColumn,
    Derived,
    DerivedName,
    EventAge,
    EventCount,
    MailAge,
    MailCount,
    OrderAge,
    OrderFigure,
    OrderFigureName,
    Rfm,
    RfmName,
    ValueType,
)
from orchestrator.contacts.regions import REGIONS
from orchestrator.segments.field import CURRENCY, NEVER_NULL, UNKNOWN, Field
from orchestrator.vocabulary import Consent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.contacts.measures import Measure

CLOSED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "region": tuple(REGIONS),
        "consent": tuple(Consent),
        "size": ("small", "medium", "large"),
        "rfm_tier": ("bronze", "silver", "gold", "vip"),
    }
)
"""fields with no other values: comparing them with anything else is a slip"""
LOGIN = "login"
"""kind of the events that are logins"""
TEXT, NUMBER, MONEY = ValueType.TEXT, ValueType.NUMBER, ValueType.MONEY
ORDERS = "orders.placed_at, orders.status"
EVENTS = "events.kind, events.at"
MAILCHIMP = "read back from Mailchimp"
NO_ORDER = "no completed order"
NO_CART = "no open cart, or its source does not say"


def _contact(name: str, type_: ValueType, text: str) -> Field:
    return Field(name, type_, "", "contact", f"contacts.{name}", UNKNOWN, text, ContactColumn(name))


def _derived(name: DerivedName, type_: ValueType, unit: str, source: str, text: str) -> Field:
    family = "account" if name == "size" else "contact"
    return Field(name, type_, unit, family, source, UNKNOWN, text, Derived(name))


def _account(name: str, type_: ValueType, text: str, column: str = "") -> Field:
    stored = column or (f"{name}_cents" if type_ is MONEY else name)
    unit = CURRENCY if type_ is MONEY else ""
    return Field(name, type_, unit, "account", f"accounts.{column or name}", UNKNOWN, text, AccountColumn(stored))


def _orders(*, of_account: bool) -> tuple[Field, ...]:
    prefix, family = ("account_", "account totals") if of_account else ("", "orders")
    whose = " by all contacts of the account (one without an account: its own)" if of_account else ""

    def figure(name: OrderFigureName, type_: ValueType, unit: str, source: str, null: str, text: str) -> Field:
        measure = OrderFigure(name, "total", of_account)
        return Field(f"{prefix}{name}_PERIOD", type_, unit, family, ORDERS + source, null, text + whose, measure)

    def age(which: Literal["first", "last"]) -> Field:
        name = f"{prefix}days_since_{which}_order"
        text = f"since the {which} completed order" + (" of the account" if of_account else "")
        return Field(name, NUMBER, "whole days", family, ORDERS, NO_ORDER, text, OrderAge(which, of_account))

    without = f"{NO_ORDER} in the period"
    return (
        figure("orders", NUMBER, "orders", "", NEVER_NULL, "completed orders"),
        figure("revenue", MONEY, CURRENCY, ", orders.total", NEVER_NULL, "totals of completed and returned orders"),
        figure("avg_order_value", MONEY, CURRENCY, ", orders.total", without, "mean total of completed orders"),
        figure(
            "web_share", NUMBER, "0 to 1", ", orders.channel", without, "share of completed orders placed on the web"
        ),
        figure("returns", NUMBER, "orders", "", NEVER_NULL, "returned orders"),
        age("last"),
        age("first"),
    )


def _cart(name: str, figure: CartFigureName, type_: ValueType, unit: str, source: str, null: str, text: str) -> Field:
    return Field(name, type_, unit, "cart", source, null, text, CartFigure(figure))


def _login(name: str, unit: str, null: str, text: str, measure: Measure) -> Field:
    return Field(name, NUMBER, unit, "logins and moments", EVENTS, null, text, measure)


def _mail(name: str, unit: str, null: str, text: str, measure: Measure) -> Field:
    return Field(name, NUMBER, unit, "e-mail", MAILCHIMP, null, text, measure)


def _score(what: RfmName, type_: ValueType, text: str) -> Field:
    without = f"{NO_ORDER} in the window of [rfm]"
    return Field(f"rfm_{what}", type_, "", "scores", f"{ORDERS}, orders.total", without, text, Rfm(what))


FAMILIES: tuple[Field, ...] = (
    _derived("email_domain", TEXT, "", "contacts.email", "what follows the @ of the address, in lower case"),
    _contact("first_name", TEXT, "first name"),
    _contact("last_name", TEXT, "last name"),
    _contact("job_title", TEXT, "job title"),
    _contact("role", TEXT, "role in the company: buyer, engineer …"),
    _contact("language", TEXT, "language tag: en, sv-SE …"),
    _derived(
        "country",
        TEXT,
        "",
        "contacts.country, accounts.country",
        "two letters; the account's, where the contact has none",
    ),
    _derived(
        "region",
        TEXT,
        "",
        "contacts.country, accounts.country",
        "continent: Europe, Asia, Africa, North America, South America, Oceania",
    ),
    _contact("timezone", TEXT, "time zone: Europe/Stockholm …"),
    _derived("days_since_signup", NUMBER, "whole days", "contacts.created_at", "since the contact was created"),
    _derived("age", NUMBER, "whole years", "contacts.birth_date", "age today, in business time"),
    _contact("gender", TEXT, "gender"),
    _derived("consent", TEXT, "", "contacts.consent, contacts.consent_at", "opted_in, opted_out or unknown"),
    _contact("lead_score", NUMBER, "score of the lead in the CRM"),
    _contact("lifecycle_stage", TEXT, "stage in the CRM"),
    _account("account_name", TEXT, "name of the company", "name"),
    _account("industry", TEXT, "industry"),
    _account("employees", NUMBER, "number of employees"),
    _account("annual_revenue", MONEY, "turnover of the company in a year"),
    _derived("size", TEXT, "", "accounts.employees", "small, medium or large; bands in [size]"),
    _account("customer_group", TEXT, "customer group of the ERP"),
    _account("price_list", TEXT, "price list"),
    _account("channel", TEXT, "sales channel"),
    _account("legal_form", TEXT, "legal form"),
    _account("order_method", TEXT, "how it orders"),
    _account("payment_terms", TEXT, "payment terms"),
    _account("delivery_terms", TEXT, "delivery terms"),
    _account("sales_rep", TEXT, "sales representative"),
    _account("cost_to_serve", TEXT, "low, medium or high"),
    *_orders(of_account=False),
    *_orders(of_account=True),
    _cart("cart_items", "items", NUMBER, "pieces", "cart_lines.quantity", NEVER_NULL, "pieces in open carts"),
    _cart("cart_lines", "lines", NUMBER, "lines", "cart_lines", NEVER_NULL, "lines of open carts"),
    _cart(
        "cart_value",
        "value",
        MONEY,
        CURRENCY,
        "cart_lines.quantity, cart_lines.unit_price",
        NEVER_NULL,
        "value of open carts",
    ),
    _cart(
        "hours_since_cart_change",
        "hours_since_change",
        NUMBER,
        "whole hours",
        "carts.modified_at",
        NO_CART,
        "since an open cart was changed",
    ),
    _cart(
        "hours_since_cart_add",
        "hours_since_add",
        NUMBER,
        "whole hours",
        "carts.last_added_at",
        NO_CART,
        "since something was added to an open cart",
    ),
    _login("days_since_login", "whole days", "never logged in", "since the last login", EventAge(LOGIN)),
    _login("logins_PERIOD", "logins", NEVER_NULL, "logins", EventCount(LOGIN, "total")),
    _mail("mails_PERIOD", "mails", NEVER_NULL, "mails sent to the contact", MailCount("mails", "total")),
    _mail("opens_PERIOD", "openings", NEVER_NULL, "openings of mails", MailCount("opens", "total")),
    _mail("clicks_PERIOD", "clicks", NEVER_NULL, "clicks in mails", MailCount("clicks", "total")),
    _mail("days_since_open", "whole days", "never opened one", "since a mail was last opened", MailAge("open")),
    _mail("days_since_click", "whole days", "never clicked", "since the last click in a mail", MailAge("click")),
    _score("recency", NUMBER, "1 to 5: how recent the last order is, among all who ordered"),
    _score("frequency", NUMBER, "1 to 5: how many completed orders"),
    _score("monetary", NUMBER, "1 to 5: how much revenue"),
    _score("score", TEXT, "the three scores as digits, '555' is best"),
    _score("tier", TEXT, "bronze, silver, gold or vip, by the sum of the three scores"),
)
