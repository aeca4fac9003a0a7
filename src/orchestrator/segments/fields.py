"""The catalogue: every name that a condition may use, with type, unit, source, what null means, and what it asks.

Names with a PERIOD are one family each: ``revenue_PERIOD`` stands for ``revenue_total``, ``revenue_last_45_days`` and so
on. ``functions.py`` turns calls into fields too, so that everything behind these two modules sees fields only.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from orchestrator.contacts.measures import (
    AccountColumn,
    CartFigure,
    ContactColumn,
    CustomColumn,
    Derived,
    EventAge,
    EventCount,
    MailAge,
    MailCount,
    Measure,
    OrderAge,
    OrderFigure,
    Rfm,
    ValueType,
)
from orchestrator.contacts.periods import CALENDAR_PERIODS, PERIOD_PATTERN
from orchestrator.segments.field import CURRENCY, NEVER_NULL, UNKNOWN, Described, Field
from orchestrator.segments.functions import described_functions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LOGIN = "login"
"""kind of the events that are logins"""

TEXT, NUMBER, MONEY = ValueType.TEXT, ValueType.NUMBER, ValueType.MONEY


def _plain(family: str, table: str, *rows: tuple[str, ValueType, str, Measure, str]) -> list[Field]:
    return [
        Field(
            name, type_, CURRENCY if type_ is MONEY else "", family, source, UNKNOWN, text, measure
        )
        for name, type_, column, measure, text in rows
        for source in [" ".join(f"{table}.{part}" if "." not in part else part for part in column.split())]
    ]


def _columns(
    family: Literal["contact", "account"], *rows: tuple[str, ValueType, str]
) -> list[Field]:
    """Fields that are a column of the contact or of its account."""
    found = []
    for name, type_, text in rows:
        column = name.removeprefix("account_") if name == "account_name" else name
        stored = f"{column}_cents" if type_ is MONEY else column
        measure = ContactColumn(stored) if family == "contact" else AccountColumn(stored)
        found += _plain(family, f"{family}s", (name, type_, column, measure, text))
    return found


def _figures() -> Iterator[Field]:
    """Fields over a period; their measure is that of the period ``total``."""
    order = "orders.placed_at orders.status"
    none = "no completed order in the period"
    for account in (False, True):
        prefix, family = ("account_", "account totals") if account else ("", "orders")
        whose = " by all contacts of the account (one without an account: its own)" if account else ""
        for name, type_, unit, source, null, text in (
            ("orders", NUMBER, "orders", order, NEVER_NULL, f"completed orders{whose}"),
            ("revenue", MONEY, "", f"{order} orders.total", NEVER_NULL, f"totals of completed and returned orders{whose}"),
            ("avg_order_value", MONEY, "", f"{order} orders.total", none, f"mean total of completed orders{whose}"),
            ("web_share", NUMBER, "0 to 1", f"{order} orders.channel", none, f"share of completed orders placed on the web{whose}"),
            ("returns", NUMBER, "orders", order, NEVER_NULL, f"returned orders{whose}"),
        ):  # fmt: skip
            yield Field(
                f"{prefix}{name}_PERIOD", type_, unit or CURRENCY, family,
                ", ".join(source.split()), null, text, OrderFigure(name, "total", account),  # type: ignore[arg-type] # the five names above
            )  # fmt: skip
    yield Field(
        "logins_PERIOD", NUMBER, "logins", "logins and moments", "events.kind, events.at", NEVER_NULL,
        "logins", EventCount(LOGIN, "total"),
    )  # fmt: skip
    for what, text in (("mails", "mails sent to the contact"), ("opens", "openings"), ("clicks", "clicks")):
        yield Field(
            f"{what}_PERIOD", NUMBER, what, "e-mail", "read back from Mailchimp", NEVER_NULL,
            text, MailCount(what, "total"),  # type: ignore[arg-type] # the three names above
        )  # fmt: skip


def _ages() -> Iterator[Field]:
    def age(name: str, unit: str, family: str, source: str, null: str, text: str, measure: Measure) -> Field:
        return Field(name, NUMBER, unit, family, source, null, text, measure)

    for account in (False, True):
        prefix, family = ("account_", "account totals") if account else ("", "orders")
        for which in ("first", "last"):
            yield age(
                f"{prefix}days_since_{which}_order", "whole days", family, "orders.placed_at, orders.status",
                "no completed order", f"since the {which} completed order" + (" of the account" if account else ""),
                OrderAge(which, account),  # type: ignore[arg-type] # the two names above
            )  # fmt: skip
    for field, what, source, figure in (
        ("change", "open cart was changed", "carts.modified_at", "hours_since_change"),
        ("add", "something was added to an open cart", "carts.last_added_at", "hours_since_add"),
    ):
        yield age(
            f"hours_since_cart_{field}", "whole hours", "cart", source, "no open cart, or its source does not say",
            f"since {'an' if field == 'change' else ''} {what}".replace("  ", " "),
            CartFigure(figure),  # type: ignore[arg-type] # the two names above
        )  # fmt: skip
    yield age(
        "days_since_login", "whole days", "logins and moments", "events.kind, events.at", "never logged in",
        "since the last login", EventAge(LOGIN),
    )  # fmt: skip
    for what in ("open", "click"):
        yield age(
            f"days_since_{what}", "whole days", "e-mail", "read back from Mailchimp", f"never: no {what} known",
            f"since the last {what}", MailAge(what),  # type: ignore[arg-type] # the two names above
        )  # fmt: skip


def _cart() -> Iterator[Field]:
    for name, type_, unit, source, text in (
        ("items", NUMBER, "pieces", "cart_lines.quantity", "pieces in open carts"),
        ("lines", NUMBER, "lines", "cart_lines", "lines of open carts"),
        ("value", MONEY, CURRENCY, "cart_lines.quantity, cart_lines.unit_price", "value of open carts"),
    ):  # fmt: skip
        yield Field(
            f"cart_{name}", type_, unit, "cart", source, NEVER_NULL, text,
            CartFigure(name),  # type: ignore[arg-type] # the three names above
        )  # fmt: skip


def _scores() -> Iterator[Field]:
    for what, type_, text in (
        ("recency", NUMBER, "1 to 5: how recent the last order is among all who ordered"),
        ("frequency", NUMBER, "1 to 5: how many completed orders"),
        ("monetary", NUMBER, "1 to 5: how much revenue"),
        ("score", TEXT, "the three scores as digits, '555' is best"),
        ("tier", TEXT, "bronze, silver, gold or vip, by the sum of the three scores"),
    ):
        yield Field(
            f"rfm_{what}", type_, "", "scores", "orders", "no completed order in the window of [rfm]", text,
            Rfm(what),  # type: ignore[arg-type] # the five names above
        )  # fmt: skip


CATALOGUE: tuple[Field, ...] = (
    *_plain(
        "contact",
        "contacts",
        ("email_domain", TEXT, "email", Derived("email_domain"), "what follows the @ of the address, in lower case"),
        ("country", TEXT, "country accounts.country", Derived("country"), "ISO 3166 letters; the account's, where the contact has none"),
        ("region", TEXT, "country accounts.country", Derived("region"), "continent: Europe, Asia, Africa, North America, South America or Oceania"),
        ("days_since_signup", NUMBER, "created_at", Derived("days_since_signup"), "whole days since the contact was created"),
        ("age", NUMBER, "birth_date", Derived("age"), "whole years, in business time"),
        ("consent", TEXT, "consent", Derived("consent"), "opted_in, opted_out or unknown"),
    ),
    *_columns(
        "contact",
        ("first_name", TEXT, "first name"),
        ("last_name", TEXT, "last name"),
        ("job_title", TEXT, "job title"),
        ("role", TEXT, "role in the company: buyer, engineer …"),
        ("language", TEXT, "language tag: en, sv-SE …"),
        ("timezone", TEXT, "time zone: Europe/Stockholm …"),
        ("gender", TEXT, "gender"),
        ("lead_score", NUMBER, "score of the lead in the CRM"),
        ("lifecycle_stage", TEXT, "stage in the CRM"),
    ),
    *_columns(
        "account",
        ("account_name", TEXT, "name of the company"),
        ("industry", TEXT, "industry"),
        ("employees", NUMBER, "number of employees"),
        ("annual_revenue", MONEY, "turnover of the company in a year"),
        ("customer_group", TEXT, "customer group of the ERP"),
        ("price_list", TEXT, "price list"),
        ("channel", TEXT, "sales channel"),
        ("legal_form", TEXT, "legal form"),
        ("order_method", TEXT, "how it orders"),
        ("payment_terms", TEXT, "payment terms"),
        ("delivery_terms", TEXT, "delivery terms"),
        ("sales_rep", TEXT, "sales representative"),
        ("cost_to_serve", TEXT, "low, medium or high"),
    ),
    *_plain("account", "accounts", ("size", TEXT, "employees", Derived("size"), "small, medium or large; bands in [size]")),
    *_figures(),
    *_ages(),
    *_cart(),
    *_scores(),
)  # fmt: skip

_BY_NAME = {field.name: field for field in CATALOGUE}
_PERIODIC = re.compile(rf"(?P<stem>[a-z_]+?)_(?P<period>{PERIOD_PATTERN})")


def catalogue(custom: Mapping[str, CustomColumn] | None = None) -> tuple[Described, ...]:
    """Every field and function, for listing: PERIOD stands in the name where one goes; the custom fields follow."""
    return (*CATALOGUE, *described_functions(), *(_custom_field(name, column) for name, column in sorted((custom or {}).items())))


def resolve(name: str, custom: Mapping[str, CustomColumn] | None = None) -> Field | None:
    """The field of a name, or None where there is none."""
    if field := _BY_NAME.get(name):
        return None if "PERIOD" in name else field
    if custom and (column := custom.get(name)):
        return _custom_field(name, column)
    match_ = _PERIODIC.fullmatch(name)
    if match_ and (family := _BY_NAME.get(f"{match_['stem']}_PERIOD")):
        measure = family.measure
        assert isinstance(measure, OrderFigure | EventCount | MailCount)
        return replace(family, name=name, measure=replace(measure, period=match_["period"]))
    return None


def nearest(name: str, custom: Mapping[str, CustomColumn] | None = None) -> list[str]:
    """Up to three existing names that look like this one, best first."""
    known = [field.name for field in CATALOGUE if "PERIOD" not in field.name]
    for field in CATALOGUE:
        if field.name.endswith("_PERIOD"):
            periods = [*CALENDAR_PERIODS, *re.findall(r"last_[1-9][0-9]{0,4}_days", name)[:1], "last_90_days"]
            known += [field.name.replace("PERIOD", period) for period in periods]
    return difflib.get_close_matches(name.lower(), [*known, *(custom or {})], 3, 0.7)


def _custom_field(name: str, column: CustomColumn) -> Field:
    return Field(
        name, column.type, "", "custom", f"{column.table}s.{column.key}", UNKNOWN,
        f"the column {column.key} of the source's {column.table}s", column,
    )  # fmt: skip
