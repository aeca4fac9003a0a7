"""What one file says of another: a campaign's segments and template must exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.definitions.nearest import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Set as AbstractSet

    from orchestrator.definitions.toml_source import Document
    from orchestrator.definitions.values import CampaignDefinition
    from orchestrator.problems import Problem


def reference_problems(
    campaign: CampaignDefinition, document: Document, segments: AbstractSet[str], templates: AbstractSet[str]
) -> list[Problem]:
    """Names without a file. ``segments`` and ``templates`` are those of the files that there are, sound or not."""
    wanted: list[tuple[tuple[str | int, ...], str, str, str]] = [
        (("segment",), campaign.segment, "segment", "segments/{}.toml"),
        *(
            (("exclude", index), str(name), "segment", "segments/{}.toml")
            for index, name in enumerate(_listed(document.data.get("exclude")))
            if name in campaign.exclude
        ),
        (("template",), campaign.template, "template", "templates/{}.mjml"),
    ]
    return [
        document.problem(
            document.place(*path).value,
            f'the {what} "{name}" does not exist',
            _hint(name, segments if what == "segment" else templates, pattern),
        )
        for path, name, what, pattern in wanted
        if name and name not in (segments if what == "segment" else templates)
    ]


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _hint(name: str, known: Iterable[str], pattern: str) -> str:
    close = nearest(name, known)
    if close:
        return f'Did you mean "{close}"? Otherwise make the file {pattern.format(name)}.'
    return f"Make the file {pattern.format(name)}."
