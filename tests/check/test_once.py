"""A check does everything once, so that it is done before anybody waits: counted, not timed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from jinja2 import Environment

from orchestrator.check import check
from orchestrator.definitions.toml_source import parse
from orchestrator.definitions.workspace import read_workspace
from orchestrator.starter import copy_starter
from orchestrator.templates.environment import ConfinedLoader

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_check_reads_parses_and_compiles_each_text_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy_starter(tmp_path)
    read, parsed, compiled = Counter[str](), Counter[tuple[str, str | None]](), Counter[str]()
    own_read, own_parse, own_compile = ConfinedLoader._read, Environment._parse, Environment._compile

    def counted_read(self: ConfinedLoader, environment: Environment, template: str) -> Any:
        read[template] += 1
        return own_read(self, environment, template)

    def counted_parse(self: Environment, source: str, name: str | None, filename: str | None) -> Any:
        parsed[source, name] += 1
        return own_parse(self, source, name, filename)

    def counted_compile(self: Environment, source: str, filename: str) -> Any:
        compiled[source] += 1
        return own_compile(self, source, filename)

    monkeypatch.setattr(ConfinedLoader, "_read", counted_read)
    monkeypatch.setattr(Environment, "_parse", counted_parse)
    monkeypatch.setattr(Environment, "_compile", counted_compile)
    assert check(tmp_path).problems == ()
    assert len(read) == sum(1 for path in (tmp_path / "templates").rglob("*.mjml"))
    assert set(read.values()) == set(parsed.values()) == set(compiled.values()) == {1}


def test_a_command_that_asks_for_its_files_again_parses_what_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_starter(tmp_path)
    parsed: list[str] = []
    own_parse = parse

    def counted_parse(content: bytes, file: str) -> Any:
        parsed.append(file)
        return own_parse(content, file)

    monkeypatch.setattr("orchestrator.definitions.survey.parse", counted_parse)
    before, _ = read_workspace(tmp_path)
    assert len(parsed) == len(set(parsed)) > 1
    parsed.clear()
    gold = tmp_path / "segments" / "gold.toml"
    gold.write_text(gold.read_text("utf-8").replace("description = ", 'description = "New" # ', 1), "utf-8")
    after, _ = read_workspace(tmp_path)
    assert parsed == ["segments/gold.toml"]
    assert before is not None
    assert after is not None
    assert after.segments["gold"].description == "New" != before.segments["gold"].description
