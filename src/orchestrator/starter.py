"""The starter workspace: the repository's own config, segments, campaigns and templates, shipped in the package."""

from __future__ import annotations

import shutil
from pathlib import Path

PARTS = ("config.toml", "segments", "campaigns", "templates")
IGNORE = (
    "# What the orchestrator writes here; the rest belongs in git\n"
    "*.db\n*.db-*\n.env\nsandbox.json\n# exports hold customers' data\ndata/\n"
)


def starter_folder() -> Path:
    """Where the starter is: inside the installed package, or at the root of a source checkout."""
    here = Path(__file__).resolve().parent
    installed = here / "starter"
    return installed if installed.is_dir() else here.parent.parent


def copy_starter(target: Path) -> int:
    """Copy the starter to ``target``, which may exist but holds no config.toml. Returns how many files."""
    source = starter_folder()
    target.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        origin = source / part
        if origin.is_dir():
            shutil.copytree(origin, target / part, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(origin, target / part)
    (target / ".gitignore").write_text(IGNORE, encoding="utf-8")
    return sum(1 for path in target.rglob("*") if path.is_file())
