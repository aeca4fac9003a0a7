"""Every key of campaigns/NAME.toml, once."""

from __future__ import annotations

from orchestrator.definitions import rules
from orchestrator.definitions.cron import parse_cron
from orchestrator.definitions.keys import DURATION, NAME, REMARK, Key, Table, TableOf
from orchestrator.definitions.kinds import Anything, Choice, Flag, ListOf, Number, Text, Whole


def _cron(text: str) -> str:
    parse_cron(text)
    return text


TRIGGER = Table(
    (
        Key("on", Choice(("enter", "schedule", "manual")), "what starts it", required=True, example='"enter"'),
        Key("after", DURATION, "how long after entering, if still a member then", '"0 hours"', only_with="enter"),
        Key("again_after", DURATION, "never again sooner; absent: at each entering", only_with="enter"),
        Key("existing", Flag(), "those found when first computed count as entered", "false", only_with="enter"),
        Key(
            "cron",
            Text('a cron line as "0 9 * * mon"', _cron),
            "minute hour day month weekday, in business time",
            required=True,
            example='"0 9 * * mon"',
            only_with="schedule",
        ),
        Key("missed_after", DURATION, "later than that: skipped, and said", '"6 hours"', only_with="schedule"),
    ),
    selector="on",
)

HOLDOUT = Table(
    (
        Key(
            "share",
            Number(0, 1, below_high=True, exact=True, hint="10 percent is written 0.10."),
            "share of accounts that this campaign never mails",
            required=True,
            example="0.10",
        ),
    )
)

GOAL = Table(
    (
        Key(
            "within",
            DURATION,
            "an order in this time after the mail counts",
            required=True,
            example='"7 days"',
        ),
    )
)

UTM = Table(
    tuple(
        Key(name, Text(), f"utm_{name} of every link to an own domain{otherwise}")
        for name, otherwise in (
            ("source", '; otherwise "newsletter"'),
            ("medium", '; otherwise "email"'),
            ("campaign", ""),
            ("term", ""),
            ("content", ""),
            ("id", ""),
        )
    )
)

_LINES_BY_LANGUAGE = TableOf(Text(), rules.locale, "^[a-zA-Z]{2,3}([-_][a-zA-Z0-9]+)*$")

CAMPAIGN = Table(
    (
        Key("segment", NAME, "who gets it: a file in segments/", required=True, example='"abandoned-cart"'),
        Key(
            "template",
            NAME,
            "a file in templates/, without its ending",
            required=True,
            example='"abandoned-cart"',
        ),
        Key("subject", Text(), "Jinja2, as in templates", required=True, example='"News for {{ account.name }}"'),
        Key("preheader", Text(may_be_empty=True), "Jinja2; what mail clients show behind the subject", '""'),
        Key("subject_by_language", _LINES_BY_LANGUAGE, "language = subject; all other readers get `subject`"),
        Key("preheader_by_language", _LINES_BY_LANGUAGE, "language = preheader; all other readers get `preheader`"),
        Key("description", REMARK, "what it is for", '""'),
        Key("exclude", ListOf(NAME), "members of these segments do not get it", "[]"),
        Key("active", Flag(), "false: only by hand", "true"),
        Key("priority", Whole(0, 1000), "who wins when a cap leaves room for one mail; higher first", "50"),
        Key("trigger", TRIGGER, "what starts it, exactly one kind", required=True),
        Key("holdout", HOLDOUT, "accounts kept unmailed for comparison"),
        Key("goal", GOAL, "what the report counts as a success"),
        Key("vars", TableOf(Anything()), "free values for the template, as vars.NAME"),
        Key("utm", UTM, "added to every link of the workspace's own domains"),
    )
)
