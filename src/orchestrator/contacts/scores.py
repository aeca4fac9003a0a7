"""RFM: how recently, how often and for how much a contact ordered, ranked among all who did."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from orchestrator.contacts.orders import COMPLETED, RETURNED
from orchestrator.contacts.periods import EVER
from orchestrator.contacts.question import Answer
from orchestrator.contacts.tallies import inside, one_of
from orchestrator.vocabulary import OrderStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.contacts.measures import Measure, Rfm
    from orchestrator.contacts.question import Asked


def rfm(questions: Sequence[Rfm], asked: Asked) -> dict[Measure, Answer]:
    """Scores and tier. They rank everybody, so the contacts asked for do not narrow what is read.

    A contact with b of n strictly better ones scores ``5 - floor(5 * b / n)``: rank() - 1 is b, equal values share it.
    """
    if not questions:
        return {}
    moment = asked.moment
    when = " AND ".join(inside("o.placed_at", moment.window(moment.settings.rfm.window), EVER))
    completed = f"o.status = '{OrderStatus.COMPLETED.value}'"
    figures = (
        f"SELECT o.contact AS k, MAX(CASE WHEN {completed} THEN o.placed_at END) AS latest,"
        f" SUM(CASE WHEN {completed} THEN 1 ELSE 0 END) AS orders, SUM(o.total_cents) AS revenue"
        " FROM orders o JOIN contact c ON c.id = o.contact"
        f" WHERE {one_of('o.status', COMPLETED | RETURNED)} AND {when}"
        f" AND (c.created_at IS NULL OR c.created_at <= {moment.epoch})"
        f" GROUP BY o.contact HAVING SUM(CASE WHEN {completed} THEN 1 ELSE 0 END) > 0"
    )
    scores = ", ".join(
        f"5 - (5 * (RANK() OVER (ORDER BY {column} DESC) - 1)) / COUNT(*) OVER () AS {name}"
        for name, column in (("recency", "latest"), ("frequency", "orders"), ("monetary", "revenue"))
    )
    ranked = (
        "SELECT s.*, RANK() OVER (ORDER BY recency + frequency + monetary DESC) - 1 AS better, COUNT(*) OVER () AS n"
        f" FROM (SELECT k, {scores} FROM ({figures}) figures) s"
    )
    # SQLite takes the outcome of window functions for a handful of rows and would scan it for each contact; grouped by
    # its key, which changes nothing, it is given an index
    columns = ", ".join(f"MAX({column}) AS {column}" for column in ("recency", "frequency", "monetary", "better", "n"))
    asked.joins.append(f"LEFT JOIN (SELECT k, {columns} FROM ({ranked}) ranked GROUP BY k) r ON r.k = c.id")
    tiers = []
    for tier, share in moment.settings.rfm.tiers.items():
        above, of = Decimal(str(share)).as_integer_ratio()
        tiers.append(f"WHEN r.better * {of} < r.n * {above} THEN {asked.bind(tier)}")
    sql = {
        "recency": Answer("r.recency"),
        "frequency": Answer("r.frequency"),
        "monetary": Answer("r.monetary"),
        "score": Answer(
            "CAST(r.recency AS VARCHAR(1)) || CAST(r.frequency AS VARCHAR(1)) || CAST(r.monetary AS VARCHAR(1))"
        ),
        "tier": Answer(f"CASE WHEN r.k IS NULL THEN NULL {' '.join(tiers)} ELSE 'bronze' END"),
    }
    return {question: sql[question.what] for question in questions}
