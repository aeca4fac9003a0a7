# ruff: noqa: E501 - one case a line is easier to compare
from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.definitions.conftest import CONFIG, ROOT, read

from orchestrator.definitions.values import (
    Cron,
    CsvSource,
    Every,
    FrequencyCap,
    MailchimpSettings,
    QuietHours,
    Settings,
    SqlSource,
    SqlTable,
)

SettingsOf = Callable[[str], Any]


def test_every_setting_has_a_default_except_audience_and_sender(settings_of: SettingsOf) -> None:
    mailchimp = MailchimpSettings("env:MAILCHIMP_API_KEY", "9e67587f52", "Nordic Supply", "hello@nordicsupply.example")
    expected = Settings(mailchimp, ZoneInfo("UTC"), link_domains=("nordicsupply.example",))
    assert settings_of("") == expected


def test_every_kind_of_setting_is_read(settings_of: SettingsOf) -> None:
    settings = settings_of("""
connections = 4
base_url = "http://127.0.0.1:8025/3.0/"
[mailchimp.merge_fields]
POINTS = "x_points"
[schedule]
import = "0 6 * * *"
reports = "off"
[limits]
per_contact = "2 in 7 days"
quiet_hours = "20:00-07:00"
business_days = true
[guards]
max_leave_share = 1
max_grow_factor = 2
[rfm]
tiers = { vip = 0.01 }
[size]
medium = 10
[links]
domains = ["Nordicsupply.example", "shop.example"]
""")
    assert settings.mailchimp.base_url == "http://127.0.0.1:8025/3.0"
    assert settings.mailchimp.merge_fields == {"POINTS": "x_points"}
    assert (settings.schedule.import_, settings.schedule.reports) == (Cron("0 6 * * *"), None)
    assert settings.schedule.recompute == Every(timedelta(minutes=10))
    assert settings.limits.per_contact == FrequencyCap(2, timedelta(days=7))
    assert settings.limits.quiet_hours == QuietHours(time(20), time(7))
    assert (settings.guards.max_leave_share, settings.guards.max_grow_factor) == (1.0, 2.0)
    assert list(settings.rfm.tiers.items()) == [("vip", 0.01), ("gold", 0.2), ("silver", 0.5)]
    assert (settings.size.medium, settings.size.large) == (10, 250)
    assert settings.link_domains == ("nordicsupply.example", "shop.example")


def test_limits_can_be_switched_off(settings_of: SettingsOf) -> None:
    limits = settings_of('[limits]\nper_contact = "off"\nquiet_hours = "off"\n').limits
    assert (limits.per_contact, limits.quiet_hours) == (None, None)


def test_sources_are_databases_or_folders(settings_of: SettingsOf) -> None:
    settings = settings_of("""
[sources.erp]
kind = "sql"
url = "env:ERP_URL"
[sources.erp.tables]
accounts = "select 1"
orders = { query = "select * from o where c > :since", watermark = "c" }
[sources.shop]
kind = "csv"
path = "data/shop"
""")
    tables = {"accounts": SqlTable("select 1"), "orders": SqlTable("select * from o where c > :since", "c")}
    assert settings.sources == (SqlSource("erp", "env:ERP_URL", tables), CsvSource("shop", ROOT / "data/shop"))


@pytest.mark.parametrize(
    ("more", "line", "column", "message", "hint"),
    [
        ("connections = 11\n", 5, 15, "mailchimp.connections must be from 1 to 10, not 11", "For example: connections = 8."),
        ("conections = 8\n", 5, 1, 'unknown key "conections" in [mailchimp]', 'Did you mean "connections"?'),
        ("timezone = 'UTC'\n", 5, 1, 'unknown key "timezone" in [mailchimp]', '"timezone" belongs at the top of the file, above the first [table].'),
        ("[guards]\nwithout = 1\n", 6, 1, 'unknown key "without" in [guards]', "Known here: max_leave_share, max_grow_factor, min_size, min_source_freshness, approve_above."),
        ("[guards]\nmax_leave_share = 30\n", 6, 19, "guards.max_leave_share must be from 0 to 1, not 30", "30 percent is written 0.30."),
        ("[guards]\nmax_leave_share = nan\n", 6, 19, "guards.max_leave_share must be from 0 to 1, not NaN", "30 percent is written 0.30."),
        ('[guards]\napprove_above = "5000"\n', 6, 17, 'guards.approve_above must be a whole number, not the text "5000"', "Write 5000 without quotes."),
        ("[guards]\napprove_above = true\n", 6, 17, "guards.approve_above must be a whole number, not true", "For example: approve_above = 5000."),
        ('[limits]\nbusiness_days = "true"\n', 6, 17, 'limits.business_days must be true or false, not the text "true"', "Write it without quotes."),
        ('[schedule]\nimport = "every 15 mintues"\n', 6, 10, 'schedule.import must be a schedule, not the text "every 15 mintues"', 'Did you mean "15 minutes"?'),
        ('[rfm]\nwindow = "last_year_days"\n', 6, 10, 'rfm.window must be a period, not the text "last_year_days"', "Write total, this_year, last_year, this_month, last_month or last_N_days, as last_365_days."),
        ("[rfm]\ntiers = { vip = 0.3 }\n", 6, 9, "rfm.tiers must rise from vip over gold to silver, not vip 0.3, gold 0.2, silver 0.5", "Each is the share of the best: gold includes vip."),
        ("[size]\nmedium = 250\n", 5, 2, "size.medium must be below size.large, not 250 and 250", "Both are numbers of employees."),
        ('[links]\ndomains = "shop.example"\n', 6, 11, 'links.domains must be a list, not the text "shop.example"', 'Write ["shop.example"].'),
        ('[links]\ndomains = ["https://shop.example"]\n', 6, 12, 'links.domains[1] must be a domain, not the text "https://shop.example"', 'Write the bare domain, as "nordicsupply.example", without https:// and without a path.'),
        ('base_url = "http://api.example/3.0"\n', 5, 12, "mailchimp.base_url must begin with https://: the key would travel unprotected", 'Write "https://us1.api.mailchimp.com/3.0", or "http://127.0.0.1:8025/3.0" for the sandbox.'),
        ('[mailchimp.merge_fields]\nCO_1 = "x"\n', 6, 1, 'the name "CO_1" in [mailchimp.merge_fields] must not begin with CO_: such fields carry the personal content of mails', "Choose another."),
        ('[mailchimp.merge_fields]\nfirstName = "x"\n', 6, 1, 'the name "firstName" in [mailchimp.merge_fields] must be at most 10 capital letters, digits and _, a letter first', 'Write it as "FIRSTNAME".'),
        ('[sources.erp]\nkind = "csv"\n', 5, 2, "path is missing in [sources.erp]", 'Add path = "data" (folder with accounts.csv … events.csv, relative to the workspace).'),
        ('[sources.erp]\nkind = "csv"\npath = "x"\nurl = "env:X"\n', 8, 1, 'sources.erp.url does not go with kind = "csv"', 'With it go: path. url goes with kind = "sql".'),
        ('[sources.erp]\nkind = "excel"\n', 6, 8, 'sources.erp.kind must be "sql" or "csv", not the text "excel"', 'For example: kind = "sql".'),
        ('[sources.erp]\nkind = "sql"\nurl = "env:X"\ntables = { order = "select 1" }\n', 8, 12, 'unknown key "order" in [sources.erp.tables]', 'Did you mean "orders"?'),
        ('[sources.erp]\nkind = "sql"\nurl = "env:X"\ntables = { orders = "select :since" }\n', 8, 21, "sources.erp.tables.orders uses :since, but has no watermark", 'Write it as { query = "…", watermark = "changed_at" }, with the column that grows with each change.'),
        ('[sources.erp]\nkind = "sql"\nurl = "env:X"\ntables.orders = { query = "select 1::since", watermark = "at" }\n', 8, 58, "sources.erp.tables.orders has a watermark, but its query does not use :since", 'Add a condition as "where at > :since", or delete the watermark.'),
        ('[database]\nurl = "campaigns.db"\n', 6, 7, "database.url must be the address of a SQLite or PostgreSQL database", 'Write "sqlite:///campaigns.db" or "postgresql+psycopg://user@host/name", or "env:NAME" of a variable.'),
        ('[database]\nurl = "sqlite://campaigns.db"\n', 6, 7, "database.url must have three slashes before a relative path", 'Write "sqlite:///campaigns.db".'),
    ],
)  # fmt: skip
def test_each_wrong_setting_has_place_cause_and_next_step(
    more: str, line: int, column: int, message: str, hint: str
) -> None:
    settings, problems = read("config", CONFIG + more)
    assert settings is None
    first = problems[0]
    assert (first.line, first.column, first.message, first.hint) == (line, column, message, hint)
    assert first.excerpt == (CONFIG + more).split("\n")[line - 1]


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ('timezone = "Europe/Stokholm"', 'timezone must be a time zone, not the text "Europe/Stokholm"', 'Did you mean "Europe/Stockholm"?'),
        ('timezone = "europe/stockholm"', 'timezone must be a time zone, not the text "europe/stockholm"', 'Did you mean "Europe/Stockholm"?'),
        ('timezone = "Europe"', 'timezone must be a time zone, not the text "Europe"', 'Write an IANA name, as "Europe/Stockholm".'),
        ('timezone = "../../etc/passwd"', 'timezone must be a time zone, not the text "../../etc/passwd"', 'Write an IANA name, as "Europe/Stockholm".'),
        ('timezone = "stokholm"', 'timezone must be a time zone, not the text "stokholm"', 'Did you mean "Europe/Stockholm"?'),
        ('timezone = ""', "timezone must not be empty", "Write a value, or delete the line."),
        ('locale = "english"', 'locale must be a language, not the text "english"', 'Write a language code, as "en" or "sv".'),
        ('locale = "sv-SX"', 'locale must be a language, not the text "sv-SX"', 'Did you mean "sv-SE"?'),
        ('currency = "eur"', 'currency must be a currency, not the text "eur"', 'Did you mean "EUR"?'),
        ('currency = "euro"', 'currency must be a currency, not the text "euro"', 'Write an ISO 4217 code, as "EUR".'),
        ("currency = 978", "currency must be a currency, not the number 978", 'For example: currency = "EUR".'),
    ],
)  # fmt: skip
def test_each_wrong_setting_at_the_top_is_explained(line: str, message: str, hint: str) -> None:
    _, (problem,) = read("config", f"{line}\n{CONFIG}")
    assert (problem.line, problem.message) == (1, message)
    assert problem.hint == hint


def test_all_problems_are_found_at_once() -> None:
    _, problems = read("config", 'timezone = "x"\ncurrency = 1\n[mailchimp]\naudiense = "x"\nreply_to = "nobody"\n')
    assert sorted((problem.line, problem.message) for problem in problems) == [
        (1, 'timezone must be a time zone, not the text "x"'),
        (2, "currency must be a currency, not the number 1"),
        (3, "from_name is missing in [mailchimp]"),
        (4, 'unknown key "audiense" in [mailchimp]'),
        (5, "mailchimp.reply_to must be an e-mail address"),
    ]


def test_a_missing_table_says_what_it_needs() -> None:
    _, (problem,) = read("config", 'timezone = "UTC"\n')
    assert (problem.line, problem.message) == (1, "the table [mailchimp] is missing")
    assert problem.hint == "Add [mailchimp]; it needs audience, from_name, reply_to."


@pytest.mark.parametrize(
    "key",
    ['"0123456789abcdef0123456789abcdef-us1"', '"secret"', "'env:'", '"secret\\nsecret"', "[1]", "12345", "secret"],
)
def test_a_literal_api_key_is_refused_and_never_shown(key: str) -> None:
    settings, problems = read("config", f"{CONFIG}api_key = {key}\n")
    assert settings is None
    assert problems[0].line == 5
    assert problems[0].hint or "reference" in problems[0].message
    for problem in problems:
        for word in ("0123456789abcdef", "secret", "12345"):
            assert word not in str(problem)


def test_more_merge_fields_than_an_audience_holds_are_refused() -> None:
    fields = "\n".join(f'F{number} = "first_name"' for number in range(29))
    _, (problem,) = read("config", f"{CONFIG}[mailchimp.merge_fields]\n{fields}\n")
    assert problem.message == "mailchimp.merge_fields names 29 fields; more than 28 cannot work"


def test_settings_are_immutable(settings_of: SettingsOf) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings_of("").locale = "sv"
