"""What the audience shall hold of a contact: language and merge fields, as the provider would store them.

Pure. A payload is compared with the one that the provider confirmed last, so it contains everything that is sent,
the names of the merge fields included: a new line in ``[mailchimp.merge_fields]`` changes every payload.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from functools import cache
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.gateway import SLOT_BYTES, MemberWrite

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 1
"""of the payload: one more wherever the same facts make another text from now on"""

_quoted = cache(encode_basestring)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
_PLAIN = re.compile(r"(?:[\w.,'&()/+@-]+(?: [\w.,'&()/+@-]+)*)?")
_PLAIN_LENGTH = SLOT_BYTES // 4
"""characters that fit whatever they are"""
_MERGE_TAG = re.compile(r"\*(?=\|)|\|(?=\*)")
_MARKUP = str.maketrans({"<": "‹", ">": "›"})


def merge_value(value: object) -> str:
    """A field's value as text: no control characters, no markup, no merge tags, at most 255 bytes."""
    if type(value) is str and len(value) <= _PLAIN_LENGTH and _PLAIN.fullmatch(value):
        return value
    match value:
        case None:
            text = ""
        case bool():
            text = "true" if value else "false"
        case Decimal():
            text = f"{value:f}"
        case date():
            text = value.isoformat()
        case _:
            text = str(value)
    if len(text) <= _PLAIN_LENGTH and _PLAIN.fullmatch(text):
        return text
    text = _CONTROL.sub(" ", text).translate(_MARKUP)
    text = _MERGE_TAG.sub(lambda match: match[0] + " ", text).strip()
    return text.encode()[:SLOT_BYTES].decode(errors="ignore")


@cache
def provider_language(language: str | None) -> str | None:
    """``sv-SE`` -> ``sv``: the provider knows languages, and four regional ones."""
    if not language:
        return None
    base, _, region = language.replace("_", "-").partition("-")
    regional = f"{base.lower()}_{region.upper()}"
    return regional if regional in {"fr_CA", "pt_PT", "es_ES"} else base.lower()


class Contents(NamedTuple):
    """What is sent of a contact. There are as many as contacts: a tuple is made fastest."""

    language: str | None
    merge_fields: Mapping[str, str]

    @classmethod
    def of(cls, language: str | None, values: Mapping[str, object]) -> Contents:
        """From the contact's language and the fields' values."""
        return cls(provider_language(language), {tag: merge_value(value) for tag, value in values.items()})

    def payload(self) -> str:
        """The fingerprint text; readable, so that a difference can be explained."""
        # one string at a time: the encoder takes longer to be made than to write a few
        language = "null" if self.language is None else encode_basestring(self.language)
        fields = ",".join([f"{_quoted(tag)}:{encode_basestring(value)}" for tag, value in self.merge_fields.items()])
        return f"[{language},{{{fields}}}]"

    def write(self, email: str, tags: tuple[str, ...] = ()) -> MemberWrite:
        """What makes the member equal to it."""
        return MemberWrite(email=email, merge_fields=self.merge_fields, language=self.language, tags=tags)
