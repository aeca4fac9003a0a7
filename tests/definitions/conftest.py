"""Builders: a file's text in, its definition and problems out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.definitions.campaign import read_campaign
from orchestrator.definitions.segment import read_segment
from orchestrator.definitions.settings import read_settings
from orchestrator.definitions.toml_source import parse
from orchestrator.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path("/workspace")

CONFIG = """\
[mailchimp]
audience = "9e67587f52"
from_name = "Nordic Supply"
reply_to = "hello@nordicsupply.example"
"""

SEGMENT = """\
where = "orders_total > 0"
"""

CAMPAIGN = """\
segment = "lapsed"
template = "winback"
subject = "We miss you"

[trigger]
on = "manual"
"""


def read(kind: str, text: str) -> tuple[Any, list[Problem]]:
    """The definition of a sound "config", "segment" or "campaign" file, or its problems."""
    file = {"config": "config.toml", "segment": "segments/lapsed.toml", "campaign": "campaigns/winback.toml"}[kind]
    document = parse(text.encode(), file)
    if isinstance(document, Problem):
        return None, [document]
    definition: Any
    match kind:
        case "config":
            definition, problems = read_settings(document, ROOT)
        case "segment":
            definition, problems = read_segment(document, "lapsed")
        case _:
            definition, problems = read_campaign(document, "winback")
    return (None if problems else definition), problems


@pytest.fixture
def settings_of() -> Callable[[str], Any]:
    """Settings of the smallest config.toml and more lines behind it."""

    def build(more: str) -> Any:
        settings, problems = read("config", CONFIG + more)
        assert problems == []
        return settings

    return build


@pytest.fixture
def campaign_of() -> Callable[[str], Any]:
    """A campaign of the smallest file and more lines behind it."""

    def build(more: str) -> Any:
        campaign, problems = read("campaign", CAMPAIGN + more)
        assert problems == []
        return campaign

    return build
