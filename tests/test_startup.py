"""Commands feel instant because they import what they need and nothing else: each may load what is listed here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.cli.main import run

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parent.parent
NOW = "2026-03-02T09:00+00:00"
SCRIPT = """
import json, sys
before = set(sys.modules)
from orchestrator.cli.main import run
run(sys.argv[1:])
print(json.dumps(sorted(set(sys.modules) - before)), file=sys.stderr)
"""
HELP = {
    "orchestrator",
    "orchestrator.cli",
    "orchestrator.cli.main",
    "orchestrator.cli.options",
    "orchestrator.errors",
}
"""all of ours that `campaigns --help` may load; besides, click and the standard library"""
HEAVY = {
    "apscheduler",
    "babel.dates",
    "css_inline",
    "duckdb",
    "email_validator",
    "holidays",
    "jinja2",
    "mailchimp_marketing",
    "mjml",
    "psycopg",
    "pydantic",
    "requests",
    "rich",
    "sqlalchemy",
    "sqlglot",
    "sqlmodel",
    "starlette",
    "tenacity",
    "uvicorn",
}
"""what takes long to import: 20 ms to 200 ms each"""
DATABASE = {"sqlalchemy"}
CLASSES = {"sqlmodel", "pydantic"}
"""the table classes, for what writes"""
CONDITIONS = {"sqlglot"}
TEMPLATES = {"babel.dates", "css_inline", "jinja2", "mjml"}
ALLOWED: dict[str, set[str]] = {
    "import --help": set(),
    "schema": set(),
    "check": CONDITIONS | TEMPLATES | DATABASE,
    "status": DATABASE,
    "runs": DATABASE,
    "why loyalty-offer c1": DATABASE | CLASSES | CONDITIONS,
    "segments": DATABASE | CONDITIONS,
    "segments members all-contacts": DATABASE | CONDITIONS,
    "segments explain all-contacts c1": DATABASE | CONDITIONS,
    "preview loyalty-offer --contact c1": DATABASE | CONDITIONS | TEMPLATES,
}


def loaded(arguments: Sequence[str]) -> set[str]:
    """The modules that a command imports, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stderr.strip().splitlines()[-1]))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The starter with one contact, and a segment that it is in."""
    folder = tmp_path_factory.mktemp("startup") / "shop"
    assert run(["init", str(folder)]) == 0
    (folder / "segments/all-contacts.toml").write_text("where = \"consent = 'opted_in'\"\n", encoding="utf-8")
    data = folder.parent / "data"
    data.mkdir()
    (data / "contacts.csv").write_text("contact_id,email,consent\nc1,ada@shop.example,opted_in\n", encoding="utf-8")
    assert run(["-C", str(folder), "--now", NOW, "import", "--csv", str(data)]) == 0
    assert run(["-C", str(folder), "--now", NOW, "segments"]) == 0
    return folder


def test_help_loads_click_and_a_list() -> None:
    modules = loaded(["--help"])
    assert {name for name in modules if name.startswith("orchestrator")} <= HELP
    foreign = {name.partition(".")[0] for name in modules} - sys.stdlib_module_names - {"orchestrator"}
    assert {name for name in foreign if not name.startswith("_sysconfigdata")} == {"click"}


def test_a_check_without_a_database_or_a_network_loads_neither(tmp_path: Path) -> None:
    folder = tmp_path / "fresh"
    assert run(["init", str(folder)]) == 0
    modules = loaded(["-C", str(folder), "check"])
    assert not modules & {"sqlalchemy", "sqlite3", "requests", "concurrent.futures", "asyncio"}
    assert not (folder / "campaigns.db").exists()


def test_a_check_of_a_database_without_contacts_loads_no_engine_and_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = tmp_path / "fresh"
    assert run(["init", str(folder)]) == 0
    run(["-C", str(folder), "status"])  # makes an empty one
    files = sorted(folder.iterdir())
    assert folder / "campaigns.db" in files
    modules = loaded(["-C", str(folder), "check"])
    assert not modules & {"sqlalchemy", "asyncio"}
    assert sorted(folder.iterdir()) == files


@pytest.mark.parametrize("command", ALLOWED)
def test_a_command_loads_what_it_needs(shop: Path, command: str) -> None:
    modules = loaded(["-C", str(shop), "--now", NOW, *command.split()])
    assert modules & HEAVY <= ALLOWED[command]
