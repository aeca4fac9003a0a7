"""campaigns/NAME.toml -> CampaignDefinition, or every problem of the file."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from orchestrator.definitions.campaign_keys import CAMPAIGN
from orchestrator.definitions.table_reader import TableReader, Values, shown
from orchestrator.definitions.values import CampaignDefinition, Trigger
from orchestrator.vocabulary import TriggerKind

if TYPE_CHECKING:
    from orchestrator.definitions.toml_source import Document
    from orchestrator.problems import Problem


def read_campaign(document: Document, name: str) -> tuple[CampaignDefinition | None, list[Problem]]:
    """The definition and the problems of the file.

    With problems, the definition is a draft to be checked further: what could not be read in it is empty.
    """
    reader = TableReader(document, CAMPAIGN)
    values = reader.read()
    segment, exclude = values.get("segment"), values.get("exclude") or ()
    if segment is not None and segment in exclude:
        path = ("exclude", exclude.index(segment))
        reader.fault(path, f'exclude names the campaign\'s own segment "{segment}"', "Nobody would get it.")
    if (values.get("goal") or {}).get("within") == timedelta(0):
        reader.fault(("goal", "within"), "goal.within must be longer than zero", 'Write a time as "7 days".')
    draft = CampaignDefinition(
        name=name,
        file=document.file,
        segment=segment or "",
        template=values.get("template") or "",
        subject=values.get("subject") or "",
        trigger=Trigger(TriggerKind.MANUAL),
        preheader=values.get("preheader") or "",
        subject_by_language=_texts(values.get("subject_by_language")),
        preheader_by_language=_texts(values.get("preheader_by_language")),
        exclude=tuple(excluded for excluded in exclude if excluded is not None),
        vars=values.get("vars") or {},
        lines={shown(path): place.value.line for path, place in document.places.items()},
        fingerprint=document.fingerprint,
    )
    return (draft if reader.problems else _complete(draft, values)), reader.problems


def _texts(values: Values | None) -> dict[str, str]:
    """What could be read of a table of texts."""
    return {name: text for name, text in (values or {}).items() if text is not None}


def _complete(draft: CampaignDefinition, values: Values) -> CampaignDefinition:
    return replace(
        draft,
        trigger=_trigger(values["trigger"]),
        description=values["description"].strip(),
        active=values["active"],
        priority=values["priority"],
        holdout_share=values["holdout"]["share"] if "holdout" in values else None,
        goal_within=values["goal"]["within"] if "goal" in values else None,
        utm=values["utm"],
    )


def _trigger(values: Values) -> Trigger:
    """Keys that do not go with the kind are absent, so that Trigger's own defaults stand."""
    given = {name: value for name, value in values.items() if name != "on"}
    return Trigger(on=TriggerKind(values["on"]), **given)
