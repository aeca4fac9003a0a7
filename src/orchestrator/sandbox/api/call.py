"""One call and its answer: path parameters, query and JSON body in; status and JSON out. No HTTP here."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from orchestrator.sandbox import problems
from orchestrator.sandbox.audience import Audience, Json, Member, MergeField, Segment, stamp
from orchestrator.sandbox.people import Desk
from orchestrator.sandbox.values import json_type

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.sandbox.rules import Rules
    from orchestrator.sandbox.state import Account, Campaign

COUNT, MOST = 10, 1000


@dataclass(frozen=True, slots=True)
class Answer:
    """``body`` None: no content. ``html`` for the CDN's pages."""

    status: int = 200
    body: Json | None = None
    html: str = ""


DONE = Answer(204)


@dataclass(frozen=True, slots=True)
class Call:
    """What a handler is given. ``params`` are the named parts of the path."""

    account: Account
    rules: Rules
    now: datetime
    params: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    body: Any = None

    @property
    def at(self) -> str:
        return stamp(self.now)

    def flag(self, name: str) -> bool:
        return self.query.get(name, "").lower() in {"true", "1"}

    def number(self, name: str, default: int, most: int | None = None) -> int:
        text = self.query.get(name, str(default))
        if not text.isdigit() or (most is not None and int(text) > most):
            limit = f" of at most {most}" if most is not None else ""
            raise problems.invalid((name, f"This value should be a number{limit}."))
        return int(text)

    def choice(self, name: str, allowed: Sequence[str]) -> str:
        """Empty where it was not given."""
        value = self.query.get(name, "")
        if value and value not in allowed:
            raise problems.invalid((name, f"This value should be one of: {', '.join(allowed)}."))
        return value

    def moment(self, name: str) -> str:
        """A time of the query in stored form; empty where it was not given."""
        value = self.query.get(name, "")
        return stamp(parse_time(name, value)) if value else ""

    def page(self, key: str, items: Sequence[Any], render: Callable[[Any], Json], **around: Any) -> Answer:
        """A slice by ``count`` and ``offset``, with ``total_items``."""
        count, offset = self.number("count", COUNT, MOST), self.number("offset", 0)
        part = [render(item) for item in items[offset : offset + count]]
        return Answer(body={key: part} | around | {"total_items": len(items), "_links": []})

    def audience(self, audience_id: str | None = None) -> Audience:
        wanted = audience_id or self.params["list_id"]
        found = self.account.audiences.get(wanted)
        if found is None:
            if not self.rules.create_audiences or not re.fullmatch(r"[A-Za-z0-9]{4,32}", wanted):
                raise problems.not_found()
            found = new_audience(self.account, wanted, self.at)
        return found

    def desk(self) -> Desk:
        return Desk(self.account, self.audience(), self.now)

    def member(self, audience: Audience) -> Member:
        found = audience.member(self.params["subscriber_hash"])
        if found is None:
            raise problems.not_found()
        return found

    def segment(self, audience: Audience) -> Segment:
        key = self.params["segment_id"]
        found = audience.segments.get(int(key)) if key.isdigit() else None
        if found is None:
            raise problems.not_found()
        return found

    def campaign(self) -> Campaign:
        found = self.account.campaigns.get(self.params["campaign_id"])
        if found is None:
            raise problems.not_found()
        return found


Handler = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """``path`` with parameters in braces, as in Mailchimp's description."""

    method: str
    path: str
    handler: Handler

    def match(self, path: str) -> dict[str, str] | None:
        """The path's parameters, or None where it is another path."""
        own, given = self.path.split("/"), path.split("/")
        if len(own) != len(given):
            return None
        params = {}
        for pattern, part in zip(own, given, strict=True):
            if pattern.startswith("{"):
                if not part:
                    return None
                params[pattern[1:-1]] = part
            elif pattern != part:
                return None
        return params


class Body:
    """A JSON object whose parts are checked as they are taken. A key that is not there is None."""

    def __init__(self, value: Any) -> None:
        if not isinstance(value, dict):
            raise problems.invalid(("", f"Schema describes object, {json_type(value)} found instead"))
        self.value: Json = value

    def text(self, name: str) -> str | None:
        found: str | None = self._typed(name, str, "string")
        return found

    def needed(self, name: str) -> str:
        text = self.text(name)
        if not text:
            raise problems.invalid((name, "This value should not be blank."))
        return text

    def flag(self, name: str) -> bool | None:
        found: bool | None = self._typed(name, bool, "boolean")
        return found

    def integer(self, name: str) -> int | None:
        found: int | None = self._typed(name, int, "integer")
        return found

    def part(self, name: str) -> Json | None:
        found: Json | None = self._typed(name, dict, "object")
        return found

    def items(self, name: str) -> list[Any] | None:
        found: list[Any] | None = self._typed(name, list, "array")
        return found

    def texts(self, name: str) -> list[str] | None:
        found = self.items(name)
        for item in found or ():
            if not isinstance(item, str):
                raise problems.invalid((name, f"Schema describes string, {json_type(item)} found instead"))
        return found

    def choice(self, name: str, allowed: Sequence[str]) -> str | None:
        value = self.text(name)
        if value is not None and value not in allowed:
            raise problems.invalid((name, f"This value should be one of: {', '.join(allowed)}."))
        return value

    def _typed(self, name: str, kind: type, described: str) -> Any:
        value = self.value.get(name)
        if name not in self.value:
            return None
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise problems.invalid((name, f"Schema describes {described}, {json_type(value)} found instead"))
        return value


def parse_time(name: str, value: str) -> datetime:
    """ISO 8601; a time without an offset is UTC."""
    try:
        moment = datetime.fromisoformat(value.replace(" ", "+") if value.count(" ") and "T" in value else value)
    except ValueError:
        raise problems.invalid((name, "This value is not a valid datetime.")) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def new_audience(account: Account, audience_id: str, at: str) -> Audience:
    """An audience as a new account has it, with the merge fields that Mailchimp sets up."""
    fields = (
        MergeField(1, "FNAME", "First Name", public=True, display_order=2),
        MergeField(2, "LNAME", "Last Name", public=True, display_order=3),
        MergeField(3, "ADDRESS", "Address", type="address", display_order=4, options={"default_country": 164}),
        MergeField(4, "PHONE", "Phone Number", type="phone", display_order=5, options={"phone_format": "none"}),
    )
    contact = {
        "company": "Sandbox Ltd",
        "address1": "1 Rehearsal Street",
        "address2": "",
        "city": "Sampletown",
        "state": "",
        "zip": "12345",
        "country": "SE",
        "phone": "",
    }
    audience = Audience(
        audience_id,
        account.next_number(),
        f"Sandbox audience {audience_id}",
        at,
        contact,
        merge_fields={f.merge_id: f for f in fields},
    )
    account.audiences[audience_id] = audience
    return audience
