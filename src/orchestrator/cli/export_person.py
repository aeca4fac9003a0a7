"""`campaigns export-person`: everything that is held of one person."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import output
from orchestrator.cli.options import Shared, answers_json, pass_shared, shared_options
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.engine import Engine


@click.command("export-person")
@click.argument("person", metavar="ADDRESS")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write it to this file, for you alone.")
@answers_json
@shared_options
@pass_shared
def command(shared: Shared, person: str, out: Path | None) -> int:
    """All that is held of the person with ADDRESS (or a contact id), as one JSON document.

    Mailchimp, the ERP and the shop hold their own copies.
    """
    from orchestrator.people.holdings import in_words

    engine = shared.engine()
    document = _document(engine, person)
    if out is None:
        output.document(document)
        return 0
    _write_private(out, output.json_text(document))
    rows = {table: len(found["rows"]) for table, found in document["held"].items()}
    if shared.json:
        output.document({"file": str(out), "rows": rows})
    else:
        output.line(f"Written to {out}: {output.counts(in_words(rows))}.")
    return 0


def _document(engine: Engine, name: str) -> dict[str, Any]:
    from orchestrator.people.export import person_document
    from orchestrator.people.search import find_person
    from orchestrator.store.forgotten import remembered

    at = output.moment(engine.clock.now())
    with engine.database.read() as connection:
        found = find_person(connection, name)
        if found is not None:
            return {"exported_at": at, **person_document(connection, found)}
        erased = remembered(connection, name)
    if erased is not None:
        return {
            "exported_at": at,
            "forgotten": f"forgotten-{erased.id}",
            "forgotten_at": output.moment(erased.at),
            "held": {},
            "about": "A hash of the address, by which imports keep the person out, and the number in past runs.",
        }
    raise UsageError(f"We hold nobody with the id or address {name!a}. Is it written as in the ERP?")


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text + "\n")
