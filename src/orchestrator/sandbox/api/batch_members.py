"""``POST /lists/{id}``: up to 500 members in one call. 200 whatever became of the rows; each row's fate is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.sandbox import people, problems
from orchestrator.sandbox.addresses import UNANSWERED, WHOLE_CALL, check_address, subscriber_hash
from orchestrator.sandbox.api.call import Answer, Body, Call, Route
from orchestrator.sandbox.api.members import change_of, render_in_batch, tag_names
from orchestrator.sandbox.people import STATUSES, Desk
from orchestrator.sandbox.problems import Problem

if TYPE_CHECKING:
    from orchestrator.sandbox.audience import Json, Member

ROWS = 500


def _batch(call: Call) -> Answer:
    desk, body = call.desk(), Body(call.body)
    rows = body.items("members")
    if rows is None:
        raise problems.invalid(("members", "This value should not be blank."))
    if len(rows) > ROWS:
        raise problems.invalid(("members", f"This collection should contain {ROWS} elements or less."))
    update, sync_tags = bool(body.flag("update_existing")), bool(body.flag("sync_tags"))
    refusals = desk.account.refusals
    checked = [_checked(row, call, refusals) for row in rows]
    checked = [(row, change) for row, change in checked if refusals.get(_address(row).lower()) != UNANSWERED]
    added: list[Member] = []
    updated: list[Member] = []
    errors: list[Json] = []
    seen: set[str] = set()
    for row, change in checked:
        email = _address(row)
        key = subscriber_hash(email)
        if key in seen and call.flag("skip_duplicate_check"):
            continue
        try:
            if key in seen:
                raise problems.bad_request(f"{email} is already in this request.")
            seen.add(key)
            member = desk.audience.members.get(key)
            if member is not None:
                if not update:
                    raise problems.member_exists(email)
                people.update(desk, member, change)
                updated.append(member)
            else:
                if change.status is None:
                    raise problems.invalid(("status", "This value should not be blank."))
                member = people.add(desk, email, change.status, change)
                added.append(member)
            _tag(desk, member, row, replace=sync_tags and update)
        except Problem as problem:
            errors.append(_row_error(email, problem))
    audience = desk.audience
    return Answer(
        body={
            "new_members": [render_in_batch(audience, member) for member in added],
            "updated_members": [render_in_batch(audience, member) for member in updated],
            "errors": errors,
            "total_created": len(added),
            "total_updated": len(updated),
            "error_count": len(errors),
            "_links": [],
        }
    )


def _checked(row: object, call: Call, refusals: dict[str, str]) -> tuple[Body, people.Change]:
    """A row of the wrong form refuses the whole call."""
    body = Body(row)
    email = _address(body)
    if refusals.get(email.lower()) == WHOLE_CALL:
        check_address(email, refusals)
    return body, change_of(body, call, status=body.choice("status", STATUSES))


def _address(row: Body) -> str:
    return (row.text("email_address") or "").strip()


def _tag(desk: Desk, member: Member, row: Body, *, replace: bool) -> None:
    names = tag_names(row.items("tags"))
    if replace:
        kept = {name.lower() for name in names}
        for segment_id in list(member.tags):
            segment = desk.audience.segments[segment_id]
            if segment.name.lower() not in kept:
                people.untag(desk, member, segment)
    people.tag(desk, member, names)


def _row_error(email: str, problem: Problem) -> Json:
    exists = problem.title == "Member Exists"
    field, message = problem.errors[0] if problem.errors else ("", "")
    return {
        "email_address": email,
        "error": problem.detail,
        "error_code": "ERROR_CONTACT_EXISTS" if exists else "ERROR_GENERIC",
        "field": field,
        "field_message": message,
    }


ROUTES = (Route("POST", "/lists/{list_id}", _batch),)
