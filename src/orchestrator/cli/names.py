"""What people name on the command line: a segment, a campaign, a contact, a run; with the nearest name for typos."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import text

from orchestrator.errors import DefinitionError, UsageError
from orchestrator.store import run_list

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.engine import Connection

    from orchestrator.definitions.values import CampaignDefinition, SegmentDefinition
    from orchestrator.engine import Engine
    from orchestrator.store.run_list import RunLine


LOOKED_AT = 5000
"""names that may be compared with a misspelled one"""


class Person(NamedTuple):
    """A contact that was named."""

    id: int
    key: str
    email: str


def segment_named(engine: Engine, name: str) -> SegmentDefinition:
    """The segment, or an error that says what is wrong with its file or which name is near."""
    found = engine.workspace.segments.get(name)
    if found is None:
        _raise_problems(engine, f"segments/{name}.toml")
        raise UsageError(_unknown("segment", name, engine.workspace.segments, "segments"))
    return found


def campaign_named(engine: Engine, name: str) -> CampaignDefinition:
    """The campaign, or an error that says what is wrong with its file or which name is near."""
    found = engine.workspace.campaigns.get(name)
    if found is None:
        _raise_problems(engine, f"campaigns/{name}.toml")
        raise UsageError(_unknown("campaign", name, engine.workspace.campaigns, "campaigns"))
    return found


def contact_named(connection: Connection, name: str) -> Person:
    """A contact by id or by address in any letter case."""
    query = text(
        "SELECT id, key, email FROM contact WHERE key = :name OR email_key = lower(:name) ORDER BY key = :name"
    )
    if not _searchable(name):
        raise UsageError(f"The contact {name!a} is not readable text. Name its id or address.")
    rows = connection.execute(query, {"name": name.strip()}).all()
    if not rows:
        # non-ASCII letters are lower-cased here, not by the database
        rows = connection.execute(
            text("SELECT id, key, email FROM contact WHERE email_key = :name"), {"name": name.strip().lower()}
        ).all()
    if not rows:
        from orchestrator.clock import from_epoch
        from orchestrator.store.forgotten import remembered

        erased = remembered(connection, name)
        if erased is not None:
            raise UsageError(
                f"This person was forgotten on {from_epoch(erased.at):%Y-%m-%d}: nothing of them is held any more."
            )
        near = _near_contact(connection, name.strip())
        hint = f"Did you mean {near}?" if near else "Is it imported?"
        raise UsageError(f'There is no contact with the id or address "{name}". {hint}')
    return Person(*rows[-1])


def _near_contact(connection: Connection, name: str) -> str | None:
    """The id or address that is most like it, of those that begin alike."""
    column = "email_key" if "@" in name else "key"
    beginning = name[: max(1, len(name) // 4)].lower()
    query = text(
        f"SELECT {column} FROM contact WHERE lower(substr({column}, 1, :length)) = :beginning "
        f"ORDER BY abs(length({column}) - :wanted), {column} LIMIT {LOOKED_AT}"
    )
    found = connection.scalars(query, {"length": len(beginning), "beginning": beginning, "wanted": len(name)})
    near = {one.lower(): one for one in found}
    return next((near[one] for one in get_close_matches(name.lower(), near, 1, 0.5)), None)


def run_named(connection: Connection, name: str) -> RunLine:
    """A run by its name."""
    found = run_list.line_named(connection, name) if _searchable(name) else None
    if found is None:
        names = [run.name for run in run_list.all_lines(connection)]
        near = get_close_matches(name, names, 1)
        hint = f"Did you mean {near[0]}?" if near else "`campaigns runs` lists them."
        shown = name if _searchable(name) else ascii(name)
        raise UsageError(f'There is no run "{shown}". {hint}')
    return found


def _searchable(name: str) -> bool:
    """Whether a database can be asked for it: bytes of a terminal that are no text, and NUL, it refuses."""
    return "\0" not in name and all(not "\ud800" <= letter <= "\udfff" for letter in name)


def _raise_problems(engine: Engine, file: str) -> None:
    problems = [problem for problem in engine.problems if problem.file == file]
    if problems:
        raise DefinitionError(problems)


def _unknown(kind: str, name: str, names: Collection[str], folder: str) -> str:
    near = get_close_matches(name, names, 1)
    hint = (
        f"Closest file: {folder}/{near[0]}.toml"
        if near
        else f"{folder}/ holds: {', '.join(sorted(names)) or 'nothing'}"
    )
    return f'There is no {kind} "{name}". {hint}'
