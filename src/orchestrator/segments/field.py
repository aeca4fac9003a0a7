"""One name of the catalogue, as `campaigns fields` describes it and as the profile query is asked about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.contacts.measures import Measure, ValueType

NEVER_NULL = "never null: 0 without any"
NEVER_NULL_FLAG = "never null: false without any"
UNKNOWN = "the source does not say"
CURRENCY = "currency of the workspace"


@dataclass(frozen=True, slots=True)
class Described:
    """What people read about a name."""

    name: str
    """as written in a condition; in a listing perhaps with ``PERIOD`` in it, or a function with example arguments"""
    type: ValueType
    unit: str
    """"" where the type says it all"""
    family: str
    source: str
    """table.column"""
    null_meaning: str
    explanation: str


@dataclass(frozen=True, slots=True)
class Field(Described):
    """A name and the question behind it."""

    measure: Measure
