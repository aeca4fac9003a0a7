"""Who a segment, or a campaign's recipients, mean: subscribed members only.

A segment option that is not understood means the whole audience, as it does at Mailchimp: the mistake to rehearse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.sandbox.problems import invalid

if TYPE_CHECKING:
    from orchestrator.sandbox.audience import Audience, Json, Segment
    from orchestrator.sandbox.state import Campaign

CONDITIONS_AT_MOST = 10


def segment_members(audience: Audience, segment: Segment) -> set[str]:
    """Ids of all members meant, whatever their status, archived ones excepted."""
    if segment.type == "static":
        return {key for key in segment.members if audience.members[key].status != "archived"}
    everybody = {key for key, member in audience.members.items() if member.status != "archived"}
    return everybody & _meant(audience, segment.options or {})


def member_count(audience: Audience, segment: Segment) -> int:
    """How many could be mailed."""
    if segment.type == "static":
        return len(audience.subscribed.intersection(segment.members))
    return len(audience.subscribed & _meant(audience, segment.options or {}))


def campaign_recipients(audience: Audience, campaign: Campaign) -> set[str]:
    """Ids of the members whom the campaign would reach now."""
    options = campaign.segment_opts or {}
    saved = options.get("saved_segment_id")
    if saved:
        segment = audience.segments.get(saved)
        return audience.subscribed & segment_members(audience, segment) if segment else set()
    if options.get("conditions"):
        return audience.subscribed & _meant(audience, options)
    return set(audience.subscribed)


def recipient_count(audience: Audience, campaign: Campaign) -> int:
    """As ``campaign_recipients``, without building the set where that can be avoided."""
    options = campaign.segment_opts or {}
    segment = audience.segments.get(options.get("saved_segment_id") or 0)
    if segment:
        return member_count(audience, segment)
    return len(campaign_recipients(audience, campaign))


def check_options(audience: Audience, options: Json) -> None:
    """Raise ``Problem`` for segment options that Mailchimp, or this sandbox, cannot evaluate."""
    conditions = options.get("conditions") or []
    if len(conditions) > CONDITIONS_AT_MOST:
        raise invalid(("conditions", f"At most {CONDITIONS_AT_MOST} conditions are allowed."))
    if conditions and options.get("match") not in {"any", "all"}:
        raise invalid(("match", "This value should be one of: any, all."))
    _meant(audience, options)


def _meant(audience: Audience, options: Json) -> set[str]:
    found = [_condition(audience, condition) for condition in options.get("conditions") or []]
    if not found:
        return set()
    return set.intersection(*found) if options.get("match") == "all" else set.union(*found)


def _condition(audience: Audience, condition: Any) -> set[str]:
    match condition:
        case {"condition_type": "StaticSegment", "op": "static_is" | "static_not" as operator, "value": value}:
            segment = audience.segments.get(int(value))
            if segment is None:
                raise invalid(("conditions", f"Segment {value} does not exist."))
            inside = set(segment.members)
            return inside if operator == "static_is" else set(audience.members) - inside
        case {"condition_type": "TextMerge", "field": str() as tag, "op": str() as operator}:
            wanted = str(condition.get("value", ""))
            return {
                key
                for key, member in audience.members.items()
                if _compare(str(member.merge_fields.get(tag, "")), operator, wanted)
            }
        case {"condition_type": "EmailAddress", "op": str() as operator}:
            wanted = str(condition.get("value", ""))
            return {key for key, member in audience.members.items() if _compare(member.email, operator, wanted)}
        case _:
            raise invalid(
                ("conditions", "The sandbox evaluates StaticSegment, TextMerge and EmailAddress conditions only.")
            )


def _compare(value: str, operator: str, wanted: str) -> bool:
    value, wanted = value.lower(), wanted.lower()
    match operator:
        case "is":
            return value == wanted
        case "not":
            return value != wanted
        case "contains":
            return wanted in value
        case "notcontain":
            return wanted not in value
        case "starts":
            return value.startswith(wanted)
        case "ends":
            return value.endswith(wanted)
        case "blank":
            return not value
        case "blank_not":
            return bool(value)
        case _:
            raise invalid(("conditions", f"Unknown operator: {operator}"))
