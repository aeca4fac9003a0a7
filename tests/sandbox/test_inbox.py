from __future__ import annotations

import re
from typing import TYPE_CHECKING

import requests

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client

ADA, BOB = "ada@shop.example", "bob@shop.example"
HTML = (
    "<html><head><style>@media (prefers-color-scheme: dark) {p{color:#fff}}</style></head><body>"
    '<p>Hi *|FNAME|*</p><a class="x" href="https://shop.example/a?x=1&amp;y=2">a</a>'
    '<a href="*|UNSUB|*">u</a></body></html>'
)


def page(client: Client, path: str) -> str:
    answer = requests.get(client.sandbox.inbox_url + path, timeout=10)
    assert answer.ok, answer.text
    return answer.text


def deliver(client: Client) -> None:
    client.subscribe(ADA, FNAME="Ada")
    client.subscribe(BOB, FNAME="<script>x</script>")
    client.send(client.draft(ADA, BOB, html=HTML, subject_line="Hello *|FNAME|*", title="spring"))


def test_an_empty_inbox_says_what_to_do(client: Client) -> None:
    assert f'base_url = "{client.sandbox.base_url}"' in page(client, "/")


def test_the_inbox_lists_newest_first_and_finds_by_address_subject_and_campaign(client: Client) -> None:
    deliver(client)
    listed = page(client, "/")
    assert listed.index(BOB) < listed.index(ADA)
    assert "<script>" not in listed
    for words in ("ada@", "hello+ada", "spring+ada"):
        found = page(client, f"/?q={words}")
        assert ADA in found, words
        assert BOB not in found, words
    assert "Nothing found" in page(client, "/?q=nobody")


def test_many_mails_come_in_pages(client: Client) -> None:
    emails = [f"m{n}@shop.example" for n in range(120)]
    client.subscribe(*emails)
    client.send(client.draft(*emails))
    assert page(client, "/").count("/mail/") == 50
    assert page(client, "/?page=2").count("/mail/") == 20


def test_a_mail_is_shown_in_every_way_and_looking_counts_as_an_open(client: Client) -> None:
    deliver(client)
    for view in ("desktop", "phone"):
        assert '/mail/1/body"' in page(client, f"/mail/1?view={view}")
    assert "&lt;p&gt;Hi Ada" in page(client, "/mail/1?view=source")
    assert "List-Unsubscribe" in page(client, "/mail/1?view=headers")
    assert client.sandbox.delivery(1).opens == ()
    answer = requests.get(client.sandbox.inbox_url + "/mail/1/body", timeout=10)
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "Hi Ada" in page(client, "/mail/1?view=text")
    assert len(client.sandbox.delivery(1).opens) == 2


def test_dark_mode_uses_the_mails_own_dark_colors(client: Client) -> None:
    deliver(client)
    assert "@media all" in page(client, "/mail/1/body?dark=1")
    assert "@media all" not in page(client, "/mail/1/body")


def test_links_are_countable_in_the_inbox_but_not_in_the_stored_mail(client: Client) -> None:
    deliver(client)
    assert 'href="https://shop.example/a?x=1&amp;y=2"' in client.sandbox.delivery(1).html
    (link,) = re.findall(r'href="(/click/1[^"]*)"', page(client, "/mail/1/body"))
    assert "https://shop.example/a?x=1&amp;y=2" in page(client, link)
    assert [url for url, _ in client.sandbox.delivery(1).clicks] == ["https://shop.example/a?x=1&y=2"]


def test_the_unsubscribe_link_asks_first_and_then_the_person_has_left(client: Client) -> None:
    deliver(client)
    found = re.search(r'href="(http[^"]*/unsubscribe/\d+)"', page(client, "/mail/1/body"))
    assert found
    assert "Stop all campaigns" in requests.get(found[1], timeout=10).text
    assert client.sandbox.member(ADA)["status"] == "subscribed"
    assert "You are unsubscribed" in requests.post(found[1], data={"reason": "enough"}, timeout=10).text
    assert client.sandbox.member(ADA)["unsubscribe_reason"] == "enough"
    assert client.refused("PATCH", f"{client.list}/members/{ADA}", {"status": "subscribed"})[0] == 400


def test_other_pages_of_a_mail_exist_and_unknown_ones_say_so(client: Client) -> None:
    deliver(client)
    assert "FNAME" in page(client, "/profile/1")
    assert "Hello" in page(client, "/archive/" + client.sandbox.delivery(1).campaign_id)
    for path in ("/mail/99", "/nothing", "/click/1?url=javascript:alert(1)"):
        assert requests.get(client.sandbox.inbox_url + path, timeout=10).status_code == 404
