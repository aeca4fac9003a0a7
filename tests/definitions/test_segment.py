# ruff: noqa: E501 - one case a line is easier to compare
from __future__ import annotations

from datetime import date

import pytest
from tests.definitions.conftest import read

from orchestrator.definitions.values import Kpi, SegmentExample, SegmentGuards


def test_a_segment_needs_only_a_condition() -> None:
    segment, problems = read("segment", 'where = "orders_total > 0"\n')
    assert problems == []
    assert (segment.name, segment.where, segment.sync, segment.scheme) == ("lapsed", "orders_total > 0", True, None)
    assert (segment.where_line, segment.where_column) == (1, 10)
    assert len(segment.fingerprint) == 64


def test_every_key_of_a_segment_is_read() -> None:
    segment, problems = read(
        "segment",
        '''
description = "European customers"
where = """
region = 'Europe'
and cart_items > 15
"""
scheme = "behavioural"
purpose = "Recover carts"
review_by = 2027-06-30
sync = false
kpi = { field = "revenue_last_90_days", target = 12000, direction = "down" }
guards = { max_leave_share = 0.9, min_size = 10 }

[[example]]
contact = { region = "Europe", cart_items = 16, revenue_this_year = 50000.01 }
member = true

[[example]]
contact = {}
member = false
''',
    )
    assert problems == []
    assert (segment.where_line, segment.where_column) == (4, 1)
    assert segment.review_by == date(2027, 6, 30)
    assert segment.sync is False
    assert segment.kpi == Kpi("revenue_last_90_days", 12000.0, "down")
    assert segment.guards == SegmentGuards(max_leave_share=0.9, min_size=10)
    assert segment.examples == (
        SegmentExample({"region": "Europe", "cart_items": 16, "revenue_this_year": 50000.01}, True, 14),
        SegmentExample({}, False, 18),
    )


@pytest.mark.parametrize(
    ("text", "line", "column", "message", "hint"),
    [
        ("", 1, 1, "the file is empty", "It needs at least: where."),
        ("# nothing\n", 1, 1, "the file is empty", "It needs at least: where."),
        ('description = "x"\n', 1, 1, "where is missing", 'Add where = "orders_total > 0" (the condition; `campaigns fields` lists what it may use).'),
        ('were = "x"\n', 1, 1, 'unknown key "were"', 'Did you mean "where"?'),
        ('where = ""\n', 1, 9, "where must not be empty", "Write a value, or delete the line."),
        ('where = """\n\n"""\n', 1, 9, "where must not be empty", "Write a value, or delete the line."),
        ("where = true\n", 1, 9, "where must be a text, not true", 'For example: where = "orders_total > 0".'),
        ('where = "a\\u0000b"\n', 1, 9, "where must not contain invisible control characters", "Type the text anew."),
        ('where = "x"\nscheme = "behavioral"\n', 2, 10, 'scheme must be "firmographic", "behavioural", "needs" or "opportunity", not the text "behavioral"', 'Did you mean "behavioural"?'),
        ('where = "x"\nreview_by = "2027-06-30"\n', 2, 13, 'review_by must be a date, not the text "2027-06-30"', "Write it as 2027-06-30, without quotes or a time."),
        ('where = "x"\nreview_by = 2027-06-30T00:00:00\n', 2, 13, "review_by must be a date, not a date with a time", "Write it as 2027-06-30, without quotes or a time."),
        ('where = "x"\nkpi = { field = "age", taget = 1 }\n', 2, 24, 'unknown key "taget" in [kpi]', 'Did you mean "target"?'),
        ('where = "x"\nkpi = { field = "age" }\n', 2, 1, "target is missing in [kpi]", "Add target = 12000 (the value to reach)."),
        ('where = "x"\nguards = 0.9\n', 2, 10, "guards must be one table, not the number 0.9", "Write it once, as [guards] with its keys below."),
        ('where = "x"\n[guards]\napprove_above = 1\n', 3, 1, 'unknown key "approve_above" in [guards]', "Known here: max_leave_share, max_grow_factor, min_size."),
        ('where = "x"\n[example]\nmember = true\n', 2, 2, "example must be a list of tables, not a table", "Write [[example]] with its keys below, once for each."),
        ('where = "x"\n[[example]]\ncontact = {}\n', 2, 3, "member is missing in [example[1]]", "Add member = true (whether such a contact is in)."),
        ('where = "x"\n[[example]]\nmember = true\ncontact = { age = [1] }\n', 4, 19, "example[1].contact.age must be a text, a number, true or false, not a list", "Change it, or delete it."),
        ('where = "x"\n[[example]]\nmember = true\ncontact = { age = inf }\n', 4, 19, "example[1].contact.age must be an ordinary number, not Infinity", "Change it, or delete it."),
    ],
)  # fmt: skip
def test_each_wrong_segment_has_place_cause_and_next_step(
    text: str, line: int, column: int, message: str, hint: str
) -> None:
    segment, problems = read("segment", text)
    assert segment is None
    (problem,) = problems
    assert (problem.line, problem.column, problem.message, problem.hint) == (line, column, message, hint)


def test_escapes_in_a_condition_keep_their_places() -> None:
    segment, _ = read("segment", r'''where = "region = \"x\" and age > 1"''')
    at = segment.where.index("age")
    assert segment.where_places[at] == (1, 29)
