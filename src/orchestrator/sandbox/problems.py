"""Mailchimp's refusals: a ``Problem`` is raised by any rule and answered as ``application/problem+json``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

GLOSSARY = "https://mailchimp.com/developer/marketing/docs/errors/"

TRIGGERS: Mapping[str, tuple[int, str]] = {
    "BadRequest": (400, "Bad Request"),
    "InvalidAction": (400, "Invalid Action"),
    "InvalidResource": (400, "Invalid Resource"),
    "JSONParseError": (400, "JSON Parse Error"),
    "APIKeyMissing": (401, "API Key Missing"),
    "APIKeyInvalid": (401, "API Key Invalid"),
    "Forbidden": (403, "Forbidden"),
    "UserDisabled": (403, "User Disabled"),
    "WrongDatacenter": (403, "Wrong Datacenter"),
    "ResourceNotFound": (404, "Resource Not Found"),
    "MethodNotAllowed": (405, "Method Not Allowed"),
    "ResourceNestingTooDeep": (414, "Resource Nesting Too Deep"),
    "InvalidMethodOverride": (422, "Invalid Method Override"),
    "RequestedFieldsInvalid": (422, "Requested Fields Invalid"),
    "TooManyRequests": (429, "Too Many Requests"),
    "InternalServerError": (500, "Internal Server Error"),
    "ComplianceRelated": (599, "Compliance Related"),
}
"""what the request header ``X-Trigger-Error`` may name"""


class Problem(Exception):
    """One refusal. ``errors`` are ``(field, message)``; ``typed=False`` leaves ``type`` out, as member errors do."""

    def __init__(
        self, status: int, title: str, detail: str, errors: tuple[tuple[str, str], ...] = (), *, typed: bool = True
    ) -> None:
        super().__init__(f"{status} {title}: {detail}")
        self.status, self.title, self.detail, self.errors, self.typed = status, title, detail, errors, typed

    def document(self, instance: str) -> dict[str, Any]:
        """The Problem Detail document; ``instance`` is the request id."""
        head: dict[str, Any] = {"type": GLOSSARY} if self.typed else {}
        document = head | {
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
        }
        if self.errors:
            document["errors"] = [{"field": field, "message": message} for field, message in self.errors]
        return document


def not_found() -> Problem:
    return Problem(404, "Resource Not Found", "The requested resource could not be found.")


def bad_request(detail: str) -> Problem:
    return Problem(400, "Bad Request", detail)


def invalid(*errors: tuple[str, str]) -> Problem:
    """The body does not have the described form."""
    detail = "The resource submitted could not be validated. For field-specific details, see the 'errors' array."
    return Problem(400, "Invalid Resource", detail, errors)


def invalid_member(detail: str, *errors: tuple[str, str]) -> Problem:
    return Problem(400, "Invalid Resource", detail, errors, typed=False)


def merge_fields_invalid(*errors: tuple[str, str]) -> Problem:
    return invalid_member("Your merge fields were invalid.", *errors)


def member_exists(email: str) -> Problem:
    detail = f"{email} is already a list member. Use PUT to insert or update list members."
    return Problem(400, "Member Exists", detail, typed=False)


def address_taken(email: str, status: str) -> Problem:
    detail = f'{email} is already in this list with a status of "{status}".'
    return Problem(400, "Member Exists", detail, typed=False)


def compliance(email: str) -> Problem:
    detail = (
        f"{email} is in a compliance state due to unsubscribe, bounce, or compliance review and cannot be subscribed."
    )
    return Problem(400, "Member In Compliance State", detail, typed=False)


def forgotten(email: str) -> Problem:
    detail = (
        f"{email} was permanently deleted and cannot be re-imported. "
        "The contact must re-subscribe to get back on the list."
    )
    return Problem(400, "Forgotten Email Not Subscribed", detail, typed=False)


def not_removable() -> Problem:
    detail = "This list member cannot be removed. Can not archive a contact that is bounced, pending or archived"
    return Problem(405, "Method Not Allowed", detail)


def too_many_requests() -> Problem:
    detail = "You have exceeded the limit of 10 simultaneous connections."
    return Problem(429, "Too Many Requests", detail)
