"""The continent of each country: ISO 3166-1 alpha-2 codes by the six regions that a segment may name.

As the GeoNames country table has it: Russia and Cyprus count as Europe, Turkey and the Caucasus as Asia, Central
America and the Caribbean as North America. Antarctica and its surroundings belong to no
region. XK is Kosovo's customary code.
"""

from __future__ import annotations

REGIONS: dict[str, tuple[str, ...]] = {
    region: tuple(codes.split())
    for region, codes in {
        "Europe": (
            "AD AL AT AX BA BE BG BY CH CY CZ DE DK EE ES FI FO FR GB GG GI GR HR HU IE IM IS IT JE LI LT LU LV MC MD "
            "ME MK MT NL NO PL PT RO RS RU SE SI SJ SK SM UA VA XK"
        ),
        "Asia": (
            "AE AF AM AZ BD BH BN BT CC CN CX GE HK ID IL IN IO IQ IR JO JP KG KH KP KR KW KZ LA LB LK MM MN MO MV MY "
            "NP OM PH PK PS QA SA SG SY TH TJ TM TR TW UZ VN YE"
        ),
        "Africa": (
            "AO BF BI BJ BW CD CF CG CI CM CV DJ DZ EG EH ER ET GA GH GM GN GQ GW KE KM LR LS LY MA MG ML MR MU MW MZ "
            "NA NE NG RE RW SC SD SH SL SN SO SS ST SZ TD TG TN TZ UG YT ZA ZM ZW"
        ),
        "North America": (
            "AG AI AW BB BL BM BQ BS BZ CA CR CU CW DM DO GD GL GP GT HN HT JM KN KY LC MF MQ MS MX NI PA PM PR SV SX "
            "TC TT US VC VG VI"
        ),
        "South America": "AR BO BR CL CO EC FK GF GY PE PY SR UY VE",
        "Oceania": "AS AU CK FJ FM GU KI MH MP NC NF NR NU NZ PF PG PN PW SB TK TL TO TV UM VU WF WS",
    }.items()
}

REGION_OF: dict[str, str] = {code: region for region, codes in REGIONS.items() for code in codes}
