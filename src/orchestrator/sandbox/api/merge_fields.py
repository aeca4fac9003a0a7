"""Merge fields of an audience: at most 30, tags of at most 10 characters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.sandbox import problems
from orchestrator.sandbox.api.call import DONE, Answer, Body, Call, Route
from orchestrator.sandbox.audience import MergeField
from orchestrator.sandbox.values import TYPES

if TYPE_CHECKING:
    from orchestrator.sandbox.audience import Audience, Json

TAG_LENGTH = 10
_RESERVED = {"EMAIL", "UNSUB", "ARCHIVE", "DATE", "REWARDS", "UPDATE_PROFILE"}


def _render(audience: Audience, merge_field: MergeField) -> Json:
    return {
        "merge_id": merge_field.merge_id,
        "tag": merge_field.tag,
        "name": merge_field.name,
        "type": merge_field.type,
        "required": merge_field.required,
        "default_value": merge_field.default_value,
        "public": merge_field.public,
        "display_order": merge_field.display_order,
        "options": {"size": 25} | merge_field.options if merge_field.type == "text" else merge_field.options,
        "help_text": merge_field.help_text,
        "list_id": audience.id,
        "_links": [],
    }


def _list(call: Call) -> Answer:
    audience = call.audience()
    kind, required = call.query.get("type"), call.query.get("required")
    found = [
        f
        for f in audience.merge_fields.values()
        if (not kind or f.type == kind) and (required is None or f.required == call.flag("required"))
    ]
    limit = call.rules.merge_field_limit
    return call.page(
        "merge_fields", found, lambda f: _render(audience, f), list_id=audience.id, merge_field_limit=limit
    )


def _create(call: Call) -> Answer:
    audience, body = call.audience(), Body(call.body)
    name, kind = body.needed("name"), body.choice("type", TYPES)
    if not kind:
        raise problems.invalid(("type", "This value should not be blank."))
    if len(audience.merge_fields) >= call.rules.merge_field_limit:
        raise problems.bad_request(
            f"You have reached the maximum of {call.rules.merge_field_limit} merge fields for this audience."
        )
    tag = body.text("tag") or _free_tag(audience, name)
    _check_tag(audience, tag)
    number = max(audience.merge_fields, default=0) + 1
    merge_field = MergeField(number, tag.upper(), name, type=kind, display_order=number + 1)
    _apply(merge_field, body)
    audience.merge_fields[number] = merge_field
    return Answer(body=_render(audience, merge_field))


def _read(call: Call) -> Answer:
    audience = call.audience()
    return Answer(body=_render(audience, _find(call, audience)))


def _update(call: Call) -> Answer:
    audience, body = call.audience(), Body(call.body)
    merge_field = _find(call, audience)
    tag = (body.text("tag") or merge_field.tag).upper()
    if tag != merge_field.tag:
        _check_tag(audience, tag)
        for member in audience.members.values():
            if merge_field.tag in member.merge_fields:
                values = dict(member.merge_fields)
                values[tag] = values.pop(merge_field.tag)
                member.merge_fields = values
        merge_field.tag = tag
    merge_field.name = body.text("name") or merge_field.name
    _apply(merge_field, body)
    return Answer(body=_render(audience, merge_field))


def _delete(call: Call) -> Answer:
    """The members' values of the field are lost."""
    audience = call.audience()
    merge_field = _find(call, audience)
    del audience.merge_fields[merge_field.merge_id]
    for member in audience.members.values():
        if merge_field.tag in member.merge_fields:
            member.merge_fields = {t: v for t, v in member.merge_fields.items() if t != merge_field.tag}
    return DONE


def _find(call: Call, audience: Audience) -> MergeField:
    key = call.params["merge_id"]
    found = audience.merge_fields.get(int(key)) if key.isdigit() else None
    if found is None:
        raise problems.not_found()
    return found


def _apply(merge_field: MergeField, body: Body) -> None:
    required, public, order = body.flag("required"), body.flag("public"), body.integer("display_order")
    default, options, hint = body.text("default_value"), body.part("options"), body.text("help_text")
    merge_field.required = merge_field.required if required is None else required
    merge_field.public = merge_field.public if public is None else public
    merge_field.display_order = merge_field.display_order if order is None else order
    merge_field.default_value = merge_field.default_value if default is None else default
    merge_field.options = merge_field.options if options is None else options
    merge_field.help_text = merge_field.help_text if hint is None else hint


def _check_tag(audience: Audience, tag: str) -> None:
    if len(tag) > TAG_LENGTH:
        raise problems.invalid(("tag", f"Merge tags can be at most {TAG_LENGTH} characters."))
    if not re.fullmatch(r"[A-Za-z0-9_]+", tag):
        raise problems.invalid(("tag", "Merge tags may hold letters, digits and underscores only."))
    if tag.upper() in _RESERVED or any(f.tag == tag.upper() for f in audience.merge_fields.values()):
        raise problems.bad_request(f'A Merge Field with the tag "{tag.upper()}" already exists for this list.')


def _free_tag(audience: Audience, name: str) -> str:
    taken = {f.tag for f in audience.merge_fields.values()}
    stem = re.sub(r"[^A-Z0-9]", "", name.upper())[:TAG_LENGTH] or "MMERGE"
    candidates = (stem, *(f"MMERGE{number}" for number in range(1, 100)))
    return next(tag for tag in candidates if tag not in taken)


_FIELD = "/lists/{list_id}/merge-fields/{merge_id}"
ROUTES = (
    Route("GET", "/lists/{list_id}/merge-fields", _list),
    Route("POST", "/lists/{list_id}/merge-fields", _create),
    Route("GET", _FIELD, _read),
    Route("PATCH", _FIELD, _update),
    Route("DELETE", _FIELD, _delete),
)
