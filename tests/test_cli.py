"""The commands as scripts meet them: exit codes, one JSON document on stdout, messages that say what now."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.cli.main import command_names, run

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parent.parent
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC).isoformat()


@pytest.fixture
def shop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """The starter with one contact."""
    folder = tmp_path / "shop"
    assert run(["init", str(folder)]) == 0
    data = tmp_path / "data"
    data.mkdir()
    (data / "contacts.csv").write_text("contact_id,email,consent\nc1,ada@shop.example,opted_in\n", encoding="utf-8")
    assert run(["-C", str(folder), "--now", NOW, "import", "--csv", str(data)]) == 0
    capsys.readouterr()
    return folder


def call(folder: Path, *arguments: str) -> int:
    return run(["-C", str(folder), "--now", NOW, *arguments])


@pytest.mark.parametrize("name", command_names())
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    assert "Usage: campaigns " + name in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sned"], 'Did you mean "send"'),
        (["send"], "CAMPAIGN"),
        (["--now", "yesterday", "status"], "is not a moment"),
        (["status", "--no-such-option"], "no-such-option"),
    ],
)
def test_wrong_usage_is_2_and_says_how(
    shop: Path, arguments: Sequence[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["-C", str(shop), *arguments]) == 2
    found = capsys.readouterr()
    assert found.out == ""
    assert said in found.err


def test_a_folder_without_a_workspace_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["-C", str(tmp_path), "check"]) in {1, 2}
    assert "config.toml" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["check"],
        ["segments"],
        ["segments", "members", "newsletter"],
        ["runs"],
        ["status"],
        ["fields"],
        ["preview", "industry-newsletter", "--contact", "c1"],
        ["why", "industry-newsletter", "c1"],
    ],
)
def test_json_is_one_document_on_stdout(shop: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code = call(shop, *arguments, "--json")
    found = capsys.readouterr()
    assert code in {0, 1, 3}, found.err
    assert isinstance(json.loads(found.out), dict | list)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["send", "industry-newsleter", "--yes"], "industry-newsletter"),
        (["preview", "industry-newsletter", "--contact", "c2"], "c2"),
        (["segments", "members", "newsleter"], "newsletter"),
        (["runs", "no-such-run"], "no-such-run"),
        (["why", "nothing", "c1"], "nothing"),
    ],
)
def test_a_wrong_name_is_answered_with_what_there_is(
    shop: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(shop, *arguments) in {1, 2}
    assert said in capsys.readouterr().err


def test_options_are_taken_before_and_after_the_command(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["segments", "-C", str(shop), "--now", NOW, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["now"] == NOW


@pytest.mark.parametrize(
    "words", ["sync", "send loyalty-offer --yes", "test-send loyalty-offer --to a@shop.example", "daemon --once"]
)
def test_a_pretended_moment_writes_to_no_real_mailchimp(
    shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    """Refused before anything is asked or a run recorded: nothing listens at the address below."""
    config = shop / "config.toml"
    text = config.read_text(encoding="utf-8").replace(
        "[mailchimp]", '[mailchimp]\nbase_url = "https://mailchimp.invalid/3.0"', 1
    )
    config.write_text(text, encoding="utf-8")
    monkeypatch.setenv("MAILCHIMP_API_KEY", "secret-key-us1")
    assert call(shop, *words.split()) == (1 if words == "daemon --once" else 2)
    said = capsys.readouterr().err
    assert "nothing is written to a Mailchimp outside this machine" in said
    assert "secret-key" not in said
    assert call(shop, "runs", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"runs": []}


def test_a_full_disk_and_a_removed_folder_are_no_bugs_of_ours(shop: Path) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        lists = [sys.executable, "-m", "orchestrator", "fields", "--json"]
        disk = subprocess.run(lists, cwd=shop, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert disk.returncode == 1
    assert "could not be written whole: No space left on device" in disk.stderr
    (shop / "gone").mkdir()
    script = f"cd {shop}/gone && rmdir ../gone && exec {sys.executable} -m orchestrator status"
    gone = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=False)
    assert (gone.returncode, "This folder was removed" in gone.stderr) == (2, True)


def test_the_starter_is_what_init_copies(shop: Path) -> None:
    for folder in ("segments", "campaigns"):
        ours = sorted(path.name for path in (ROOT / folder).iterdir())
        assert sorted(path.name for path in (shop / folder).iterdir()) == ours
