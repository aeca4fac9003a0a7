"""The verdicts on many contacts: their facts from the database, the decisions from ``eligibility``. Reads only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.campaigns.eligibility import Candidate, Rules, Verdict, decide
from orchestrator.clock import to_epoch
from orchestrator.store import runs as store, tags
from orchestrator.store.tags import WORD_BITS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from orchestrator.definitions.values import CampaignDefinition, Settings

PAGE = 5000


def verdicts(
    connection: Connection,
    settings: Settings,
    campaign: CampaignDefinition,
    entries: Mapping[int, int | None],
    *,
    now: datetime,
    run: int = 0,
) -> Iterator[tuple[Candidate, Verdict]]:
    """Each contact of ``entries`` (contact -> entry) with its verdict, in the order of contact ids.

    ``run``: the run that asks, whose own planned mails do not count against the contact.
    """
    rules = Rules(campaign, settings.limits, settings.timezone, now)
    cap = settings.limits.per_contact
    cap_since = to_epoch(now - cap.within) if cap is not None else to_epoch(now)
    bits = {name: bit for name, (_, bit) in tags.segment_bits(connection).items()}
    contacts = sorted(entries)
    for start in range(0, len(contacts), PAGE):
        page = contacts[start : start + PAGE]
        masks = tags.masks(connection, page)

        def is_in(contact: int, segment: str, masks: dict[int, dict[int, int]] = masks) -> bool:
            bit = bits.get(segment)
            return bit is not None and bool(masks.get(contact, {}).get(bit // WORD_BITS, 0) >> (bit % WORD_BITS) & 1)

        rows = store.candidate_rows(connection, page, campaign=campaign.name, run=run, cap_since=cap_since)
        for row in rows:
            contact = int(str(row["contact"]))
            candidate = Candidate(
                **{  # type: ignore[arg-type] # columns by name
                    **row,
                    "refusal_detail": row["refusal_detail"] or "",
                    # SQLite knows no booleans
                    "waits": bool(row["waits"]),
                },
                is_member=is_in(contact, campaign.segment),
                excluded_by=next((name for name in campaign.exclude if is_in(contact, name)), None),
                entered_at=entries[contact],
            )
            yield candidate, decide(candidate, rules)
