"""segments/NAME.toml -> SegmentDefinition, or every problem of the file. The expression itself is checked elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.definitions.segment_keys import SEGMENT
from orchestrator.definitions.strings import character_places, text_start
from orchestrator.definitions.table_reader import TableReader
from orchestrator.definitions.values import Kpi, SegmentDefinition, SegmentExample, SegmentGuards

if TYPE_CHECKING:
    from orchestrator.definitions.toml_source import Document
    from orchestrator.problems import Problem


def read_segment(document: Document, name: str) -> tuple[SegmentDefinition | None, list[Problem]]:
    """The definition, or None where there is any problem."""
    reader = TableReader(document, SEGMENT)
    values = reader.read()
    if reader.problems:
        return None, reader.problems
    where = document.place("where")
    line, column = text_start(where.literal, where.value.line, where.value.column)
    shifts = where.literal.startswith('"') and "\\" in where.literal
    places = character_places(where.literal, where.value.line, where.value.column) if shifts else []
    examples = (
        SegmentExample(example["contact"], example["member"], document.place("example", index).key.line)
        for index, example in enumerate(values.get("example", ()))
    )
    definition = SegmentDefinition(
        name=name,
        file=document.file,
        where=values["where"],
        where_line=line,
        where_column=column,
        where_places=tuple(places),
        description=values["description"].strip(),
        scheme=values.get("scheme"),
        purpose=values["purpose"].strip(),
        review_by=values.get("review_by"),
        sync=values["sync"],
        kpi=Kpi(**values["kpi"]) if "kpi" in values else None,
        guards=SegmentGuards(**values["guards"]),
        examples=tuple(examples),
        fingerprint=document.fingerprint,
    )
    return definition, []
