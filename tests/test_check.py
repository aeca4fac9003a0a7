"""Small workspaces, most of them broken and named after their fault, each with the exact report in ``report.txt``.

``UPDATE_REPORTS=1 pytest tests/test_check.py`` writes the reports anew; read the difference before committing it.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from orchestrator.check import check, inspect
from orchestrator.contacts.measures import CustomColumn, ValueType
from orchestrator.definitions.workspace import WorkspaceReader

WORKSPACES = Path(__file__).parent / "workspaces"
NAMES = sorted(path.name for path in WORKSPACES.iterdir() if path.is_dir())


def report(root: Path) -> str:
    found = check(root)
    problems = "\n".join(f"{problem}\n" for problem in sorted((*found.problems, *found.warnings)))
    warned = f", {len(found.warnings)} warnings" if found.warnings else ""
    counted = f"{len(found.problems)} problems{warned}, {found.segments} segments, {found.campaigns} campaigns"
    return f"{problems}{counted}\n"


@pytest.mark.parametrize("name", NAMES)
def test_a_workspace_has_exactly_this_report(name: str) -> None:
    expected = WORKSPACES / name / "report.txt"
    said = report(WORKSPACES / name)
    if os.environ.get("UPDATE_REPORTS"):
        expected.write_text(said, encoding="utf-8")
    assert said == expected.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_every_problem_points_into_its_file_and_says_what_to_do(name: str) -> None:
    found = check(WORKSPACES / name)
    problems = (*found.problems, *found.warnings)
    assert all(problem.hint for problem in problems if problem.file.startswith("templates/"))
    assert bool(problems) != name.startswith(("sound", "custom-fields"))
    for problem in problems:
        content = (WORKSPACES / name / problem.file).read_bytes()
        assert 1 <= problem.line <= content.count(b"\n") + 1
        assert problem.column >= 1
        if problem.excerpt:
            assert problem.column <= len(problem.excerpt) + 1
            assert problem.column + problem.width <= len(problem.excerpt) + 2


def test_custom_fields_that_were_imported_are_known_by_name_and_type() -> None:
    root = WORKSPACES / "custom-fields-not-yet-imported"
    points = CustomColumn("contact", "points", ValueType.NUMBER)
    problems = check(root, {"x_points": points}).problems
    assert [problem.message for problem in problems] == ['unknown field "account_x_zone"']


def test_the_report_holds_no_secret() -> None:
    assert "0123456789abcdef" not in report(WORKSPACES / "literal-api-key")


def test_an_unknown_field_counts_as_a_broken_file_for_the_daemon(tmp_path: Path) -> None:
    root = shutil.copytree(WORKSPACES / "sound", tmp_path / "workspace")
    reader = WorkspaceReader(root, inspect)
    good, _ = reader.read()
    (root / "segments/lapsed.toml").write_text('where = "ordres_total > 0"\n')
    workspace, (problem,) = reader.read()
    assert workspace == good
    assert problem.message == 'unknown field "ordres_total"'


@settings(max_examples=40, deadline=None)
@given(
    condition=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30),
    quotes=st.sampled_from(['"', '"""']),
)
def test_any_condition_gets_a_report_inside_its_file(
    tmp_path_factory: pytest.TempPathFactory, condition: str, quotes: str
) -> None:
    root = shutil.copytree(WORKSPACES / "sound", tmp_path_factory.mktemp("any") / "workspace")
    escaped = "".join(f"\\u{ord(char):04x}" if char in '"\\' or not char.isprintable() else char for char in condition)
    text = f"where = {quotes}{escaped} and ordres_total > 0{quotes}\n"
    (root / "segments/lapsed.toml").write_text(text, encoding="utf-8")
    problems = check(root).problems
    assert problems
    for problem in problems:
        lines = text.split("\n")
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
