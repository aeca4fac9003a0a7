"""JSON columns in SQL: SQLite keeps them as text, PostgreSQL as a type that has no equality."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, Text, cast, func, literal, type_coerce
from sqlalchemy.dialects.postgresql import JSONB

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement


@dataclass(frozen=True, slots=True)
class JsonColumns:
    """Expressions over JSON for one kind of database."""

    dialect: str

    def literal(self, written: str) -> ColumnElement[Any]:
        """JSON text as a value to store."""
        found = literal(written, Text())
        return cast(found, JSONB) if self._is_postgres else found

    def patched(self, old: ColumnElement[Any], new: ColumnElement[Any]) -> ColumnElement[Any]:
        """Objects put together: names of ``new`` replace those of ``old``, null takes one away, others stay."""
        if self._is_postgres:
            return func.jsonb_strip_nulls(cast(old, JSONB).op("||")(cast(new, JSONB)), type_=JSONB())
        return func.json_patch(type_coerce(old, Text()), type_coerce(new, Text()), type_=JSON())

    def comparable(self, value: ColumnElement[Any]) -> ColumnElement[Any]:
        """The value in a form that is equal for equal JSON; other values as they are."""
        if not isinstance(value.type, JSON):
            return value
        if self._is_postgres:
            return cast(value, JSONB)
        return func.json(type_coerce(value, Text()), type_=Text())

    @property
    def _is_postgres(self) -> bool:
        return self.dialect == "postgresql"
