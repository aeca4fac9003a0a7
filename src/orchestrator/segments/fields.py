"""The catalogue: every name that a condition may use, with type, unit, source, what null means, and what it asks.

Names with a PERIOD are one family each: ``revenue_PERIOD`` stands for ``revenue_total``, ``revenue_last_45_days``
and so on. ``functions.py`` turns calls into fields too, so that what stands behind these modules sees fields only.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.contacts.measures import CustomColumn, EventCount, MailCount, OrderFigure
from orchestrator.contacts.periods import CALENDAR_PERIODS, PERIOD_PATTERN
from orchestrator.segments.families import FAMILIES
from orchestrator.segments.field import UNKNOWN, Described, Field
from orchestrator.segments.functions import described_functions

if TYPE_CHECKING:
    from collections.abc import Mapping

CATALOGUE: tuple[Field, ...] = FAMILIES
_BY_NAME = {field.name: field for field in CATALOGUE}
_PERIODIC = re.compile(rf"(?P<stem>[a-z_]+?)_(?P<period>{PERIOD_PATTERN})")


def catalogue(custom: Mapping[str, CustomColumn] | None = None) -> tuple[Described, ...]:
    """Every field and function, for listing: PERIOD stands in the name where one goes; the custom fields follow."""
    return (*CATALOGUE, *described_functions(), *(_custom(*item) for item in sorted((custom or {}).items())))


def resolve(name: str, custom: Mapping[str, CustomColumn] | None = None) -> Field | None:
    """The field of a name, or None where there is none."""
    if field := _BY_NAME.get(name):
        return None if "PERIOD" in name else field
    if custom and (column := custom.get(name)):
        return _custom(name, column)
    found = _PERIODIC.fullmatch(name)
    if found and (family := _BY_NAME.get(f"{found['stem']}_PERIOD")):
        measure = family.measure
        assert isinstance(measure, OrderFigure | EventCount | MailCount)
        return replace(family, name=name, measure=replace(measure, period=found["period"]))
    return None


def nearest(name: str, custom: Mapping[str, CustomColumn] | None = None) -> list[str]:
    """Up to three existing names that look like this one, best first."""
    periods = [*CALENDAR_PERIODS, *re.findall(r"last_[1-9][0-9]{0,4}_days", name), "last_90_days"]
    known = [field.name.replace("PERIOD", period) for field in CATALOGUE for period in periods]
    return difflib.get_close_matches(name.lower(), list(dict.fromkeys([*known, *(custom or {})])), 3, 0.7)


def _custom(name: str, column: CustomColumn) -> Field:
    text = f"the column {column.key} of the source's {column.table}s"
    return Field(name, column.type, "", "custom", f"{column.table}s.{column.key}", UNKNOWN, text, column)
