"""Columns of the sources that we do not know: which there are, and the type that their values have.

A column whose values are all numbers compares as numbers, one of dates as dates, one of true and false as booleans;
one value that is neither makes it text. The type is read from the data each time, in the transaction that uses it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from sqlalchemy import text

from orchestrator.contacts.measures import CustomColumn, ValueType
from orchestrator.contacts.values import is_date

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sqlalchemy.engine import Connection

PREFIXES: dict[Literal["contact", "account"], str] = {"contact": "x_", "account": "account_x_"}
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,11})(?:\.([0-9]{1,6}))?")
"""a leading zero makes a code, not a number; 18 digits fit a column of either database"""


def learn_custom_fields(connection: Connection, names: Collection[str] | None = None) -> dict[str, CustomColumn]:
    """Field name (``x_points``, ``account_x_zone``) -> its column; ``names`` narrows it to those."""
    if names is not None and not names:
        return {}
    fields: dict[str, CustomColumn] = {}
    for table, prefix in PREFIXES.items():
        for key in _keys(connection, table):
            name = prefix + re.sub(r"[^a-z0-9_]+", "_", key.lower())
            if name not in fields and '"' not in key and (names is None or name in names):
                fields[name] = _typed(table, key, _values(connection, table, key))
    return fields


def _keys(connection: Connection, table: str) -> list[str]:
    each = "json_object_keys(extra) AS key" if connection.dialect.name == "postgresql" else "j.key AS key"
    source = table if connection.dialect.name == "postgresql" else f"{table}, json_each({table}.extra) j"
    return list(connection.scalars(text(f"SELECT DISTINCT {each} FROM {source} ORDER BY 1")))


def _values(connection: Connection, table: str, key: str) -> Iterable[str]:
    if connection.dialect.name == "postgresql":
        sql, path = f"SELECT DISTINCT extra ->> :key FROM {table} WHERE extra ->> :key IS NOT NULL", key
    else:
        sql, path = (
            f"SELECT DISTINCT json_extract(extra, :key) FROM {table} WHERE json_extract(extra, :key) IS NOT NULL",
            f'$."{key}"',
        )
    return (str(value) for value in connection.scalars(text(sql), {"key": path}))


def _typed(table: Literal["contact", "account"], key: str, values: Iterable[str]) -> CustomColumn:
    decimals = 0
    possible = {ValueType.NUMBER, ValueType.DATE, ValueType.BOOLEAN}
    seen = False
    for value in values:
        seen = True
        number = NUMBER.fullmatch(value)
        if number is None:
            possible.discard(ValueType.NUMBER)
        else:
            decimals = max(decimals, len(number[1] or ""))
        if not is_date(value):
            possible.discard(ValueType.DATE)
        if value.lower() not in {"true", "false"}:
            possible.discard(ValueType.BOOLEAN)
        if not possible:
            break
    if not seen or len(possible) != 1:
        return CustomColumn(table, key, ValueType.TEXT)
    (type_,) = possible
    return CustomColumn(table, key, type_, decimals if type_ is ValueType.NUMBER else 0)
