"""Money, numbers, dates and times as a reader of one language writes them (Babel). None is written as nothing."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal, is_currency
from jinja2.exceptions import FilterArgumentError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Formats:
    """The filters of one language. ``currency`` is ISO 4217; ``timezone`` is business time."""

    locale: Locale
    currency: str
    timezone: ZoneInfo

    def money(self, value: Any, currency: str | None = None) -> str:
        """``1234.5`` -> ``€1,234.50``. Takes Decimal, int, float or a text that is a number."""
        if value is None:
            return ""
        code = (currency or self.currency).upper()
        if not _is_currency(code):
            raise FilterArgumentError(f'money: "{code}" is not a currency')
        return str(format_currency(_number(value, "money"), code, locale=self.locale))

    def number(self, value: Any, digits: int | None = None) -> str:
        """``1234.5`` -> ``1,234.5``; ``digits`` fixes the number of decimals."""
        if value is None:
            return ""
        pattern = None if digits is None else "#,##0." + "0" * digits if digits else "#,##0"
        return str(format_decimal(_number(value, "number"), format=pattern, locale=self.locale))

    def date(self, value: Any, style: str = "medium") -> str:
        """``Jan 5, 2026``; ``style``: short, medium, long, full or a pattern such as ``d MMMM``."""
        if value is None:
            return ""
        moment = _moment(value, "date")
        if isinstance(moment, dt.datetime):
            moment = self._local(moment).date()
        return str(format_date(moment, format=style, locale=self.locale))

    def datetime(self, value: Any, style: str = "medium") -> str:
        """``Jan 5, 2026, 9:30:00 AM`` in business time; ``style`` as for ``date``."""
        if value is None:
            return ""
        moment = _moment(value, "datetime")
        if not isinstance(moment, dt.datetime):
            moment = dt.datetime(moment.year, moment.month, moment.day, tzinfo=self.timezone)
        return str(format_datetime(self._local(moment), format=style, tzinfo=self.timezone, locale=self.locale))

    def _local(self, moment: dt.datetime) -> dt.datetime:
        if moment.tzinfo is None:
            return moment.replace(tzinfo=self.timezone)
        return moment.astimezone(self.timezone)


def locale_of(language: str) -> Locale | None:
    """The Babel locale of a language tag (``sv``, ``sv-SE``, ``pt_br``); its base where only that is known."""
    parts = language.replace("-", "_").split("_")
    for known in ("_".join(parts), parts[0]):
        try:
            return Locale.parse(known)
        except (UnknownLocaleError, ValueError):
            continue
    return None


# Babel makes a set of all currencies for each question
_is_currency = lru_cache(256)(is_currency)


def _number(value: Any, name: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise FilterArgumentError(f"{name}: {value!r} is not a number")
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        raise FilterArgumentError(f"{name}: {value!r} is not a number") from None
    if not number.is_finite():
        raise FilterArgumentError(f"{name}: {value!r} is not a number")
    return number


def _moment(value: Any, name: str) -> dt.date:
    if isinstance(value, dt.date):
        return value
    if isinstance(value, str):
        for parse in (dt.date.fromisoformat, dt.datetime.fromisoformat):
            try:
                return parse(value.strip())
            except ValueError:
                continue
    raise FilterArgumentError(f"{name}: {value!r} is not a date")
