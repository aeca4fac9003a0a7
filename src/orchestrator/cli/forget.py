"""`campaigns forget`: erase a person's data and keep out what would bring it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import output
from orchestrator.cli.options import Shared, answers_json, pass_shared, shared_options
from orchestrator.errors import UsageError, WaitingForPerson

if TYPE_CHECKING:
    from orchestrator.engine import Engine
    from orchestrator.people.forget import Forgot
    from orchestrator.people.search import Person
    from orchestrator.store.forgotten import Erased

BY_HAND = (
    "In Mailchimp: Audience, All contacts, tick the person, Actions, Remove contacts, Permanently delete, and type "
    "PERMANENTLY DELETE. Nothing else erases what Mailchimp holds."
)
ELSEWHERE = "The ERP and the shop, their exports, backups of the database and old log files are not touched."


@click.command("forget")
@click.argument("person", metavar="ADDRESS")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--undo", is_flag=True, help="The person came back: let their rows in again.")
@answers_json
@shared_options
@pass_shared
def command(shared: Shared, person: str, yes: bool, undo: bool) -> int:
    """Erase all that is held of the person with ADDRESS (or a contact id), and never mail that address again.

    A hash of the address stays, by which every import keeps the person out. The books of past runs keep a number in
    the person's place. Mailchimp's own copy is deleted by hand; the answer says how.
    """
    engine = shared.engine()
    if undo:
        return _undo(shared, engine, person)
    found, erased = _find(engine, person)
    if found is None:
        return _again(shared, engine, erased)
    if not yes:
        _confirm(engine, found, person)
    with engine.at_work("campaigns forget", on_wait=lambda who: output.note(f"Waiting for {who} …")) as held:
        # somebody else may have been quicker
        found, erased = _find(engine, person)
        if found is None:
            return _again(shared, engine, erased)
        from orchestrator.people.forget import forget

        done = forget(engine, found, now=engine.clock.now(), check=held.check)
    return _answer(shared, engine, done, is_contact=bool(found.contact))


def _find(engine: Engine, name: str) -> tuple[Person | None, Erased | None]:
    """The person, or who was forgotten already. Raises UsageError where it is neither."""
    from orchestrator.people.search import find_person
    from orchestrator.store.forgotten import remembered

    with engine.database.read() as connection:
        found = find_person(connection, name)
        erased = None if found is not None else remembered(connection, name)
    if found is None and erased is None:
        raise UsageError(
            f"Nothing was erased: we hold nobody with the id or address {name!a}. Is it written as in the ERP?"
        )
    return found, erased


def _confirm(engine: Engine, found: Person, name: str) -> None:
    from orchestrator.people.erase import held_rows
    from orchestrator.people.forget import stop_mails_on_their_way
    from orchestrator.people.holdings import in_words

    with engine.database.read() as connection:
        stop_mails_on_their_way(connection, found)
        rows = held_rows(connection, found)
    if not output.is_terminal():
        raise WaitingForPerson(
            "Nothing was erased: forgetting a person needs a yes. Add --yes, or look first: campaigns export-person "
            f"{name}"
        )
    output.note(f"Held of {found.key or found.addresses[0]}: {output.counts(in_words(rows))}.")
    if not click.confirm("Erase it for good? There is no way back.", err=True):
        raise WaitingForPerson("Nothing was erased.")


def _again(shared: Shared, engine: Engine, erased: Erased | None) -> int:
    """Forgotten before. The file is written anew, in case that the first time was cut short after the erasure."""
    assert erased is not None
    from orchestrator.clock import from_epoch

    with engine.at_work("campaigns forget"):
        rewritten = _rewrite(engine)
    if shared.json:
        output.document({"forgotten": f"forgotten-{erased.id}", "at": output.moment(erased.at), "already": True})
        return 0
    day = from_epoch(erased.at).astimezone(engine.settings.timezone)
    output.line(f"Forgotten on {day:%Y-%m-%d} already, as forgotten-{erased.id}. Nothing of the person is held.")
    _say_of_file(engine, rewritten)
    output.line(BY_HAND)
    return 0


def _answer(shared: Shared, engine: Engine, done: Forgot, *, is_contact: bool) -> int:
    from orchestrator.people.holdings import in_words

    rewritten = _rewrite(engine)
    number, at_mailchimp = f"forgotten-{done.erasure.number}", done.mailchimp
    if shared.json:
        found: dict[str, Any] = {
            "forgotten": number,
            "at": output.moment(engine.clock.now()),
            "already": False,
            "erased": done.erasure.erased,
            "kept": done.erasure.kept,
            "mailchimp": {
                "untagged": at_mailchimp.tags,
                "emptied": at_mailchimp.slots,
                "problem": at_mailchimp.problem,
                "by_hand": BY_HAND,
            },
        }
        output.document(found)
    else:
        output.line(f"Forgotten, as {number}. Erased: {output.counts(in_words(done.erasure.erased))}.")
        if done.erasure.kept:
            output.line(f"Kept without the person: {output.counts(in_words(done.erasure.kept))}.")
        output.line("A hash of the address stays: an import that brings the person again sets the row aside.")
        if at_mailchimp.tags or at_mailchimp.slots:
            output.line(
                f"Taken off the member at Mailchimp: {len(at_mailchimp.tags)} tags and the values of "
                f"{len(at_mailchimp.slots)} merge fields of ours."
            )
        output.line("Left to do:")
        output.line(f"  {BY_HAND}")
        output.line(f"  {ELSEWHERE}")
    if at_mailchimp.problem:
        output.warning(
            f"Our tags and values were not taken off at Mailchimp: {at_mailchimp.problem} "
            "They go when you delete the member there."
        )
    if is_contact and not shared.json:
        output.note("Reports go on counting the mails, no longer what this person did with them.")
    _say_of_file(engine, rewritten)
    return 0


def _undo(shared: Shared, engine: Engine, name: str) -> int:
    from orchestrator.clock import to_epoch
    from orchestrator.store import forgotten, jobs

    with engine.at_work("campaigns forget --undo"), engine.database.write() as connection:
        erased = forgotten.remembered(connection, name)
        if erased is None:
            raise UsageError("Nobody with this id or address was forgotten. Nothing was changed.")
        now = to_epoch(engine.clock.now())
        forgotten.lift(connection, erased.id, now=now)
        jobs.audit(connection, now=now, action="forget --undo", detail=f"forgotten-{erased.id}")
    if shared.json:
        output.document({"forgotten": f"forgotten-{erased.id}", "lifted": True})
    else:
        output.line(f"forgotten-{erased.id} may come in again: the next import takes the person's rows.")
        output.line("What was erased stays erased. A member deleted for good at Mailchimp has to sign up there.")
    return 0


def _rewrite(engine: Engine) -> str:
    """Why bytes of erased rows may still be on the disk; "" where they are not."""
    from sqlite3 import Error

    if engine.database.dialect != "sqlite":
        return "PostgreSQL keeps erased rows in its files until VACUUM FULL; see the README"
    try:
        done = engine.database.rewrite()
    except Error as fault:
        return f"the database file could not be written anew ({fault})"
    return "" if done else "another program reads the database, so its log could not be emptied"


def _say_of_file(engine: Engine, left: str) -> None:
    if left and engine.database.dialect == "sqlite":
        output.warning(f"The person is erased, but {left}. Run the same command again later.")
    elif left:
        output.note(f"{left}.")
