"""`campaigns segments sql`: a segment as a query, to read or to run where the facts live."""

from __future__ import annotations

import click

from orchestrator.cli import output
from orchestrator.cli.options import Shared, answers_json, pass_shared, shared_options


@click.command("sql")
@click.argument("name")
@click.option(
    "--dialect",
    type=click.Choice(["sqlite", "postgres", "duckdb", "spark"]),
    help="Whose SQL to write (default: that of this workspace's database).",
)
@answers_json
@shared_options
@pass_shared
def command(shared: Shared, name: str, dialect: str | None) -> int:
    """The query that gives the members of the segment NAME, with its values written in."""
    from orchestrator.cli.names import segment_named
    from orchestrator.segments.members import compiled_segment
    from orchestrator.segments.portable import DIALECTS, head, portable_query

    engine = shared.engine()
    definition = segment_named(engine, name)
    now = engine.clock.now().astimezone(engine.settings.timezone).replace(microsecond=0)
    chosen = dialect or next(ours for ours, theirs in DIALECTS.items() if theirs == engine.database.dialect)
    with engine.database.read() as connection:
        segment = compiled_segment(connection, engine.workspace.segments, name)
    query = portable_query(segment, engine.settings, now=now, dialect=chosen)
    if shared.json:
        output.document(
            {
                "segment": name,
                "now": output.moment(now),
                "dialect": chosen,
                "tables": {table: list(columns) for table, columns in query.tables.items()},
                "sql": query.sql,
            }
        )
        return 0
    output.line(head(segment, definition.where, query, now=now, dialect=chosen) + query.sql + ";")
    return 0
