"""The table [web] of config.toml."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.definitions.values import WebSettings
from orchestrator.definitions.workspace import read_workspace

if TYPE_CHECKING:
    from pathlib import Path

HEAD = '[mailchimp]\naudience = "9e67587f52"\nfrom_name = "Shop"\nreply_to = "hello@shop.example"\n'


def test_without_the_table_there_is_no_server(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(HEAD)
    workspace, problems = read_workspace(tmp_path)
    assert workspace is not None
    assert (workspace.settings.web, problems) == (WebSettings(), [])


def test_the_table_is_read(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        HEAD + '[web]\nport = 8026\nhost = "localhost"\nwebhook_secret = "env:W"\nsigning_secret = "file:signing"\n'
    )
    workspace, problems = read_workspace(tmp_path)
    assert problems == []
    assert workspace is not None
    assert workspace.settings.web == WebSettings(8026, "127.0.0.1", "env:W", "file:signing")


@pytest.mark.parametrize(
    ("table", "line", "message", "hint"),
    [
        ("port = 0", 6, "web.port must be from 1 to 65535, not 0", "For example: port = 8026."),
        ('host = "::1"', 5, "[web] names no port, so there would be no web server", "Add a line as port = 8026"),
        ('port = 1\nhost = "here"', 7, 'web.host must be an IP address, not the text "here"', '"0.0.0.0" for every'),
        ('port = 1\nwebhook_secret = "s3cr3t"', 7, "must be a reference to the secret", '"env:WEBHOOK_SECRET"'),
        ('port = 1\nsigning_secret = "env:S"', 7, "needs web.webhook_secret beside it", "webhook_secret ="),
        ("prot = 1", 6, 'unknown key "prot" in [web]', 'Did you mean "port"?'),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, table: str, line: int, message: str, hint: str) -> None:
    (tmp_path / "config.toml").write_text(f"{HEAD}[web]\n{table}\n")
    workspace, problems = read_workspace(tmp_path)
    assert workspace is None
    assert problems[0].line == line
    assert message in problems[0].message
    assert hint in problems[0].hint
    assert "s3cr3t" not in str(problems[0])
