from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from orchestrator.sandbox.values import cut

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.conftest import Client, Clock

ADA = "Ada@shop.example"
ID = hashlib.md5(b"ada@shop.example").hexdigest()


def row(email: str = ADA, **more: object) -> dict[str, object]:
    return {"email_address": email} | more


def batch(client: Client, *rows: dict[str, object], **options: bool) -> dict[str, list[dict[str, str]]]:
    answer = client.write("POST", client.list, {"members": list(rows)} | options)
    assert isinstance(answer, dict)
    return answer


def status(client: Client) -> str:
    return str(client.get(f"{client.list}/members/{ID}")["status"])


def test_the_member_id_is_the_md5_of_the_address_in_lower_case(client: Client) -> None:
    client.subscribe(ADA)
    for key in (ID, ADA, ADA.lower()):
        assert client.get(f"{client.list}/members/{key}")["id"] == ID


def test_a_new_row_needs_a_status_and_an_existing_one_keeps_its_own(client: Client) -> None:
    answer = batch(client, row())
    assert answer["errors"][0]["error_code"] == "ERROR_GENERIC"
    assert answer["errors"][0]["field"] == "status"
    batch(client, row(status="unsubscribed"))
    batch(client, row(merge_fields={"FNAME": "Ada"}), update_existing=True)
    assert status(client) == "unsubscribed"


def test_a_row_with_a_status_overwrites_that_of_an_existing_member(client: Client) -> None:
    client.subscribe(ADA)
    batch(client, row(status="unsubscribed"), update_existing=True)
    assert status(client) == "unsubscribed"
    batch(client, row(status="subscribed"), update_existing=True)
    assert status(client) == "subscribed"


def test_without_update_existing_a_known_member_is_an_error_and_stays_as_it_is(client: Client) -> None:
    client.subscribe(ADA, FNAME="Ada")
    answer = batch(client, row(status="subscribed", merge_fields={"FNAME": "Eve"}))
    (error,) = answer["errors"]
    assert error["error_code"] == "ERROR_CONTACT_EXISTS"
    assert error["error"] == f"{ADA} is already a list member. Use PUT to insert or update list members."
    assert client.sandbox.member(ADA)["merge_fields"]["FNAME"] == "Ada"


def test_the_same_address_twice_in_a_request_counts_once_if_asked_so(client: Client) -> None:
    twice = [row(status="subscribed", merge_fields={"FNAME": name}) for name in ("first", "second")]
    body = {"members": twice, "update_existing": True}
    answer = client.write("POST", client.list, body, skip_duplicate_check="true")
    assert (answer["total_created"], answer["total_updated"], answer["error_count"]) == (1, 0, 0)
    assert client.sandbox.member(ADA)["merge_fields"]["FNAME"] == "first"


def test_more_than_500_rows_are_refused_whole(client: Client) -> None:
    rows = [row(f"m{n}@shop.example", status="subscribed") for n in range(501)]
    code, title, _ = client.refused("POST", client.list, {"members": rows})
    assert (code, title) == (400, "Invalid Resource")
    assert client.sandbox.members() == []


def test_nobody_who_left_can_be_subscribed_by_the_api(client: Client) -> None:
    client.subscribe(ADA)
    client.sandbox.unsubscribe(ADA)
    path = f"{client.list}/members/{ID}"
    for method in ("PUT", "PATCH"):
        code, title, _ = client.refused(method, path, row(status="subscribed"))
        assert (code, title) == (400, "Member In Compliance State")
    answer = batch(client, row(status="subscribed"), update_existing=True)
    assert "is in a compliance state due to unsubscribe, bounce, or compliance review" in answer["errors"][0]["error"]
    assert status(client) == "unsubscribed"
    client.sandbox.rejoin(ADA)
    assert status(client) == "subscribed"


def test_archiving_does_not_wash_an_opt_out_away(client: Client) -> None:
    client.subscribe(ADA)
    client.sandbox.unsubscribe(ADA)
    client.write("DELETE", f"{client.list}/members/{ID}")
    _, title, _ = client.refused("PATCH", f"{client.list}/members/{ID}", {"status": "subscribed"})
    assert title == "Member In Compliance State"


def test_an_archived_member_comes_back_by_status_but_not_by_status_if_new(client: Client) -> None:
    client.subscribe(ADA)
    path = f"{client.list}/members/{ID}"
    client.write("DELETE", path)
    assert client.refused("DELETE", path)[0] == 405
    client.write("PUT", path, row(status_if_new="subscribed"))
    assert status(client) == "archived"
    client.write("PUT", path, row(status="subscribed"))
    assert status(client) == "subscribed"


def test_a_cleaned_member_cannot_be_changed(client: Client) -> None:
    client.subscribe(ADA)
    client.sandbox.clean(ADA)
    _, title, _ = client.refused("PATCH", f"{client.list}/members/{ID}", {"status": "subscribed"})
    assert title == "Member In Compliance State"


def test_an_erased_address_cannot_be_imported_again(client: Client) -> None:
    client.subscribe(ADA)
    client.write("POST", f"{client.list}/members/{ID}/actions/delete-permanent")
    assert client.refused("GET", f"{client.list}/members/{ID}")[0] == 404
    assert "was permanently deleted" in batch(client, row(status="subscribed"))["errors"][0]["error"]
    _, title, _ = client.refused("POST", f"{client.list}/members", row(status="pending"))
    assert title == "Forgotten Email Not Subscribed"


@pytest.mark.parametrize(
    ("email", "words"),
    [
        ("ada@example.com", "looks fake or invalid, please enter a real email address."),
        ("ada@shop.test", "looks fake or invalid, please enter a real email address."),
        ("fake@shop.example", "looks fake or invalid, please enter a real email address."),
        ("ada", "Please provide a valid email address."),
        ("ada@shop", "Please provide a valid email address."),
        ("a..b@shop.example", "Please provide a valid email address."),
    ],
)
def test_addresses_that_nobody_can_have_are_refused_row_by_row(client: Client, email: str, words: str) -> None:
    answer = batch(client, row(email, status="subscribed"), row(status="subscribed"))
    assert answer["errors"][0]["error"].endswith(words)
    assert [member["email_address"] for member in answer["new_members"]] == [ADA]


def test_a_new_address_keeps_the_contact_its_values_and_its_tags(client: Client) -> None:
    client.subscribe(ADA, "bob@shop.example", FNAME="Ada")
    client.sandbox.add_segment("gold", [ADA])
    contact = client.sandbox.member(ADA)["contact_id"]
    moved = client.write("PATCH", f"{client.list}/members/{ID}", row("countess@shop.example"))
    assert (moved["contact_id"], moved["merge_fields"]["FNAME"]) == (contact, "Ada")
    assert client.sandbox.tagged("gold") == {"countess@shop.example"}
    assert client.refused("GET", f"{client.list}/members/{ID}")[0] == 404
    taken = client.refused("PATCH", f"{client.list}/members/{moved['id']}", row("bob@shop.example"))
    assert taken[1] == "Member Exists"


def test_a_put_with_a_wrong_hash_says_member_exists(client: Client) -> None:
    client.subscribe(ADA)
    wrong = hashlib.md5(ADA.encode()).hexdigest()
    assert client.refused("PUT", f"{client.list}/members/{wrong}", row(status="subscribed"))[1] == "Member Exists"


def test_unknown_merge_tags_are_dropped_and_values_not_sent_stay(client: Client) -> None:
    client.subscribe(ADA, FNAME="Ada", NOSUCH="x")
    batch(client, row(merge_fields={"LNAME": "King"}), update_existing=True)
    values = client.sandbox.member(ADA)["merge_fields"]
    assert (values["FNAME"], values["LNAME"], "NOSUCH" in values) == ("Ada", "King", False)


def test_text_is_cut_at_255_bytes_and_never_inside_a_character(client: Client) -> None:
    client.subscribe(ADA, FNAME="x" + "é" * 200)
    stored = client.sandbox.member(ADA)["merge_fields"]["FNAME"]
    assert stored == "x" + "é" * 127
    assert len(cut("é" * 200).encode()) == 254


def test_a_field_made_required_refuses_members_without_it_unless_told_to_skip(client: Client) -> None:
    client.write("PATCH", f"{client.list}/merge-fields/1", {"required": True})
    (error,) = batch(client, row(status="subscribed"))["errors"]
    assert (error["error"], error["field"]) == ("Your merge fields were invalid.", "FNAME")
    answer = client.write("POST", client.list, {"members": [row(status="subscribed")]}, skip_merge_validation="true")
    assert answer["total_created"] == 1


def test_merge_values_are_checked_by_their_type(client: Client) -> None:
    client.write("POST", f"{client.list}/merge-fields", {"tag": "POINTS", "name": "Points", "type": "number"})
    (error,) = batch(client, row(status="subscribed", merge_fields={"POINTS": "many"}))["errors"]
    assert error["field_message"] == "Please enter a number"
    (error,) = batch(client, row(status="subscribed", merge_fields={"ADDRESS": {"addr1": "x"}}))["errors"]
    assert error["field_message"] == "Please enter a complete address"


def test_thirty_merge_fields_of_ten_characters_is_all_there_is(client: Client) -> None:
    path = f"{client.list}/merge-fields"
    too_long = {"tag": "ELEVENCHARS", "name": "x", "type": "text"}
    assert client.refused("POST", path, too_long)[1] == "Invalid Resource"
    for number in range(26):
        client.write("POST", path, {"tag": f"CO_{number}", "name": "slot", "type": "text"})
    assert client.refused("POST", path, {"tag": "CO_26", "name": "slot", "type": "text"})[0] == 400
    assert client.get(path, count=100)["total_items"] == 30


def test_tags_in_a_put_are_ignored_and_a_malformed_tag_body_is_answered_204(client: Client) -> None:
    client.subscribe(ADA)
    path = f"{client.list}/members/{ID}"
    client.write("PUT", path, row(tags=["gold"]))
    assert client.ask("POST", path + "/tags", {"tags": ["gold"]}).status_code == 204
    assert client.get(path)["tags"] == []
    client.write("POST", path + "/tags", {"tags": [{"name": "gold", "status": "active"}]})
    assert [tag["name"] for tag in client.get(path)["tags"]] == ["gold"]
    client.write("POST", path + "/tags", {"tags": [{"name": "Gold", "status": "inactive"}]})
    assert client.get(path)["tags_count"] == 0


def test_sync_tags_replaces_the_tags_that_others_gave(client: Client) -> None:
    client.subscribe(ADA)
    client.sandbox.add_segment("by hand", [ADA])
    batch(client, row(tags=["ours"]), update_existing=True)
    assert {tag["name"] for tag in client.sandbox.member(ADA)["tags"]} == {"by hand", "ours"}
    batch(client, row(tags=["ours"]), update_existing=True, sync_tags=True)
    assert {tag["name"] for tag in client.sandbox.member(ADA)["tags"]} == {"ours"}


def test_changes_are_found_by_their_time_and_an_identical_write_is_no_change(client: Client, clock: Clock) -> None:
    client.subscribe(ADA, "bob@shop.example", FNAME="A")
    since = clock.now.isoformat()
    clock.advance(minutes=1)
    batch(client, row(merge_fields={"FNAME": "A"}), row("bob@shop.example", language="sv"), update_existing=True)
    changed = client.get(f"{client.list}/members", since_last_changed=since)
    assert [member["email_address"] for member in changed["members"]] == ["bob@shop.example"]


def test_an_address_can_be_told_to_be_refused(client: Client) -> None:
    client.sandbox.refuse_address(ADA, "too_many_lists")
    assert "has signed up to a lot of lists" in batch(client, row(status="subscribed"))["errors"][0]["error"]
    with pytest.raises(ValueError, match="unknown reason"):
        client.sandbox.refuse_address(ADA, "mood")


def test_unsubscribed_since_goes_with_the_status_unsubscribed_only(client: Client, make: Callable[..., Client]) -> None:
    client.subscribe(ADA)
    client.sandbox.unsubscribe(ADA)
    path = f"{client.list}/members"
    assert client.get(path, status="unsubscribed", unsubscribed_since="2026-03-01T00:00:00+00:00")["total_items"] == 1
    assert client.refused("GET", path, status="cleaned", unsubscribed_since="2026-03-01T00:00:00Z")[0] == 400
