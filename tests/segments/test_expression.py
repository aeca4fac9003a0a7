"""What a condition may say, and how everything else is refused: place, cause and next step."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st
from tests.segments.shop import segment

from orchestrator.contacts.measures import CustomColumn, ValueType
from orchestrator.segments.expression import Expression, parse, parse_text
from orchestrator.segments.families import FAMILIES
from orchestrator.segments.tree import render

CUSTOM = {
    "x_points": CustomColumn("contact", "points", ValueType.NUMBER, 1),
    "x_vip": CustomColumn("contact", "vip", ValueType.BOOLEAN),
    "x_renewal": CustomColumn("contact", "renewal", ValueType.DATE),
    "account_x_zone": CustomColumn("account", "zone", ValueType.TEXT),
}


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("region = 'Europe' AND Not orders_total>3", "region = 'Europe' and not orders_total > 3"),
        ("age between 18 and 30 and consent = 'opted_in'", "age between 18 and 30 and consent = 'opted_in'"),
        ("role not in ('buyer', 'engineer')", "role not in ('buyer', 'engineer')"),
        ("not (age > 3 or age is null)", "not (age > 3 or age is null)"),
        ("age is not null -- everybody with a birth date", "age is not null"),
        ("first_name not like 'O''%'", "first_name not like 'O''%'"),
        ("revenue_total + 0.5 * cart_value - 3 >= -2", "(revenue_total + (0.5 * cart_value)) - 3 >= -2"),
        ("orders_total > 2 + 3 * 4", "orders_total > 14"),
        ("in_segment('gold') = false", "not in_segment('gold')"),
        ("x_vip and x_points != 1.5", "x_vip and x_points != 1.5"),
        ("x_vip = true or x_vip != true", "x_vip or not x_vip"),
        ("x_renewal < '2026-02-01'", "x_renewal < '2026-02-01'"),
        ("account_x_zone in ('A')", "account_x_zone in ('A')"),
        ("count('page_view') > 2", "count('page_view') > 2"),
        ("bought('category', 'Pumps', last_365_days)", "bought('category', 'Pumps', last_365_days)"),
        ("true", "true"),
    ],
)
def test_a_condition_is_read_as_it_is_meant(text: str, meaning: str) -> None:
    read = parse_text(text, CUSTOM)
    assert isinstance(read, Expression)
    assert render(read.condition) == meaning


REFUSED = [
    # text, column and width of the place, part of the message, part of the hint
    ("region > 5", 1, 10, "cannot compare text with number", "single quotes"),
    ("age = '5'", 1, 9, "cannot compare number with text", "without quotes"),
    ('region = "Europe"', 10, 8, "double quotes", "'Europe'"),
    ("region = “Europe”", 10, 8, "U+201C", "'text'"),
    ("revnue_this_year > 5", 1, 16, 'unknown field "revnue_this_year"', '"revenue_this_year"'),
    ("Age > 5", 1, 3, "unknown field", "age"),
    ("rоle = 'a'", 1, 4, "U+043E", ""),
    ("age\u200b > 5", 4, 1, "U+200B", ""),
    ("age\u00a0> 5", 4, 1, "U+00A0", ""),
    ("$1 = 5", 1, 1, '"$"', ""),
    ("cart_value > 50,000", 14, 6, '"50,000" is not a number', "50000"),
    ("cart_value > 50_000", 14, 6, '"50_000" is not a number', "50000"),
    ("age > 1e400", 7, 5, "not a number", ""),
    ("age > 0.1234567", 7, 9, "not a number", "six"),
    ("role = null", 8, 4, "null", "is null"),
    ("role != null", 9, 4, "null", "is not null"),
    ("role is 3", 1, 9, "after `is`", ""),
    ("role is true", 1, 4, "after `is`", ""),
    ("age == 3", 5, 2, '"=="', "="),
    ("age <> 3", 5, 2, '"<>"', "!="),
    ("age > 3 && role = 'a'", 9, 2, '"&&"', "and"),
    ("age / 2 > 3", 5, 1, '"/"', "no division"),
    ("age > 1; age > 2", 8, 1, '";"', "one condition"),
    ("(select 1)", 2, 6, '"select" is not part', ""),
    ("age in (select 1)", 9, 6, '"select" is not part', ""),
    ("exists(select 1)", 1, 6, 'unknown function "exists"', ""),
    ("age = all(select 1)", 7, 3, 'unknown function "all"', ""),
    ("load_extension('x')", 1, 14, 'unknown function "load_extension"', ""),
    ("upper(role) = 'X'", 1, 5, 'unknown function "upper"', ""),
    ("region('x')", 1, 6, "is a field, not a function", "without parentheses"),
    ("sum(1) over () > 2", 1, 3, 'unknown function "sum"', ""),
    ("cast(age as text) = 'a'", 1, 4, 'unknown function "cast"', ""),
    ("age::text = 'a'", 4, 2, '"::"', ""),
    ("case when true then true end", 1, 4, '"case"', ""),
    ("role -> 'x' = 'a'", 6, 2, '"->"', ""),
    ("role[1] = 'a'", 5, 1, '"["', ""),
    ("contact.role = 'a'", 1, 7, 'unknown field "contact"', ""),
    ("* > 1", 1, 1, "", ""),
    ("age = ?", 7, 1, '"?"', ""),
    ("age = :x", 7, 1, '":"', ""),
    ("age = @x", 7, 1, '"@"', ""),
    ("{x}", 1, 1, '"{"', ""),
    ("{# age #} true", 1, 1, '"{"', ""),
    ("role collate nocase = 'a'", 6, 7, '"collate"', ""),
    ("role || 'a' = 'b'", 6, 2, '"||"', ""),
    ("role regexp 'x'", 6, 6, '"regexp"', ""),
    ("role glob 'x'", 6, 4, '"glob"', ""),
    ("role ilike 'x'", 6, 5, '"ilike"', ""),
    ("role like 'x' escape 'y'", 15, 6, '"escape"', ""),
    ("age in ()", 1, 3, "empty", "values"),
    ("age in (1, 'a')", 1, 14, "cannot compare", ""),
    ("age in (1, age)", 12, 3, "values only", ""),
    ("(1, 2) > (1, 2)", 3, 1, "comma", ""),
    ("age > 3)", 8, 1, '")" is not expected', ""),
    ("(age > 3", 8, 1, "parenthesis is missing", ""),
    ("age > and 3", 7, 3, '"and" is not expected', ""),
    ("in", 1, 2, '"in" is not expected', ""),
    ("age > 3 and is", 13, 2, '"is" is not expected', ""),
    ("age > 3 or", 9, 2, 'missing after "or"', ""),
    ("age > 3 age", 9, 3, '"age" is not expected', ""),
    ("age", 1, 3, "age is not a condition", "Compare"),
    ("age > 3 > 2", 1, 11, "compared with `= true`", ""),
    ("role like 5", 1, 11, "`like` takes a text", ""),
    ("age like '5'", 1, 12, "`like` looks into texts", ""),
    ("role + 1 > 2", 1, 8, "take numbers", ""),
    ("role = 'a' 'b'", 12, 3, "side by side", "twice"),
    ("role = 'a", 8, 1, "never closed", "twice"),
    ("role = n'a'", 8, 4, "not part of the language", ""),
    ("age /* x */ > 3", 5, 1, '"/"', ""),
    ("in_segment(gold)", 1, 16, "cannot take these arguments", "in_segment('gold')"),
    ("in_segment", 1, 10, "needs its arguments", ""),
    ("count(*) > 1", 1, 8, "cannot take", "count('page_view', last_30_days)"),
    ("count('a', last_0_days) > 1", 1, 23, "cannot take", ""),
    ("bought('color', 'red')", 1, 22, "not possible", "bought('category'"),
    ("orders_last_0_days > 1", 1, 18, "unknown field", ""),
    ("orders_PERIOD > 1", 1, 13, "unknown field", ""),
    ("x_unknown = 'a'", 1, 9, "unknown field", "imported"),
    ("x_renewal > '31.1.2026'", 1, 23, "is not a date", "2026-01-31"),
    ("x_points > 'a'", 1, 14, "cannot compare", ""),
    ("x_vip = 'true'", 1, 14, "= true", ""),
    ("", 1, 1, "empty", "true"),
    (" -- nothing", 1, 1, "empty", "true"),
    ("role = 'a\x00'", 8, 4, "NUL", ""),
]


@pytest.mark.parametrize(("text", "column", "width", "message", "hint"), REFUSED, ids=[repr(row[0]) for row in REFUSED])
def test_everything_else_is_refused_with_place_cause_and_next_step(
    text: str, column: int, width: int, message: str, hint: str
) -> None:
    problems = parse(segment("s", text), CUSTOM)
    assert isinstance(problems, list)
    first = problems[0]
    assert (first.line, first.column) == (2, column)
    assert message in first.message
    assert hint in first.hint
    assert first.width == min(width, max(1, len(text) - column + 1))


def test_all_problems_of_a_condition_are_reported_at_once_with_lines_of_the_file() -> None:
    problems = parse(segment("s", 'region = "Europe"\nand revnue_total > 5\nand region > 3\n'))
    assert isinstance(problems, list)
    assert [(p.line, p.column, p.excerpt) for p in problems] == [
        (2, 10, 'region = "Europe"'),
        (3, 5, "and revnue_total > 5"),
    ]
    problems = parse(segment("s", "region > 5\nor age = 'x'"))
    assert isinstance(problems, list)
    assert [(p.line, p.column) for p in problems] == [(2, 1), (3, 4)]


def test_the_caret_stands_under_the_word_in_a_one_line_file() -> None:
    definition = segment("lapsed", "orders_total >= 2 and days_since_last_ordr > 90")
    problems = parse(replace(definition, where_line=6, where_column=10))
    assert isinstance(problems, list)
    assert str(problems[0]).splitlines()[:3] == [
        'segments/lapsed.toml:6:32: unknown field "days_since_last_ordr"',
        '    where = "orders_total >= 2 and days_since_last_ordr > 90',
        "                                   ^^^^^^^^^^^^^^^^^^^^",
    ]
    assert problems[0].hint.startswith('Did you mean "days_since_last_order"')


@pytest.mark.parametrize("field", [field.name.replace("PERIOD", "last_45_days") for field in FAMILIES])
def test_every_name_of_the_catalogue_can_be_written(field: str) -> None:
    assert isinstance(parse_text(f"{field} is not null"), Expression)


def test_depth_and_length_are_limited_and_a_thousand_terms_are_not_deep() -> None:
    assert isinstance(parse_text(" or ".join(["age = 1"] * 900)), Expression)
    assert isinstance(parse_text("(" * 20 + "age = 1" + ")" * 20), Expression)
    for text in (
        "(" * 500 + "age = 1" + ")" * 500,
        "not " * 1000 + "age = 1",
        "age = " + "- " * 500 + "1",
        "age = 1" + " + 1" * 500,
        " or ".join(["age = 1"] * 2000),
        "age = 0.000001 * 0.000001 * 0.000001",
    ):
        faults = parse_text(text)
        assert isinstance(faults, list)
        assert faults


@given(
    st.text(st.sampled_from("ab'\"()=<>!+-*,.;%_ \n0159éо“\\{}[]|&/:?@$#~^`\x00\u200b") | st.characters(), max_size=60)
)
def test_no_text_at_all_makes_the_reader_fail(text: str) -> None:
    read = parse_text(text)
    assert isinstance(read, Expression) or read


WORDS = (  # noqa: SIM905 - sixty words read better so
    "age role and or not in is null like between true ( ) , = != < >= + - * 1 2.5 'a' in_segment ('a') count "
    "select case when any interval x over exists if next current_date date cast as escape collate distinct array "
    ":: || [ ] . for at time zone overlaps div isnull glob rlike prior map {"
).split()


@given(st.lists(st.sampled_from(WORDS), max_size=14))
def test_words_of_sql_in_any_order_are_read_or_refused(words: list[str]) -> None:
    read = parse_text(" ".join(words))
    if isinstance(read, Expression):
        # what was read can be written down and read again: nothing of it was lost
        again = parse_text(render(read.condition))
        assert isinstance(again, Expression)
        assert again.condition == read.condition
