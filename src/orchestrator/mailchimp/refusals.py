"""Why Mailchimp refuses a member, in our words.

All reasons but one come with the same error code, ERROR_GENERIC, so its sentences have to be read. They stand here
and nowhere else; a sentence that is not recognized is ``OTHER``, and its words are kept.
"""

from __future__ import annotations

import re

from orchestrator.vocabulary import Refusal

_SENTENCES = (
    (re.compile(r"already a list member|already in this list", re.IGNORECASE), Refusal.EXISTS),
    (re.compile(r"compliance state", re.IGNORECASE), Refusal.COMPLIANCE),
    (re.compile(r"permanently deleted|cannot be re-?imported|forgotten", re.IGNORECASE), Refusal.FORGOTTEN),
    (re.compile(r"signed up to a lot of lists", re.IGNORECASE), Refusal.TOO_MANY_SIGNUPS),
    (re.compile(r"looks fake or invalid|valid email address", re.IGNORECASE), Refusal.INVALID_ADDRESS),
    (re.compile(r"merge fields? (?:were|was|is|are) invalid", re.IGNORECASE), Refusal.MERGE_FIELDS),
)
_NOT_IN_SEGMENT = re.compile(
    r"\b(?:not|isn't|aren't)\b.{0,24}\b(?:in|on|part|members?|subscribed|found)\b", re.IGNORECASE
)
_NO_MATCH = re.compile(r"\bnone of the e-?mails?\b", re.IGNORECASE)
_NOT_READY = re.compile(r"not ready to send|cannot be scheduled", re.IGNORECASE)


def refusal_of(said: str, *, code: str = "", field: str = "") -> Refusal:
    """The reason for one row of a batch: its sentence, error code and the field at fault."""
    if code == "ERROR_CONTACT_EXISTS":
        return Refusal.EXISTS
    for sentence, refusal in _SENTENCES:
        if sentence.search(said):
            return refusal
    if field == "email_address":
        return Refusal.INVALID_ADDRESS
    # merge tags are written in capitals, the fields of a member itself are not
    return Refusal.MERGE_FIELDS if field and field == field.upper() else Refusal.OTHER


def means_not_in_segment(said: str) -> bool:
    """A removal was refused because there was nothing to remove."""
    return _NOT_IN_SEGMENT.search(said) is not None


def means_no_email_matches(said: str) -> bool:
    """A whole change of a segment was refused because the audience has none of its addresses."""
    return _NO_MATCH.search(said) is not None


def means_not_ready(said: str) -> bool:
    """A send was refused before anything was sent; the checklist says why."""
    return _NOT_READY.search(said) is not None
