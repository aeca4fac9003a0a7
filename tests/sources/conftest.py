"""An ERP whose files a test writes and imports."""

from __future__ import annotations

import itertools
import textwrap
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from orchestrator.definitions.values import MailchimpSettings, Settings, Source
from orchestrator.sources.load import import_sources

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from orchestrator.sources.report import ImportReport
    from orchestrator.store.database import Database

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

PEOPLE: dict[str, str | bytes] = {
    "accounts": """
        account_id,name
        A1,Pumps & Co
        A2,Valves Ltd
    """,
    "contacts": """
        contact_id,account_id,email
        C1,A1,ann@pumps.example
        C2,A2,bob@valves.example
    """,
}


def settings(*sources: Source) -> Settings:
    """A workspace in Stockholm."""
    mailchimp = MailchimpSettings("env:KEY", "audience", "Nordic Supply", "hello@nordicsupply.example")
    return Settings(mailchimp=mailchimp, timezone=ZoneInfo("Europe/Stockholm"), sources=sources)


@dataclass
class Erp:
    """Writes exports and imports them by hand."""

    database: Database
    root: Path
    _folders: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def load(
        self,
        files: Mapping[str, str | bytes] | None = None,
        *,
        now: datetime = NOW,
        force: bool = False,
        **more: str | bytes,
    ) -> ImportReport:
        """Import a folder of these files (table=content; text is dedented); nothing else is in it."""
        folder = self.folder({**(files or {}), **more})
        return import_sources(self.database, settings(), self.root, csv_folder=folder, now=now, force=force)

    def folder(self, files: Mapping[str, str | bytes]) -> Path:
        """A new folder of these files."""
        folder = self.root / f"export-{next(self._folders)}"
        folder.mkdir()
        for table, content in files.items():
            if isinstance(content, str):
                content = textwrap.dedent(content).lstrip("\n").encode()
            (folder / f"{table}.csv").write_bytes(content)
        return folder

    def load_people(self) -> None:
        """Two accounts with a contact each."""
        assert not self.load(PEOPLE).rejects

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """The answer to a query of the local database."""
        with self.database.read() as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    def emails(self) -> dict[str, str]:
        """Contact -> address."""
        return dict(self.rows("select key, email from contact"))


@pytest.fixture
def erp(database: Database, tmp_path: Path) -> Erp:
    """An ERP, and an empty database of each kind to import into."""
    return Erp(database, tmp_path)


def reasons(report: ImportReport) -> list[tuple[str, int, str]]:
    """File, line and column of every row set aside."""
    return [(reject.file, reject.line, reject.column) for reject in report.rejects]
