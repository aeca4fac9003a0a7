"""`campaigns segments`: recompute and list; who is in; why one contact is or is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orchestrator.cli import output
from orchestrator.cli.options import Shared, answers_csv, answers_json, pass_shared, shared_options
from orchestrator.cli.segment_sql import command as sql
from orchestrator.cli.spreadsheet import print_csv

if TYPE_CHECKING:
    from orchestrator.segments.evaluate import Recompute
    from orchestrator.segments.review import Figure, Review


@click.group("segments", invoke_without_command=True)
@click.option("--force", is_flag=True, help="Accept changes that a guard holds back.")
@click.option("--full", is_flag=True, help="Compute everybody, and check what was recomputed since the last time.")
@answers_json
@shared_options
@click.pass_context
def command(ctx: click.Context, force: bool, full: bool) -> int:
    """Recompute every segment and list them with their sizes, who entered and who left."""
    if ctx.invoked_subcommand is not None:
        for option, given in (("--force", force), ("--full", full)):
            if given:
                alone = f"goes with `campaigns segments` alone, not with {ctx.invoked_subcommand}."
                raise click.UsageError(f"{option} {alone}")
        return 0
    from orchestrator.cycle.recomputing import recompute_step
    from orchestrator.segments.evaluate import Scope

    shared: Shared = ctx.obj
    engine = shared.engine()
    with engine.at_work("campaigns segments", on_wait=_waiting):
        scope = Scope.CHECKED if full else Scope.CHANGED
        result = recompute_step(engine, now=engine.clock.now(), force=force, scope=scope)
    if shared.json:
        output.document(_json(result))
    else:
        _show(result)
    if wrong := result.found.in_words:
        output.warning(f"The {wrong}. Please report this, or say who writes to the database beside `campaigns`.")
        return 1
    return 3 if any(segment.held for segment in result.segments) else 0


command.add_command(sql)


@command.command("members")
@click.argument("name")
@answers_json
@answers_csv
@shared_options
@pass_shared
def members(shared: Shared, name: str) -> int:
    """Who is in the segment NAME, since when."""
    from orchestrator.cli.names import segment_named
    from orchestrator.segments.members import members_at

    engine = shared.engine()
    segment_named(engine, name)
    now = engine.clock.now()
    found = members_at(engine.database, engine.settings, engine.workspace.segments, name, now=now)
    if shared.json:
        rows = [{"contact_id": one.contact_id, "email": one.email, "since": output.moment(one.since)} for one in found]
        output.document({"segment": name, "now": output.moment(now), "members": rows})
        return 0
    zone = engine.settings.timezone
    rows_shown = [(one.contact_id, one.email, one.since.astimezone(zone)) for one in found]
    if shared.csv:
        print_csv(("contact_id", "email", "since"), rows_shown)
    else:
        output.table(("contact", "address", "since"), rows_shown)
    output.note(f"{len(rows_shown):,} members of {name}.")
    return 0


@command.command("explain")
@click.argument("name")
@click.argument("contact")
@answers_json
@shared_options
@pass_shared
def explain(shared: Shared, name: str, contact: str) -> int:
    """Clause by clause, with the values, why CONTACT (id or address) is in the segment NAME or not."""
    from orchestrator.cli import clauses
    from orchestrator.cli.names import contact_named, segment_named
    from orchestrator.clock import from_epoch
    from orchestrator.segments.explain import explain as explain_segment
    from orchestrator.segments.standing import standing

    engine = shared.engine()
    segment_named(engine, name)
    now = engine.clock.now()
    with engine.database.read() as connection:
        person = contact_named(connection, contact)
        found = explain_segment(
            connection,
            engine.settings,
            engine.workspace.segments,
            name,
            person.key,
            now=now,
        )
        recorded = standing(connection, name, person.id)
    if shared.json:
        output.document(
            {
                "segment": name,
                "contact_id": person.key,
                "now": output.moment(now),
                "member": found.member,
                "recorded": None if recorded is None else recorded.member,
                "recomputed_at": None if recorded is None else output.moment(recorded.computed_at),
                "clauses": clauses.as_json(found.clauses),
            }
        )
        return 0
    output.line(f"{person.key} is {'in' if found.member else 'not in'} {name}.")
    clauses.show(found.clauses)
    if recorded is not None and recorded.member is not found.member:
        moment = from_epoch(recorded.computed_at).astimezone(engine.settings.timezone)
        why = f"it is held back, {recorded.held}" if recorded.held else "the data or the file changed since"
        state = "is still in" if recorded.member else "is not in yet"
        output.note(f"By the last recompute ({moment:%Y-%m-%d %H:%M}) {person.key} {state}: {why}.")
    return 0


@command.command("review")
@answers_json
@shared_options
@pass_shared
def review(shared: Shared) -> int:
    """Does each segment still serve: its size, purpose, key figure against the target, and day of review."""
    from orchestrator.segments.review import review as review_segments

    engine = shared.engine()
    now = engine.clock.now()
    with engine.database.read() as connection:
        found = review_segments(connection, engine.settings, engine.workspace.segments, now=now)
    if shared.json:
        output.document({"now": output.moment(now), "segments": [_review_json(one) for one in found]})
        return 0
    rows = [
        (one.name, one.scheme, one.size if one.size is not None else "never computed", *_figure_cells(one.figure))
        for one in found
    ]
    output.table(("segment", "scheme", "size", "key figure", "mean", "target", ""), rows, right=(2, 4, 5))
    for one in found:
        if one.overdue:
            output.warning(
                f"{one.name} was to be reviewed by {one.review_by}. Does it still serve: {one.purpose or 'what for'}? "
                f"Then set a new review_by in segments/{one.name}.toml; else delete the file."
            )
    return 0


def _figure_cells(figure: Figure | None) -> tuple[object, ...]:
    if figure is None:
        return ("", "", "", "")
    if figure.met is None:
        return (figure.field, "unknown", _target(figure), "")
    return (figure.field, f"{figure.mean:,.2f}", _target(figure), "met" if figure.met else "missed")


def _target(figure: Figure) -> str:
    return f"{'≥' if figure.direction == 'up' else '≤'} {figure.target:,g}"


def _review_json(one: Review) -> dict[str, object]:
    figure = one.figure
    return {
        "name": one.name,
        "scheme": one.scheme,
        "purpose": one.purpose,
        "size": one.size,
        "kpi": None
        if figure is None
        else {
            "field": figure.field,
            "target": figure.target,
            "direction": figure.direction,
            "mean": figure.mean,
            "known": figure.known,
            "met": figure.met,
        },
        "review_by": None if one.review_by is None else one.review_by.isoformat(),
        "overdue": one.overdue,
    }


def _waiting(who: str) -> None:
    output.note(f"Waiting for {who} …")


def _json(result: Recompute) -> dict[str, object]:
    return {
        "now": output.moment(result.now),
        "segments": [
            {
                "name": segment.name,
                "size": segment.size,
                "entered": segment.entered,
                "left": segment.left,
                "duration_ms": segment.duration_ms,
                "held": segment.held,
            }
            for segment in result.segments
        ],
    }


def _show(result: Recompute) -> None:
    rows = [(one.name, one.size, one.entered, one.left, "held back" if one.held else "") for one in result.segments]
    output.table(("segment", "size", "entered", "left", ""), rows, right=(1, 2, 3))
    for segment in result.segments:
        if segment.held:
            output.warning(f"{segment.name} is held back: {segment.held}.")
    if any(segment.held and "campaigns check" not in segment.held for segment in result.segments):
        output.warning("Look at the rows above; `campaigns segments --force` accepts them.")
    if not result.recorded:
        output.note("Answered without recording: a later moment is recorded already, and history only moves forward.")
    elif result.found.everybody:
        output.note(f"Everybody was computed: {result.found.everybody}.")
    else:
        output.note(f"{result.found.computed:,} contacts were computed: the others cannot have changed.")
