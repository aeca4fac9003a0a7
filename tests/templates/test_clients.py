"""What mail clients do not support: the table against the data that it was taken from, and how it is found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.definitions.mail_clients import CLIENTS
from orchestrator.templates.clients import FEATURES, unsupported

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "caniemail" / "features.json"


@pytest.fixture(scope="module")
def tested() -> dict[str, Any]:
    if not DATA.exists():
        pytest.skip("the data of caniemail is not beside this repository")
    return {feature["slug"]: feature["stats"] for feature in json.loads(DATA.read_text(encoding="utf-8"))}


def test_the_table_says_what_was_tested(tested: dict[str, Any]) -> None:
    for feature in FEATURES:
        lacking = {
            client
            for client in CLIENTS
            for versions in tested[feature.slug].get(client, {}).values()
            if list(versions.values())[-1].split()[0] == "n"
        }
        assert set(feature.lacking.split()) == lacking, feature.slug


@pytest.mark.parametrize(
    ("source", "line", "message"),
    [
        ('<p>\n<div style="display:flex">', 2, "display: flex does not work in every app of Outlook"),
        (
            "<style>\n.a::before { color: red }\n</style>",
            2,
            "::before does not work in every app of Gmail and Outlook",
        ),
        ("<mj-style>.a { width: calc(1px + 2px) }</mj-style>", 1, "calc() does not work in every app of Outlook"),
        ("\n\n<video src='x'>", 3, "<video> does not work in every app of Gmail and Outlook"),
        ("<mj-image src='https://shop.example/a.svg' />", 1, "an SVG image does not work in every app of Gmail"),
        ("<p>position: absolute; filter: pumps; the form</p>", 0, ""),
        ("<style>@media (min-width: 1px) { .a { display: grid } }</style>", 0, ""),
        ("<!-- <video> -->{# <svg> #}<style>/* gap: 1px */</style>", 0, ""),
    ],
)
def test_a_feature_is_found_where_it_stands(source: str, line: int, message: str) -> None:
    found = [
        (place.line, said) for place, said, _ in unsupported({"t.mjml": source}, ["gmail", "outlook", "apple-mail"])
    ]
    assert found == ([(line, message)] if message else [])


def test_only_the_clients_that_were_named_count() -> None:
    assert list(unsupported({"t.html": "<video>"}, ["apple-mail", "samsung-email"])) == []
