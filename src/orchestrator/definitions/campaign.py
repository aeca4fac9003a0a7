"""campaigns/NAME.toml -> CampaignDefinition, or every problem of the file."""

from __future__ import annotations

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
    """The definition, or None where there is any problem."""
    reader = TableReader(document, CAMPAIGN)
    values = reader.read()
    segment = values.get("segment")
    if segment is not None and segment in values.get("exclude", ()):
        index = values["exclude"].index(segment)
        reader.fault(
            ("exclude", index), f'exclude names the campaign\'s own segment "{segment}"', "Nobody would get it."
        )
    if values.get("goal", {}).get("within") == timedelta(0):
        reader.fault(("goal", "within"), "goal.within must be longer than zero", 'Write a time as "7 days".')
    if reader.problems:
        return None, reader.problems
    definition = CampaignDefinition(
        name=name,
        file=document.file,
        segment=values["segment"],
        template=values["template"],
        subject=values["subject"],
        trigger=_trigger(values["trigger"]),
        preheader=values["preheader"],
        description=values["description"].strip(),
        exclude=values["exclude"],
        active=values["active"],
        priority=values["priority"],
        holdout_share=values["holdout"]["share"] if "holdout" in values else None,
        goal_within=values["goal"]["within"] if "goal" in values else None,
        vars=values.get("vars", {}),
        utm=values["utm"],
        lines={shown(path): place.value.line for path, place in document.places.items()},
        fingerprint=document.fingerprint,
    )
    return definition, []


def _trigger(values: Values) -> Trigger:
    """Keys that do not go with the kind are absent, so that Trigger's own defaults stand."""
    given = {name: value for name, value in values.items() if name != "on"}
    return Trigger(on=TriggerKind(values["on"]), **given)
