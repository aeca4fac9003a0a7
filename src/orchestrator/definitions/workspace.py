"""A whole workspace: find it, read it, and keep the last good version of each file while people edit.

What is wrong with one file never hides, or stops, the others.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.definitions.files import CONFIG_FILE
from orchestrator.definitions.secret import load_secret
from orchestrator.definitions.survey import Definition, Survey, Surveyor, surveyed
from orchestrator.definitions.values import CampaignDefinition, SegmentDefinition, Settings, Workspace
from orchestrator.errors import DefinitionError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from orchestrator.problems import Problem

__all__ = ["WorkspaceReader", "find_workspace", "load_secret", "read_workspace"]


def find_workspace(start: Path) -> Path:
    """``start`` or the nearest folder above it that holds config.toml. Raises UsageError."""
    folder = start.resolve()
    for candidate in (folder, *folder.parents):
        if (candidate / CONFIG_FILE).is_file():
            return candidate
    raise UsageError(
        f"There is no {CONFIG_FILE} in {folder} or a folder above it.\n"
        "Go into a workspace, or name one with -C DIR; `campaigns init DIR` makes a new one."
    )


def read_workspace(root: Path) -> tuple[Workspace | None, list[Problem]]:
    """What is sound in the workspace, and every problem of its files, sorted. None: config.toml is unusable."""
    survey = surveyed(root)
    problems = sorted(survey.problems)
    if survey.settings is None:
        return None, problems
    return _runnable(Workspace(root, survey.settings, survey.segments, survey.campaigns)), problems


class WorkspaceReader:
    """Reads the workspace again and again, and remembers the last good version of every file.

    ``inspect`` finds problems that need more than the files' own words, such as an unknown field in an expression;
    a file with one counts as broken, too.
    """

    def __init__(self, root: Path, inspect: Callable[[Workspace], Iterable[Problem]] | None = None) -> None:
        self._root = root
        self._surveyor = Surveyor(root)
        self._inspect = inspect
        self._good: dict[str, Definition] = {}

    def read(self) -> tuple[Workspace, list[Problem]]:
        """The newest good version of every file that still exists, and what is wrong with the newer ones.

        Raises DefinitionError where config.toml was never good.
        """
        survey = self._surveyor.survey()
        problems = list(survey.problems)
        versions = self._versions(survey)
        while True:
            if not versions.get(CONFIG_FILE):
                raise DefinitionError(sorted(problems))
            workspace = _assembled(self._root, [found[0] for found in versions.values() if found])
            found = list(self._inspect(workspace)) if self._inspect else []
            known = {problem.file for problem in problems}
            problems += [problem for problem in found if problem.file not in known]
            flagged = {problem.file for problem in found if versions.get(problem.file)}
            if not flagged:
                break
            for file in flagged:
                versions[file].pop(0)
        self._good = {file: found[0] for file, found in versions.items() if found}
        return _runnable(workspace), sorted(self._told(problem) for problem in problems)

    def _versions(self, survey: Survey) -> dict[str, list[Definition]]:
        """Of each file: the version on the disk where it is sound by itself, then the last good one if another."""
        versions: dict[str, list[Definition]] = {file: [] for file in survey.files}
        if survey.settings is not None:
            versions[CONFIG_FILE].append(survey.settings)
        for segment in survey.segments.values():
            versions[segment.file].append(segment)
        for campaign in survey.campaigns.values():
            versions[campaign.file].append(campaign)
        for file, good in self._good.items():
            if file in versions and good not in versions[file]:
                versions[file].append(good)
        return versions

    def _told(self, problem: Problem) -> Problem:
        """The problem, saying what happens meanwhile."""
        if problem.file not in self._good:
            return problem
        return replace(problem, hint=f"{problem.hint} Meanwhile the last good version stays in use.".strip())


def _assembled(root: Path, definitions: Iterable[Definition]) -> Workspace:
    settings: list[Settings] = []
    segments: dict[str, SegmentDefinition] = {}
    campaigns: dict[str, CampaignDefinition] = {}
    for definition in definitions:
        match definition:
            case Settings():
                settings.append(definition)
            case SegmentDefinition():
                segments[definition.name] = definition
            case CampaignDefinition():
                campaigns[definition.name] = definition
    return Workspace(root, settings[0], segments, campaigns)


def _runnable(workspace: Workspace) -> Workspace:
    """Without the campaigns that need a segment which is left out: better no mail than one to the wrong people."""
    campaigns = {
        name: campaign
        for name, campaign in workspace.campaigns.items()
        if {campaign.segment, *campaign.exclude} <= workspace.segments.keys()
    }
    return Workspace(workspace.root, workspace.settings, workspace.segments, campaigns)
