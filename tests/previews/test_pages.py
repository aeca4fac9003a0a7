"""The preview page over real HTTP: the very mail, real recipients, edits at once, and nobody else's eyes."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from tests.scenarios.world import MONDAY, World

from orchestrator.previews.shown import in_colors

if TYPE_CHECKING:
    from collections.abc import Iterator

BODY = (
    '<html lang="en"><head><title>x</title></head><body><p>Dear {{ contact.first_name }}</p>'
    "<script>top.stolen = 1</script></body></html>"
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    from orchestrator.sandbox.server import Sandbox  # noqa: PLC0415 -- only this fixture starts one

    with Sandbox() as sandbox:
        world = World(tmp_path_factory.mktemp("shop"), sandbox)
        world.segment("all", "country = 'SE'")
        world.segment("later", "country = 'DE'")
        world.campaign("news", "all", "news", "Hi {{ contact.first_name }}")
        world.campaign("more", "later", "news", "More")
        world.template("news", BODY)
        names = {"c1": "Ada", "c2": "Bo", "c3": "Cy"}
        for key, name in names.items():
            world.contact(key, first_name=name, last_name="Öberg", country="SE")
        world.contact("c4", first_name="Di", country="SE", consent="opted_out")
        world.load(MONDAY)
        world.ok("segments", now=MONDAY)
        yield world


@pytest.fixture(scope="module")
def address(shop: World) -> Iterator[str]:
    """A preview server as a person starts it."""
    command = [sys.executable, "-m", "orchestrator", "-C", str(shop.root), "preview", "--port", "0"]
    command += ["--now", MONDAY.isoformat()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", first)
        assert found, first + process.stderr.read()
        yield found[0]
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
        assert (process.returncode, err) == (0, "")


def page(address: str, path: str, status: int = 200, **headers: str) -> str:
    answer = requests.get(address + path, headers=headers, timeout=20)
    assert answer.status_code == status, answer.text
    assert "Traceback" not in answer.text
    return unescape(answer.text)


def test_every_campaign_is_listed(address: str) -> None:
    text = page(address, "/previews")
    assert "news" in text
    assert "more" in text


def test_one_steps_through_the_members_with_consent(address: str) -> None:
    first = page(address, "/previews/news")
    assert "Recipient 1 of 3" in first
    assert "<h1>Hi Ada</h1>" in first
    assert "would send it" in first
    following = re.search(r'href="([^"]+)" rel="next"', first)
    assert following
    second = page(address, following[1])
    assert "Recipient 2 of 3" in second
    assert "<h1>Hi Bo</h1>" in second
    last = page(address, "/previews/news?contact=c3")
    assert 'rel="next"' not in last
    assert 'rel="prev"' in last


def test_somebody_who_would_get_nothing_is_shown_with_the_reason(address: str) -> None:
    text = page(address, "/previews/news?contact=c4")
    assert "Not among the 3 recipients" in text
    assert "no_consent" in text
    assert "<h1>Hi Di</h1>" in text


def test_the_frame_holds_the_mail_of_the_command_and_no_script_runs(address: str, shop: World) -> None:
    answer = requests.get(f"{address}/previews/news/mail?contact=c2", timeout=20)
    told = shop.ok("preview", "news", "--contact", "c2", "--json", now=MONDAY).json["html"]
    assert answer.text == in_colors(told, dark=False)
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_contacts_are_found_by_name_address_id_and_nothing_else(address: str) -> None:
    assert "<h1>Hi Bo</h1>" in page(address, "/previews/news?q=C2")
    assert "Contacts found" in page(address, "/previews/news?q=öberg")
    assert "Nobody found for “%”" in page(address, "/previews/news?q=%25")
    assert "Nobody found for “<b>”" in page(address, "/previews/news?q=<b>")


def test_a_saved_template_is_shown_without_a_restart(address: str, shop: World) -> None:
    before = page(address, "/preview-files/state")
    shop.template("news", BODY.replace("Dear", "Good morning"))
    try:
        assert "Good morning Ada" in page(address, "/previews/news/mail?contact=c1")
        assert page(address, "/preview-files/state") != before
    finally:
        shop.template("news", BODY)


def test_a_fault_is_shown_with_its_place_and_goes_when_it_is_repaired(address: str, shop: World) -> None:
    shop.template("news", "<p>\n{{ contact.frist_name }}</p>")
    text = page(address, "/previews/news", 422)
    assert "templates/news.html:2" in text
    assert "first_name" in text
    shop.template("news", BODY)
    assert "Hi Ada" in page(address, "/previews/news")


def test_a_broken_campaign_file_is_named(address: str, shop: World) -> None:
    file = shop.root / "campaigns" / "more.toml"
    kept = file.read_text(encoding="utf-8")
    file.write_text(kept + "\nunknown_key = 1\n", encoding="utf-8")
    try:
        assert "campaigns/more.toml" in page(address, "/previews/more", 422)
    finally:
        file.write_text(kept, encoding="utf-8")


def test_a_segment_without_members_says_so(address: str) -> None:
    assert "Nobody would get more" in page(address, "/previews/more")


def test_what_does_not_exist_is_said_calmly(address: str) -> None:
    assert "no such campaign" in page(address, "/previews/nope", 404)
    assert "There is no contact" in page(address, "/previews/news?contact=nope", 422)


def test_another_site_in_the_same_browser_reads_nothing(address: str) -> None:
    text = page(address, "/previews/news", 421, Host="rebound.example:80")
    assert "Ada" not in text


def test_without_a_campaign_or_a_contact_the_command_says_how(shop: World) -> None:
    result = shop.command("preview", "news", now=MONDAY)
    assert result.code == 2
    assert "--contact" in result.err


DARK = "<html><head><style>@media (prefers-color-scheme: dark) { p { color: #fff } }</style></head><p>x</p></html>"


def test_colors_are_forced_whatever_the_browser_prefers() -> None:
    assert "@media all" in in_colors(DARK, dark=True)
    assert "@media not all" in in_colors(DARK, dark=False)


def test_a_mail_without_dark_colors_is_inverted_as_some_programs_do() -> None:
    assert "invert(1)" in in_colors("<html><head></head><p>x</p></html>", dark=True)


def test_pictures_of_the_reserved_domain_are_drawn_and_others_kept() -> None:
    shown = in_colors('<img alt="a" src="https://shop.example/a.png"><img src="https://shop.com/b.png">', dark=False)
    assert 'src="data:image/svg+xml,' in shown
    assert "https://shop.com/b.png" in shown


def test_every_mailing_is_written_as_its_first_recipient_gets_it(shop: World, tmp_path: Path) -> None:
    shop.template(
        "loud", BODY.replace("Dear", "{% if contact.first_name == 'Bo' %}<b>DEAR</b>{% else %}Dear{% endif %}")
    )
    shop.campaign("loud", "all", "loud", "Hi")
    found = shop.ok("preview", "loud", "--all", "--out", str(tmp_path / "all"), "--json", now=MONDAY).json
    assert [(one["contact_id"], one["recipients"]) for one in found["mailings"]] == [("c1", 2), ("c2", 1)]
    for one in found["mailings"]:
        told = shop.ok("preview", "loud", "--contact", one["contact_id"], "--json", now=MONDAY).json
        assert Path(one["html"]).read_text(encoding="utf-8") == told["html"]
        assert told["text"] in Path(one["text"]).read_text(encoding="utf-8")
    index = (tmp_path / "all" / "index.html").read_text(encoding="utf-8")
    assert "2 mailings for 3 recipients" in index
    assert all(Path(one["html"]).name in index for one in found["mailings"])
    (shop.root / "campaigns" / "loud.toml").unlink()


def test_every_mailing_needs_a_folder_that_can_be_written(shop: World, tmp_path: Path) -> None:
    assert shop.command("preview", "news", "--all", now=MONDAY).code == 2
    (tmp_path / "file").write_text("x", encoding="utf-8")
    result = shop.command("preview", "news", "--all", "--out", str(tmp_path / "file"), now=MONDAY)
    assert result.code == 2
    assert "cannot be written" in result.err


def test_a_campaign_for_nobody_writes_an_empty_index_and_says_so(shop: World, tmp_path: Path) -> None:
    result = shop.ok("preview", "more", "--all", "--out", str(tmp_path / "all"), now=MONDAY)
    assert "no member with consent" in result.err
