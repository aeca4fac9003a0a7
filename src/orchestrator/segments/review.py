"""Does each segment still serve: its size, its key figure over the members against the target, its day of review."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from orchestrator.contacts.custom import learn_custom_fields
from orchestrator.contacts.profile import fenced, profile_query
from orchestrator.contacts.values import Shown, shown
from orchestrator.segments.fields import resolve
from orchestrator.segments.query import WORD

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from sqlalchemy.engine import Connection

    from orchestrator.contacts.profile import AnswerColumn
    from orchestrator.definitions.values import Kpi, SegmentDefinition, Settings
    from orchestrator.segments.field import Field


@dataclass(frozen=True, slots=True)
class Figure:
    """A segment's key figure: the mean over those members whose value is known."""

    field: str
    target: float
    direction: str
    mean: Shown
    """None where no member's value is known"""
    known: int
    """members whose value is known"""
    met: bool | None
    """None without a mean"""


@dataclass(frozen=True, slots=True)
class Review:
    """One segment. ``size`` is None before the first recompute."""

    name: str
    scheme: str
    purpose: str
    size: int | None
    figure: Figure | None
    review_by: date | None
    overdue: bool


def review(
    connection: Connection, settings: Settings, segments: Mapping[str, SegmentDefinition], *, now: datetime
) -> list[Review]:
    """Every segment by name, with the members of its last recompute and their values as of ``now``.

    The figures of all segments come from one pass over the profile. A figure whose field is unknown is left out:
    `campaigns check` says where.
    """
    recorded = {
        row.name: row.bit for row in connection.execute(text("SELECT name, bit FROM segment WHERE active")).all()
    }
    sizes = {name: _size(connection, bit) for name, bit in recorded.items() if name in segments}
    figures = _figures(connection, settings, segments, recorded, now)
    today = now.astimezone(settings.timezone).date()
    return [
        Review(
            name=name,
            scheme=segment.scheme or "",
            purpose=segment.purpose or "",
            size=sizes.get(name),
            figure=figures.get(name),
            review_by=segment.review_by,
            overdue=segment.review_by is not None and segment.review_by < today,
        )
        for name, segment in sorted(segments.items())
    ]


def _size(connection: Connection, bit: int) -> int:
    query = text("SELECT count(*) FROM membership_mask WHERE word = :word AND (mask & :flag) <> 0")
    return int(connection.execute(query, {"word": bit // WORD, "flag": 1 << (bit % WORD)}).scalar_one())


def _figures(
    connection: Connection,
    settings: Settings,
    segments: Mapping[str, SegmentDefinition],
    recorded: Mapping[str, int],
    now: datetime,
) -> dict[str, Figure]:
    kpis = {name: one.kpi for name, one in segments.items() if one.kpi is not None and name in recorded}
    custom = learn_custom_fields(connection, {kpi.field for kpi in kpis.values() if "x_" in kpi.field})
    found = {name: field for name, kpi in kpis.items() if (field := resolve(kpi.field, custom)) is not None}
    if not found:
        return {}
    profile = profile_query(
        {field.measure: None for field in found.values()}, settings, now=now, dialect=connection.dialect.name
    )
    selected, joins = [], {}
    for number, (name, field) in enumerate(found.items()):
        word, flag = recorded[name] // WORD, 1 << (recorded[name] % WORD)
        joins[word] = f"LEFT JOIN membership_mask m{word} ON m{word}.contact = p.contact AND m{word}.word = {word}"
        value = f"CASE WHEN (m{word}.mask & {flag}) <> 0 THEN {_value(profile.columns[field.measure])} END"
        selected.append(f"SUM({value}) AS total_{number}, COUNT({value}) AS known_{number}")
    query = (
        f"SELECT {', '.join(selected)} FROM {fenced(profile.sql, connection.dialect.name)} p {' '.join(joins.values())}"
    )
    row = connection.execute(text(query), dict(profile.parameters)).mappings().one()
    return {
        name: _figure(kpis[name], field, profile.columns[field.measure], row[f"total_{number}"], row[f"known_{number}"])
        for number, (name, field) in enumerate(found.items())
    }


def _value(column: AnswerColumn) -> str:
    """One member's value in SQL: whole, so that the sum is exact, unless it is a quotient or measured."""
    if column.divisor is None:
        return f"p.{column.value}"
    return f"CAST(p.{column.value} AS DOUBLE PRECISION) / p.{column.divisor}"


def _figure(kpi: Kpi, field: Field, column: AnswerColumn, total: Any, known: int) -> Figure:
    mean: Fraction | float | None = None
    if known:
        exact = not column.real and column.divisor is None
        mean = (
            Fraction(int(total), known * 10**column.decimals) if exact else float(total) / known / 10**column.decimals
        )
    met = None if mean is None else (mean >= kpi.target if kpi.direction == "up" else mean <= kpi.target)
    return Figure(kpi.field, kpi.target, kpi.direction, shown(_rounded(mean), field.type), known, met)


def _rounded(mean: Fraction | float | None) -> Fraction | float | None:
    """A mean of floats has digits that mean nothing."""
    return round(mean, 4) if isinstance(mean, float) else mean
