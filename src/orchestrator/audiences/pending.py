"""What must not be done to tags while calls about their members are not answered.

Two things could go wrong: tags that travel with a member would be given once more, and an answer that was on its way
when a tag was taken away still shows it. So the first are looked at later, and of the second what the answer shows does
not count.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from orchestrator.audiences.owed import Owed
    from orchestrator.audiences.tags import Change, TagSync


LAST = 2**63 - 1
"""no contact comes after it"""


@dataclass(slots=True)
class Pending:
    """Calls about members that are not answered, and what must not be done to these members' tags meanwhile."""

    calls: int = 0
    first: set[int] = field(default_factory=set)
    """contacts that are written for the first time: their tags travel along"""
    any_first: bool = False
    """there were some"""
    looked_until: int = 0
    """the last contact before all of those whose calls were not answered when tags were looked at"""
    retagged: set[int] = field(default_factory=set)
    """contacts whose tags are changed beside these calls"""

    def sent(self, batches: Iterable[list[Owed]]) -> Iterator[list[Owed]]:
        """The batches, noted."""
        for rows in batches:
            self.calls += 1
            self.first.update(row.contact for row in rows if row.is_first)
            self.any_first = self.any_first or bool(self.first)
            yield rows

    def beside(self, tags: TagSync) -> Iterator[Change]:
        """What may be asked of tags now, noted as long as it matters. Tags that nobody had may be on their way."""
        self.looked_until = min(self.first) - 1 if self.first else LAST
        for change in tags.changes(self.first, making=not self.any_first):
            if self.calls:
                self.retagged.update(change.contacts)
            yield change

    def answered(self, rows: list[Owed]) -> None:
        """One call is."""
        self.calls -= 1
        self.first.difference_update(row.contact for row in rows)
        if not self.calls:
            self.retagged.clear()
