"""What is to be done next, looked at while something else is waited for."""

from __future__ import annotations

from collections.abc import Generator
from itertools import chain, islice
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Row = TypeVar("Row")


class Ahead(Generic[Row]):
    """Rows of the database, the first of which may be read before they are wanted. Where something has changed what
    they say since then, they are to be forgotten: they are read anew.
    """

    def __init__(self, read: Callable[[], Iterable[Row]], many: int | None = None) -> None:
        """``many``: how many are read ahead; None: all."""
        self._read = read
        self._many = many
        self._first: list[Row] = []
        self._rest: Iterator[Row] | None = None

    def begin(self) -> None:
        """Read the first ones; in any thread, as long as nobody else asks for them."""
        self._rest = iter(self._read())
        self._first = list(islice(self._rest, self._many))

    def forget(self) -> None:
        """What was read is not true any more."""
        if isinstance(self._rest, Generator):
            self._rest.close()
        self._first, self._rest = [], None

    def __iter__(self) -> Iterator[Row]:
        if self._rest is None:
            return iter(self._read())
        return chain(self._first, self._rest)
