"""What others could reach or read: no fault of a file, and worth a word. A workspace in, sentences out."""

from __future__ import annotations

import re
import stat
from ipaddress import ip_address
from typing import TYPE_CHECKING

from orchestrator.definitions.workspace import read_workspace

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.definitions.values import Settings

_SQLITE = re.compile(r"sqlite(?:\+\w+)?:///([^?]*)")


def exposures(root: Path) -> list[str]:
    """Warnings about the machine around the workspace; none where config.toml cannot be read."""
    workspace, _ = read_workspace(root)
    if workspace is None:
        return []
    settings = workspace.settings
    found = [_web(settings)]
    found += [
        f"{what} {path} can be read by other users of this machine. Close it: chmod 600 {path}"
        for what, path in _private_files(settings, root)
        if _is_open(path)
    ]
    return [warning for warning in found if warning]


def _web(settings: Settings) -> str:
    web = settings.web
    if web.port is None or ip_address(web.host).is_loopback:
        return ""
    return (
        f'[web] host = "{web.host}" lets other machines read /health and /metrics. Keep the port behind a firewall or '
        'an HTTPS proxy that passes /webhooks/ alone, or leave it at "127.0.0.1".'
    )


def _private_files(settings: Settings, root: Path) -> list[tuple[str, Path]]:
    references = (
        settings.mailchimp.api_key,
        settings.database_url,
        settings.web.webhook_secret or "",
        settings.web.signing_secret or "",
    )
    files = [("The secret's file", root / text[5:]) for text in references if text.startswith("file:")]
    database = _SQLITE.match(settings.database_url)
    if database is not None and database[1] not in {"", ":memory:"}:
        files.append(("The database", root / database[1]))
    return files


def _is_open(path: Path) -> bool:
    try:
        return bool(path.expanduser().stat().st_mode & stat.S_IROTH)
    except OSError:
        return False
