"""Slots: text merge fields of 255 bytes each. A value that is longer is cut over several."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

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


def common_ends(values: Collection[str]) -> tuple[str, str]:
    """The longest beginning and end that all ``values`` share, so that only the middle needs a slot.

    The middles do not begin or end with a space.
    """
    prefix = _common_beginning(list(values))
    while prefix and any(value[len(prefix) : len(prefix) + 1].isspace() for value in values):
        prefix = prefix[:-1]
    rests = [value[len(prefix) :] for value in values]
    suffix = _common_beginning([rest[::-1] for rest in rests])[::-1]
    while suffix and any(rest.removesuffix(suffix)[-1:].isspace() for rest in rests):
        suffix = suffix[1:]
    return prefix, suffix


def _common_beginning(values: list[str]) -> str:
    least, most = min(values), max(values)
    length = next((at for at, letter in enumerate(least) if letter != most[at]), len(least))
    return least[:length]
