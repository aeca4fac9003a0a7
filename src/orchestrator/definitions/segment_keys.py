"""Every key of segments/NAME.toml, once."""

from __future__ import annotations

from orchestrator.definitions.keys import GROW_FACTOR, LINES, REMARK, SHARE, Key, Table, TableOf, Tables
from orchestrator.definitions.kinds import Choice, Day, Flag, Number, Scalar, Text, Whole

KPI = Table(
    (
        Key("field", Text(), "a number of the field catalogue", required=True, example='"revenue_last_90_days"'),
        Key("target", Number(), "the value to reach", required=True, example="12000"),
        Key("direction", Choice(("up", "down")), "which way is better", '"up"'),
    )
)

GUARDS = Table(
    (
        Key("max_leave_share", SHARE, "share that may leave in one recompute"),
        Key("max_grow_factor", GROW_FACTOR, "times its size to which it may grow in one recompute"),
        Key("min_size", Whole(), "not guarded while smaller than this"),
    )
)

EXAMPLE = Table(
    (
        Key(
            "contact",
            TableOf(Scalar()),
            "field = value; fields that are not named are null, counts and sums 0",
            required=True,
            example="{ cart_items = 16 }",
        ),
        Key("member", Flag(), "whether such a contact is in", required=True, example="true"),
    )
)

SEGMENT = Table(
    (
        Key(
            "where",
            LINES,
            "the condition; `campaigns fields` lists what it may use",
            required=True,
            example='"orders_total > 0"',
        ),
        Key("description", REMARK, "who this is", '""'),
        Key("scheme", Choice(("firmographic", "behavioural", "needs", "opportunity")), "by what it divides customers"),
        Key("purpose", REMARK, "what it is for", '""'),
        Key("review_by", Day(), "when somebody looks whether it still serves", example="2027-06-30"),
        Key("sync", Flag(), "carried to the audience as a tag of the segment's key", "true"),
        Key("kpi", KPI, "the figure that shows whether it works"),
        Key("guards", GUARDS, "its own limits in place of config.toml's"),
        Key("example", Tables(EXAMPLE), "tests of the segment, run by `campaigns check`"),
    )
)
