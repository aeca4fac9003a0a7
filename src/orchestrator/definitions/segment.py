"""segments/NAME.toml -> SegmentDefinition, or every problem of the file. The condition itself is checked elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.definitions.segment_keys import SEGMENT
from orchestrator.definitions.strings import character_places, text_start
from orchestrator.definitions.table_reader import TableReader, Values
from orchestrator.definitions.values import Kpi, SegmentDefinition, SegmentExample, SegmentGuards

if TYPE_CHECKING:
    from orchestrator.definitions.toml_source import Document
    from orchestrator.problems import Problem


def read_segment(document: Document, name: str) -> tuple[SegmentDefinition | None, list[Problem]]:
    """The definition and the problems of the file.

    With problems, the definition is a draft to be checked further, or None where its condition cannot be read.
    """
    reader = TableReader(document, SEGMENT)
    values = reader.read()
    if not isinstance(values.get("where"), str):
        return None, reader.problems
    where = document.place("where")
    line, column = text_start(where.literal, where.value.line, where.value.column)
    shifts = where.literal.startswith('"') and "\\" in where.literal
    places = character_places(where.literal, where.value.line, where.value.column) if shifts else []
    draft = SegmentDefinition(
        name, document.file, values["where"], line, column, tuple(places), fingerprint=document.fingerprint
    )
    return (draft if reader.problems else _complete(draft, values, document)), reader.problems


def _complete(draft: SegmentDefinition, values: Values, document: Document) -> SegmentDefinition:
    examples = (
        SegmentExample(example["contact"], example["member"], document.place("example", index).key.line)
        for index, example in enumerate(values.get("example", ()))
    )
    return replace(
        draft,
        description=values["description"].strip(),
        scheme=values.get("scheme"),
        purpose=values["purpose"].strip(),
        review_by=values.get("review_by"),
        sync=values["sync"],
        kpi=Kpi(**values["kpi"]) if "kpi" in values else None,
        guards=SegmentGuards(**values["guards"]),
        examples=tuple(examples),
    )
