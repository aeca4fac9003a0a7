from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from orchestrator.gateway import CampaignDraft, MemberWrite
from orchestrator.mailchimp import payloads
from orchestrator.mailchimp.refusals import (
    means_no_email_matches,
    means_not_in_segment,
    means_not_ready,
    refusal_of,
)
from orchestrator.vocabulary import MailEventKind, MemberStatus, Refusal

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def test_a_members_id_is_the_md5_of_the_address_in_lower_case() -> None:
    assert payloads.subscriber_hash("Ada@Shop.Example") == payloads.subscriber_hash("ada@shop.example")
    assert payloads.subscriber_hash("ada@shop.example") == "76d4164d081ebc17f5e1d3c57321544d"


def test_since_is_a_second_earlier_and_in_utc() -> None:
    stockholm = timezone(timedelta(hours=1))
    assert payloads.since(datetime(2026, 3, 2, 10, 30, tzinfo=stockholm)) == "2026-03-02T09:29:59+00:00"


def test_addresses_that_differ_in_case_only_are_sent_once() -> None:
    assert payloads.unique_addresses(["B@x.example", "a@x.example", "b@X.example"]) == ["B@x.example", "a@x.example"]


def test_of_two_rows_for_one_member_the_first_wins() -> None:
    rows = [MemberWrite("a@x.example", {"FNAME": "Ada"}), MemberWrite("A@x.example", {"FNAME": "Bob"})]
    assert payloads.unique_rows(rows) == rows[:1]


def test_a_row_holds_what_is_given_and_no_status_unless_asked() -> None:
    assert payloads.member_row(MemberWrite("a@x.example")) == {"email_address": "a@x.example"}
    row = MemberWrite("a@x.example", {"FNAME": ""}, "sv", ("gold",))
    assert payloads.member_row(row, MemberStatus.SUBSCRIBED) == {
        "email_address": "a@x.example",
        "status": "subscribed",
        "merge_fields": {"FNAME": ""},
        "language": "sv",
        "tags": ["gold"],
    }


def test_a_campaign_names_its_segment_in_both_ways_and_brings_its_own_footer() -> None:
    draft = CampaignDraft("co-1", "Hello", "there", "Shop", "hello@shop.example", 7)
    body = payloads.campaign_body("a1", draft)
    assert body["recipients"] == {"list_id": "a1", "segment_opts": {"saved_segment_id": 7, "match": "any"}}
    assert body["settings"] == {
        "subject_line": "Hello",
        "preview_text": "there",
        "title": "co-1",
        "from_name": "Shop",
        "reply_to": "hello@shop.example",
        "auto_footer": False,
        "inline_css": False,
    }
    assert body["tracking"] == {"opens": True, "html_clicks": True}


def test_a_time_without_an_offset_is_utc() -> None:
    assert payloads.moment("2026-03-02T09:30:00") == AT
    assert payloads.moment("2026-03-02T10:30:00+01:00") == AT


def test_a_status_that_we_do_not_know_is_unknown() -> None:
    member = payloads.member({"email_address": "a@x.example", "status": "frozen"})
    assert member.status is MemberStatus.UNKNOWN
    assert member.last_changed is None


def test_rows_of_a_batch_are_reconciled_three_ways() -> None:
    answer = payloads.members_answer(
        ["New@x.example", "old@x.example", "bad@x.example", "lost@x.example"],
        {
            "new_members": [{"email_address": "new@x.example", "tags": [{"id": 1, "name": "Gold"}]}],
            "updated_members": [{"email_address": "OLD@x.example"}],
            "errors": [
                {"email_address": "bad@x.example", "error": "bad@x.example looks fake or invalid", "error_code": "X"}
            ],
        },
    )
    assert answer.done == {"new@x.example", "old@x.example"}
    assert answer.unanswered == {"lost@x.example"}
    assert answer.tags == {"new@x.example": {"gold"}, "old@x.example": frozenset()}
    (refused,) = answer.refused
    assert refused.email == "bad@x.example"
    assert refused.refusal is Refusal.INVALID_ADDRESS
    assert refused.detail == "<address> looks fake or invalid"


@pytest.mark.parametrize(
    ("said", "refusal"),
    [
        ("a@x looks fake or invalid, please enter a real email address.", Refusal.INVALID_ADDRESS),
        ("Please provide a valid email address.", Refusal.INVALID_ADDRESS),
        ("a@x has signed up to a lot of lists very recently", Refusal.TOO_MANY_SIGNUPS),
        ("Your merge fields were invalid.", Refusal.MERGE_FIELDS),
        ("a@x is already a list member. Use PUT to insert or update list members.", Refusal.EXISTS),
        ('a@x is already in this list with a status of "Subscribed".', Refusal.EXISTS),
        ("a@x is in a compliance state due to unsubscribe, bounce, or compliance review", Refusal.COMPLIANCE),
        ("a@x was permanently deleted and cannot be re-imported.", Refusal.FORGOTTEN),
        ("Something new", Refusal.OTHER),
    ],
)
def test_each_sentence_of_refusal_has_our_word(said: str, refusal: Refusal) -> None:
    assert refusal_of(said, code="ERROR_GENERIC") is refusal


def test_the_error_code_and_the_field_decide_where_the_sentence_is_new() -> None:
    assert refusal_of("anything", code="ERROR_CONTACT_EXISTS") is Refusal.EXISTS
    assert refusal_of("must be a number", field="AGE") is Refusal.MERGE_FIELDS
    assert refusal_of("too long", field="email_address") is Refusal.INVALID_ADDRESS
    assert refusal_of("must not be blank", field="status") is Refusal.OTHER


def test_the_field_at_fault_is_told_with_the_reason() -> None:
    answer = payloads.members_answer(
        ["a@x.example"],
        {
            "new_members": [],
            "updated_members": [],
            "errors": [
                {
                    "email_address": "a@x.example",
                    "error": "Your merge fields were invalid.",
                    "error_code": "ERROR_GENERIC",
                    "field": "AGE",
                    "field_message": "Please enter a number",
                }
            ],
        },
    )
    assert answer.refused[0].detail == "Your merge fields were invalid. AGE: Please enter a number"


def test_a_segment_answer_counts_as_added_only_who_is_named() -> None:
    answer = payloads.segment_answer(
        ["A@x.example", "b@x.example", "c@x.example"],
        ["d@x.example", "e@x.example", "f@x.example"],
        {
            "members_added": [{"email_address": "a@x.example"}],
            "members_removed": [{"email_address": "d@x.example"}],
            "errors": [
                {"email_addresses": ["b@x.example"], "error": "b@x.example is unsubscribed"},
                {"email_addresses": ["e@x.example"], "error": "Email addresses are not in this segment."},
                {"email_addresses": ["f@x.example"], "error": "Try again"},
            ],
        },
    )
    assert answer.added == {"a@x.example"}
    assert answer.removed == {"d@x.example", "e@x.example"}
    assert answer.refused == {"b@x.example": "<address> is unsubscribed", "f@x.example": "Try again"}


def test_sentences_about_whole_calls_are_recognized() -> None:
    assert means_no_email_matches("None of the emails provided were subscribed to the list")
    assert means_not_in_segment("Email address isn't a member of this segment")
    assert not means_not_in_segment("Internal error")
    assert means_not_ready("Your Campaign is not ready to send.")
    assert not means_not_ready("Cannot send a campaign that was sent.")


def test_a_campaign_is_read_with_what_it_does_not_say() -> None:
    full = payloads.campaign(
        {
            "id": "c1",
            "status": "sent",
            "emails_sent": 3,
            "send_time": "2026-03-02T09:30:00+00:00",
            "settings": {"title": "co-1"},
            "recipients": {"recipient_count": 0, "segment_opts": {"saved_segment_id": 7}},
        }
    )
    assert (full.title, full.recipient_count, full.emails_sent, full.send_time, full.segment_id) == (
        "co-1",
        0,
        3,
        AT,
        7,
    )
    bare = payloads.campaign({"id": "c1", "status": "save", "send_time": ""})
    assert (bare.title, bare.recipient_count, bare.emails_sent, bare.send_time, bare.segment_id) == (
        "",
        None,
        0,
        None,
        None,
    )


def test_a_checklist_keeps_the_reasons_that_forbid_the_send() -> None:
    answer = {
        "is_ready": False,
        "items": [
            {"type": "success", "heading": "List", "details": "ok"},
            {"type": "warning", "heading": "Footer", "details": "hm"},
            {"type": "error", "heading": "Reply-to", "details": "hello@shop.example is not verified"},
        ],
    }
    checklist = payloads.checklist(answer)
    assert not checklist.ready
    assert checklist.errors == ("Reply-to: <address> is not verified",)


def test_receipts_tell_bounces_and_note_new_words() -> None:
    noted: list[str] = []
    rows = [{"email_address": "a@x.example", "status": status} for status in ("sent", "hard", "soft", "delayed")]
    bounces = [payloads.receipt(row, noted.append).bounce for row in rows]
    assert bounces == [None, MailEventKind.HARD_BOUNCE, MailEventKind.SOFT_BOUNCE, None]
    assert noted == ["sent-to status delayed"]


def test_activity_becomes_events_and_new_words_are_noted() -> None:
    noted: list[str] = []
    stamp = "2026-03-02T09:30:00+00:00"
    acts = [
        {"action": "open", "timestamp": stamp},
        {"action": "click", "timestamp": stamp, "url": "https://shop.example/a"},
        {"action": "bounce", "timestamp": stamp, "type": "hard"},
        {"action": "bounce", "timestamp": stamp, "type": "soft"},
        {"action": "bounce", "timestamp": stamp, "type": "odd"},
        {"action": "forward", "timestamp": stamp},
    ]
    events = list(payloads.activity({"email_address": "a@x.example", "activity": acts}, noted.append))
    assert [(event.kind, event.url) for event in events] == [
        (MailEventKind.OPEN, ""),
        (MailEventKind.CLICK, "https://shop.example/a"),
        (MailEventKind.HARD_BOUNCE, ""),
        (MailEventKind.SOFT_BOUNCE, ""),
    ]
    assert {event.at for event in events} == {AT}
    assert noted == ["email activity bounce odd", "email activity forward"]
