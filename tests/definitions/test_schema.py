from __future__ import annotations

import tomllib
from datetime import date
from typing import Any

import jsonschema
import pytest
from tests.definitions.conftest import CAMPAIGN, CONFIG, SEGMENT, read

from orchestrator.definitions.schema import FILES, json_schemas, settings_table

SMALLEST = {"config": CONFIG, "segment": SEGMENT, "campaign": CAMPAIGN}

SOUND = {
    "config": """\
timezone = "Europe/Stockholm"
locale = "sv-SE"
currency = "SEK"
[database]
url = "sqlite:///campaigns.db"
[mailchimp]
api_key = "file:key"
audience = "x"
from_name = "x"
reply_to = "a@b.example"
base_url = "http://127.0.0.1:8025/3.0"
connections = 3
[mailchimp.merge_fields]
FNAME = "first_name"
[schedule]
import = "0 6 * * *"
recompute = "every 10 minutes"
reports = "off"
[limits]
per_contact = "2 in 7 days"
quiet_hours = "off"
business_days = true
[guards]
max_leave_share = 0.30
max_grow_factor = 3
min_size = 200
min_source_freshness = "26 hours"
approve_above = 5000
[rfm]
window = "last_365_days"
tiers = { vip = 0.05, gold = 0.20, silver = 0.50 }
[size]
medium = 50
large = 250
[links]
domains = ["b.example"]
[sources.erp]
kind = "sql"
url = "env:ERP_URL"
[sources.erp.tables]
accounts = "select 1"
orders = { query = "select :since", watermark = "at" }
[sources.shop]
kind = "csv"
path = "data"
""",
    "segment": """\
description = "x"
where = '''
age > 1
'''
scheme = "needs"
purpose = "x"
review_by = 2027-06-30
sync = false
kpi = { field = "age", target = 1.5, direction = "down" }
guards = { max_leave_share = 0.9, max_grow_factor = 2, min_size = 1 }
[[example]]
contact = { age = 2, region = "Europe", x_flag = true }
member = true
""",
    "campaign": """\
description = "x"
segment = "a"
exclude = ["b"]
template = "t"
subject = "s"
preheader = ""
active = false
priority = 80
[trigger]
on = "enter"
after = "4 hours"
again_after = "7 days"
existing = true
[holdout]
share = 0.10
[goal]
within = "7 days"
[vars]
coupon = { a = [1, "x"] }
[utm]
campaign = "x"
""",
}

BROKEN = [
    ("config", "timezon = 'UTC'\n" + CONFIG),
    ("config", CONFIG.replace('audience = "9e67587f52"\n', "")),
    ("config", CONFIG + 'api_key = "secret-us1"\n'),
    ("config", CONFIG + "connections = 11\n"),
    ("config", CONFIG + '[mailchimp.merge_fields]\nfname = "x"\n'),
    ("config", CONFIG + '[limits]\nper_contact = "often"\n'),
    ("config", CONFIG + '[sources.erp]\nkind = "csv"\nurl = "env:X"\npath = "x"\n'),
    ("config", CONFIG + '[sources.erp]\nkind = "sql"\nurl = "env:X"\ntables = { order = "x" }\n'),
    ("segment", "where = 1\n"),
    ("segment", SEGMENT + "scheme = 'x'\n"),
    ("segment", SEGMENT + "review_by = 'soon'\n"),
    ("segment", SEGMENT + "[[example]]\nmember = true\n"),
    ("campaign", CAMPAIGN + 'cron = "0 9 * * *"\n'),
    ("campaign", CAMPAIGN.replace("manual", "schedule")),
    ("campaign", CAMPAIGN + "[holdout]\nshare = 1\n"),
    ("campaign", CAMPAIGN + "[goal]\nwithin = '7d'\n"),
]


def as_json(text: str) -> Any:
    """The file as an editor's schema check sees it: dates are texts."""

    def plain(value: Any) -> Any:
        match value:
            case dict():
                return {key: plain(inner) for key, inner in value.items()}
            case list():
                return [plain(inner) for inner in value]
            case date():
                return value.isoformat()
            case _:
                return value

    return plain(tomllib.loads(text))


@pytest.mark.parametrize("kind", FILES)
def test_the_schemas_are_valid_schemas(kind: str) -> None:
    jsonschema.Draft7Validator.check_schema(json_schemas()[kind])


@pytest.mark.parametrize("texts", [SMALLEST, SOUND])
@pytest.mark.parametrize("kind", FILES)
def test_parser_and_schema_accept_the_same_files(kind: str, texts: dict[str, str]) -> None:
    assert read(kind, texts[kind])[1] == []
    jsonschema.validate(as_json(texts[kind]), json_schemas()[kind])


@pytest.mark.parametrize(("kind", "text"), BROKEN)
def test_parser_and_schema_refuse_the_same_files(kind: str, text: str) -> None:
    assert read(kind, text)[1] != []
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(as_json(text), json_schemas()[kind])


@pytest.mark.parametrize("kind", FILES)
def test_the_table_of_settings_names_every_key_of_a_full_file(kind: str) -> None:
    rows = {row.key: row for row in settings_table(kind)}
    assert all(row.meaning for row in rows.values())
    for key, value in tomllib.loads(SOUND[kind]).items():
        inner = value if isinstance(value, dict) else {}
        assert key in rows or all(
            f"{key}.{name}" in rows or any(row.startswith(f"{key}.") for row in rows) for name in inner
        )


def test_the_table_of_settings_shows_defaults_as_written() -> None:
    rows = {row.key: row.default for row in settings_table("config")}
    assert rows["mailchimp.audience"] == "required"
    assert rows["guards.min_source_freshness"] == '"26 hours"'
    assert rows["mailchimp.base_url"] == ""
