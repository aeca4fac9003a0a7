"""One segment as a query to read, and to run where the facts live: SQLite, PostgreSQL, DuckDB or Spark.

It is the very query that a recompute asks, with its values written in, its answers named after the fields, and a head
that says which tables and columns it reads. Moments are whole seconds, money whole hundredths: every engine gives the
same members.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlglot
from sqlalchemy import JSON, BigInteger, Float
from sqlglot import exp
from sqlglot.optimizer.scope import traverse_scope

from orchestrator.contacts.profile import profile_query
from orchestrator.segments.sql import ConditionWriter
from orchestrator.store.tables import Contact

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from orchestrator.definitions.values import Settings
    from orchestrator.segments.compile import CompiledSegment
    from orchestrator.segments.field import Field

DIALECTS = {"sqlite": "sqlite", "postgres": "postgresql", "duckdb": "duckdb", "spark": "spark"}
"""what people and sqlglot call it -> what the profile calls it"""
WIDEST = 400
"""characters of a list that stands on one line, such as the countries of a continent"""
OWN_RECORDS = {"send": "what was sent to whom", "mail_event": "opens, clicks and bounces"}
"""tables that no ERP has"""


@dataclass(frozen=True, slots=True)
class PortableQuery:
    """A query that gives ``contact_id`` and ``email`` of every member."""

    sql: str
    tables: Mapping[str, tuple[str, ...]]
    """the columns that it reads, by table"""


def portable_query(segment: CompiledSegment, settings: Settings, *, now: datetime, dialect: str) -> PortableQuery:
    """The members of a segment as of ``now``; ``dialect`` is one of DIALECTS."""
    fields = {field.measure: field for field in segment.fields}
    profile = profile_query(fields, settings, now=now, dialect=DIALECTS[dialect])
    writer = ConditionWriter(DIALECTS[dialect], profile.columns, "p")
    condition = writer.sql(segment.condition)
    names: dict[str, str] = {}
    for measure, column in profile.columns.items():
        names[column.value] = _name_of(fields[measure], names.values())
        if column.divisor:
            names[column.divisor] = f"{names[column.value]}_divided_by"
    query = sqlglot.parse_one(
        f"WITH profile AS ({profile.sql}) SELECT c.key AS contact_id, c.email FROM profile AS p"
        f" JOIN contact AS c ON c.id = p.contact WHERE {condition} ORDER BY c.key",
        read=dialect,
    )
    _write_in(query, {**profile.parameters, **writer.parameters})
    _rename(query, names)
    _unwrap(query)
    written = query.sql(dialect=dialect, pretty=True, identify=True, comments=False, max_text_width=WIDEST)
    return PortableQuery(written, _read_by(query))


def head(segment: CompiledSegment, where: str, query: PortableQuery, *, now: datetime, dialect: str) -> str:
    """What the query answers and what it reads, as comments."""
    lines = [f'Members of the segment "{segment.name}" as of {now.isoformat()}, for {dialect}.']
    lines += [f"    {line}" for line in where.strip().splitlines()]
    lines += ["Moments are whole seconds since 1970 UTC, money is whole hundredths. It reads:"]
    for table, columns in query.tables.items():
        typed = ", ".join(f"{name} {_type_of(table, name)}" for name in columns)
        whose = f" (records of the orchestrator: {OWN_RECORDS[table]})" if table in OWN_RECORDS else ""
        lines.append(f"    {table}{whose}: {typed}")
    return "".join(f"-- {line}\n" for line in lines)


def _type_of(table: str, column: str) -> str:
    stored = Contact.metadata.tables[table].columns[column].type
    match stored:
        case JSON():
            return "JSON"
        case BigInteger():
            return "BIGINT"
        case Float():
            return "DOUBLE"
        case _:
            return "TEXT"


def _name_of(field: Field, taken: Collection[str]) -> str:
    """A column for a field: its name, with words for what stands in parentheses."""
    name = re.sub(r"[^a-z0-9]+", "_", field.name.lower()).strip("_")
    same = sum(other == name or other.rpartition("_no_")[0] == name for other in taken)
    return f"{name}_no_{same + 1}" if same else name


def _write_in(query: exp.Expr, parameters: Mapping[str, object]) -> None:
    """Texts in the place of their parameters, quoted as the dialect quotes them."""
    for placeholder in list(query.find_all(exp.Placeholder)):
        placeholder.replace(exp.Literal.string(str(parameters[placeholder.name])))


def _rename(query: exp.Expr, names: Mapping[str, str]) -> None:
    """The profile's ``f0`` and ``d0`` become what they hold."""
    profile = query.find(exp.CTE)
    assert profile is not None
    for selected in profile.this.selects:
        if isinstance(selected, exp.Alias) and selected.alias in names:
            selected.set("alias", exp.to_identifier(names[selected.alias]))
    for column in query.find_all(exp.Column):
        if column.table == "p" and column.name in names:
            column.set("this", exp.to_identifier(names[column.name]))


def _unwrap(query: exp.Expr) -> None:
    """Without the parentheses that say nothing to a reader: around a condition alone, or in a chain of its own kind."""
    for paren in list(query.find_all(exp.Paren)):
        inner, around = paren.this, paren.parent
        chained = isinstance(around, exp.And | exp.Or) and isinstance(inner, exp.Predicate | type(around))
        if chained or isinstance(around, exp.Where | exp.Paren):
            paren.replace(inner)


def _read_by(query: exp.Expr) -> dict[str, tuple[str, ...]]:
    """The columns that are read, by table."""
    found: dict[str, set[str]] = {}
    for scope in traverse_scope(query):
        tables = {alias: source.name for alias, source in scope.sources.items() if isinstance(source, exp.Table)}
        for column in scope.columns:
            table = tables.get(column.table)
            if not column.table and len(scope.sources) == 1:
                table = next(iter(tables.values()), None)
            if table is not None:
                found.setdefault(table, set()).add(column.name)
    return {table: tuple(sorted(columns)) for table, columns in sorted(found.items())}
