"""Every answer of a representative session, judged by Mailchimp's published description."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.openapi import openapi
from tests.sandbox.conftest import AUDIENCE

import orchestrator.sandbox
from orchestrator.sandbox.api.gate import ROUTES

if TYPE_CHECKING:
    import requests
    from tests.openapi import OpenApi
    from tests.sandbox.conftest import Client

ADA, BOB, EVE = "ada@shop.example", "bob@shop.example", "eve@shop.example"


@pytest.fixture
def judge() -> OpenApi:
    return openapi()


def test_every_answer_of_a_session_conforms(client: Client, judge: OpenApi) -> None:
    faults: list[str] = []
    seen: set[tuple[str, str]] = set()

    def listen(answer: requests.Response, *_: object, **__: object) -> None:
        method, path = str(answer.request.method), answer.url.removeprefix(client.sandbox.base_url).split("?")[0]
        body = answer.json() if answer.content else None
        seen.update((r.method, r.path) for r in ROUTES if r.method == method and r.match(path) is not None)
        found = judge.answer_faults(method, path, answer.status_code, body)
        faults.extend(f"{method} {path} {answer.status_code}: {fault}" for fault in found)

    client.session.hooks["response"].append(listen)
    session(client)
    missed = {(r.method, r.path) for r in ROUTES if "webhooks" not in r.path} - seen
    assert faults == []
    assert missed == set()


def test_every_route_is_described(judge: OpenApi) -> None:
    assert [r for r in ROUTES if judge.operation(r.method, r.path.replace("{", "").replace("}", "")) is None] == []


def test_the_requests_of_a_session_conform_too(client: Client, judge: OpenApi) -> None:
    session(client)
    faults = []
    for made in client.sandbox.requests:
        if made.status < 400:
            found = judge.request_faults(made.method, made.path, made.query, made.json)
            faults += [f"{made.method} {made.path}: {fault}" for fault in found]
    assert faults == []


def test_the_sandbox_imports_nothing_else_of_the_project() -> None:
    folder = Path(str(orchestrator.sandbox.__file__)).parent
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            foreign = [n for n in names if n.startswith("orchestrator") and not n.startswith("orchestrator.sandbox")]
            assert foreign == [], path


def session(client: Client) -> None:
    """Uses every call at least once, with refusals in between."""
    for path in ("/ping", "/", "/lists", "/verified-domains", "/verified-domains/shop.example", "/campaigns/nope"):
        client.ask("GET", path)
    audience(client)
    campaigns(client)


def audience(client: Client) -> None:
    members, fields = f"{client.list}/members", f"{client.list}/merge-fields"
    client.subscribe(ADA, BOB, EVE, FNAME="Ada")
    client.ask("GET", client.list, include_total_contacts="true")
    client.ask(
        "POST", client.list, {"members": [{"email_address": ADA}, {"email_address": "x"}], "update_existing": True}
    )
    client.ask("POST", members, {"email_address": "dan@shop.example", "status": "pending"})
    client.ask("POST", members, {"email_address": ADA, "status": "subscribed"})
    client.ask("GET", members, count=2)
    client.ask("GET", f"{members}/{ADA}")
    client.ask("PUT", f"{members}/{ADA}", {"email_address": ADA, "status_if_new": "subscribed", "vip": True})
    client.ask("PATCH", f"{members}/{ADA}", {"language": "sv"})
    client.ask("POST", f"{members}/{ADA}/tags", {"tags": [{"name": "vip", "status": "active"}]})
    client.ask("GET", f"{members}/{ADA}/tags")
    client.ask("GET", f"{client.list}/tag-search", name="v")
    number = client.write("POST", fields, {"tag": "CO_1", "name": "slot", "type": "text", "public": False})["merge_id"]
    client.ask("GET", fields)
    client.ask("GET", f"{fields}/{number}")
    client.ask("PATCH", f"{fields}/{number}", {"name": "place"})
    client.ask("DELETE", f"{fields}/{number}")
    segments = f"{client.list}/segments"
    tag = client.write("POST", segments, {"name": "gold", "static_segment": [ADA]})["id"]
    client.ask("GET", segments, type="static")
    client.ask("POST", f"{segments}/{tag}", {"members_to_add": [BOB, "no@shop.example"], "members_to_remove": [ADA]})
    client.ask("PATCH", f"{segments}/{tag}", {"name": "golden", "static_segment": [ADA]})
    client.ask("GET", f"{segments}/{tag}")
    client.ask("GET", f"{segments}/{tag}/members")
    client.ask("POST", f"{segments}/{tag}/members", {"email_address": EVE})
    client.ask("DELETE", f"{segments}/{tag}/members/{client.sandbox.member(EVE)['id']}")
    client.ask("DELETE", f"{segments}/{tag}")
    client.sandbox.add_member("old@shop.example")
    client.ask("DELETE", f"{members}/old@shop.example")
    client.ask("POST", f"{members}/old@shop.example/actions/delete-permanent")
    client.ask("GET", f"{client.list}/webhooks")


def campaigns(client: Client) -> None:
    folder = client.write("POST", "/campaign-folders", {"name": "ours"})["id"]
    client.ask("GET", "/campaign-folders")
    client.ask("GET", f"/campaign-folders/{folder}")
    client.ask("PATCH", f"/campaign-folders/{folder}", {"name": "all ours"})
    campaign = client.draft(ADA, BOB, EVE, folder_id=folder)
    path, actions = f"/campaigns/{campaign}", f"/campaigns/{campaign}/actions"
    client.ask("GET", "/campaigns", list_id=AUDIENCE)
    settings = {"title": "t", "subject_line": "Hello", "from_name": "Shop", "reply_to": "hello@shop.example"}
    client.ask("PATCH", path, {"settings": settings, "tracking": {"google_analytics": "spring"}})
    client.ask("GET", f"{path}/content")
    client.ask("GET", f"{path}/send-checklist")
    client.ask("POST", f"{actions}/test", {"test_emails": ["boss@shop.example"], "send_type": "html"})
    client.ask("POST", f"{actions}/schedule", {"schedule_time": "2026-03-02T10:15:00+00:00"})
    client.ask("GET", path)
    client.ask("POST", f"{actions}/unschedule")
    client.ask("POST", f"{actions}/cancel-send")
    client.send(campaign)
    mails = {mail.email: mail.id for mail in client.sandbox.deliveries() if not mail.test}
    client.sandbox.open_mail(mails[ADA])
    client.sandbox.click(mails[ADA], "https://shop.example/a")
    client.sandbox.unsubscribe_mail(mails[BOB])
    client.sandbox.mark_spam(mails[EVE])
    client.ask("GET", path)
    client.ask("GET", "/reports")
    client.ask("GET", f"/reports/{campaign}")
    for part in ("sent-to", "unsubscribed", "abuse-reports", "email-activity", "open-details"):
        client.ask("GET", f"/reports/{campaign}/{part}")
    link = client.get(f"/reports/{campaign}/click-details")["urls_clicked"][0]["id"]
    client.ask("GET", f"/reports/{campaign}/click-details/{link}/members")
    copy = client.write("POST", f"{actions}/replicate")["id"]
    client.ask("DELETE", f"/campaigns/{copy}")
    client.ask("DELETE", f"/campaign-folders/{folder}")
