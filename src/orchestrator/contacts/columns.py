"""Answers that need no more than the contact's and its account's own row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.contacts.measures import AccountColumn, ContactColumn, CustomColumn, Derived, ValueType
from orchestrator.contacts.periods import DAY
from orchestrator.contacts.question import Answer
from orchestrator.contacts.regions import REGIONS

if TYPE_CHECKING:
    from orchestrator.contacts.question import Asked

COUNTRY = "COALESCE(c.country, a.country)"
"""a contact without a country of its own is where its company is"""


def contact_column(measure: ContactColumn | AccountColumn) -> Answer:
    """A column as it is stored; money in cents."""
    table = "c" if isinstance(measure, ContactColumn) else "a"
    return Answer(
        f"{table}.{measure.name}",
        decimals=2 if measure.name.endswith("_cents") else 0,
        real=measure.name == "lead_score",
    )


def derived_column(measure: Derived, asked: Asked) -> Answer:
    """Something computed from the row; null where what it is computed from is unknown or lies after ``now``."""
    now = asked.moment.epoch
    match measure.what:
        case "email_domain":  # what follows the last @: a quoted local part may hold another one
            others = "REPLACE(c.email_key, '@', '')"
            begin = f"RTRIM(c.email_key, {others})"
            if asked.dialect == "spark":
                begin = f"TRIM(TRAILING {others} FROM c.email_key)"
            return Answer(f"SUBSTR(c.email_key, LENGTH({begin}) + 1)")
        case "country":
            return Answer(COUNTRY)
        case "region":
            cases = " ".join(
                f"WHEN {COUNTRY} IN ({str(codes)[1:-1]}) THEN '{region}'" for region, codes in REGIONS.items()
            )
            return Answer(f"CASE {cases} END")
        case "size":
            bands = asked.moment.settings.size
            return Answer(
                f"CASE WHEN a.employees >= {int(bands.large)} THEN 'large'"
                f" WHEN a.employees >= {int(bands.medium)} THEN 'medium'"
                " WHEN a.employees IS NOT NULL THEN 'small' END"
            )
        case "age":
            today = asked.moment.today
            birthday_ahead = f"{asked.ordered('SUBSTR(c.birth_date, 6, 5)')} > '{today:%m-%d}'"
            return Answer(
                f"CASE WHEN {asked.ordered('c.birth_date')} <= '{today.isoformat()}' THEN"
                f" {today.year} - CAST(SUBSTR(c.birth_date, 1, 4) AS BIGINT)"
                f" - CASE WHEN {birthday_ahead} THEN 1 ELSE 0 END END"
            )
        case "days_since_signup":
            return Answer(asked.whole(f"({now} - c.created_at)", DAY))
        case "consent":  # what was said later was not yet said
            return Answer(f"CASE WHEN c.consent_at > {now} THEN 'unknown' ELSE c.consent END")


def custom_column(measure: CustomColumn, asked: Asked) -> Answer:
    """A column kept as text; numbers become whole units of their last decimal, so that they compare exactly."""
    table = "c" if measure.table == "contact" else "a"
    extra = f"{table}.extra"
    match asked.dialect:
        case "postgresql":
            text = f"({extra} ->> {asked.bind(measure.key)})"
        case "spark":
            text = f"ELEMENT_AT(FROM_JSON({extra}, 'MAP<STRING, STRING>'), {asked.bind(measure.key)})"
        case dialect:
            path = f'$."{measure.key}"'
            function = "json_extract_string" if dialect == "duckdb" else "json_extract"
            text = f"({function}({extra}, {asked.bind(path)}))"
    match measure.type:
        case ValueType.NUMBER | ValueType.MONEY:
            point = asked.position(text, "'.'")
            zeros = "0" * measure.decimals
            fraction = f"SUBSTR(SUBSTR({text}, {point} + 1) || '{zeros}', 1, {measure.decimals})"
            digits = (
                f"CASE WHEN {point} > 0 THEN SUBSTR({text}, 1, {point} - 1) || {fraction} ELSE {text} || '{zeros}' END"
            )
            value = f"CAST({digits} AS BIGINT)"
            if asked.dialect == "postgresql":  # an import may commit between learning the type and this query
                value = f"CASE WHEN {text} ~ '^-?[0-9]{{1,12}}([.][0-9]+)?$' THEN {value} END"
            return Answer(value, decimals=measure.decimals)
        case ValueType.BOOLEAN:
            return Answer(f"(LOWER({text}) = 'true')")
        case ValueType.TEXT | ValueType.DATE:
            return Answer(text)
