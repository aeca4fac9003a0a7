"""The rules for texts with a meaning: time zones, addresses, references. Each takes a text and raises Fault."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from orchestrator.definitions.faults import Fault
from orchestrator.definitions.nearest import nearest

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = r"[a-z0-9_-]{1,100}"
"""keys of segments, campaigns and sources; a tag at Mailchimp has at most 100 characters"""
TAG = r"[A-Z][A-Z0-9_]{0,9}"
"""merge tags: at most 10 characters"""
OWN_TAGS = "CO_"
"""merge tags that carry the personal content of a run"""
PERIOD = r"(?:total|this_year|last_year|this_month|last_month|last_[1-9][0-9]{0,4}_days)"
REFERENCE = r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$"

_ADDRESS = re.compile(r"[^@\s<>\"(),:;\[\]\\]{1,64}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_][\w-]{1,62}")
_DOMAIN = re.compile(r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)*[^\W_](?:[\w-]{0,61}[^\W_])?")
_URL = re.compile(r"[a-z][a-z0-9_]*(?:\+[a-z][a-z0-9_]*)?://.*", re.DOTALL)


def time_zone(text: str) -> ZoneInfo:
    """An IANA time zone."""
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError):  # unknown, not a name, or a folder of names
        close = _nearest_zone(text)
        hint = f'Did you mean "{close}"?' if close else 'Write an IANA name, as "Europe/Stockholm".'
        raise Fault(f'must be a time zone, not the text "{text}"', hint) from None


def locale(text: str) -> str:
    """A language, perhaps with a country, that Babel knows: ``en``, ``sv``, ``en-GB``."""
    from babel.localedata import exists, locale_identifiers  # noqa: PLC0415 - only `check` and the daemon need it

    if re.fullmatch(r"[A-Za-z0-9]+([-_][A-Za-z0-9]+){0,3}", text) and exists(text.replace("-", "_")):
        return text
    has_country = re.fullmatch(r"[A-Za-z]{2,3}[-_].+", text)
    close = nearest(text.replace("-", "_"), locale_identifiers()) if has_country else None
    hint = f'Did you mean "{close.replace("_", "-")}"?' if close else 'Write a language code, as "en" or "sv".'
    raise Fault(f'must be a language, not the text "{text}"', hint)


def currency(text: str) -> str:
    """An ISO 4217 code."""
    from babel.numbers import list_currencies  # noqa: PLC0415 - only `check` and the daemon need it

    known = list_currencies()
    if text in known:
        return text
    close = text.upper() if text.upper() in known else nearest(text, known) if len(text) == 3 else None
    hint = f'Did you mean "{close}"?' if close else 'Write an ISO 4217 code, as "EUR".'
    raise Fault(f'must be a currency, not the text "{text}"', hint)


def address(text: str) -> str:
    """The shape of an e-mail address."""
    if _ADDRESS.fullmatch(text):
        return text
    raise Fault("must be an e-mail address", 'Write it as "hello@nordicsupply.example", without a name.')


def domain(text: str) -> str:
    """A host name, as ``nordicsupply.example``."""
    if _DOMAIN.fullmatch(text):
        return text.lower()
    hint = 'Write the bare domain, as "nordicsupply.example", without https:// and without a path.'
    raise Fault(f'must be a domain, not the text "{text}"', hint)


def secret_reference(text: str) -> str:
    """``env:NAME`` or ``file:PATH``. What else stands there may be the secret itself and is not repeated."""
    if re.fullmatch(REFERENCE, text):
        return text
    message = "must be a reference to the key; a key itself does not belong in a file that is kept in git"
    raise Fault(message, 'Write "env:MAILCHIMP_API_KEY" and set that variable, or "file:PATH".')


def audience(text: str) -> str:
    """The id of an audience."""
    if re.fullmatch(r"[A-Za-z0-9_-]+", text):
        return text
    hint = "It is the short code under Audience, Settings, Audience name and defaults."
    raise Fault(f'must be the id of an audience, not the text "{text}"', hint)


def database_url(text: str) -> str:
    """Where the product's own records are: SQLite or PostgreSQL."""
    if re.fullmatch(REFERENCE, text):
        return text
    scheme = text.partition("://")[0]
    hint = 'Write "sqlite:///campaigns.db" or "postgresql+psycopg://user@host/name", or "env:NAME" of a variable.'
    if not _URL.fullmatch(text) or scheme not in {"sqlite", "postgresql", "postgresql+psycopg"}:
        raise Fault("must be the address of a SQLite or PostgreSQL database", hint)
    if scheme == "sqlite" and not text.startswith("sqlite:///") and text != "sqlite://":
        raise Fault("must have three slashes before a relative path", 'Write "sqlite:///campaigns.db".')
    return text


def source_url(text: str) -> str:
    """Any SQLAlchemy URL, or a reference to one."""
    if re.fullmatch(REFERENCE, text) or _URL.fullmatch(text):
        return text
    hint = 'Write "env:ERP_URL" and set that variable to an SQLAlchemy URL, as "postgresql+psycopg://user@host/erp".'
    raise Fault("must be the address of a database", hint)


def base_url(text: str) -> str:
    """Where Mailchimp is: https, or plain http on this machine."""
    hint = 'Write "https://us1.api.mailchimp.com/3.0", or "http://127.0.0.1:8025/3.0" for the sandbox.'
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise Fault("must be a web address", hint) from None
    if parts.scheme not in {"http", "https"} or not host or re.search(r"\s", text):
        raise Fault("must be a web address", hint)
    if parts.username is not None or parts.query or parts.fragment:
        raise Fault("must be a plain web address, without a password, ? or #", hint)
    if parts.scheme == "http" and not is_loopback(host):
        raise Fault("must begin with https://: the key would travel unprotected", hint)
    return text.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether the host is this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def period(text: str) -> str:
    """A PERIOD of the field catalogue."""
    if re.fullmatch(PERIOD, text):
        return text
    hint = "Write total, this_year, last_year, this_month, last_month or last_N_days, as last_365_days."
    raise Fault(f'must be a period, not the text "{text}"', hint)


def key(text: str) -> str:
    """The key of a segment, campaign or template."""
    if re.fullmatch(KEY, text):
        return text
    hint = "It is the file's name without its ending: lower-case letters, digits, - and _."
    raise Fault(f'must be a name, not the text "{text}"', hint)


def source_name(text: str) -> str:
    """The name of a source, as `campaigns import NAME` takes it."""
    if re.fullmatch(KEY, text):
        return text
    better = re.sub(r"[^a-z0-9_]+", "-", text.lower()).strip("-")
    hint = f'Write it as "{better}".' if better else "Choose another name."
    raise Fault("must have only lower-case letters, digits, - and _", hint)


def merge_tag(text: str) -> str:
    """The name of a merge field that we may fill."""
    if text.startswith(OWN_TAGS):
        raise Fault(
            f"must not begin with {OWN_TAGS}: such fields carry the personal content of mails", "Choose another."
        )
    if text == "EMAIL":
        raise Fault("must not be EMAIL: the address itself is always kept up to date", "Delete it.")
    if not re.fullmatch(TAG, text):
        hint = f'Write it as "{_as_tag(text)}".' if _as_tag(text) else "Choose another name."
        raise Fault("must be at most 10 capital letters, digits and _, a letter first", hint)
    return text


def or_off(rule: Callable[[str], object]) -> Callable[[str], object]:
    """The rule, with ``"off"`` for None."""
    return lambda text: None if text == "off" else rule(text)


def _nearest_zone(text: str) -> str | None:
    zones = available_timezones()
    if "/" in text:
        return nearest(text, zones)
    if any(zone.startswith(f"{text}/") for zone in zones):
        return None
    cities = {zone.rpartition("/")[2]: zone for zone in sorted(zones)}
    close = nearest(text, cities)
    return cities[close] if close else None


def _as_tag(text: str) -> str:
    return re.sub(r"[^A-Z0-9_]", "", text.upper()).lstrip("0123456789_")[:10]
