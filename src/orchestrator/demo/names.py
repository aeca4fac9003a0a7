"""Words from which names of people and companies are made. Common names in random pairs: nobody in particular."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

_FIRST = {
    "sv": "Anna Erik Maja Lars Åsa Johan Ebba Nils Sara Björn Linnéa Oskar Karin Göran Elsa Per",
    "de": "Katrin Jürgen Lena Stefan Jörg Ulrike Max Sabine Björn Heike Tobias Käthe Moritz Anja",
    "nb": "Ingrid Ola Silje Knut Bjørg Håkon Tone Sindre Åshild Lars Marit Øyvind",
    "da": "Mette Søren Lærke Jens Kirsten Rasmus Bodil Jørgen Freja Niels Gitte Åge",
    "fi": "Aino Matti Päivi Jukka Sanna Väinö Tiina Antti Helmi Mikko Eeva Pekka",
    "en": "Emma James Siobhán Oliver Grace Liam Chloe Patrick Alice Dermot Hannah George Zoë Owen",
    "nl": "Sanne Daan Fleur Pieter Lotte Bram Marijke Joost Femke Ruben",
    "fr": "Élodie Luc Chloé Mathieu Camille Benoît Anaïs Hugo Zoé François",
}
_LAST = {
    "sv": "Lindqvist|Öberg|Sjöström|Nyman|Åkerlund|Hedin|Bergström|Wallin|Näslund|Dahl|Ek|Söderlund|Kvist|Lund",
    "de": "Müller|Brinkmann|Schäfer|Voß|Krüger|Lindner|Höfer|Weiß|Busch|Thielemann|Jäger|von Stetten|Kaiser",
    "nb": "Hansen|Nygård|Østby|Bakke|Solheim|Fjeld|Grønli|Haugen|Tveit|Moen",
    "da": "Nørgaard|Kjær|Holm|Sørensen|Bundgaard|Krogh|Østergaard|Lund|Bæk|Skov",
    "fi": "Virtanen|Mäkelä|Koskinen|Hämäläinen|Laine|Niemi|Järvinen|Salo|Lindroos|Ahola",
    "en": "O'Brien|Walsh|Harper|D'Arcy|Whitfield|Fletcher|O'Leary|Marsh|Bennett|Smith-Jones|Carter|MacLeod|Doyle",
    "nl": "de Vries|Jansen|van 't Hof|Bakker|van den Berg|Visser|Mulder|Smit",
    "fr": "L'Hermite|Moreau|Lefèvre|D'Aubigny|Girard|Noël|Fournier|Gauthier",
}
_PLACES = {
    "sv": "Nordanå Björkvik Granudden Älvsta Sjölunda Hammarby Ekholmen Tallåsen Öravik Klippan Lövsta Västra",
    "de": "Elbtal Nordhof Lindenau Waldeck Königsfeld Rheinblick Süderstedt Falkenberg Mühlbach Eichental",
    "nb": "Fjordvik Solbakken Nordøy Granli Elvestad Bjørkelia Sjøgata Haugland",
    "da": "Vestby Strandhøj Nørrebæk Solvang Lillemark Egelund Havnegård Ådalen",
    "fi": "Koivula Järvenranta Pohjola Mäntylä Kivikko Satamäki Kuusisto Lahtela",
    "en": "Harbour Oakfield Kingsway Millbrook Ashford Riverside Blackthorn Westgate Fairhaven Stonebridge",
    "nl": "Noorderhof Waalzicht Zuidpolder Kastanje Groenveld Havenkwartier",
    "fr": "Beaulieu Valclair Rivesoleil Montfleury Grandpré Belleroche",
}
_TRADES = {
    "sv": {
        "construction": "Bygg|Entreprenad|Byggtjänst",
        "food service": "Storkök|Restaurang|Catering",
        "health care": "Vård|Klinik|Omsorg",
        "hospitality": "Hotell|Konferens|Krog & Bar",
        "manufacturing": "Mekaniska|Verkstad|Industri",
        "retail": "Handel|Butik|Järn & Färg",
    },
    "de": {
        "construction": "Bau|Hochbau|Bauunternehmung",
        "food service": "Großküchen|Gastronomie|Catering",
        "health care": "Pflege|Klinik|Gesundheit",
        "hospitality": "Hotel|Gasthof|Tagungshotel",
        "manufacturing": "Maschinenbau|Werkzeugbau|Metallbau",
        "retail": "Handel|Kaufhaus|Märkte",
    },
    "en": {
        "construction": "Builders|Construction|Civil Works",
        "food service": "Kitchens|Catering|Food & Drink",
        "health care": "Clinics|Care Homes|Health",
        "hospitality": "Hotels|Inns|Hotel & Spa",
        "manufacturing": "Engineering|Tool & Die|Components",
        "retail": "Stores|Trading|Home & Garden",
    },
    "nb": {
        "construction": "Bygg|Entreprenør",
        "food service": "Storkjøkken|Catering",
        "health care": "Omsorg|Legesenter",
        "hospitality": "Hotell|Kro & Bar",
        "manufacturing": "Mekaniske|Industri",
        "retail": "Handel|Jernvare",
    },
    "da": {
        "construction": "Byg|Entreprise",
        "food service": "Storkøkken|Fødevarer",
        "health care": "Pleje|Lægehus",
        "hospitality": "Hotel|Kro",
        "manufacturing": "Maskinfabrik|Metal",
        "retail": "Handel|Bolig & Have",
    },
    "fi": {
        "construction": "Rakennus|Talotekniikka",
        "food service": "Suurkeittiöt|Ravintolat",
        "health care": "Hoiva|Terveys",
        "hospitality": "Hotellit|Kartano",
        "manufacturing": "Konepaja|Metalli",
        "retail": "Kauppa|Rauta",
    },
    "nl": {
        "construction": "Bouw|Aannemers",
        "food service": "Grootkeuken|Horeca",
        "health care": "Zorg|Kliniek",
        "hospitality": "Hotels|Herberg",
        "manufacturing": "Machinebouw|Metaal",
        "retail": "Handel|Huis & Tuin",
    },
    "fr": {
        "construction": "Bâtiment|Travaux",
        "food service": "Cuisines|Traiteur",
        "health care": "Santé|Cliniques",
        "hospitality": "Hôtels|Auberges",
        "manufacturing": "Mécanique|Outillage",
        "retail": "Commerce|Maison & Jardin",
    },
}

_EXPAND = str.maketrans({"ß": "ss", "ø": "o", "Ø": "O", "æ": "ae", "Æ": "AE"})


def base_language(language: str) -> str:
    """``sv-FI`` -> ``sv``."""
    return language.partition("-")[0]


def person(rng: random.Random, language: str) -> tuple[str, str]:
    """First and last name."""
    base = base_language(language)
    return rng.choice(_FIRST[base].split()), rng.choice(_LAST[base].split("|"))


def company(rng: random.Random, language: str, industry: str) -> str:
    """A company's name without its legal form: a place or a family, and a trade."""
    base = base_language(language)
    trade = rng.choice(_TRADES[base][industry].split("|"))
    last = _LAST[base].split("|")
    kind = rng.random()
    if kind < 0.62:
        lead = rng.choice(_PLACES[base].split())
    elif kind < 0.78:
        lead = " & ".join(rng.sample(last, 2))
    elif base == "en":
        lead = f"{rng.choice(last)}'s"
    elif base == "de":
        lead = f"{rng.choice(last)} & Söhne"
    else:
        lead = rng.choice(last)
    return f"{lead} {trade}"


def slug(text: str) -> str:
    """ASCII letters, digits and single hyphens, as in a domain or the left side of an address."""
    plain = unicodedata.normalize("NFKD", text.translate(_EXPAND)).encode("ascii", "ignore").decode()
    words = "".join(letter if letter.isalnum() else " " for letter in plain.replace("'", "").lower()).split()
    return "-".join(words)
