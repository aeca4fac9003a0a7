"""Which e-mail addresses Mailchimp takes: an address in, nothing out or a ``Problem``.

``.example`` (reserved by RFC 2606) is accepted, so that invented people can be used; ``example.com`` and test
domains are refused with Mailchimp's words for them.
"""

from __future__ import annotations

import hashlib
import re

from orchestrator.sandbox.problems import Problem, compliance, forgotten, invalid, invalid_member, merge_fields_invalid

_FORM = re.compile(
    r"(?=.{3,254}$)[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]",
    re.IGNORECASE,
)
_FAKE = re.compile(
    r"fake(?:[.+_-].*)?@.*|.*@(?:.*\.)?(?:example\.(?:com|org|net)|(?:fake|test)\.[a-z]+)|.*\.(?:test|invalid|local)",
    re.IGNORECASE,
)
WHOLE_CALL, UNANSWERED = "whole_call", "unanswered"
REFUSALS = ("fake", "invalid", "too_many_lists", "forgotten", "compliance", "merge_fields", WHOLE_CALL, UNANSWERED)
"""why an address can be told to be refused (``Sandbox.refuse_address``): ``whole_call`` takes all rows of its call with
it, ``unanswered`` is left out of the answer"""


def subscriber_hash(email: str) -> str:
    """The member id: MD5 of the address in lower case."""
    return hashlib.md5(email.lower().encode(), usedforsecurity=False).hexdigest()


def check_address(email: str, refusals: dict[str, str]) -> None:
    """Raise what Mailchimp answers to this address; ``refusals`` are those set up on purpose, by address."""
    told = refusals.get(email.lower(), "")
    if told and told != UNANSWERED:
        raise _refusal(email, told)
    if not _FORM.fullmatch(email) or len(email.partition("@")[0]) > 64:
        raise _refusal(email, "invalid")
    if _FAKE.fullmatch(email):
        raise _refusal(email, "fake")


def _refusal(email: str, reason: str) -> Problem:
    match reason:
        case "fake":
            return invalid_member(f"{email} looks fake or invalid, please enter a real email address.")
        case "too_many_lists":
            return invalid_member(
                f"{email} has signed up to a lot of lists very recently; we're not allowing more signups for now"
            )
        case "forgotten":
            return forgotten(email)
        case "compliance":
            return compliance(email)
        case "merge_fields":
            return merge_fields_invalid(("FNAME", "Please select one of the available choices"))
        case "whole_call":
            return invalid(("members", "Schema describes string, object found instead"))
        case _:
            return invalid_member("Please provide a valid email address.")
