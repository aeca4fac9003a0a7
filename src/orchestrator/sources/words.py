"""Words with a fixed set of values: vocabulary, countries, languages, time zones, interests."""

from __future__ import annotations

import difflib
import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from babel import Locale
from babel.core import get_global

from orchestrator.sources.values import BadValue, text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")
_WORD = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_NOT_COUNTRIES = {"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"}
_OTHER_NAMES = {
    "great britain": "GB",
    "england": "GB",
    "scotland": "GB",
    "wales": "GB",
    "northern ireland": "GB",
    "eire": "IE",
    "holland": "NL",
    "the netherlands": "NL",
    "czech republic": "CZ",
    "turkey": "TR",
    "russian federation": "RU",
    "republic of korea": "KR",
    "viet nam": "VN",
    "hong kong": "HK",
    "macau": "MO",
    "united states of america": "US",
    "bosnia and herzegovina": "BA",
    "ivory coast": "CI",
    "macedonia": "MK",
}


def word_of(words: Sequence[str]) -> Callable[[Any], str]:
    """A parser of one of some words; case does not matter."""
    known = {word.lower(): str(word) for word in words}

    def word(value: Any) -> str:
        found = known.get(text(value).lower())
        if found is None:
            raise BadValue(f'"{text(value)[:40]}" is not one of {", ".join(known.values())}')
        return found

    return word


def any_word(value: Any) -> str:
    """A word of small letters, digits, ``_`` and ``-``."""
    found = text(value).lower()
    if not _WORD.fullmatch(found):
        raise BadValue(f'"{found[:40]}" is not a word: write it like page_view, with letters, digits and _')
    return found


def country(value: Any) -> str:
    """A code or an English name -> the ISO 3166 code of two letters."""
    return _country(text(value))


@lru_cache(maxsize=4096)
def _country(value: str) -> str:
    known = _countries()
    found = known.get(value.lower())
    if found is None:
        close = difflib.get_close_matches(value.lower(), known, n=1, cutoff=0.8)
        hint = f' Did you mean "{known[close[0]]}"?' if close and known[close[0]] != value.upper() else ""
        raise BadValue(f'"{value[:40]}" is not a country: write its two letters, as in SE.{hint}')
    return found


@cache
def _countries() -> Mapping[str, str]:
    """Every lower-case way to write a country -> its code."""
    names = {
        code: name
        for code, name in Locale("en").territories.items()
        if re.fullmatch("[A-Z]{2}", code) and code not in _NOT_COUNTRIES
    }
    known = {alias.lower(): codes[0] for alias, codes in get_global("territory_aliases").items() if len(codes) == 1}
    known |= _OTHER_NAMES
    known |= {name.lower(): code for code, name in names.items()}
    known |= {name.lower().replace("&", "and"): code for code, name in names.items()}
    return known | {code.lower(): code for code in names}


@lru_cache(maxsize=4096)
def _language(value: str) -> str:
    if not _LANGUAGE.fullmatch(value):
        raise BadValue(f'"{value[:40]}" is not a language: write it as in sv or sv-SE')
    base, *rest = value.replace("_", "-").split("-")
    cased = [part.upper() if len(part) == 2 else part.title() if len(part) == 4 else part for part in rest]
    return "-".join([base.lower(), *cased])


def language(value: Any) -> str:
    """A language tag, in the usual case: ``sv``, ``sv-SE``, ``zh-Hant-TW``."""
    return _language(text(value))


def timezone(value: Any) -> str:
    """A name of the IANA time zone database."""
    found = _timezones().get(text(value).lower())
    if found is None:
        raise BadValue(f'"{text(value)[:40]}" is not a time zone: write it as in Europe/Stockholm')
    return found


@cache
def _timezones() -> Mapping[str, str]:
    return {name.lower(): name for name in available_timezones()}


def interests(value: Any) -> str | None:
    """Words separated by ``;`` -> each between semicolons, small letters, none twice."""
    found = dict.fromkeys(" ".join(word.split()) for word in text(value).lower().split(";"))
    found.pop("", None)
    return f";{';'.join(found)};" if found else None
