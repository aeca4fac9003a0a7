# ruff: noqa: E501 - one case a line is easier to compare
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.definitions.conftest import CAMPAIGN, CONFIG, SEGMENT

from orchestrator.definitions.workspace import WorkspaceReader, find_workspace, load_secret, read_workspace
from orchestrator.errors import DefinitionError, UsageError
from orchestrator.problems import Problem

if TYPE_CHECKING:
    from orchestrator.definitions.values import Workspace


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A sound workspace of one segment, one campaign and one template."""
    files = {
        "config.toml": CONFIG,
        "segments/lapsed.toml": SEGMENT,
        "campaigns/winback.toml": CAMPAIGN,
        "templates/winback.mjml": "<mjml></mjml>",
    }
    for name, text in files.items():
        write(tmp_path, name, text)
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_text(text, encoding="utf-8")


def said(problems: list[Problem]) -> list[str]:
    return [f"{problem.file}:{problem.line}: {problem.message}" for problem in problems]


# -- finding one


def test_the_workspace_is_found_from_a_folder_inside_it(root: Path) -> None:
    assert find_workspace(root / "segments") == root
    assert find_workspace(root) == root


def test_without_a_workspace_the_answer_names_init(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="campaigns init DIR"):
        find_workspace(tmp_path)


# -- reading one


def test_a_sound_workspace_has_no_problems(root: Path) -> None:
    workspace, problems = read_workspace(root)
    assert problems == []
    assert workspace is not None
    assert (set(workspace.segments), set(workspace.campaigns)) == ({"lapsed"}, {"winback"})


def test_a_workspace_may_be_only_a_config(tmp_path: Path) -> None:
    write(tmp_path, "config.toml", CONFIG)
    workspace, problems = read_workspace(tmp_path)
    assert workspace is not None
    assert (workspace.segments, workspace.campaigns, problems) == ({}, {}, [])


def test_an_unusable_config_does_not_hide_the_problems_of_other_files(root: Path) -> None:
    write(root, "config.toml", "x = 1\n" + CONFIG)
    write(root, "segments/lapsed.toml", "where = 1\n")
    workspace, problems = read_workspace(root)
    assert workspace is None
    assert said(problems) == [
        'config.toml:1: unknown key "x"',
        "segments/lapsed.toml:1: where must be a text, not the number 1",
    ]


def test_a_missing_config_is_a_problem(tmp_path: Path) -> None:
    workspace, problems = read_workspace(tmp_path)
    assert workspace is None
    assert said(problems) == ["config.toml:1: the file cannot be read: no such file or directory"]


def test_what_a_campaign_names_must_exist(root: Path) -> None:
    wrong = CAMPAIGN.replace("lapsed", "lapsd").replace("winback", "winbak")
    write(root, "campaigns/winback.toml", 'exclude = ["vip"]\n' + wrong)
    workspace, problems = read_workspace(root)
    assert workspace is not None
    assert workspace.campaigns == {}
    assert [(p.line, p.column, p.message, p.hint) for p in problems] == [
        (1, 12, 'the segment "vip" does not exist', "Make the file segments/vip.toml."),
        (2, 11, 'the segment "lapsd" does not exist', 'Did you mean "lapsed"? Otherwise make the file segments/lapsd.toml.'),
        (3, 12, 'the template "winbak" does not exist', 'Did you mean "winback"? Otherwise make the file templates/winbak.mjml.'),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["winback.html", "winback.sv.mjml"])
def test_a_template_is_any_mjml_or_html_file_of_that_name(root: Path, name: str) -> None:
    (root / "templates/winback.mjml").rename(root / "templates" / name)
    assert read_workspace(root)[1] == []


def test_a_campaign_whose_segment_is_broken_is_left_out_without_a_second_complaint(root: Path) -> None:
    write(root, "segments/lapsed.toml", "were = 1\n")
    workspace, problems = read_workspace(root)
    assert workspace is not None
    assert workspace.campaigns == {}
    assert [problem.file for problem in problems] == ["segments/lapsed.toml"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Lapsed Customers.toml", 'Rename it to "lapsed-customers.toml".'),
        ("über.toml", 'Rename it to "ber.toml".'),
        ("x.TOML", 'Rename it to "x.toml".'),
        ("...toml", 'Rename it to "new-name.toml".'),
    ],
)
def test_a_file_name_must_be_a_key(root: Path, name: str, hint: str) -> None:
    write(root, f"segments/{name}", SEGMENT)
    problems = read_workspace(root)[1]
    if name.startswith("."):
        assert problems == []
    else:
        (problem,) = problems
        assert (problem.file, problem.hint) == (f"segments/{name}", hint)


def test_other_files_beside_definitions_are_left_alone(root: Path) -> None:
    for name in ("README.md", ".lapsed.toml.swp", "lapsed.toml~", ".hidden.toml"):
        write(root, f"segments/{name}", "not toml")
    assert read_workspace(root)[1] == []


def test_files_in_deeper_folders_are_pointed_out(root: Path) -> None:
    (root / "segments/old").mkdir()
    write(root, "segments/old/x.toml", SEGMENT)
    assert said(read_workspace(root)[1]) == ["segments/old:1: files in a folder of a folder are not read"]


def test_a_folder_in_place_of_a_file_is_a_problem(root: Path) -> None:
    (root / "segments/x.toml").mkdir()
    assert said(read_workspace(root)[1]) == ["segments/x.toml:1: this is a folder, not a file"]


def test_a_file_in_place_of_a_folder_is_a_problem(tmp_path: Path) -> None:
    write(tmp_path, "config.toml", CONFIG)
    write(tmp_path, "segments", "")
    assert said(read_workspace(tmp_path)[1]) == ["segments:1: the folder cannot be read: not a directory"]


# -- reading one again and again


def test_the_last_good_version_of_a_broken_file_stays_in_use(root: Path) -> None:
    reader = WorkspaceReader(root)
    before, _ = reader.read()
    write(root, "segments/lapsed.toml", "where = 1\n")
    write(root, "campaigns/winback.toml", CAMPAIGN.replace("We miss you", "Come back"))
    after, (problem,) = reader.read()
    assert after.segments == before.segments
    assert after.campaigns["winback"].subject == "Come back"
    assert problem.hint.endswith("Meanwhile the last good version stays in use.")


def test_a_repaired_file_is_used_at_once(root: Path) -> None:
    reader = WorkspaceReader(root)
    reader.read()
    write(root, "segments/lapsed.toml", "where = 1\n")
    reader.read()
    write(root, "segments/lapsed.toml", 'where = "age > 1"\n')
    workspace, problems = reader.read()
    assert problems == []
    assert workspace.segments["lapsed"].where == "age > 1"


def test_a_broken_or_missing_config_leaves_the_last_good_settings(root: Path) -> None:
    reader = WorkspaceReader(root)
    before, _ = reader.read()
    write(root, "config.toml", "")
    assert reader.read()[0].settings == before.settings
    (root / "config.toml").unlink()
    workspace, problems = reader.read()
    assert workspace.settings == before.settings
    assert said(problems) == ["config.toml:1: the file cannot be read: no such file or directory"]


def test_a_config_that_was_never_good_is_an_error(root: Path) -> None:
    write(root, "config.toml", "x")
    with pytest.raises(DefinitionError) as caught:
        WorkspaceReader(root).read()
    assert caught.value.problems[0].file == "config.toml"


def test_a_deleted_file_is_gone_and_what_needs_it_too(root: Path) -> None:
    reader = WorkspaceReader(root)
    reader.read()
    (root / "segments/lapsed.toml").unlink()
    workspace, problems = reader.read()
    assert (workspace.segments, workspace.campaigns) == ({}, {})
    assert said(problems) == ['campaigns/winback.toml:1: the segment "lapsed" does not exist']


def test_a_file_that_was_never_good_is_left_out(root: Path) -> None:
    write(root, "segments/new.toml", "where = 1\n")
    workspace, (problem,) = WorkspaceReader(root).read()
    assert set(workspace.segments) == {"lapsed"}
    assert "Meanwhile" not in problem.hint


def no_age(workspace: Workspace) -> list[Problem]:
    """Stands for the check of expressions: the field age does not exist."""
    return [
        Problem(segment.file, 1, 1, "unknown field")
        for segment in workspace.segments.values()
        if "age" in segment.where
    ]


def test_a_file_that_fails_the_inspection_counts_as_broken(root: Path) -> None:
    reader = WorkspaceReader(root, no_age)
    reader.read()
    write(root, "segments/lapsed.toml", 'where = "age > 1"\n')
    workspace, (problem,) = reader.read()
    assert workspace.segments["lapsed"].where == "orders_total > 0"
    assert problem.message == "unknown field"


def test_a_version_that_was_good_and_no_longer_is_is_left_out(root: Path) -> None:
    forbidden: list[str] = []
    reader = WorkspaceReader(root, lambda workspace: no_age(workspace) if forbidden else [])
    write(root, "segments/lapsed.toml", 'where = "age > 1"\n')
    assert "lapsed" in reader.read()[0].segments
    forbidden.append("age")
    workspace, (problem,) = reader.read()
    assert (workspace.segments, workspace.campaigns) == ({}, {})
    assert problem.message == "unknown field"


def test_only_changed_files_are_parsed_again(root: Path) -> None:
    reader = WorkspaceReader(root)
    first, _ = reader.read()
    write(root, "campaigns/winback.toml", CAMPAIGN + "# changed\n")
    second, _ = reader.read()
    assert second.segments["lapsed"] is first.segments["lapsed"]
    assert second.campaigns["winback"] is not first.campaigns["winback"]


# -- secrets


def test_a_secret_comes_from_the_environment_or_a_file(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_KEY", " abc-us1\n")
    write(root, "key.txt", "def-us2\n")
    assert load_secret("env:THE_KEY", root) == "abc-us1"
    assert load_secret("file:key.txt", root) == "def-us2"
    assert load_secret(f"file:{root}/key.txt", Path("/")) == "def-us2"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("env:NOT_SET_HERE", "The environment variable NOT_SET_HERE is not set"),
        ("file:missing.txt", r"The secret's file missing.txt cannot be read: no such file"),
        ("file:empty.txt", "The secret's file empty.txt is empty"),
        ("file:lines.txt", "must be one line"),
        ("abc-us1", "given as env:NAME or file:PATH"),
    ],
)
def test_a_missing_secret_is_named_without_its_value(root: Path, reference: str, message: str) -> None:
    write(root, "empty.txt", "\n")
    write(root, "lines.txt", "secret\nsecret")
    with pytest.raises(UsageError, match=message) as caught:
        load_secret(reference, root)
    assert "abc-us1" not in str(caught.value)
    assert "secret\n" not in str(caught.value)
