from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.sandbox.conftest import AUDIENCE

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client

ADA, BOB = "ada@shop.example", "bob@shop.example"


def segment(client: Client, name: str = "gold", *emails: str) -> int:
    body = {"name": name, "static_segment": list(emails)}
    return int(client.write("POST", f"{client.list}/segments", body)["id"])


def members(client: Client, number: int, **query: str) -> set[str]:
    found = client.get(f"{client.list}/segments/{number}/members", **query)
    return {member["email_address"] for member in found["members"]}


def test_a_static_segment_is_a_tag(client: Client) -> None:
    client.subscribe(ADA)
    number = segment(client, "gold", ADA)
    assert client.sandbox.member(ADA)["tags"] == [{"id": number, "name": "gold"}]
    assert client.get(f"{client.list}/tag-search", name="go")["tags"] == [{"id": number, "name": "gold"}]
    assert client.refused("POST", f"{client.list}/segments", {"name": "GOLD", "static_segment": []})[0] == 400


def test_addresses_that_are_not_in_the_audience_are_reported_and_left_out(client: Client) -> None:
    client.subscribe(ADA, BOB)
    number = segment(client)
    body = {"members_to_add": [ADA, "eve@shop.example"], "members_to_remove": [BOB]}
    answer = client.write("POST", f"{client.list}/segments/{number}", body)
    assert (answer["total_added"], answer["total_removed"], answer["error_count"]) == (1, 0, 2)
    assert [error["email_addresses"] for error in answer["errors"]] == [["eve@shop.example"], [BOB]]


def test_more_than_500_additions_are_refused(client: Client) -> None:
    number = segment(client)
    code, _, detail = client.refused(
        "POST", f"{client.list}/segments/{number}", {"members_to_add": [f"m{n}@shop.example" for n in range(501)]}
    )
    assert code == 400
    assert detail.startswith("Maximum allowed member items exceeded, please provide at most 500 items")


def test_a_misspelled_key_is_accepted_and_does_nothing(client: Client) -> None:
    client.subscribe(ADA)
    number = segment(client)
    assert client.write("POST", f"{client.list}/segments/{number}", {"members_to_ad": [ADA]})["total_added"] == 0


def test_a_patch_adds_and_only_an_empty_list_takes_out(client: Client) -> None:
    client.subscribe(ADA, BOB)
    number = segment(client, "gold", ADA)
    path = f"{client.list}/segments/{number}"
    client.write("PATCH", path, {"name": "gold", "static_segment": [BOB]})
    assert members(client, number) == {ADA, BOB}
    client.write("PATCH", path, {"name": "gold", "static_segment": []})
    assert members(client, number) == set()


def test_only_those_who_can_be_mailed_are_counted_and_listed(client: Client) -> None:
    client.subscribe(ADA, BOB)
    number = segment(client, "gold", ADA, BOB)
    client.sandbox.unsubscribe(BOB)
    assert client.get(f"{client.list}/segments/{number}")["member_count"] == 1
    assert members(client, number) == {ADA}
    assert members(client, number, include_unsubscribed="true") == {ADA, BOB}


def test_deleting_a_segment_takes_the_tag_from_its_members(client: Client) -> None:
    client.subscribe(ADA)
    number = segment(client, "gold", ADA)
    client.write("DELETE", f"{client.list}/segments/{number}")
    assert client.sandbox.member(ADA)["tags"] == []
    assert client.refused("GET", f"{client.list}/segments/{number}")[0] == 404


def test_a_saved_segment_is_computed_and_takes_no_members(client: Client) -> None:
    client.subscribe(ADA, BOB)
    number = segment(client, "gold", ADA)
    condition = {"condition_type": "StaticSegment", "field": "static_segment", "op": "static_not", "value": number}
    options = {"match": "all", "conditions": [condition]}
    saved = client.write("POST", f"{client.list}/segments", {"name": "others", "options": options})
    assert (saved["type"], saved["member_count"]) == ("saved", 1)
    detail = client.refused("POST", f"{client.list}/segments/{saved['id']}", {"members_to_add": [ADA]})[2]
    assert detail == f"Static Segment with id {saved['id']} does not exist"


def test_ten_are_answered_unless_more_are_asked_for_and_never_more_than_1000(client: Client) -> None:
    client.subscribe(*(f"m{n}@shop.example" for n in range(12)))
    page: Any = client.get(f"{client.list}/members")
    assert (len(page["members"]), page["total_items"]) == (10, 12)
    assert len(client.get(f"{client.list}/members", count=1000, offset=11)["members"]) == 1
    assert client.refused("GET", f"{client.list}/members", count=1001)[0] == 400


def test_fields_narrow_an_answer_and_unknown_ones_are_refused_even_on_an_empty_list(client: Client) -> None:
    path = f"{client.list}/segments"
    assert client.get(path, fields="total_items") == {"total_items": 0}
    assert client.refused("GET", path, fields="segments.size")[0] == 400
    segment(client)
    narrowed = client.get(path, fields="segments.name,segments.member_count")
    assert narrowed == {"segments": [{"name": "gold", "member_count": 0}]}
    assert "segments" not in client.get(path, exclude_fields="segments")
    assert client.refused("GET", path, fields="segments", exclude_fields="total_items")[0] == 400


def test_an_unknown_audience_is_not_found_or_made_as_the_options_say(client: Client) -> None:
    assert client.refused("GET", "/lists/other")[0] == 404
    assert client.get(client.list)["id"] == AUDIENCE
