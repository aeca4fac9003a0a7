"""What a marketer writes never becomes SQL: texts are bound, names come from the catalogue, the rest is refused."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, assume, given, settings as hypothesis_settings, strategies as st
from tests.segments.shop import segments, settings

from orchestrator.segments.compile import compile_segments
from orchestrator.segments.expression import Expression, parse_text
from orchestrator.segments.query import segment_query

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MARK = "zqx"
"""in every hostile text, and in no name of the product"""
TEXT_PLACES = (
    "role = {}",
    "role != {} and first_name is null",
    "role in ('a', {})",
    "job_title like {}",
    "not (job_title like {})",
    "bought('category', {})",
    "bought('product', {}, last_30_days)",
    "interested_in({})",
    "received({})",
    "industry = {} or account_name = {}",
)
REFUSED = (
    "(select 1)",
    "role in (select role from contact)",
    "exists (select 1)",
    "age = all(select 1)",
    "age = any(select 1)",
    "load_extension('x')",
    "upper(role) = 'A'",
    "count(*) over () > 1",
    "cast(age as text) = '1'",
    "age::text = '1'",
    "case when age > 1 then true end",
    "role -> 'x' = 'y'",
    "age[1] = 1",
    "contact.role = 'x'",
    "p.age > 1",
    "main.contact.role = 'x'",
    "* = 1",
    "age = ?",
    "age = :now",
    "age = @x",
    "age = $1",
    "age = {x}",
    "role collate nocase = 'x'",
    "role || 'x' = 'ax'",
    "role regexp 'x'",
    "role glob 'x'",
    "role similar to 'x'",
    "age = 1e400",
    "age in ()",
    "age > 1; age > 2",
    "age > 1; drop table contact",
    "age > 1 union select 1",
    "age > 1 limit 1",
    'role = "x"',
    "role = “x”",
    "rоle = 'x'",
    "age\u200b > 1",
    "age = null",
    "age / 2 = 1",
    "pragma_table_info('contact') = 1",
    "random() > 0",
    "current_user = 'x'",
    "age > 1 /* x */ or */ 1 = 1",
    "age = x'41'",
    "age = interval '1 day'",
    "role = 'a' 'b'",
    "age between symmetric 1 and 2",
    "1",
)
_JOINTS = st.sampled_from((" and ", " or ", "; ", " ", ", ", "--", "/*", ")", "("))


def _query(where: str, dialect: str) -> tuple[str, list[object]]:
    compiled = compile_segments(segments(a=where))
    assert not compiled.problems, compiled.problems
    query = segment_query(compiled.segments.values(), settings(), now=NOW, dialect=dialect)
    return query.profile + query.conditions["a"], list(query.parameters.values())


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    place=st.sampled_from(TEXT_PLACES),
    hostile=st.text(st.sampled_from("'\";-/*()\\%_:?$@{}[]=,. \t\nOR1é“") | st.characters(codec="utf-8"), max_size=20),
)
def test_a_text_is_bound_and_never_part_of_the_statement(dialect: str, place: str, hostile: str) -> None:
    text = f"{MARK}{hostile}"
    where = place.replace("{}", "'" + text.replace("'", "''") + "'")
    assume(isinstance(parse_text(where), Expression))
    sql, bound = _query(where, dialect)
    assert sql == _query(place.replace("{}", f"'{MARK}'"), dialect)[0], "the statement is the same for every text"
    assert MARK not in sql
    assert bound


@pytest.mark.parametrize("where", REFUSED, ids=range(len(REFUSED)))
def test_everything_that_sql_knows_beside_conditions_is_refused_with_its_place(where: str) -> None:
    read = parse_text(where)
    assert not isinstance(read, Expression), where
    assert read
    assert all(0 <= fault.start <= len(where) for fault in read)


@hypothesis_settings(max_examples=150, deadline=None)
@given(base=st.sampled_from(REFUSED), extra=st.sampled_from(REFUSED), cut=st.integers(0, 40), joint=_JOINTS)
def test_mutated_sql_is_refused_or_made_of_names_of_the_catalogue(base: str, extra: str, cut: int, joint: str) -> None:
    read = parse_text(f"age > 1{joint}{base[:cut]}{extra[cut:]}")
    if not isinstance(read, Expression):
        assert read
        return
    sql, _ = _query(f"age > 1{joint}{base[:cut]}{extra[cut:]}", "sqlite")
    words = set(re.findall(r"[a-z_]{3,}(?=\s*\()", sql.lower()))
    assert words & {"load_extension", "pragma_table_info", "random", "upper", "any"} == set()
    assert ";" not in sql
