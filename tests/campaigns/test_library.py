"""Which subject and preheader a reader gets."""

from __future__ import annotations

import pytest

from orchestrator.campaigns.library import lines_for
from orchestrator.definitions.values import CampaignDefinition, Trigger
from orchestrator.vocabulary import TriggerKind

CAMPAIGN = CampaignDefinition(
    name="c",
    file="campaigns/c.toml",
    segment="s",
    template="t",
    subject="Others",
    trigger=Trigger(TriggerKind.MANUAL),
    preheader="Others too",
    subject_by_language={"sv": "Svenska", "pt-BR": "Brasil", "en": "English"},
    preheader_by_language={"sv": "Mer"},
)


@pytest.mark.parametrize(
    ("language", "locale", "lines"),
    [
        ("sv", "en", {"subject_by_language.sv": "Svenska", "preheader_by_language.sv": "Mer"}),
        ("sv_SE", "en", {"subject_by_language.sv": "Svenska", "preheader_by_language.sv": "Mer"}),
        ("pt-br", "en", {"subject_by_language.pt-BR": "Brasil", "preheader": "Others too"}),
        ("fi", "en-GB", {"subject_by_language.en": "English", "preheader": "Others too"}),
        ("fi", "de", {"subject": "Others", "preheader": "Others too"}),
        (None, "de", {"subject": "Others", "preheader": "Others too"}),
    ],
)
def test_the_readers_language_then_its_base_then_the_workspaces(
    language: str | None, locale: str, lines: dict[str, str]
) -> None:
    assert lines_for(CAMPAIGN, language, locale) == lines
