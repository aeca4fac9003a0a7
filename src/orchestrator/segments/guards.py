"""What is too large a jump for one recompute: a segment past a limit stays as it was until a person has looked."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.definitions.values import GuardSettings, SegmentGuards


def held_by_guard(size: int, entered: int, left: int, guards: GuardSettings, own: SegmentGuards) -> str | None:
    """Why the change is held back, with the numbers; None where it is within the limits. ``size`` is before it."""
    min_size = guards.min_size if own.min_size is None else own.min_size
    if size < min_size or size == 0:
        return None
    share = guards.max_leave_share if own.max_leave_share is None else own.max_leave_share
    if left > share * size:
        return f"it would lose {left:,} of {size:,} members ({_percent(left / size)}; the limit is {_percent(share)})"
    factor = guards.max_grow_factor if own.max_grow_factor is None else own.max_grow_factor
    new_size = size + entered - left
    if new_size > factor * size:
        return (
            f"it would grow from {size:,} to {new_size:,} members"
            f" ({new_size / size:.1f} times; the limit is {factor:g} times)"
        )
    return None


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
