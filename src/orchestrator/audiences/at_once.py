"""Several calls at once, their answers handed back one after the other."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

from orchestrator.errors import OutcomeUnknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Work = TypeVar("Work")
Answer = TypeVar("Answer")


def at_once(
    connections: int, work: Iterable[Work], ask: Callable[[Work], Answer]
) -> Iterator[tuple[Work, Answer | None]]:
    """Each piece of work with its answer, in the order of the answers; None: the outcome is unknown.

    ``work`` is read only as fast as it is done, so that memory does not grow with it.
    """
    with ThreadPoolExecutor(connections) as pool:
        running: dict[Future[Answer], Work] = {}
        source = iter(work)
        exhausted = False
        while running or not exhausted:
            while not exhausted and len(running) < 2 * connections:
                piece = next(source, None)
                if piece is None:
                    exhausted = True
                else:
                    running[pool.submit(ask, piece)] = piece
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                piece = running.pop(future)
                try:
                    yield piece, future.result()
                except OutcomeUnknown:
                    yield piece, None
