"""Slots: text merge fields of 255 bytes each. A value that is longer is cut over several."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

SLOT_BYTES = 255
"""Mailchimp cuts longer values of text fields without a word (facts, section 8)"""
_SURELY_ONE = SLOT_BYTES // 4
_LOOK_BACK = 40


def cut(value: str) -> list[str]:
    """``value`` in pieces of at most 255 bytes of UTF-8 that join to it; [] for "".

    Cuts stand between characters, and where possible not beside a space, which a merge field might lose.
    """
    pieces: list[str] = []
    rest = value
    while len(rest.encode()) > SLOT_BYTES:
        end = len(rest.encode()[:SLOT_BYTES].decode(errors="ignore"))
        for earlier in range(end, max(1, end - _LOOK_BACK), -1):
            if not rest[earlier - 1].isspace() and not rest[earlier].isspace():
                end = earlier
                break
        pieces.append(rest[:end])
        rest = rest[end:]
    if rest:
        pieces.append(rest)
    return pieces


def slots_needed(values: Collection[str]) -> int:
    """How many slots the longest of ``values`` takes."""
    if all(len(value) <= _SURELY_ONE for value in values):
        return 1
    return max(1, *(len(cut(value)) for value in values if len(value) > _SURELY_ONE))


class CommonBeginning:
    """The longest beginning that all values share and after which none goes on with a space; fed in parts."""

    def __init__(self) -> None:
        self._shared: str | None = None
        self._space_follows = False

    def look_at(self, values: Sequence[str]) -> None:
        """More values, one at least."""
        least, most = min(values), max(values)
        if self._shared is not None:
            least, most = min(least, self._shared), max(most, self._shared)
        length = next((at for at, letter in enumerate(least) if letter != most[at : at + 1]), len(least))
        follows = any(value[length : length + 1].isspace() for value in values)
        if self._shared is None or length < len(self._shared):
            # earlier values all go on with what they shared
            follows = follows or (self._shared or "")[length : length + 1].isspace()
            self._shared = least[:length]
        else:
            follows = follows or self._space_follows
        self._space_follows = follows

    def text(self) -> str:
        shared, follows = self._shared or "", self._space_follows
        while shared and follows:
            follows = shared[-1].isspace()
            shared = shared[:-1]
        return shared
