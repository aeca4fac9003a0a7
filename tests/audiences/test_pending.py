"""Contacts whose tags travel, as the calls about members come: some add, some update, each kind in the order of ids."""

from __future__ import annotations

from hypothesis import given, strategies as st

from orchestrator.audiences.owed import Owed
from orchestrator.audiences.payload import Contents
from orchestrator.audiences.pending import LAST, Pending

PEOPLE = st.dictionaries(st.integers(1, 2**40), st.tuples(st.booleans(), st.booleans()), max_size=30)
"""contact -> is new, lacks a tag"""


def owed(contact: int, *, is_new: bool, lacks: bool) -> Owed:
    address, tags = f"c{contact}@shop.example", ("loyal",) * lacks
    return Owed(contact, f"C{contact}", address, address, Contents.of("en", {}), "", "", is_new, is_new, tags)


@given(PEOPLE, st.integers(1, 5))
def test_whoever_lacks_a_tag_and_is_written_is_given_it_by_that(
    people: dict[int, tuple[bool, bool]], size: int
) -> None:
    rows = [owed(contact, is_new=is_new, lacks=lacks) for contact, (is_new, lacks) in sorted(people.items())]
    batches = [
        kind[start : start + size]
        for kind in ([row for row in rows if row.is_new], [row for row in rows if not row.is_new])
        for start in range(0, len(kind), size)
    ]
    pending = Pending()
    assert list(pending.sent(batches)) == batches
    travelling = {contact for contact, (_, lacks) in people.items() if lacks}
    assert {contact for contact in (*people, 0, 2**41) if contact in pending.travelling} == travelling
    assert bool(pending.travelling) == bool(travelling)


@given(st.lists(st.lists(st.integers(1, 2**40))))
def test_tags_are_looked_at_again_from_the_first_contact_on_whose_tags_did_not_arrive(looks: list[list[int]]) -> None:
    pending = Pending()
    for contacts in looks:
        pending.look_again(contacts)
    assert pending.looked_until == min((contact - 1 for contacts in looks for contact in contacts), default=LAST)
