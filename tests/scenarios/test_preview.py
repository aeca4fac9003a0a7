"""What the preview shows is what arrives: character by character, for the names that mails usually break on."""

from __future__ import annotations

from datetime import timedelta
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
from tests.scenarios.world import AUDIENCE, MONDAY, World

from orchestrator.sandbox.server import Sandbox

if TYPE_CHECKING:
    from pathlib import Path

NAMES = [
    "Ada",
    'Anna "Ann" Berg',
    "O'Brien & Söhne",
    "*|UNSUB|* *|FNAME|*",
    "<b>Bold</b> & <script>",
    "{{ 7 * 7 }} {% raw %}",
    "&amp; &lt;already&gt;",
    "żółć 日本語 😀",
    "",
    "a" * 300,
    "ö" * 300,
    "back\\slash %s $1",
]
LANGUAGES = ["en", "sv-SE", "de", ""]
BODY = """
{% set greeting = {'sv': 'Hej', 'de': 'Guten Tag'}.get((contact.language or 'en')[:2], 'Hello') %}
<h1>{{ greeting }} {{ contact.first_name or 'there' }}</h1>
<ul>{% for line in cart.lines %}<li title="{{ line.name }}">
  <a href="{{ line.url }}">{{ line.quantity }} × {{ line.name }}</a>
  {{ line.total | money }}</li>{% endfor %}</ul>
{% if cart.total > 100 %}<p>Free delivery!</p>{% endif %}
<p>Total {{ cart.total | money }}, until {{ (now + days(3)) | date }}</p>
<a href="{{ cart.url }}">To the cart</a>
"""


def shop(world: World) -> World:
    world.segment("idle", "cart_items > 0")
    world.template("cart", BODY)
    world.template("cart.sv", BODY.replace("Total", "Summa"))
    world.campaign("cart", "idle", "cart", "{{ contact.first_name or 'Hello' }}: {{ cart.lines | length }} left")
    for number in range(8):
        world.put(
            "products", product_id=f"p{number}", name=f'Valve {number} "½" <DN&{number}>', price="1.00",
            url=f"https://shop.example/p/{number}?a=1&b=2",
        )  # fmt: skip
    for number, name in enumerate(NAMES):
        world.contact(f"c{number}", first_name=name, language=LANGUAGES[number % 4])
        lines = [(f"p{line}", line + number, "17.25") for line in range(1, number % 8 + 1)] or [("p0", 1, "1.00")]
        world.cart(f"c{number}", MONDAY - timedelta(hours=5), lines)
    world.load(MONDAY)
    return world


def filled(text: str, mail: Any) -> str:
    """The preview's own Mailchimp tags carried out, as they are the reader's and not ours."""
    delivery = mail.id
    base = mail.base_url
    meanings = {
        "*|UNSUB|*": f"{base}/unsubscribe/{delivery}",
        "*|LIST:COMPANY|*": "Sandbox Ltd",
        "*|LIST:ADDRESS|*": "1 Rehearsal Street, 12345 Sampletown, SE",
    }
    for tag, meaning in meanings.items():
        text = text.replace(tag, meaning)
    return text


class Words(HTMLParser):
    """A page as a browser understands it: elements, attributes and characters."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[object] = []
        self._text = ""
        self.feed(html)
        self.close()
        self._end_text()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._end_text()
        self.found.append((tag, attrs))

    def handle_endtag(self, tag: str) -> None:
        self._end_text()
        self.found.append(tag)

    def handle_data(self, data: str) -> None:
        self._text += data

    def _end_text(self) -> None:
        if self._text:
            self.found.append(self._text)
        self._text = ""


@pytest.mark.parametrize("escapes", [False, True])
def test_every_mail_arrives_as_it_was_previewed(tmp_path: Path, escapes: bool) -> None:
    with Sandbox(audience=AUDIENCE, escape_merge_values=escapes) as sandbox:
        world = shop(World(tmp_path, sandbox))
        addresses = {row["email"]: row["contact_id"] for row in world.rows["contacts"].values()}
        previews = {
            who: world.ok("preview", "cart", "--contact", who, "--json", now=MONDAY).json for who in addresses.values()
        }
        world.ok("send", "cart", "--yes", now=MONDAY)
        assert world.receivers("cart") == sorted(addresses.values())
        for mail in world.mails("cart"):
            preview = previews[addresses[mail.email]]
            assert mail.subject == preview["subject"]
            assert mail.text == filled(preview["text"], mail)
            if escapes:
                assert Words(mail.html).found == Words(filled(preview["html"], mail)).found
            else:
                assert mail.html == filled(preview["html"], mail)


def test_the_mail_speaks_the_readers_language(tmp_path: Path, sandbox: Sandbox) -> None:
    world = shop(World(tmp_path, sandbox))
    world.ok("send", "cart", "--yes", now=MONDAY)
    texts = {mail.email: mail.text for mail in world.mails("cart")}
    assert "Hej Anna" in texts["c1@shop.example"]
    assert "Summa €17.25".replace("€17.25", "") in texts["c1@shop.example"]
    assert "Hello Ada" in texts["c0@shop.example"]
    assert "Summa" not in texts["c0@shop.example"]
