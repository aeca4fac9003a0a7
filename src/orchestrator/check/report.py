"""Everything wrong with a workspace in one report: files, references, conditions, examples, field names, templates.

Nothing is sent, computed or written, and no database is needed; only the files are read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from orchestrator.check.documents import Documents
from orchestrator.definitions.files import CONFIG_FILE
from orchestrator.definitions.survey import surveyed
from orchestrator.definitions.toml_source import excerpt_of
from orchestrator.definitions.values import MailchimpSettings, SegmentDefinition, Settings, Workspace
from orchestrator.problems import Level

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Set as AbstractSet
    from pathlib import Path

    from orchestrator.check.rendering import Trial
    from orchestrator.contacts.measures import CustomColumn
    from orchestrator.problems import Problem


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What `campaigns check` says."""

    problems: tuple[Problem, ...]
    """errors, sorted by file, line and column"""
    warnings: tuple[Problem, ...]
    """what works and could be better, sorted likewise"""
    segments: int
    """files in segments/, sound or not"""
    campaigns: int
    """files in campaigns/, sound or not"""


def check(root: Path, custom: Mapping[str, CustomColumn] | None = None, trial: Trial | None = None) -> CheckReport:
    """Every problem of every file of the workspace at ``root``.

    ``custom``: the custom fields that were imported. None where nothing was imported yet: then every ``x_NAME`` is
    taken to exist, with the type that its use asks for. ``trial``: how templates are tried.
    """
    from orchestrator.check.rendering import Trial  # noqa: PLC0415 -- heavy

    trial = trial or Trial()
    survey = surveyed(root)
    files = {folder: _keys(survey.files, folder) for folder in ("segments", "campaigns")}
    segments = {**survey.segment_drafts, **survey.segments}
    campaigns = {**survey.campaign_drafts, **survey.campaigns}
    workspace = Workspace(root, survey.settings or _any_settings(root), segments, campaigns)
    found = inspect(
        workspace, custom, unreadable=files["segments"] - segments.keys(), more=files["campaigns"], trial=trial
    )
    told = sorted({*survey.problems, *found})
    errors, warnings = (
        tuple(problem for problem in told if (problem.level is Level.ERROR) is wanted) for wanted in (True, False)
    )
    return CheckReport(errors, warnings, len(files["segments"]), len(files["campaigns"]))


def inspect(
    workspace: Workspace,
    custom: Mapping[str, CustomColumn] | None = None,
    *,
    unreadable: Collection[str] = (),
    more: AbstractSet[str] = frozenset(),
    trial: Trial | None = None,
) -> list[Problem]:
    """Problems of definitions that are sound by themselves. ``unreadable``: segments whose files are not; ``more``:
    campaigns that have a file, readable or not; ``trial``: templates are rendered, too.
    """
    from orchestrator.check.examples import example_problems  # noqa: PLC0415 -- heavy
    from orchestrator.check.fields import (  # noqa: PLC0415 -- heavy
        assumed_custom_fields,
        campaign_references,
        field_problems,
    )
    from orchestrator.check.templates import template_problems  # noqa: PLC0415 -- heavy
    from orchestrator.segments.compile import compile_segments  # noqa: PLC0415 -- heavy

    fields = assumed_custom_fields(workspace.segments.values()) if custom is None else custom
    by_file = {segment.file: segment for segment in workspace.segments.values()}
    compiled = compile_segments(workspace.segments, fields, unreadable=unreadable)
    named = campaign_references(workspace.segments.values(), compiled.segments, workspace.campaigns.keys() | more)
    problems = [_in_file(problem, by_file[problem.file]) for problem in (*compiled.problems, *named)]
    documents = Documents(workspace.root)
    problems += example_problems(workspace.segments, compiled.segments, fields, documents)
    problems += field_problems(workspace, custom, documents)
    problems += template_problems(workspace, custom, documents, trial=trial)
    return sorted(set(_with_lines(problems, workspace.root)))


def _in_file(problem: Problem, segment: SegmentDefinition) -> Problem:
    """A problem of a condition at its true place, where escapes in the file shift what follows them."""
    if not segment.where_places:
        return problem
    row = problem.line - segment.where_line
    before = segment.where_column - 1 if row == 0 else 0
    line_start = sum(len(line) + 1 for line in segment.where.split("\n")[:row])
    offset = min(line_start + problem.column - before - 1, len(segment.where_places) - 1)
    line, column = segment.where_places[offset]
    return replace(problem, line=line, column=column)


def _with_lines(problems: Iterable[Problem], root: Path) -> Iterable[Problem]:
    """The problems with the lines of their files as excerpts, and with a place even where the whole file is meant."""
    texts: dict[str, tuple[str, ...]] = {}
    for problem in problems:
        if problem.file not in texts:
            texts[problem.file] = _lines(root / problem.file)
        if problem.line < 1:
            yield replace(problem, line=1, column=1, excerpt="", width=1)
            continue
        excerpt = excerpt_of(texts[problem.file], problem.line)
        if problem.column < 1:
            indent = len(excerpt) - len(excerpt.lstrip())
            yield replace(problem, column=indent + 1, width=max(1, len(excerpt.strip())), excerpt=excerpt)
        else:
            yield replace(problem, excerpt=excerpt)


def _lines(path: Path) -> tuple[str, ...]:
    try:
        return tuple(path.read_text(encoding="utf-8-sig").split("\n"))
    except (OSError, UnicodeDecodeError):
        return ()


def _keys(files: Iterable[str], folder: str) -> set[str]:
    return {file.removeprefix(f"{folder}/").removesuffix(".toml") for file in files if file.startswith(f"{folder}/")}


def _any_settings(root: Path) -> Settings:
    """Stands in for an unusable config.toml, so that everything else is checked all the same."""
    document = Documents(root).get(CONFIG_FILE)
    fields: dict[str, str] = {}
    if document is not None and isinstance(table := document.data.get("mailchimp"), dict):
        written = table.get("merge_fields")
        pairs = written.items() if isinstance(written, dict) else ()
        fields = {tag: field for tag, field in pairs if isinstance(field, str)}
    mailchimp = MailchimpSettings("env:NONE", "none", "none", "nobody@none.example", merge_fields=fields)
    return Settings(mailchimp, ZoneInfo("UTC"))
