"""`campaigns fields`: the catalogue of what segments can use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orchestrator.cli import output
from orchestrator.cli.options import Shared, answers_json, pass_shared, shared_options
from orchestrator.errors import OrchestratorError, UsageError

if TYPE_CHECKING:
    from orchestrator.segments.field import Described


@click.command("fields")
@click.argument("pattern", default="")
@answers_json
@shared_options
@pass_shared
def command(shared: Shared, pattern: str) -> int:
    """Every field and function with type, unit, source and what null means; PATTERN narrows the list."""
    rows = [field for field in _catalogue(shared) if pattern.lower() in field.name.lower()]
    if pattern and not rows:
        raise UsageError(f'No field has "{pattern}" in its name. `campaigns fields` lists all.')
    if shared.json:
        output.document(
            {
                "fields": [
                    {
                        "name": field.name,
                        "family": field.family,
                        "type": str(field.type),
                        "unit": field.unit,
                        "source": field.source,
                        "null": field.null_meaning,
                        "explanation": field.explanation,
                    }
                    for field in rows
                ]
            }
        )
        return 0
    family = None
    for field in rows:
        if field.family != family:
            family = field.family
            output.line(f"\n{family}")
        unit = f", {field.unit}" if field.unit else ""
        output.line(f"  {field.name}  ({field.type}{unit})")
        output.line(f"      {field.explanation}. {_null(field.null_meaning)}From {field.source}.")
    output.note(
        "\nPERIOD is total, this_year, last_year, this_month, last_month or last_N_days, such as revenue_last_90_days."
    )
    return 0


def _null(meaning: str) -> str:
    if not meaning:
        return ""
    return f"{meaning[0].upper()}{meaning[1:]}. " if meaning.startswith("never") else f"Null: {meaning}. "


def _catalogue(shared: Shared) -> tuple[Described, ...]:
    """With the custom fields of the workspace's data, where there is a workspace."""
    from orchestrator.contacts.custom import learn_custom_fields
    from orchestrator.segments.fields import catalogue

    try:
        engine = shared.engine()
    except OrchestratorError:
        if shared.directory is not None:
            raise
        return catalogue()
    with engine.database.read() as connection:
        return catalogue(learn_custom_fields(connection))
