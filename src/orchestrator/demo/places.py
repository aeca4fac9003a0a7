"""Where the wholesaler's customers are: countries with language, time zone, legal forms and a few cities."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class City:
    """A city with one of its postcodes and its position in degrees."""

    name: str
    postcode: str
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Country:
    """A country that we deliver to."""

    code: str
    """ISO 3166"""
    language: str
    """of most contacts there"""
    second_language: str
    """of the others"""
    timezone: str
    share: int
    """of 100 companies"""
    legal_forms: tuple[str, ...]
    cities: tuple[City, ...]


COUNTRIES: tuple[Country, ...] = (
    Country(
        "SE",
        "sv",
        "en",
        "Europe/Stockholm",
        38,
        ("AB", "AB", "AB", "HB"),
        (
            City("Stockholm", "111 20", 59.33, 18.06),
            City("Göteborg", "411 03", 57.71, 11.97),
            City("Malmö", "211 20", 55.60, 13.00),
            City("Örebro", "702 10", 59.27, 15.21),
            City("Umeå", "903 26", 63.83, 20.26),
        ),
    ),
    Country(
        "DE",
        "de",
        "en",
        "Europe/Berlin",
        17,
        ("GmbH", "GmbH", "GmbH & Co. KG", "KG"),
        (
            City("Hamburg", "20095", 53.55, 10.00),
            City("Köln", "50667", 50.94, 6.96),
            City("München", "80331", 48.14, 11.58),
            City("Leipzig", "04109", 51.34, 12.37),
        ),
    ),
    Country(
        "NO",
        "nb",
        "en",
        "Europe/Oslo",
        9,
        ("AS",),
        (
            City("Oslo", "0150", 59.91, 10.75),
            City("Bergen", "5003", 60.39, 5.32),
            City("Tromsø", "9008", 69.65, 18.96),
        ),
    ),
    Country(
        "DK",
        "da",
        "en",
        "Europe/Copenhagen",
        8,
        ("A/S", "ApS"),
        (
            City("København", "1050", 55.68, 12.57),
            City("Aarhus", "8000", 56.16, 10.20),
            City("Odense", "5000", 55.40, 10.39),
        ),
    ),
    Country(
        "FI",
        "fi",
        "sv-FI",
        "Europe/Helsinki",
        7,
        ("Oy", "Oyj"),
        (City("Helsinki", "00100", 60.17, 24.94), City("Tampere", "33100", 61.50, 23.79)),
    ),
    Country(
        "GB",
        "en-GB",
        "en-GB",
        "Europe/London",
        7,
        ("Ltd", "Ltd", "LLP"),
        (City("Manchester", "M1 1AE", 53.48, -2.24), City("Bristol", "BS1 4DJ", 51.45, -2.59)),
    ),
    Country(
        "NL",
        "nl",
        "en",
        "Europe/Amsterdam",
        4,
        ("B.V.",),
        (City("Rotterdam", "3011 AA", 51.92, 4.48), City("Utrecht", "3511 AA", 52.09, 5.12)),
    ),
    Country(
        "FR",
        "fr",
        "en",
        "Europe/Paris",
        3,
        ("SARL", "SAS"),
        (City("Lyon", "69001", 45.76, 4.84), City("Nantes", "44000", 47.22, -1.55)),
    ),
    Country(
        "IE",
        "en-IE",
        "en-IE",
        "Europe/Dublin",
        3,
        ("Ltd",),
        (City("Dublin", "D01 F5P2", 53.35, -6.26), City("Cork", "T12 W8RX", 51.90, -8.47)),
    ),
    Country(
        "US",
        "en-US",
        "en-US",
        "America/New_York",
        4,
        ("Inc.", "LLC"),
        (City("Boston", "02108", 42.36, -71.06), City("Portland", "04101", 43.66, -70.26)),
    ),
)

EUROPEAN = tuple(country for country in COUNTRIES if country.code != "US")
