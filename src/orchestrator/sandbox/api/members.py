"""Members one at a time: list, read, add, upsert, update, archive, erase, tags."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from orchestrator.sandbox import people, problems
from orchestrator.sandbox.addresses import subscriber_hash
from orchestrator.sandbox.api.call import DONE, Answer, Body, Call, Route
from orchestrator.sandbox.people import STATUSES, Change
from orchestrator.sandbox.values import check_types

if TYPE_CHECKING:
    from orchestrator.sandbox.audience import Audience, Json, Member

TAGS_SHOWN = 50
_ALL = (*STATUSES, "archived")
_NOT_IN_BATCHES = {"full_name", "web_id", "consents_to_one_to_one_messaging", "source"}


def render(audience: Audience, member: Member) -> Json:
    """A member as every call answers it. Only the first 50 tags are shown."""
    values = {f.tag: member.merge_fields.get(f.tag, "") for f in audience.merge_fields.values()}
    names = (str(member.merge_fields.get(tag, "")) for tag in ("FNAME", "LNAME"))
    shown: Json = {
        "id": member.id,
        "email_address": member.email,
        "unique_email_id": member.unique_email_id,
        "contact_id": member.contact_id,
        "full_name": " ".join(name for name in names if name),
        "web_id": member.web_id,
        "email_type": member.email_type,
        "status": member.status,
        "consents_to_one_to_one_messaging": member.status == "subscribed",
        "merge_fields": values,
        "interests": {},
        "stats": {"avg_open_rate": 0, "avg_click_rate": 0},
        "ip_signup": "",
        "timestamp_signup": "",
        "ip_opt": "127.0.0.1",
        "timestamp_opt": member.opted_in_at,
        "member_rating": 2,
        "last_changed": member.last_changed,
        "language": member.language,
        "vip": member.vip,
        "email_client": "",
        "location": {
            "latitude": 0,
            "longitude": 0,
            "gmtoff": 0,
            "dstoff": 0,
            "country_code": "",
            "timezone": "",
            "region": "",
        },
        "source": member.source,
        "tags_count": len(member.tags),
        "tags": [{"id": key, "name": audience.segments[key].name} for key in sorted(member.tags)[:TAGS_SHOWN]],
        "list_id": audience.id,
        "_links": [],
    }
    if member.status == "unsubscribed":
        shown["unsubscribe_reason"] = member.unsubscribe_reason
    return shown


def render_in_batch(audience: Audience, member: Member) -> Json:
    """A member as the calls for many answer it: the description leaves some parts out."""
    shown = render(audience, member)
    del shown["location"]["region"]
    return {key: value for key, value in shown.items() if key not in _NOT_IN_BATCHES}


def render_in_segment(audience: Audience, member: Member) -> Json:
    """A member as a segment lists it."""
    shown = render_in_batch(audience, member)
    return {key: value for key, value in shown.items() if key not in {"contact_id", "tags_count"}}


def change_of(body: Body, call: Call, *, status: str | None) -> Change:
    """The part of a body that says what the member shall have. ``tags`` is not among it: it is ignored."""
    given = body.value.get("merge_fields")
    return Change(
        status=status,
        merge_fields=None if given is None else check_types(given),
        language=body.text("language"),
        email_type=body.text("email_type"),
        vip=body.flag("vip"),
        skip_validation=call.flag("skip_merge_validation"),
    )


def _list(call: Call) -> Answer:
    audience = call.audience()
    status = call.choice("status", _ALL)
    left_since = call.moment("unsubscribed_since")
    if left_since and status not in {"", "unsubscribed"}:
        raise problems.bad_request("unsubscribed_since can only be used with the status unsubscribed.")
    wanted = "unsubscribed" if left_since else status
    since, before = call.moment("since_last_changed"), call.moment("before_last_changed")
    unique, kind, vip_only = call.query.get("unique_email_id"), call.query.get("email_type"), call.flag("vip_only")
    found = [
        member
        for member in audience.members.values()
        if (member.status == wanted if wanted else member.status != "archived")
        and (not since or member.last_changed > since)
        and (not before or member.last_changed < before)
        and (not left_since or member.unsubscribed_at > left_since)
        and (not unique or member.unique_email_id == unique)
        and (not kind or member.email_type == kind)
        and (not vip_only or member.vip)
    ]
    field = call.choice("sort_field", ("timestamp_opt", "timestamp_signup", "last_changed"))
    names = {"timestamp_opt": "opted_in_at", "timestamp_signup": "created_at", "last_changed": "last_changed"}
    if field:
        found.sort(key=lambda m: str(getattr(m, names[field])), reverse=call.query.get("sort_dir") == "DESC")
    return call.page("members", found, lambda m: render(audience, m), list_id=audience.id)


def _read(call: Call) -> Answer:
    audience = call.audience()
    return Answer(body=render(audience, call.member(audience)))


def _add(call: Call) -> Answer:
    desk, body = call.desk(), Body(call.body)
    email, status = body.needed("email_address").strip(), body.choice("status", STATUSES)
    if not status:
        raise problems.invalid(("status", "This value should not be blank."))
    change, tags = change_of(body, call, status=status), tag_names(body.items("tags"))
    if subscriber_hash(email) in desk.audience.members:
        raise problems.member_exists(email)
    member = people.add(desk, email, status, change)
    people.tag(desk, member, tags)
    return Answer(body=render(desk.audience, member))


def _upsert(call: Call) -> Answer:
    audience = call.audience()
    body, key = Body(call.body), call.params["subscriber_hash"]
    member = audience.member(key)
    if member is not None:
        return _change(call, member, body)
    email = body.needed("email_address").strip()
    if re.fullmatch(r"[0-9a-fA-F]{32}", key) and subscriber_hash(email) in audience.members:
        raise problems.member_exists(email)  # the hash was not taken of the address in lower case
    status = body.choice("status_if_new", STATUSES) or body.choice("status", STATUSES)
    if not status:
        raise problems.invalid(("status_if_new", "This value should not be blank."))
    desk = call.desk()
    return Answer(body=render(audience, people.add(desk, email, status, change_of(body, call, status=status))))


def _update(call: Call) -> Answer:
    return _change(call, call.member(call.audience()), Body(call.body))


def _change(call: Call, member: Member, body: Body) -> Answer:
    desk = call.desk()
    email = (body.text("email_address") or "").strip()
    if member.status == "cleaned":
        raise problems.compliance(member.email)
    change = change_of(body, call, status=body.choice("status", STATUSES))
    moves = bool(email) and email != member.email
    if moves:
        people.check_new_address(desk, member, email)
    people.update(desk, member, change)
    if moves:
        people.change_address(desk, member, email)
    return Answer(body=render(desk.audience, member))


def _archive(call: Call) -> Answer:
    desk = call.desk()
    people.archive(desk, call.member(desk.audience))
    return DONE


def _erase(call: Call) -> Answer:
    desk = call.desk()
    people.erase(desk, call.member(desk.audience))
    return DONE


def _tags(call: Call) -> Answer:
    audience = call.audience()
    member = call.member(audience)
    segments = [audience.segments[key] for key in sorted(member.tags)]
    return call.page("tags", segments, lambda s: {"id": s.id, "name": s.name, "date_added": s.members[member.id]})


def _change_tags(call: Call) -> Answer:
    """204 whatever the body looks like; only well-formed entries do anything."""
    desk = call.desk()
    member = call.member(desk.audience)
    entries = call.body.get("tags") if isinstance(call.body, dict) else None
    for entry in entries if isinstance(entries, list) else ():
        match entry:
            case {"name": str() as name, "status": "active"} if name:
                people.tag(desk, member, [name])
            case {"name": str() as name, "status": "inactive"}:
                segment = desk.audience.static_segment(name)
                if segment:
                    people.untag(desk, member, segment)
    return DONE


def tag_names(entries: list[Any] | None) -> list[str]:
    """``["a"]`` and ``[{"name": "a"}]`` are both accepted when members are created."""
    names = (entry.get("name") if isinstance(entry, dict) else entry for entry in entries or ())
    return [str(name) for name in names if name]


_MEMBER = "/lists/{list_id}/members/{subscriber_hash}"
ROUTES = (
    Route("GET", "/lists/{list_id}/members", _list),
    Route("POST", "/lists/{list_id}/members", _add),
    Route("GET", _MEMBER, _read),
    Route("PUT", _MEMBER, _upsert),
    Route("PATCH", _MEMBER, _update),
    Route("DELETE", _MEMBER, _archive),
    Route("POST", _MEMBER + "/actions/delete-permanent", _erase),
    Route("GET", _MEMBER + "/tags", _tags),
    Route("POST", _MEMBER + "/tags", _change_tags),
)
