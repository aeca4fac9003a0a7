"""Every definition file of a workspace, read: what is sound by itself, and every problem of the others."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from orchestrator.definitions.campaign import read_campaign
from orchestrator.definitions.files import CONFIG_FILE, definition_files, template_names
from orchestrator.definitions.references import reference_problems
from orchestrator.definitions.segment import read_segment
from orchestrator.definitions.settings import read_settings
from orchestrator.definitions.toml_source import Document, parse, read_bytes
from orchestrator.definitions.values import CampaignDefinition, SegmentDefinition, Settings
from orchestrator.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

Kind = TypeVar("Kind")
Definition = Settings | SegmentDefinition | CampaignDefinition


@dataclass(frozen=True, slots=True)
class Survey:
    """Every definition of a workspace that is sound by itself, and what is wrong with the others."""

    settings: Settings | None
    segments: Mapping[str, SegmentDefinition]
    campaigns: Mapping[str, CampaignDefinition]
    segment_drafts: Mapping[str, SegmentDefinition]
    """definitions with a problem, as far as they could be read: to find the rest of their problems, and not to use"""
    campaign_drafts: Mapping[str, CampaignDefinition]
    problems: tuple[Problem, ...]
    files: frozenset[str]
    """every definition file that there is, sound or not"""


@dataclass(frozen=True, slots=True)
class _Reading:
    """One file as it was read."""

    content: bytes
    definition: Definition | None
    document: Document | None
    problems: tuple[Problem, ...]


class _Sorted(NamedTuple, Generic[Kind]):
    """Definitions by name, those without problems apart from the others."""

    sound: dict[str, Kind]
    drafts: dict[str, Kind]

    def of(self, problems: list[Problem]) -> dict[str, Kind]:
        return self.drafts if problems else self.sound


def surveyed(root: Path) -> Survey:
    """The workspace as it is on the disk now; for a command that asks several times. Nothing but content counts."""
    return _surveyor(root).survey()


class Surveyor:
    """Reads a workspace again and again; only files whose content changed are parsed anew."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._readings: dict[str, _Reading] = {}

    def survey(self) -> Survey:
        """The workspace as it is on the disk now."""
        segment_files, problems = definition_files(self.root, "segments")
        campaign_files, more = definition_files(self.root, "campaigns")
        readings = {CONFIG_FILE: self._reading(CONFIG_FILE, partial(read_settings, root=self.root))}
        for name in segment_files:
            file = f"segments/{name}.toml"
            readings[file] = self._reading(file, partial(read_segment, name=name))
        for name in campaign_files:
            file = f"campaigns/{name}.toml"
            readings[file] = self._reading(file, partial(read_campaign, name=name))
        self._readings = readings
        templates = template_names(self.root)
        problems += more
        settings = None
        segments: _Sorted[SegmentDefinition] = _Sorted({}, {})
        campaigns: _Sorted[CampaignDefinition] = _Sorted({}, {})
        for reading in readings.values():
            found = list(reading.problems)
            match reading.definition:
                case Settings() as definition:
                    settings = definition
                case SegmentDefinition() as definition:
                    segments.of(found)[definition.name] = definition
                case CampaignDefinition() as definition:
                    assert reading.document is not None
                    found += reference_problems(definition, reading.document, segment_files.keys(), templates)
                    campaigns.of(found)[definition.name] = definition
            problems += found
        return Survey(
            settings,
            segments.sound,
            campaigns.sound,
            segments.drafts,
            campaigns.drafts,
            tuple(problems),
            frozenset(readings),
        )

    def _reading(self, file: str, read: Callable[[Document], tuple[Definition | None, list[Problem]]]) -> _Reading:
        content = read_bytes(self.root / file, file)
        if isinstance(content, Problem):
            return _Reading(b"", None, None, (content,))
        known = self._readings.get(file)
        if known is not None and known.document is not None and known.content == content:
            return known
        document = parse(content, file)
        if isinstance(document, Problem):
            return _Reading(content, None, None, (document,))
        definition, problems = read(document)
        return _Reading(content, definition, document, tuple(problems))


@lru_cache(maxsize=4)
def _surveyor(root: Path) -> Surveyor:
    return Surveyor(root)
