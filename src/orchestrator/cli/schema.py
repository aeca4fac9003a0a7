"""`campaigns schema`: JSON Schemas of the TOML files."""

from __future__ import annotations

import json
from pathlib import Path

import click

from orchestrator.cli import output
from orchestrator.cli.options import answers_json, shared_options
from orchestrator.errors import UsageError

KINDS = ("config", "segment", "campaign")


@click.command("schema")
@click.argument("kind", type=click.Choice(KINDS), required=False)
@click.option("--out", type=click.Path(path_type=Path), help="Write KIND.schema.json files into this folder.")
@answers_json
@shared_options
def command(kind: str | None, out: Path | None) -> int:
    """The JSON Schema of config.toml, a segment or a campaign, so that editors complete and check while you type."""
    from orchestrator.definitions.schema import json_schemas

    schemas = json_schemas()
    chosen = {kind: schemas[kind]} if kind is not None else schemas
    if out is None:
        output.document(chosen[kind] if kind is not None else chosen)
        return 0
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise UsageError(f"--out {out}: the folder cannot be made: {fault.strerror}. Name another one.") from None
    for name, schema in chosen.items():
        path = out / f"{name}.schema.json"
        path.write_text(json.dumps(schema, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        output.line(str(path))
    return 0
