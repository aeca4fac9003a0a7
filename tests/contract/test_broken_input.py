"""Broken input of every kind: each answer names the place, the cause and the next step, and nothing is sent."""

from __future__ import annotations

import gzip
import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.scenarios.world import MONDAY, World

from orchestrator.sandbox.server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.scenarios.world import Result

HEAD = "contact_id,email,consent\n"
ORDER = "order_id,contact_id,placed_at,total,status,channel\n"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One workspace for all: what a test breaks, it mends."""
    from tests.contract.conftest import furnished  # noqa: PLC0415 -- after its assertions were rewritten

    with Sandbox() as sandbox:
        yield furnished(World(tmp_path_factory.mktemp("broken"), sandbox))


def calm(result: Result) -> None:
    """No traceback, and no fault that we did not foresee."""
    assert "Traceback" not in result.err
    assert "Unexpected fault" not in result.err


def problems_of(world: World, file: str, content: str | bytes) -> list[Any]:
    """What `check` says about a file of this content; the file is then as before."""
    path = world.root / file
    before = path.read_bytes() if path.exists() else None
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    try:
        result = world.command("check", "--json", now=MONDAY)
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_bytes(before)
    calm(result)
    assert result.code == 1
    return [problem for problem in result.json["problems"] if problem["file"] == file]


CONDITIONS = {
    "region =": "missing after",
    "= 5": "missing before",
    "region > 5": "cannot compare",
    "region = 'europe'": "never 'europe'",
    "rfm_tier in ('gold', 'platinum')": "never 'platinum'",
    "consent != 'yes'": "never 'yes'",
    "cart_items like '5%'": "is a number",
    "cart_items / 2 > 1": "not part",
    "cart_items in ()": "empty",
    "cart_items > 1,5": "comma",
    "cart_items > 0x10": "not a number",
    "cart_items > 1e400": "not a number",
    "cart_items >\u00a05": "invisible",
    "region = \u201cEurope\u201d": "quote",
    "region = 'Europe": "never closed",
    "((cart_items > 1)": "parenthesis",
    "(" * 40 + "true" + ")" * 40: "nested",
    "cart_items > 1 or " * 2000 + "true": "characters",
    "revenue_last_0_days > 1": "unknown field",
    "days_since() > 1": "arguments",
    "upper(region) = 'X'": "unknown function",
    "bought('colour', 'red')": "takes",
    "(select 1) = 1": "not part",
    "region = 'a'; drop table contact": "not part",
    "region = null": "null",
    "region": "not a condition",
    "in_segment('nobody')": "does not exist",
    "in_segment('broken')": "circle",
    "received('newz')": "does not exist",
}


@pytest.mark.parametrize("where", CONDITIONS)
def test_a_broken_condition(kept: World, where: str) -> None:
    problems = problems_of(kept, "segments/broken.toml", f"where = '''{where}'''\n" if "'''" not in where else where)
    assert CONDITIONS[where] in problems[0]["message"]
    for problem in problems:
        assert (problem["line"], problem["column"] >= 9) == (1, True)
        assert problem["hint"]


SEGMENTS: list[str | bytes] = [
    b"",
    b"where = 'true'\xff",
    "where = 'true'".encode("utf-16"),
    b"where = 'true'\0",
    "where = 5",
    "where = 'true'\nwhere = 'false'",
    "[where]\na = 1",
    "where = 'true'\ndescrption = 'x'",
    "where = 'true'\nsync = 'yes'",
    "where = 'true'\nreview_by = 'soon'",
    "where = 'true'\nkpi = { field = 'region', target = 1 }",
    "where = 'true'\nguards = { max_leave_share = 30 }",
    "where = 'true'\n[[example]]\ncontact = { nope = 1 }\nmember = true",
    "where = 'cart_items > 1'\n[[example]]\ncontact = { cart_items = 1 }\nmember = true",
]
CAMPAIGN = 'segment = "carts"\ntemplate = "plain"\nsubject = "Hi"\n'
MANUAL = '[trigger]\non = "manual"\n'
CAMPAIGNS = [
    CAMPAIGN,
    CAMPAIGN + '[trigger]\non = "sometimes"\n',
    CAMPAIGN + '[trigger]\non = "schedule"\n',
    CAMPAIGN + '[trigger]\non = "schedule"\ncron = "0 25 * * *"\n',
    CAMPAIGN + '[trigger]\non = "schedule"\ncron = "0 9 31 2 *"\n',
    CAMPAIGN + '[trigger]\non = "schedule"\ncron = "@daily"\n',
    CAMPAIGN + '[trigger]\non = "enter"\nafter = "4"\n',
    CAMPAIGN + '[trigger]\non = "enter"\nafter = "99999999999 days"\n',
    CAMPAIGN + '[trigger]\non = "enter"\ncron = "0 9 * * mon"\n',
    CAMPAIGN.replace("carts", "cart") + MANUAL,
    CAMPAIGN.replace("plain", "../config") + MANUAL,
    CAMPAIGN.replace("Hi", "{{ contact.frist_name }}") + MANUAL,
    CAMPAIGN.replace("Hi", "{{ contact.first_name") + MANUAL,
    CAMPAIGN.replace("Hi", "{{ vars.x }}") + MANUAL,
    CAMPAIGN.replace("Hi", "{{ 1 | nofilter }}") + MANUAL,
    CAMPAIGN + 'exclude = ["nope"]\n' + MANUAL,
    CAMPAIGN + "priority = 99999999999999999999\n" + MANUAL,
    CAMPAIGN + MANUAL + "[holdout]\nshare = 10\n",
    CAMPAIGN + MANUAL + '[goal]\nwithin = "soon"\n',
    CAMPAIGN + MANUAL + '[utm]\nfoo = "x"\n',
]
PAGE = '<!doctype html><html lang="en"><title>t</title><body>{}<a href="*|UNSUB|*">u</a> *|LIST:ADDRESS|*'
TEMPLATES: list[str | bytes] = [
    *(
        PAGE.replace("{}", body)
        for body in (
            "{{ contact.frist_name }}",
            "{{ contact.first_name",
            "{% for line in cart.lines %}",
            "{% for line in cart.lines %}{{ line.nmae }}{% endfor %}",
            "{{ orders[0].totl }}",
            "{{ foo() }}",
            "{{ 1 | nope }}",
            "{% include 'nope.html' %}",
            "{% include '../config.toml' %}",
            "{{ lipsum() }}",
        )
    ),
    b"",
    b"\xff\xfe\xff",
    "<p>Nobody can unsubscribe</p>",
]
CONFIG = {
    'timezone = "Europe/Stockholm"': 'timezone = "Europe/Stokholm"',
    "timezone =": "tmezone =",
    'reply_to = "hello@shop.example"': 'reply_to = "hello"',
    'url = "sqlite:///campaigns.db"': 'url = "mongodb://x"',
    'api_key = "env:ORCHESTRATOR_TEST_KEY"': 'api_key = "0123456789abcdef0123456789abcdef-us1"',
    "[mailchimp]": "[mailchimp",
    "base_url =": "base_url = 5 #",
}
TABLES = [
    '[limits]\nper_contact = "two in 7 days"',
    '[limits]\nquiet_hours = "25:00-07:00"',
    '[schedule]\nimport = "every 15 minuts"',
    "[guards]\napprove_above = 1.5",
    "[rfm]\ntiers = { vip = 0.5, gold = 0.2, silver = 0.1 }",
    "[size]\nmedium = 100\nlarge = 50",
    '[sources.erp]\nkind = "excel"',
    '[sources.erp]\nkind = "sql"\nurl = "env:NOPE"\n[sources.erp.tables]\nacounts = "select 1"',
    '[mailchimp.merge_fields]\nTOOLONGNAME12 = "first_name"',
    "[mailchimp.merge_fields]\n" + "\n".join(f'F{number} = "first_name"' for number in range(90)),
]


@pytest.mark.parametrize("content", SEGMENTS)
def test_a_broken_segment(kept: World, content: str | bytes) -> None:
    assert all(problem["hint"] and problem["line"] for problem in problems_of(kept, "segments/broken.toml", content))


@pytest.mark.parametrize("content", CAMPAIGNS)
def test_a_broken_campaign(kept: World, content: str) -> None:
    found = problems_of(kept, "campaigns/broken.toml", content)
    assert found
    assert all(problem["hint"] and problem["line"] for problem in found)


@pytest.mark.parametrize("content", TEMPLATES)
def test_a_broken_template(kept: World, content: str | bytes) -> None:
    found = problems_of(kept, "templates/plain.html", content)
    assert found
    assert all(problem["hint"] and problem["line"] for problem in found)
    path = kept.root / "templates/plain.html"
    sound = path.read_bytes()
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    for words in ("preview news --contact c2", "send news --yes"):
        result = kept.command(*words.split(), now=MONDAY)
        calm(result)
        assert result.code in {0, 1}
        assert kept.mails("news") == []
    for run in kept.runs(MONDAY):
        kept.command("cancel", run["run"], now=MONDAY)
    path.write_bytes(sound)


@pytest.mark.parametrize("change", [*CONFIG, *TABLES])
def test_a_broken_configuration(kept: World, change: str) -> None:
    sound = (kept.root / "config.toml").read_text(encoding="utf-8")
    content = sound.replace(change, CONFIG[change]) if change in CONFIG else f"{sound}\n{change}\n"
    found = problems_of(kept, "config.toml", content)
    assert found
    assert all(problem["hint"] and problem["line"] for problem in found)
    assert "0123456789abcdef" not in str(found)


@pytest.mark.parametrize(
    ("file", "make", "words"),
    [
        ("segments/pipe.toml", os.mkfifo, "a pipe or a device"),
        ("segments/folder.toml", os.mkdir, "a folder"),
        ("templates/plain.sv.html", os.mkdir, "a folder"),
    ],
)
def test_what_is_named_like_a_file_and_is_none(
    kept: World, file: str, make: Callable[[Path], None], words: str
) -> None:
    path = kept.root / file
    make(path)
    try:
        result = kept.command("check", "--json", now=MONDAY)
    finally:
        path.unlink() if path.is_fifo() else path.rmdir()
    calm(result)
    (problem,) = result.json["problems"]
    assert (problem["file"], problem["line"]) == (file, 1)
    assert words in problem["message"]
    assert problem["hint"]


@pytest.mark.parametrize(
    ("content", "words"),
    [("{% for i in range(10 ** 9) %}x{% endfor %}", "100,000"), (b"\xff\xfe\xff", "not UTF-8 text")],
)
def test_a_template_says_what_is_wrong_with_it(kept: World, content: str | bytes, words: str) -> None:
    found = problems_of(
        kept, "templates/plain.html", PAGE.replace("{}", content) if isinstance(content, str) else content
    )
    assert [words in problem["message"] for problem in found] == [True]


CONTACTS = {
    HEAD + "x1,,opted_in": "email",
    HEAD + "x1,nope,opted_in": "email",
    HEAD + "x1,C1@SHOP.EXAMPLE,opted_in": "email",
    HEAD + "x1,x@x.example,maybe": "consent",
    HEAD + ",x@x.example,opted_in": "contact_id",
    HEAD + "c1,c1@shop.example,opted_in\nc1,x@x.example,opted_in": "contact_id",
    HEAD + f"{'x' * 300},x@x.example,opted_in": "contact_id",
    HEAD + "x1,x@x.example": "",
    "contact_id,account_id,email\nx1,nowhere,x@x.example": "account_id",
    "contact_id,email,country\nx1,x@x.example,Sverige": "country",
    "contact_id,email,timezone\nx1,x@x.example,Mars/X": "timezone",
    "contact_id,email,birth_date\nx1,x@x.example,2026-02-31": "birth_date",
    "contact_id,email,lead_score\nx1,x@x.example,1e5": "lead_score",
}
ORDERS = {
    ORDER + "x1,nobody,2026-01-31,1,completed,web": "contact_id",
    ORDER + "x1,c1,31.01.2026,1,completed,web": "placed_at",
    ORDER + "x1,c1,,1,completed,web": "placed_at",
    ORDER + "x1,c1,2026-01-31,12.345,completed,web": "total",
    ORDER + 'x1,c1,2026-01-31,"1,50",completed,web': "total",
    ORDER + f"x1,c1,2026-01-31,{'9' * 40},completed,web": "total",
    ORDER + "x1,c1,2026-01-31,1,shipped,web": "status",
    ORDER + "x1,c1,2026-01-31,1,completed,fax": "channel",
}


@pytest.mark.parametrize("content", [*CONTACTS, *ORDERS])
def test_a_bad_row_is_set_aside_with_its_place_and_the_good_one_is_kept(kept: World, content: str) -> None:
    table, column = ("contacts", CONTACTS[content]) if content in CONTACTS else ("orders", ORDERS[content])
    result = _imported(kept, f"{table}.csv", f"{content}\n".encode())
    assert result.code == 0
    (reject,) = result.json["rejects"]
    assert (reject["file"], reject["line"], reject["column"]) == (f"{table}.csv", content.count("\n") + 1, column)
    assert reject["reason"]
    assert result.json["tables"][table]["rejected"] == 1


FILES = {
    "contacts.csv": [
        b"",
        b"x,y\n1,2\n",
        b"contact_id,email,email\n1,a,b\n",
        b"contact_id,email\n1,\xff@x.example\n",
        HEAD.encode() + b'1,"open@x.example,opted_in\n',
        (HEAD + "1,x@x.example,opted_in\n").encode("utf-16"),
    ],
    "contacts.csv.gz": [b"not gzip", gzip.compress((HEAD + "x1,x@x.example,opted_in\n" * 99).encode(), mtime=0)[:-12]],
    "contakts.csv": [HEAD.encode()],
    "notes.txt": [HEAD.encode()],
}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        # Numbered ids: two pytest workers must name the same test alike, whatever the bytes are.
        pytest.param(name, one, id=f"{name}-{number}")
        for name, contents in FILES.items()
        for number, one in enumerate(contents)
    ],
)
def test_a_broken_file_changes_nothing(kept: World, name: str, content: bytes) -> None:
    result = _imported(kept, name, content)
    assert result.code == 1
    assert "contacts" in result.err or "contakts" in result.err
    assert len(kept.ok("segments", "members", "everybody", "--json", now=MONDAY).json["members"]) == 4


def test_a_pipe_is_not_waited_for(kept: World) -> None:
    folder = kept.root / "pipes"
    folder.mkdir()
    os.mkfifo(folder / "contacts.csv")
    result = kept.command("import", "--csv", str(folder), now=MONDAY)
    assert result.code == 1
    assert "contacts.csv cannot be opened: it is a pipe or a device" in result.err


def test_gzipped_or_not_is_told_by_the_content(kept: World) -> None:
    content = (HEAD + "x1,x@x.example,opted_in\n").encode()
    plain = _imported(kept, "contacts.csv", gzip.compress(content))
    assert "contacts.csv is gzipped. Rename it to contacts.csv.gz" in plain.err
    named = _imported(kept, "contacts.csv.gz", content)
    assert "contacts.csv.gz is not gzipped. Rename it to contacts.csv," in named.err


def _imported(world: World, name: str, content: bytes) -> Result:
    folder = world.root / "in"
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    (folder / name).write_bytes(content)
    result = world.command("import", "--csv", str(folder), "--json", now=MONDAY + timedelta(minutes=1))
    calm(result)
    return result
