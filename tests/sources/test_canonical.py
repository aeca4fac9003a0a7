from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from orchestrator.sources.canonical import TABLES

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.shared
def test_tables_and_columns_are_those_of_the_product_page(shared: Path) -> None:
    page = (shared / "product.md").read_text(encoding="utf-8")
    promised = {}
    for name, columns in re.findall(r"^\| (\w+) \| (\*\*.+) \|$", page.split("\n## 4")[0], flags=re.MULTILINE):
        promised[name] = [re.sub(r" \(.*\)", "", column) for column in columns.split(", ")]
    ours = {
        table.name: [f"**{column.name}**" if column.required else column.name for column in table.columns]
        for table in TABLES.values()
    }
    assert ours == promised


def test_every_column_has_a_place_in_the_database() -> None:
    for table in TABLES.values():
        assert {column.stored for column in table.columns} <= set(table.target.columns.keys())
        assert set(table.key) <= table.by_name.keys()
        assert "extra" in table.target.columns


def test_tables_come_after_those_they_refer_to() -> None:
    seen: set[str] = set()
    for table in TABLES.values():
        assert {column.refers_to for column in table.references} <= seen
        seen.add(table.name)
