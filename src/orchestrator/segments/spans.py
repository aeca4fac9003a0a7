"""Whose rows are in a span of time, as SQL for both databases. Each row is found by a look into an index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.segments.crossings import MOST_REPEATS, Times

if TYPE_CHECKING:
    from orchestrator.segments.crossings import Span

# CASE: where "account IS NULL" was a condition, SQLite read all orders without an account for each span, supposing that
# there are as few as of any one account. With "+account IS NULL" PostgreSQL read all orders once, expecting few.
_CONTACTS = {
    Times.SIGNUPS: "SELECT id AS contact FROM {spans}contact WHERE created_at BETWEEN {since} AND {until}",
    Times.CONSENTS: "SELECT id AS contact FROM {spans}contact WHERE consent_at BETWEEN {since} AND {until}",
    Times.ORDERS: "SELECT contact FROM {spans}orders WHERE placed_at BETWEEN {since} AND {until}",
    Times.ACCOUNT_ORDERS: (
        "SELECT CASE WHEN account IS NULL THEN contact END AS contact"
        " FROM {spans}orders WHERE placed_at BETWEEN {since} AND {until}"
    ),
    Times.CART_CHANGES: (
        "SELECT contact FROM {spans}cart WHERE status = 'open' AND modified_at BETWEEN {since} AND {until}"
    ),
    Times.CART_ADDITIONS: (
        "SELECT contact FROM {spans}cart WHERE status = 'open' AND last_added_at BETWEEN {since} AND {until}"
    ),
    Times.EVENTS: "SELECT contact FROM {spans}event WHERE kind = :kind AND at BETWEEN {since} AND {until}",
    Times.SENDS: "SELECT contact FROM {spans}send WHERE decision = 'sent' AND sent_at BETWEEN {since} AND {until}",
    Times.REACTIONS: "SELECT contact FROM {spans}mail_event WHERE kind = :kind AND at BETWEEN {since} AND {until}",
}
# a join would group all orders there are
_CONTACTS_BY_NEWEST = {
    Times.ORDERS: (
        "SELECT o.contact FROM {spans}orders o WHERE o.placed_at BETWEEN {since} AND {until} AND o.placed_at ="
        " (SELECT MAX(l.placed_at) FROM orders l"
        " WHERE l.contact = o.contact AND l.status = 'completed' AND l.placed_at <= {now})"
    ),
    Times.ACCOUNT_ORDERS: (
        "SELECT o.contact FROM {spans}orders o"
        " WHERE o.placed_at BETWEEN {since} AND {until} AND CASE WHEN o.account IS NULL THEN o.placed_at ="
        " (SELECT MAX(l.placed_at) FROM orders l"
        " WHERE l.contact = o.contact AND l.account IS NULL AND l.status = 'completed' AND l.placed_at <= {now}) END"
    ),
    Times.EVENTS: (
        "SELECT e.contact FROM {spans}event e WHERE e.kind = :kind AND e.at BETWEEN {since} AND {until} AND e.at ="
        " (SELECT MAX(l.at) FROM event l WHERE l.contact = e.contact AND l.kind = :kind AND l.at <= {now})"
    ),
    Times.REACTIONS: (
        "SELECT e.contact FROM {spans}mail_event e WHERE e.kind = :kind AND e.at BETWEEN {since} AND {until} AND e.at ="
        " (SELECT MAX(l.at) FROM mail_event l WHERE l.contact = e.contact AND l.kind = :kind AND l.at <= {now})"
    ),
}
"""the same, of rows that are the newest of whoever they belong to"""
_ACCOUNTS = "SELECT account FROM {spans}orders WHERE placed_at BETWEEN {since} AND {until}"
_ACCOUNTS_BY_NEWEST = (
    "SELECT o.account FROM {spans}orders o WHERE o.placed_at BETWEEN {since} AND {until} AND o.placed_at ="
    " (SELECT MAX(l.placed_at) FROM orders l"
    " WHERE l.account = o.account AND l.status = 'completed' AND l.placed_at <= {now})"
)
_OLDEST_ORDER = "SELECT placed_at FROM orders ORDER BY placed_at LIMIT 1"
_OLDEST = {
    Times.SIGNUPS: "SELECT created_at FROM contact WHERE created_at IS NOT NULL ORDER BY created_at LIMIT 1",
    Times.ORDERS: _OLDEST_ORDER,
    Times.ACCOUNT_ORDERS: _OLDEST_ORDER,
    Times.CART_CHANGES: (
        "SELECT modified_at FROM cart WHERE status = 'open' AND modified_at IS NOT NULL ORDER BY modified_at LIMIT 1"
    ),
    Times.CART_ADDITIONS: (
        "SELECT last_added_at FROM cart WHERE status = 'open' AND last_added_at IS NOT NULL"
        " ORDER BY last_added_at LIMIT 1"
    ),
    Times.EVENTS: "SELECT at FROM event WHERE kind = :kind ORDER BY at LIMIT 1",
    Times.REACTIONS: "SELECT at FROM mail_event WHERE kind = :kind ORDER BY at LIMIT 1",
}
"""the earliest row of those whose age is asked for: no span is repeated before it"""

_ONCE = {"spans": "", "since": ":since", "until": ":until", "now": ":now"}
# On SQLite a CROSS JOIN is carried out in the order in which it is written, so that each span is a look into an index.
# PostgreSQL looks for newer rows only of those that it found in a span where that seems to depend on the span.
_AGAIN = {"spans": "span CROSS JOIN ", "since": "span.since", "until": "span.until", "now": ":now + 0 * span.since"}
_REPEATED = (
    "WITH RECURSIVE span (since, until, oldest) AS ("
    "SELECT CAST(:since AS BIGINT), CAST(:until AS BIGINT), ({oldest}) UNION ALL"
    " SELECT since - :every, until - :every, oldest FROM span"
    " WHERE until - :every >= :farthest AND until - :every >= oldest) {rows}"
)


def contacts_in(span: Span) -> str:
    """A query for the contacts (column ``contact``, null for nobody) with a row in the span; see ``parameters``."""
    return _query(span, _CONTACTS_BY_NEWEST[span.times] if span.newest else _CONTACTS[span.times])


def accounts_in(span: Span) -> str:
    """A query for the accounts (column ``account``) with an order in the span: what it changes, it changes for each of
    their contacts.
    """
    return _query(span, _ACCOUNTS_BY_NEWEST if span.newest else _ACCOUNTS)


def parameters(span: Span, now: int) -> dict[str, object]:
    """What the queries may ask for: the newest rows are those as of ``now``, in seconds since 1970."""
    return {
        "since": span.since,
        "until": span.until,
        "kind": span.kind,
        "now": now,
        "every": span.every,
        "farthest": span.until - span.every * MOST_REPEATS,
    }


def _query(span: Span, rows: str) -> str:
    if not span.every:
        return rows.format(**_ONCE)
    return _REPEATED.format(oldest=_OLDEST[span.times], rows=rows.format(**_AGAIN))
