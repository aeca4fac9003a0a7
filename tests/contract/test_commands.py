"""Section 9: keys and types of every answer, exit codes, positions of options, what stands on stdout."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.scenarios.world import MONDAY, Result

from orchestrator.cli.main import run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.scenarios.world import World

    from orchestrator.sandbox.server import Sandbox

COUNTS = {"read": int, "inserted": int, "updated": int, "unchanged": int, "rejected": int}
REJECT = {"file": str, "line": int, "column": str, "reason": str}
DECISIONS = {"*": int}
RUN = {
    "run": str,
    "campaign": str,
    "scheduled_for": datetime,
    "state": str,
    "recipients": int,
    "decisions": DECISIONS,
}
ANSWERS: dict[str, Any] = {
    "check": {
        "problems": [{"file": str, "line": int, "column": int, "message": str, "hint": str}],
        "segments": int,
        "campaigns": int,
    },
    "fields": {"fields": [{"name": str, "type": str, "unit": str, "source": str, "null": str}]},
    "segments": {
        "now": datetime,
        "segments": [{"name": str, "size": int, "entered": int, "left": int, "duration_ms": int}],
    },
    "segments members everybody": {
        "segment": str,
        "now": datetime,
        "members": [{"contact_id": str, "email": str, "since": datetime}],
    },
    "segments explain carts c2": {
        "segment": str,
        "contact_id": str,
        "member": bool,
        "clauses": [{"clause": str, "value": object, "result": bool}],
    },
    "plan": {
        "audience": {"add": int, "update": int},
        "tags": [{"segment": str, "add": int, "remove": int}],
        "runs": [{"campaign": str, "recipients": int, "decisions": DECISIONS, "mailings": int}],
        "api_calls": int,
    },
    "sync": {
        "added": int,
        "updated": int,
        "tagged": int,
        "untagged": int,
        "rejected": [{"contact_id": str, "reason": str}],
        "api_calls": int,
    },
    "preview reminder --contact c1": {"subject": str, "preheader": str, "html": str, "text": str, "language": str},
    "send news --dry-run": {**RUN, "mailings": [{"mailchimp_id": type(None), "recipients": int}]},
    "send news --yes": {**RUN, "mailings": [{"mailchimp_id": str, "recipients": int}]},
    "daemon --once": {"runs": [RUN]},
    "status": {"now": datetime, "healthy": bool, "runs": [{}], "needs_person": [str]},
    "runs": {"runs": [RUN]},
    "report": {},
    "report news": {},
    "why news c3": {"decision": str, "reasons": [str], "at": datetime},
}
EMPTY = {"problems", "rejected", "needs_person", "runs of status"}
"""lists that are empty where all is well"""


def has(value: Any, shape: Any, place: str) -> None:
    match shape:
        case dict() if "*" in shape:
            assert isinstance(value, dict), place
            assert value, place
            for one in value.values():
                has(one, shape["*"], place)
        case dict():
            assert shape.keys() <= value.keys(), place
            for name, part in shape.items():
                has(value[name], part, f"{place}.{name}")
        case list():
            assert isinstance(value, list), place
            assert value or place.rpartition(".")[2] in EMPTY or place.startswith("status"), place
            for one in value:
                has(one, shape[0], place)
        case type() if shape is datetime:
            assert datetime.fromisoformat(value).tzinfo is not None, place
        case type():
            assert isinstance(value, shape), f"{place}: {value!r}"
            assert shape is not int or not isinstance(value, bool), place


def test_every_answer_has_the_keys_and_types_of_the_contract(shop: World) -> None:
    for words, shape in ANSWERS.items():
        result = shop.ok(*words.split(), "--json", now=MONDAY)
        # json.loads takes one document and nothing after it
        has(result.json, shape, words)


def test_an_import_answers_with_counts_and_rejects(shop: World) -> None:
    shop.contact("c9", email="nobody")
    folder = shop.write_export("contacts")
    answer = shop.ok("import", "--csv", str(folder), "--json", now=MONDAY).json
    has(answer, {"tables": {"contacts": COUNTS}, "rejects": [REJECT]}, "import")
    assert answer["tables"]["contacts"] == {"read": 5, "inserted": 0, "updated": 0, "unchanged": 4, "rejected": 1}
    (reject,) = answer["rejects"]
    assert (reject["file"], reject["line"], reject["column"]) == ("contacts.csv", 6, "email")


def test_check_answers_with_the_place_and_a_hint(shop: World) -> None:
    shop.segment("typo", "cart_itms > 0")
    result = shop.command("check", "--json", now=MONDAY)
    assert result.code == 1
    has(result.json, ANSWERS["check"], "check")
    (problem,) = result.json["problems"]
    assert (problem["file"], problem["line"], problem["column"]) == ("segments/typo.toml", 2, 1)
    assert "cart_items" in problem["hint"]


def test_a_segment_with_a_problem_is_exit_1_with_its_place(shop: World) -> None:
    shop.segment("typo", "cart_itms > 0")
    for words in ("segments members typo", "segments explain typo c1"):
        result = shop.command(*words.split(), now=MONDAY)
        assert (result.code, result.out) == (1, "")
        assert "segments/typo.toml:2:1" in result.err


def test_explain_takes_unknown_for_an_answer(shop: World) -> None:
    shop.segment("idle", "days_since_login > 3 and cart_items > 0")
    answer = shop.ok("segments", "explain", "idle", "C1@SHOP.example", "--json", now=MONDAY).json
    assert answer["contact_id"] == "c1"
    assert answer["member"] is False
    assert [(one["value"], one["result"]) for one in answer["clauses"]] == [(None, None), (2, True)]


@pytest.mark.parametrize(
    "words",
    ["{C} {now} {json} status", "status {C} {now} {json}", "{C} status {json} {now}", "{json} status {now} {C}"],
)
def test_options_stand_before_or_after_the_command(shop: World, capsys: pytest.CaptureFixture[str], words: str) -> None:
    options = {"C": f"-C {shop.root}", "now": f"--now {MONDAY.isoformat()}", "json": "--json"}
    assert run(words.format(**options).split()) == 0
    assert json.loads(capsys.readouterr().out)["now"] == "2026-03-02T09:00:00+00:00"


def test_what_answers_nothing_refuses_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--json", "init", str(tmp_path / "new")]) == 2
    assert not (tmp_path / "new").exists()
    assert "--json" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        "plam",
        "plan --bogus",
        "plan extra",
        "preview news",
        "preview nwes --contact c1",
        "preview news --contact nobody",
        "preview news --contact c1 --out {root}/config.toml",
        "segments members cart",
        "segments membrs carts",
        "segments explain carts nobody@shop.example",
        "segments --force members carts",
        "send nwes --yes",
        "why news nobody",
        "why nothing c1",
        "runs news-20260302T090000Z",
        "approve nothing",
        "cancel nothing",
        "import nothing",
        "import erp --csv x",
        "daemon --once --log-format xml",
        "fields zzzz",
        "schema nothing",
        "schema --out {root}/config.toml",
        "sandbox --port 99999",
        "sandbox --chaos much",
        "sandbox --state /nowhere/at/all.json",
        "demo {root}",
        "demo {root}/new --contacts 0",
        "init {root}",
        "init {root}/config.toml/shop",
        "--now yesterday plan",
        "--now 2026-13-01 plan",
        "--now 9999-12-31 plan",
        "-C /nowhere/at/all check",
    ],
)
def test_wrong_usage_is_exit_2_with_a_message_and_no_answer(shop: World, words: str) -> None:
    result = shop.command(*words.format(root=shop.root).split(), now=MONDAY)
    assert (result.code, result.out) == (2, "")
    assert result.err.strip()
    assert "Traceback" not in result.err
    assert "Unexpected" not in result.err


def test_an_empty_now_is_not_the_present(shop: World) -> None:
    assert run(["-C", str(shop.root), "--now", "", "plan"]) == 2


@pytest.mark.parametrize("words", ["check", "plan", "sync", "segments", "status", "runs", "import", "daemon --once"])
def test_without_a_workspace_it_is_exit_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(words.split()) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "campaigns init" in said.err


def test_a_workspace_is_found_from_a_folder_below(
    shop: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(shop.root / "segments")
    assert run(["check", "--json", "--now", MONDAY.isoformat()]) == 0
    assert json.loads(capsys.readouterr().out)["segments"] == 3


def test_without_a_terminal_and_without_yes_nothing_is_sent(shop: World, mailchimp: Sandbox) -> None:
    mailchimp.forget_requests()
    result = shop.command("send", "news", "--json", now=MONDAY)
    assert (result.code, result.out) == (3, "")
    assert "--yes" in result.err
    assert mailchimp.requests == []
    assert shop.runs(MONDAY) == []


def test_a_table_that_arrives_empty_is_exit_3_until_forced(shop: World) -> None:
    folder = shop.root / "export"
    (folder / "contacts.csv").write_text("contact_id,email\n", encoding="utf-8")
    result = shop.command("import", "--csv", str(folder), "--json", now=MONDAY)
    assert result.code == 3
    (failure,) = result.json["failures"]
    assert (failure["table"], failure["refused"]) == ("contacts", True)
    assert "--force" in result.err
    assert shop.ok("import", "--csv", str(folder), "--json", "--force", now=MONDAY).json["failures"] == []


def test_a_broken_file_is_exit_1(shop: World) -> None:
    folder = shop.root / "export"
    (folder / "contacts.csv").write_bytes(b"contact_id,email\nc9,\xff@x.example\n")
    result = shop.command("import", "--csv", str(folder), "--json", now=MONDAY)
    assert result.code == 1
    assert "UTF-8" in result.json["failures"][0]["message"]


def test_stale_data_is_exit_3_and_nobody_is_mailed(shop: World) -> None:
    late = MONDAY + timedelta(hours=27)
    for words in ("plan", "send news --yes", "daemon --once"):
        result = shop.command(*words.split(), now=late)
        assert result.code == 3, words
        assert "min_source_freshness" in result.err, words
    assert shop.command("status", now=late).code == 1
    assert shop.mails() == []


def test_a_held_segment_is_exit_3_until_forced(shop: World) -> None:
    shop.configure("[guards]\nmin_size = 1\nmax_leave_share = 0.3")
    shop.ok("segments", now=MONDAY)
    shop.put("carts", cart_id="cart-c1", contact_id="c1", status="emptied")
    shop.load(MONDAY + timedelta(hours=1), "carts")
    later = MONDAY + timedelta(hours=2)
    for words in ("segments", "plan", "sync", "daemon --once"):
        assert shop.command(*words.split(), now=later).code == 3, words
    assert shop.command("status", now=later).code == 3
    assert len(shop.ok("segments", "members", "everybody", "--json", now=later).json["members"]) == 4
    assert shop.ok("segments", "--force", now=later).code == 0


def test_a_large_run_waits_for_approval_with_exit_3(shop: World) -> None:
    shop.configure("[guards]\napprove_above = 2")
    result = shop.command("send", "news", "--yes", "--json", now=MONDAY)
    assert (result.code, result.json["state"]) == (3, "waiting_approval")
    assert shop.mails() == []
    assert shop.command("status", now=MONDAY).code == 3
    name = result.json["run"]
    assert shop.ok("approve", name, "--json", now=MONDAY).json["run"] == name
    shop.cycle(MONDAY)
    assert shop.receivers("news") == ["c1", "c2", "c4"]
    again = shop.command("approve", name, now=MONDAY)
    assert (again.code, again.out) == (2, "")


def test_a_cancelled_run_sends_nothing(shop: World) -> None:
    shop.configure("[guards]\napprove_above = 2")
    name = shop.command("send", "news", "--yes", "--json", now=MONDAY).json["run"]
    assert shop.ok("cancel", name, "--json", now=MONDAY).json["state"] == "cancelled"
    shop.cycle(MONDAY)
    assert shop.mails("news") == []


def test_a_known_fault_of_the_machine_is_a_sentence(shop: World) -> None:
    (shop.root / "campaigns.db").write_bytes(b"this is no database" * 100)
    result: Result = shop.command("status", now=MONDAY)
    assert result.code == 1
    assert "database" in result.err
    assert "Unexpected" not in result.err
