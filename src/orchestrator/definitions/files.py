"""Which files of a workspace are definitions: a folder in, the file of each key out, and what is wrong with names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.definitions.rules import KEY
from orchestrator.problems import Problem

if TYPE_CHECKING:
    from pathlib import Path

CONFIG_FILE = "config.toml"
TEMPLATE_ENDINGS = (".mjml", ".html")


def definition_files(root: Path, folder: str) -> tuple[dict[str, Path], list[Problem]]:
    """Key -> file of ``segments/`` or ``campaigns/``; a workspace without the folder has none."""
    files: dict[str, Path] = {}
    problems: list[Problem] = []
    try:
        entries = sorted((root / folder).iterdir())
    except FileNotFoundError:
        return {}, []
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        hint = f"{folder} is a folder with one TOML file for each."
        return {}, [Problem(folder, 1, 1, f"the folder cannot be read: {reason}", hint)]
    for path in entries:
        if path.name.startswith("."):
            continue
        file = f"{folder}/{path.name}"
        if path.suffix.lower() == ".toml":
            if path.suffix == ".toml" and re.fullmatch(KEY, path.stem):
                files[path.stem] = path
            else:
                problems.append(_unusable_name(path, file))
        elif path.is_dir() and any(path.glob("*.toml")):
            hint = f"Move its files up into {folder}/; their names say what belongs together."
            problems.append(Problem(file, 1, 1, "files in a folder of a folder are not read", hint))
    return files, problems


def template_names(root: Path) -> set[str]:
    """Keys of the templates there are: the file name up to its first dot."""
    try:
        names = [path.name.lower() for path in (root / "templates").iterdir()]
    except OSError:
        return set()
    endings = (name for name in names if name.endswith(TEMPLATE_ENDINGS) and not name.startswith(("_", ".")))
    return {name.partition(".")[0] for name in endings}


def _unusable_name(path: Path, file: str) -> Problem:
    message = "the file's name is no key: it may have only lower-case letters, digits, - and _"
    better = re.sub(r"[^a-z0-9_]+", "-", path.stem.lower()).strip("-")[:100]
    return Problem(file, 1, 1, message, f'Rename it to "{better or "new-name"}.toml".')
