from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from orchestrator.sandbox.merge_tags import fill, fill_tags
from orchestrator.sandbox.plain_text import plain_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.conftest import Client

ADA = "ada@shop.example"


@dataclass
class Meanings:
    values: dict[str, str] = field(default_factory=dict)

    def shown(self, tag: str) -> str | None:
        return self.values.get(tag)

    def compared(self, tag: str) -> str:
        return self.values.get(tag, "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*|A|* and *|NOPE|*", "x and *|NOPE|*"),
        ("*|IF:A|*yes*|ELSE:|*no*|END:IF|*", "yes"),
        ("*|IF:EMPTY|*yes*|ELSE:|*no*|END:IF|*", "no"),
        ("*|IF:A=x|*1*|ELSEIF:A=y|*2*|ELSE:|*3*|END:IF|*", "1"),
        ("*|IF:A=X|*1*|ELSEIF:A=x|*2*|ELSE:|*3*|END:IF|*", "2"),
        ("*|IF:A=x |*1*|ELSE:|*3*|END:IF|*", "3"),
        ("*|IFNOT:EMPTY|*none*|END:IF|*", "none"),
        ("*|IFNOT:A=x|*other*|END:IF|*same", "same"),
        ("*|IF:N>9|*big*|END:IF|*", "big"),
        ("*|IF:N<=9|*small*|ELSE:|*big*|END:IF|*", "big"),
        ("*|IF:A!=y|*not y*|END:IF|*", "not y"),
        ("*|IF:A|*[*|IF:N=10|*in*|ELSE:|*out*|END:IF|*]*|ELSE:|*-*|END:IF|*.", "[in]."),
        ("*|IF:A|*never closed", "never closed"),
        ("stray *|END:IF|* stays", "stray *|END:IF|* stays"),
    ],
)
def test_tags_and_conditional_blocks(text: str, expected: str) -> None:
    assert fill(text, Meanings({"A": "x", "N": "10", "EMPTY": ""})) == expected


def test_subject_lines_know_no_conditionals() -> None:
    assert fill_tags("*|IF:A|**|A|**|END:IF|*", Meanings({"A": "x"})) == "*|IF:A|*x*|END:IF|*"


def test_a_mail_has_every_standard_tag_filled(client: Client) -> None:
    client.subscribe(ADA, FNAME="Ada")
    html = (
        "<html><body>*|MC:SUBJECT|*/*|MC_PREVIEW_TEXT|*/*|EMAIL|*/*|LIST:COMPANY|*/*|CURRENT_YEAR|*/*|DATE:j F Y|*"
        "<a href='*|UNSUB|*'>u</a><a href='*|UPDATE_PROFILE|*'>p</a><a href='*|ARCHIVE|*'>a</a>"
        "*|HTML:LIST_ADDRESS_HTML|*</body></html>"
    )
    client.send(client.draft(ADA, html=html, subject_line="For *|FNAME|*", preview_text="Dear *|FNAME|*"))
    (mail,) = client.sandbox.deliveries()
    assert "For Ada/Dear Ada/ada@shop.example/Sandbox Ltd/2026/2 March 2026" in mail.html
    assert f"{client.sandbox.inbox_url}/unsubscribe/1" in mail.html
    assert "*|" not in mail.html + mail.text + mail.subject + mail.preview_text
    assert "List-Unsubscribe" in mail.headers()


def test_a_footer_is_added_where_the_unsubscribe_link_is_missing(client: Client) -> None:
    client.subscribe(ADA)
    client.send(client.draft(ADA, html="<html><body>Hi</body></html>"))
    (mail,) = client.sandbox.deliveries()
    assert mail.html.index("/unsubscribe/1") < mail.html.index("</body>")
    assert "/unsubscribe/1" in mail.text


def test_an_empty_value_falls_back_to_the_default_of_its_field(client: Client) -> None:
    client.write("PATCH", f"{client.list}/merge-fields/1", {"default_value": "friend"})
    client.subscribe(ADA, FNAME="")
    client.send(client.draft(ADA, subject_line="Hi *|FNAME|*"))
    assert client.sandbox.delivery(1).subject == "Hi friend"


@pytest.mark.parametrize(("escape", "shown"), [(False, "<b>x</b>"), (True, "&lt;b&gt;x&lt;/b&gt;")])
def test_merge_values_in_html_are_escaped_or_not_as_told(make: Callable[..., Client], escape: bool, shown: str) -> None:
    client = make(escape_merge_values=escape)
    client.subscribe(ADA, FNAME="<b>x</b>")
    client.send(client.draft(ADA, html="<p>*|FNAME|*</p>*|UNSUB|*", subject_line="*|FNAME|*"))
    mail = client.sandbox.delivery(1)
    assert f"<p>{shown}</p>" in mail.html
    assert (mail.subject, "<b>x</b>" in mail.text) == ("<b>x</b>", True)


def test_a_tag_inside_a_value_is_read_as_a_tag(client: Client) -> None:
    client.subscribe(ADA, FNAME="*|EMAIL|*")
    client.send(client.draft(ADA, subject_line="*|FNAME|*"))
    assert client.sandbox.delivery(1).subject == ADA


def test_plain_text_is_made_from_html_that_comes_alone() -> None:
    html = "<head><title>t</title></head><h1>Hi&nbsp;you</h1><p>See <a href='https://a.example'>this</a>.<br>Bye</p>"
    assert plain_text(html) == "Hi you\n\nSee this (https://a.example).\nBye\n"
