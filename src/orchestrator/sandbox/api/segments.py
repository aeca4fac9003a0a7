"""Segments and tags: a static segment is a tag. Adding is always additive; only an empty list empties."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.sandbox import people, problems
from orchestrator.sandbox.addresses import subscriber_hash
from orchestrator.sandbox.api.call import DONE, Answer, Body, Call, Route
from orchestrator.sandbox.api.members import render_in_batch, render_in_segment
from orchestrator.sandbox.recipients import check_options, member_count, segment_members

if TYPE_CHECKING:
    from orchestrator.sandbox.audience import Audience, Json, Member, Segment
    from orchestrator.sandbox.people import Desk

AT_ONCE = 500
TAGS_FOUND = 10


def render(audience: Audience, segment: Segment) -> Json:
    shown: Json = {
        "id": segment.id,
        "name": segment.name,
        "member_count": member_count(audience, segment),
        "type": segment.type,
        "created_at": segment.created_at,
        "updated_at": segment.updated_at,
        "list_id": audience.id,
        "_links": [],
    }
    if segment.type == "static":
        condition = {"condition_type": "StaticSegment", "field": "static_segment", "op": "static_is"}
        shown["options"] = {"match": "any", "conditions": [condition | {"value": segment.id}]}
    elif segment.options is not None:
        shown["options"] = segment.options
    return shown


def _list(call: Call) -> Answer:
    audience = call.audience()
    kind = call.choice("type", ("static", "saved", "fuzzy"))
    created, changed = call.moment("since_created_at"), call.moment("since_updated_at")
    created_before, changed_before = call.moment("before_created_at"), call.moment("before_updated_at")
    found = [
        s
        for s in audience.segments.values()
        if (not kind or s.type == kind)
        and (not created or s.created_at > created)
        and (not changed or s.updated_at > changed)
        and (not created_before or s.created_at < created_before)
        and (not changed_before or s.updated_at < changed_before)
    ]
    return call.page("segments", found, lambda s: render(audience, s), list_id=audience.id)


def _create(call: Call) -> Answer:
    desk, body = call.desk(), Body(call.body)
    name, emails, options = body.needed("name"), body.texts("static_segment"), body.part("options")
    if emails is not None and options is not None:
        raise problems.bad_request("static_segment and options cannot be used together.")
    _check_name(desk.audience, name)
    if options is not None:
        check_options(desk.audience, options)
        segment = people.new_segment(desk, name, "saved", options)
    elif emails is not None:
        segment = people.new_segment(desk, name)
        _add(desk, segment, emails)
    else:
        raise problems.invalid(("static_segment", "Give either static_segment or options."))
    return Answer(body=render(desk.audience, segment))


def _read(call: Call) -> Answer:
    audience = call.audience()
    return Answer(body=render(audience, call.segment(audience)))


def _update(call: Call) -> Answer:
    """Members given are added; those absent stay. Only ``static_segment: []`` takes all out."""
    desk, body = call.desk(), Body(call.body)
    segment = call.segment(desk.audience)
    name, emails, options = body.needed("name"), body.texts("static_segment"), body.part("options")
    if name.lower() != segment.name.lower():
        _check_name(desk.audience, name)
    if options is not None and segment.type == "saved":
        check_options(desk.audience, options)
        segment.options = options
    segment.name, segment.updated_at = name, desk.at
    if emails == [] and segment.type == "static":
        for key in list(segment.members):
            people.untag(desk, desk.audience.members[key], segment)
    elif emails and segment.type == "static":
        _add(desk, segment, emails)
    return Answer(body=render(desk.audience, segment))


def _delete(call: Call) -> Answer:
    audience = call.audience()
    segment = call.segment(audience)
    for key in list(segment.members):
        audience.untag(segment, audience.members[key])
    del audience.segments[segment.id]
    return DONE


def _change(call: Call) -> Answer:
    desk, body = call.desk(), Body(call.body)
    segment = call.segment(desk.audience)
    add, remove = body.texts("members_to_add") or [], body.texts("members_to_remove") or []
    if max(len(add), len(remove)) > AT_ONCE:
        raise problems.bad_request(
            f"Maximum allowed member items exceeded, please provide at most {AT_ONCE} items "
            "in members_to_add field or members_to_remove field"
        )
    _must_be_static(segment)
    strangers = [email for email in (*add, *remove) if subscriber_hash(email) not in desk.audience.members]
    added = _add(desk, segment, add)
    removed: list[Member] = []
    outside: list[str] = []
    for email in dict.fromkeys(remove):
        member = desk.audience.members.get(subscriber_hash(email))
        if member and member.id in segment.members:
            people.untag(desk, member, segment)
            removed.append(member)
        elif member:
            outside.append(email)
    reasons = (
        (strangers, "Email addresses are not members of this audience."),
        (outside, "Email addresses are not in this segment."),
    )
    errors = [{"email_addresses": emails, "error": reason} for emails, reason in reasons if emails]
    return Answer(
        body={
            "members_added": [render_in_batch(desk.audience, member) for member in added],
            "members_removed": [render_in_batch(desk.audience, member) for member in removed],
            "errors": errors,
            "total_added": len(added),
            "total_removed": len(removed),
            "error_count": len(errors),
            "_links": [],
        }
    )


def _members(call: Call) -> Answer:
    """Subscribed members only, unless asked for others."""
    audience = call.audience()
    statuses = {"subscribed"} | {
        status for status in ("cleaned", "transactional", "unsubscribed") if call.flag(f"include_{status}")
    }
    meant = segment_members(audience, call.segment(audience))
    found = [m for key, m in audience.members.items() if key in meant and m.status in statuses]
    return call.page("members", found, lambda m: render_in_segment(audience, m))


def _add_one(call: Call) -> Answer:
    desk = call.desk()
    segment = call.segment(desk.audience)
    _must_be_static(segment)
    members = _add(desk, segment, [Body(call.body).needed("email_address")])
    if not members:
        raise problems.not_found()
    return Answer(body=render_in_segment(desk.audience, members[0]))


def _remove_one(call: Call) -> Answer:
    desk = call.desk()
    segment, member = call.segment(desk.audience), call.member(desk.audience)
    _must_be_static(segment)
    people.untag(desk, member, segment)
    return DONE


def _tag_search(call: Call) -> Answer:
    audience, text = call.audience(), call.query.get("name", "").lower()
    found = [s for s in audience.segments.values() if s.type == "static" and s.name.lower().startswith(text)]
    tags = [{"id": s.id, "name": s.name} for s in found[:TAGS_FOUND]]
    return Answer(body={"tags": tags, "total_items": len(found)})


def _add(desk: Desk, segment: Segment, emails: list[str]) -> list[Member]:
    """Those who are in now. Addresses that the audience does not have are left out."""
    found = (desk.audience.members.get(subscriber_hash(email)) for email in dict.fromkeys(emails))
    members = [member for member in found if member is not None]
    for member in members:
        if desk.audience.tag(segment, member, desk.at):
            member.last_changed = desk.at
    return members


def _must_be_static(segment: Segment) -> None:
    if segment.type != "static":
        raise problems.bad_request(f"Static Segment with id {segment.id} does not exist")


def _check_name(audience: Audience, name: str) -> None:
    if audience.static_segment(name) or any(s.name.lower() == name.lower() for s in audience.segments.values()):
        raise problems.bad_request("Sorry, that tag already exists.")


_SEGMENT = "/lists/{list_id}/segments/{segment_id}"
ROUTES = (
    Route("GET", "/lists/{list_id}/segments", _list),
    Route("POST", "/lists/{list_id}/segments", _create),
    Route("GET", _SEGMENT, _read),
    Route("PATCH", _SEGMENT, _update),
    Route("DELETE", _SEGMENT, _delete),
    Route("POST", _SEGMENT, _change),
    Route("GET", _SEGMENT + "/members", _members),
    Route("POST", _SEGMENT + "/members", _add_one),
    Route("DELETE", _SEGMENT + "/members/{subscriber_hash}", _remove_one),
    Route("GET", "/lists/{list_id}/tag-search", _tag_search),
)
