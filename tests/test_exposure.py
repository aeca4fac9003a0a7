"""`campaigns check` says what others could reach or read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.check.exposure import exposures
from orchestrator.cli.main import run

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """
[mailchimp]
api_key = "file:key.txt"
audience = "9e67587f52"
from_name = "Shop"
reply_to = "hello@shop.example"
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "config.toml").write_text(CONFIG)
    (tmp_path / "key.txt").write_text("abc-us1\n")
    (tmp_path / "key.txt").chmod(0o600)
    return tmp_path


def test_a_workspace_that_is_closed_gets_no_warning(root: Path) -> None:
    assert exposures(root) == []


def test_files_that_others_can_read_are_named(root: Path) -> None:
    (root / "campaigns.db").write_text("")
    for name in ("key.txt", "campaigns.db"):
        (root / name).chmod(0o644)
    said = exposures(root)
    assert [f"chmod 600 {root / name}" in line for name, line in zip(("key.txt", "campaigns.db"), said, strict=True)]
    assert "abc" not in "".join(said)


@pytest.mark.parametrize(
    ("host", "warned"), [("127.0.0.1", False), ("::1", False), ("0.0.0.0", True), ("10.0.0.5", True)]
)
def test_a_server_that_others_reach_is_a_warning_and_no_problem(
    root: Path, capsys: pytest.CaptureFixture[str], host: str, warned: bool
) -> None:
    with (root / "config.toml").open("a") as file:
        file.write(f'[web]\nport = 8026\nhost = "{host}"\n')
    assert run(["-C", str(root), "check"]) == 0
    assert ("other machines" in capsys.readouterr().err) == warned


def test_a_broken_workspace_is_left_to_the_other_checks(root: Path) -> None:
    (root / "config.toml").write_text("[mailchimp\n")
    assert exposures(root) == []
