"""What must not be done to tags while calls about their members are not answered.

Two things could go wrong: tags that travel with a member would be given once more, and an answer that was on its way
when a tag was taken away still shows it. So nothing that travels is asked for beside, but only where its answer does
not show it; and of whoever loses a tag beside such a call, the answer counts for what travelled alone.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from orchestrator.audiences.owed import Owed
    from orchestrator.audiences.tags import Change, TagSync


LAST = 2**63 - 1
"""no contact comes after it"""


class Travelling:
    """Contacts whose missing tags travel with their other values. Eight bytes each: there may be as many as members.

    They are not forgotten when they are answered, as tags may have been looked at before that.
    """

    def __init__(self) -> None:
        self._new, self._known = array("q"), array("q")

    def note(self, rows: list[Owed]) -> None:
        """Those of one call. Calls that add, and calls that update, come in the order of contacts."""
        contacts = self._new if rows[0].is_new else self._known
        contacts.extend(row.contact for row in rows if row.tags)

    def __bool__(self) -> bool:
        return bool(self._new or self._known)

    def __contains__(self, contact: object) -> bool:
        return isinstance(contact, int) and (_holds(self._new, contact) or _holds(self._known, contact))


def _holds(contacts: array[int], contact: int) -> bool:
    place = bisect_left(contacts, contact)
    return place < len(contacts) and contacts[place] == contact


@dataclass(slots=True)
class Pending:
    """Calls about members that are not answered, and what must not be done to these members' tags meanwhile."""

    calls: int = 0
    travelling: Travelling = field(default_factory=Travelling)
    looked_until: int = LAST
    """the last contact before all of those whose tags are to be looked at once more"""
    retagged: set[int] = field(default_factory=set)
    """contacts whose tags are changed beside these calls"""

    def sent(self, batches: Iterable[list[Owed]]) -> Iterator[list[Owed]]:
        """The batches, noted."""
        for rows in batches:
            self.calls += 1
            self.travelling.note(rows)
            yield rows

    def beside(self, tags: TagSync) -> Iterator[Change]:
        """What may be asked of tags now, noted as long as it matters. Tags that nobody had may be on their way."""
        for change in tags.changes(self.travelling, making=not self.travelling):
            if self.calls:
                self.retagged.update(change.contacts)
            yield change

    def look_again(self, contacts: Iterable[int]) -> None:
        """These contacts' tags are not all as they should be."""
        self.looked_until = min([self.looked_until, *(contact - 1 for contact in contacts)])

    def answered(self) -> None:
        """One call is."""
        self.calls -= 1
        if not self.calls:
            self.retagged.clear()
