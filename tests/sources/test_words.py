from __future__ import annotations

import pytest

from orchestrator.sources import words
from orchestrator.sources.values import BadValue
from orchestrator.vocabulary import Consent


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("SE", "SE"),
        ("se", "SE"),
        ("Germany", "DE"),
        ("UK", "GB"),
        ("USA", "US"),
        ("GBR", "GB"),
        ("United Kingdom", "GB"),
        ("EIRE", "IE"),
        ("Czech Republic", "CZ"),
        ("Trinidad and Tobago", "TT"),
        ("XK", "XK"),
    ],
)
def test_countries_are_codes_or_english_names(written: str, code: str) -> None:
    assert words.country(written) == code


@pytest.mark.parametrize("written", ["Germny", "XX", "EU", "Unspecified", "European Community", "S", "ZZ"])
def test_other_countries_are_set_aside(written: str) -> None:
    with pytest.raises(BadValue, match="not a country"):
        words.country(written)


def test_a_slip_in_a_countrys_name_gets_a_suggestion() -> None:
    with pytest.raises(BadValue, match='Did you mean "DE"'):
        words.country("Germny")


@pytest.mark.parametrize(
    ("written", "tag"), [("sv", "sv"), ("sv_se", "sv-SE"), ("EN-gb", "en-GB"), ("zh-hant-tw", "zh-Hant-TW")]
)
def test_languages_get_one_spelling(written: str, tag: str) -> None:
    assert words.language(written) == tag


@pytest.mark.parametrize("written", ["Swedish!", "s", "sv-", "1234", "svenska"])
def test_other_languages_are_set_aside(written: str) -> None:
    with pytest.raises(BadValue, match="not a language"):
        words.language(written)


def test_time_zones_are_those_of_the_iana_database() -> None:
    assert words.timezone("europe/stockholm") == "Europe/Stockholm"
    for wrong in ("Europe/Stokholm", "../../etc/passwd", "CEST+1"):
        with pytest.raises(BadValue, match="not a time zone"):
            words.timezone(wrong)


def test_interests_are_small_and_stand_once_each() -> None:
    assert words.interests("Pumps; valves ;PUMPS;;big  pipes") == ";pumps;valves;big pipes;"
    assert words.interests(" ; ") is None


def test_words_of_a_vocabulary_are_named_when_another_is_met() -> None:
    consent = words.word_of(tuple(Consent))
    assert consent("Opted_In") == "opted_in"
    with pytest.raises(BadValue, match='"yes" is not one of opted_in, opted_out, unknown'):
        consent("yes")


def test_kinds_of_events_are_single_words() -> None:
    assert words.any_word("page_view") == "page_view"
    assert words.any_word("Login") == "login"
    for wrong in ("page view", "1st", "a" * 65, "köp"):
        with pytest.raises(BadValue, match="not a word"):
            words.any_word(wrong)
