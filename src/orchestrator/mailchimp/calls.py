"""What all groups of calls share: the client, the audience, and reading a collection to its end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from orchestrator.errors import GatewayMisconfigured, NotAtProvider
from orchestrator.mailchimp.client import ATTEMPTS
from orchestrator.mailchimp.failures import Effect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from orchestrator.mailchimp.client import MailchimpClient

Row = TypeVar("Row")

PAGE = 1000
"""most rows in one answer"""
AT_ONCE = 8
"""pages that are asked for at once; how many calls really are is the budget's affair"""


class Calls:
    """A group of calls about one audience."""

    def __init__(self, client: MailchimpClient, audience_id: str) -> None:
        self._client = client
        self._api = client.api
        self._audience_id = audience_id

    @contextmanager
    def _audience_exists(self) -> Iterator[None]:
        """Around calls whose only object is the audience: "no such thing" can only mean the setting."""
        try:
            yield
        except NotAtProvider as error:
            raise GatewayMisconfigured(
                f'The audience "{self._audience_id}" does not exist in this Mailchimp account. '
                "Check [mailchimp] audience in config.toml, and that the key is of the right account."
            ) from error

    def _rows(
        self,
        what: str,
        method: Callable[..., Any],
        *values: Any,
        key: str,
        fields: Sequence[str],
        parse: Callable[[Mapping[str, Any]], Row],
        enough: Callable[[int], bool] = lambda _: False,
        **query: Any,
    ) -> Iterator[Row]:
        """Every row of a collection, in pages; ``fields`` are those of a row that are asked for. ``enough``: asked with
        the total whether the first page was.

        Offsets move under our feet: when the total falls between two pages, rows have left and those behind them have
        moved up, past the place where the second page begins. It is read again from so much earlier: a row may come
        twice, but none is passed over. While the total stands still, several pages are read at once.
        """
        query["fields"] = [*(f"{key}.{field}" for field in fields), "total_items"]

        def read(offset: int) -> tuple[list[Row], int]:
            return self._page(what, method, *values, key=key, parse=parse, count=PAGE, offset=offset, **query)

        offset, lowest, stands_still = 0, None, True
        while True:
            rows, total = read(offset)
            moved = 0 if lowest is None else max(0, lowest - total)
            lowest = total if lowest is None else min(lowest, total)
            if moved and offset:
                offset = max(0, offset - moved)
                continue
            yield from rows
            first = not offset
            offset += len(rows)
            if not rows or offset >= total or (first and enough(total)):
                return
            while stands_still and lowest - offset > PAGE:
                ahead = _together(read, range(offset, lowest, PAGE)[:AT_ONCE], lowest)
                stands_still = ahead is not None
                if ahead is not None:
                    yield from ahead
                    offset += len(ahead)
            if offset >= lowest and stands_still:
                return

    def _page(
        self,
        what: str,
        method: Callable[..., Any],
        *values: Any,
        key: str,
        parse: Callable[[Mapping[str, Any]], Row],
        attempts: int = ATTEMPTS,
        **query: Any,
    ) -> tuple[list[Row], int]:
        """Rows of one page and the total."""

        def read(answer: Mapping[str, Any]) -> tuple[list[Row], int]:
            return [parse(row) for row in answer[key]], int(answer["total_items"])

        return self._client.call(what, method, *values, effect=Effect.READ, read=read, attempts=attempts, **query)


def _together(read: Callable[[int], tuple[list[Row], int]], offsets: Sequence[int], total: int) -> list[Row] | None:
    """The rows of pages that are read at once; None where they were not of one state of the collection."""
    with ThreadPoolExecutor(len(offsets)) as pool:
        pages = list(pool.map(read, offsets))
    whole = all(len(rows) == min(PAGE, total - offset) for offset, (rows, _) in zip(offsets, pages, strict=True))
    if not whole or any(there != total for _, there in pages):
        return None
    return [row for rows, _ in pages for row in rows]


def nothing(_: Mapping[str, Any]) -> None:
    """Reads an answer of which only the success matters."""
