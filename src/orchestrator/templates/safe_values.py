r"""What a printed value may look like: a raw value in, the text that every reader gets out.

A value travels in two ways: written into the mail by us, or through a merge field that Mailchimp puts into HTML,
subject and plain text. Whether Mailchimp escapes merge values for HTML is not documented. A safe value reads the
same either way, can end neither the text nor the attribute that it stands in, and holds no Mailchimp tag. The
same safe value is used in preview, inlined and in slots.

everywhere
    ``<`` ``>`` become ``‹`` ``›`` · line breaks, tabs and other control characters become a space · lone
    surrogates go · ``*|`` and ``|*`` become ``* |`` and ``| *`` · a ``*`` or ``|`` at either end gets an invisible
    word joiner (U+2060) outside of it, because its neighbor in the template could complete a tag · ``&`` becomes
    ``＆`` where it would read as an HTML entity (``&copy``), or at the end · a space at either end becomes a
    no-break space, which survives trimming · all other Unicode stays
in attributes that readers see (``alt``, ``title``, …; also the mail's title)
    ``"`` becomes ``”``, ``'`` becomes ``’``
in addresses (``href``, ``src``, …)
    quotes, spaces, ``<>``, ``{}``, ``|``, ``*``, ``\``, ``^`` and control characters are percent-encoded,
    parentheses too in backgrounds · ``&copy=`` becomes ``&%63opy=``, the same address · an address with a scheme
    other than http, https, mailto, tel, sms or cid (``javascript:``, ``data:``) becomes ``#``

A value that is markup (it went through ``| safe`` or comes from a macro) and holds a ``<`` is part of the
template's logic, not a value; only Mailchimp tags and control characters are taken out of it.
"""

from __future__ import annotations

import enum
import html
import re
from urllib.parse import quote


class Place(enum.Enum):
    """Where a value stands, which decides what is safe there."""

    CONSTANT = "constant"
    """no value can stand here (style sheets, sizes, colors, comments): it is part of the outline"""
    TEXT = "text"
    """text between tags, plain text, subject"""
    ATTRIBUTE = "attribute"
    """an attribute that readers see, or the title"""
    ADDRESS = "address"
    """the beginning of a link or image address"""
    ADDRESS_PART = "address part"
    """inside an address, after template text or another value"""
    BACKGROUND = "background"
    """the beginning of the address of a background image, which also stands in CSS"""
    BACKGROUND_PART = "background part"
    """inside the address of a background image"""


# text without any of these is safe as it is; "& " is not the beginning of an entity
_CHANGES = r"""[<>|*\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]|&(?! )|\A\s|\s\Z"""
SUSPECT = re.compile(_CHANGES)
"""text without it is its own safe value"""
_SUSPECT_IN_ATTRIBUTE = re.compile(rf"""["']|{_CHANGES}""")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
# the pattern by which html.unescape looks for entities, numeric ones first
_ENTITY = re.compile(r"&(#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[^\t\n\f <&#;]{1,32};?)")
_UNSAFE_IN_ADDRESS = re.compile(r"""["'<>\\^`{}|*\s\x00-\x1f\x7f-\x9f\u2028\u2029]""")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_SCHEMES = {"http", "https", "mailto", "tel", "sms", "cid"}
_JOINER, _NO_BREAK_SPACE = "\u2060", "\u00a0"


def safe_value(value: str, place: Place) -> str:
    """``value`` as it stands in the mail at ``place``. A safe value is its own safe value there."""
    if place is Place.TEXT:
        if not SUSPECT.search(value):
            return value
    elif place is Place.ATTRIBUTE:
        if not _SUSPECT_IN_ATTRIBUTE.search(value):
            return value
    else:
        return _safe_address(value, place)
    value = _SURROGATE.sub("", _CONTROL.sub(" ", value)).replace("<", "‹").replace(">", "›")
    if place is Place.ATTRIBUTE:
        value = value.replace('"', "”").replace("'", "’")
    value = _without_entities(without_tags(value))
    if value.startswith(" "):
        value = _NO_BREAK_SPACE + value[1:]
    if value.endswith(" "):
        value = value[:-1] + _NO_BREAK_SPACE
    return value


def constant_text(value: str) -> str:
    """A value that becomes template text: without tags, and without what no document can hold. Lines stay lines."""
    return without_tags(_SURROGATE.sub("", _UNPRINTABLE.sub(" ", value)))


def without_tags(value: str) -> str:
    """``value`` that can neither be nor complete a Mailchimp tag. Markup stays markup."""
    if not value:
        return value
    while "*|" in value or "|*" in value:
        value = value.replace("*|", "* |").replace("|*", "| *")
    if value[0] in "*|":
        value = _JOINER + value
    if value[-1] in "*|":
        value += _JOINER
    return value


def _without_entities(value: str) -> str:
    if "&" not in value:
        return value

    def neutral(match: re.Match[str]) -> str:
        entity = match.group()
        ambiguous = any(html.unescape(text) != text for text in (entity, entity + ";"))
        return "＆" + entity[1:] if ambiguous else entity

    value = _ENTITY.sub(neutral, value)
    return value[:-1] + "＆" if value.endswith("&") else value


def _safe_address(value: str, place: Place) -> str:
    value = _SURROGATE.sub("", value)
    if place is Place.ADDRESS or place is Place.BACKGROUND:
        value = value.strip()
        scheme = _SCHEME.match(_CONTROL.sub("", value))
        if scheme and scheme.group(1).lower() not in _SCHEMES:
            return "#"
    value = _UNSAFE_IN_ADDRESS.sub(lambda match: quote(match.group(), safe=""), value)
    if place is Place.BACKGROUND or place is Place.BACKGROUND_PART:
        value = value.replace("(", "%28").replace(")", "%29")
    if "&" in value:
        value = _ENTITY.sub(_same_address_without_entity, value)
    return value


def _same_address_without_entity(match: re.Match[str]) -> str:
    entity = match.group()
    if all(html.unescape(text) == text for text in (entity, entity + ";")):
        return entity
    if entity[1] == "#":
        return "%26" + entity[1:]
    return f"&%{ord(entity[1]):02X}{entity[2:]}"
