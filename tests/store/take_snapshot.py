"""Write down the schema as it is made today: `python -m tests.store.take_snapshot`, before each release.

One file for each kind of database, named after the schema's version. Those of released versions are never changed.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from orchestrator.store.migrations import MIGRATIONS
from orchestrator.store.tables import SchemaVersion

FOLDER = Path(__file__).with_name("schemas")
DIALECTS = {"sqlite": sqlite.dialect(), "postgresql": postgresql.dialect()}  # type: ignore[no-untyped-call]


def statements(kind: str) -> list[str]:
    """What makes every table and index, with what `schema_version` holds then."""
    dialect = DIALECTS[kind]
    made = []
    for table in SchemaVersion.metadata.sorted_tables:
        made.append(str(CreateTable(table).compile(dialect=dialect)).strip())
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        made += [str(CreateIndex(index).compile(dialect=dialect)).strip() for index in indexes]
    versions = range(1, len(MIGRATIONS) + 1)
    return made + [f"INSERT INTO schema_version (version, applied_at) VALUES ({version}, 0)" for version in versions]


def take() -> None:
    """Write the files of the present version."""
    FOLDER.mkdir(exist_ok=True)
    for kind in DIALECTS:
        text = ";\n".join(" ".join(statement.split()) for statement in statements(kind)) + ";\n"
        (FOLDER / f"{len(MIGRATIONS)}.{kind}.sql").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    take()
