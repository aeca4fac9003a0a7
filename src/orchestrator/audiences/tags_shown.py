"""What the answer to a call about members says of their tags: a tag that is not shown is not counted on."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.audiences.owed import COMBINATIONS
from orchestrator.store.tags import WORD_BITS

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from orchestrator.audiences.owed import Owed
    from orchestrator.gateway import MembersAnswer

NO_TAGS: frozenset[str] = frozenset()


class Shown(NamedTuple):
    """What one answer shows."""

    carried: list[tuple[int, int, int]]
    """contact, word and mask of the segments whose tags it carries"""
    arrived: Counter[str]
    """segment -> members whom its tag travelled with"""
    doubtful: list[int]
    """contacts whose tags are not all as they should be"""


class TagsShown:
    """Reads answers as to the tags of our segments."""

    def __init__(self, synced: Mapping[str, int]) -> None:
        """``synced``: segment -> bit of those carried as tags."""
        self._flags = {name.lower(): (bit // WORD_BITS, 1 << bit % WORD_BITS) for name, bit in synced.items()}
        """tag as an answer shows it -> word of the masks, and its bit there"""
        self._masks_of = lru_cache(COMBINATIONS)(self._find_masks)

    def by(self, answer: MembersAnswer, done: Iterable[Owed], retagged: Container[int]) -> Shown:
        """Tags sent along, and those that a member had before. Who had one and is not in the segment loses it by the
        difference that follows. Where tags were changed meanwhile (``retagged``), the answer may be older than that,
        and says something of those sent along only.
        """
        shown = Shown([], Counter(), [])
        travelled: dict[tuple[bool, tuple[str, ...], frozenset[str]], list[int]] = defaultdict(list)
        for row in done:
            there = answer.tags.get(row.email_key, NO_TAGS)
            if row.contact in retagged:
                there &= _as_shown(row.tags)
            shown.carried.extend((row.contact, word, mask) for word, mask in self._masks_of(there))
            travelled[row.is_first, row.tags, there].append(row.contact)
        for (is_first, names, there), contacts in travelled.items():
            shown.arrived.update({name: len(contacts) for name in names if name.lower() in there})
            sent = _as_shown(names)
            if not sent <= there or (is_first and self._masks_of(there) != self._masks_of(sent)):
                shown.doubtful.extend(contacts)
        return shown

    def _find_masks(self, tags: frozenset[str]) -> tuple[tuple[int, int], ...]:
        """Word and mask of the segments that these tags carry."""
        masks: dict[int, int] = {}
        for tag in tags & self._flags.keys():
            word, flag = self._flags[tag]
            masks[word] = masks.get(word, 0) | flag
        return tuple(masks.items())


def _as_shown(names: Iterable[str]) -> frozenset[str]:
    """In lower case: the provider may answer with other capitals."""
    return frozenset(name.lower() for name in names)
