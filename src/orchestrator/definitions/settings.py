"""config.toml -> Settings, or every problem of the file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.definitions.config_keys import CONFIG
from orchestrator.definitions.table_reader import TableReader, Values, shown
from orchestrator.definitions.values import (
    CsvSource,
    GuardSettings,
    LimitSettings,
    MailchimpSettings,
    RfmSettings,
    ScheduleSettings,
    Settings,
    SizeSettings,
    Source,
    SqlSource,
    SqlTable,
    WebSettings,
)

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.definitions.positions import Path as KeyPath
    from orchestrator.definitions.toml_source import Document
    from orchestrator.problems import Problem

MOST_MERGE_FIELDS = 28
"""an audience of an ordinary Mailchimp account holds 30; the rest carries the personal content of mails"""

_SINCE = re.compile(r"(?<![:\w]):since\b")


def read_settings(document: Document, root: Path) -> tuple[Settings | None, list[Problem]]:
    """The settings, or None where there is any problem. Paths in them count from ``root``."""
    reader = TableReader(document, CONFIG)
    values = reader.read()
    if not values:
        return None, reader.problems
    if reader.is_sound("rfm"):
        _check_tiers(reader, values["rfm"]["tiers"])
    if reader.is_sound("size"):
        _check_size(reader, values["size"])
    if "web" in document.data and reader.is_sound("web"):
        _check_web(reader, values["web"])
    if reader.is_sound("mailchimp"):
        _check_merge_fields(reader, values["mailchimp"]["merge_fields"])
    for name, source in (values.get("sources") or {}).items():
        path = ("sources", name, "tables")
        if "tables" in source and reader.is_sound(*path):
            _check_queries(reader, path, source["tables"])
    return (None if reader.problems else _settings(values, root)), reader.problems


def _settings(values: Values, root: Path) -> Settings:
    mailchimp = values["mailchimp"]
    return Settings(
        mailchimp=MailchimpSettings(**mailchimp),
        timezone=values["timezone"],
        locale=values["locale"],
        currency=values["currency"],
        database_url=values["database"]["url"],
        schedule=ScheduleSettings(
            *(values["schedule"][name] for name in ("import", "recompute", "reports", "full_recompute"))
        ),
        limits=LimitSettings(**values["limits"]),
        guards=GuardSettings(**values["guards"]),
        rfm=RfmSettings(values["rfm"]["window"], {name: values["rfm"]["tiers"][name] for name in RfmSettings().tiers}),
        size=SizeSettings(**values["size"]),
        web=WebSettings(**values["web"]),
        sources=tuple(_source(name, source, root) for name, source in values.get("sources", {}).items()),
        mail_clients=tuple(values["quality"]["clients"]),
        link_domains=values["links"].get("domains") or (mailchimp["reply_to"].rpartition("@")[2].lower(),),
    )


def _source(name: str, values: Values, root: Path) -> Source:
    if values["kind"] == "csv":
        return CsvSource(name, root / values["path"])
    tables = {table: SqlTable(query["query"], query.get("watermark")) for table, query in values["tables"].items()}
    return SqlSource(name, values["url"], tables)


# -- rules that concern several keys


def _check_tiers(reader: TableReader, tiers: Values) -> None:
    if not tiers["vip"] < tiers["gold"] < tiers["silver"]:
        written = ", ".join(f"{name} {tiers[name]:g}" for name in ("vip", "gold", "silver"))
        message = f"rfm.tiers must rise from vip over gold to silver, not {written}"
        reader.fault(("rfm", "tiers"), message, "Each is the share of the best: gold includes vip.")


def _check_size(reader: TableReader, size: Values) -> None:
    if size["medium"] >= size["large"]:
        message = f"size.medium must be below size.large, not {size['medium']} and {size['large']}"
        reader.fault(("size",), message, "Both are numbers of employees.")


def _check_web(reader: TableReader, web: Values) -> None:
    if "port" not in web:
        hint = "Add a line as port = 8026, or delete the table."
        reader.fault(("web",), "[web] names no port, so there would be no web server", hint)
    elif "signing_secret" in web and "webhook_secret" not in web:
        hint = 'Add a line as webhook_secret = "env:WEBHOOK_SECRET": it makes the address that Mailchimp calls.'
        reader.fault(("web", "signing_secret"), "web.signing_secret needs web.webhook_secret beside it", hint)


def _check_merge_fields(reader: TableReader, merge_fields: Values) -> None:
    if len(merge_fields) > MOST_MERGE_FIELDS:
        message = f"mailchimp.merge_fields names {len(merge_fields)} fields; more than {MOST_MERGE_FIELDS} cannot work"
        hint = "An audience holds 30, and the personal content of mails needs some of them. Delete those in no use."
        reader.fault(("mailchimp", "merge_fields"), message, hint)


def _check_queries(reader: TableReader, path: KeyPath, tables: Values) -> None:
    if not tables:
        reader.fault(path, f"{shown(path)} names no table", 'Add a line as accounts = "select …".')
    for table, query in tables.items():
        watermark = query.get("watermark")
        uses_since = bool(_SINCE.search(query["query"]))
        if uses_since and not watermark:
            hint = 'Write it as { query = "…", watermark = "changed_at" }, with the column that grows with each change.'
            reader.fault((*path, table), f"{shown((*path, table))} uses :since, but has no watermark", hint)
        if watermark and not uses_since:
            hint = f'Add a condition as "where {watermark} > :since", or delete the watermark.'
            message = f"{shown((*path, table))} has a watermark, but its query does not use :since"
            reader.fault((*path, table, "watermark"), message, hint)
