"""When each campaign was first seen: its schedule and its entries count from there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection


def see_campaigns(connection: Connection, names: Sequence[str], now: int) -> None:
    """Remember the moment for those that are new."""
    if names:
        connection.execute(
            text(
                "INSERT INTO campaign_seen (campaign, first_seen_at) VALUES (:name, :now) "
                "ON CONFLICT (campaign) DO NOTHING"
            ),
            [{"name": name, "now": now} for name in names],
        )


def first_seen(connection: Connection) -> dict[str, int]:
    """Campaign -> when it was first seen."""
    return {row[0]: row[1] for row in connection.execute(text("SELECT campaign, first_seen_at FROM campaign_seen"))}
