"""RFM: how recently, how often and for how much a contact ordered, ranked among all who did."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from orchestrator.contacts.orders import COMPLETED, RETURNED
from orchestrator.contacts.periods import EVER
from orchestrator.contacts.question import Answer
from orchestrator.contacts.tallies import inside, one_of, unsorted
from orchestrator.vocabulary import OrderStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.contacts.measures import Measure, Rfm
    from orchestrator.contacts.question import Asked, Moment
    from orchestrator.contacts.ranking import Ranking


SUMS = range(3, 16)
"""of three scores"""
BRONZE = "'bronze'"


def figures(asked: Asked) -> str:
    """The figures that are ranked, for each contact (``k``) with an order in the window."""
    moment = asked.moment
    when = " AND ".join(inside(unsorted("o.placed_at"), moment.window(moment.settings.rfm.window), EVER))
    completed = f"o.status = '{OrderStatus.COMPLETED.value}'"
    # joined when they are few: the orders are read from their covering index, in its order
    ordered = (
        f"SELECT o.contact AS k, MAX(o.placed_at) FILTER (WHERE {completed}) AS latest,"
        f" COUNT(*) FILTER (WHERE {completed}) AS orders, CAST(SUM(o.total_cents) AS BIGINT) AS revenue"
        f" FROM orders o WHERE {one_of('o.status', COMPLETED | RETURNED)} AND {when}"
        f" AND o.contact IS NOT NULL{asked.only('o.contact')}"
        f" GROUP BY o.contact HAVING COUNT(*) FILTER (WHERE {completed}) > 0"
    )
    return of_those_who_were_there(ordered, moment)


def of_those_who_were_there(figures: str, moment: Moment) -> str:
    """Without those of contacts that were created later."""
    # in this order on SQLite, which would read all contacts instead of looking up, one after the other, who ordered
    return (
        f"SELECT x.k, x.latest, x.orders, x.revenue FROM ({figures}) x CROSS JOIN contact c"
        f" WHERE c.id = x.k AND (c.created_at IS NULL OR {unsorted('c.created_at')} <= {moment.epoch})"
    )


def tier_of(better: int, contacts: int, share: float) -> bool:
    """Whether so few strictly better ones leave a contact in the top share."""
    above, of = Decimal(str(share)).as_integer_ratio()
    return better * of < contacts * above


def rfm(questions: Sequence[Rfm], asked: Asked) -> dict[Measure, Answer]:
    """Scores and tier. They rank everybody, so the contacts asked for do not narrow what is read, but where a ranking
    is kept for this very moment.

    A contact with b of n strictly better ones scores ``5 - floor(5 * b / n)``: rank() - 1 is b, equal values share it.
    """
    if not questions:
        return {}
    tier = _ranked(asked) if asked.ranking is None else _kept(asked, asked.ranking)
    sql = {
        "recency": Answer("r.recency"),
        "frequency": Answer("r.frequency"),
        "monetary": Answer("r.monetary"),
        "score": Answer(
            "CAST(r.recency AS VARCHAR(1)) || CAST(r.frequency AS VARCHAR(1)) || CAST(r.monetary AS VARCHAR(1))"
        ),
        "tier": Answer(tier),
    }
    return {question: sql[question.what] for question in questions}


def _ranked(asked: Asked) -> str:
    """Join the scores (r), ranked from the orders; SQL of the tier."""
    everybody = replace(asked, contacts=None)
    scores = ", ".join(
        f"5 - {asked.whole(f'(5 * (RANK() OVER (ORDER BY {column} DESC) - 1))', 'COUNT(*) OVER ()')} AS {name}"
        for name, column in (("recency", "latest"), ("frequency", "orders"), ("monetary", "revenue"))
    )
    ranked = (
        "SELECT s.*, RANK() OVER (ORDER BY recency + frequency + monetary DESC) - 1 AS better, COUNT(*) OVER () AS n"
        f" FROM (SELECT k, {scores} FROM ({figures(everybody)}) figures) s"
    )
    # SQLite takes the outcome of window functions for a handful of rows and would scan it for each contact; grouped by
    # its key, which changes nothing, it is given an index
    columns = ", ".join(f"MAX({column}) AS {column}" for column in ("recency", "frequency", "monetary", "better", "n"))
    asked.joins.append(f"LEFT JOIN (SELECT k, {columns} FROM ({ranked}) ranked GROUP BY k) r ON r.k = c.id")
    tiers = []
    for tier, share in asked.moment.settings.rfm.tiers.items():
        above, of = Decimal(str(share)).as_integer_ratio()
        tiers.append(f"WHEN r.better * {of} < r.n * {above} THEN {asked.bind(tier)}")
    return f"CASE WHEN r.k IS NULL THEN NULL {' '.join(tiers)} ELSE {BRONZE} END"


def _kept(asked: Asked, ranking: Ranking) -> str:
    """Join the scores (r), from figures and cuts that are kept; SQL of the tier."""
    names = (("recency", "latest"), ("frequency", "orders"), ("monetary", "revenue"))
    scores = ", ".join(f"{ranking.score(figure, f'f.{figure}')} AS {name}" for name, figure in names)
    asked.joins.append(f"LEFT JOIN (SELECT f.contact AS k, {scores} FROM rfm_figure f) r ON r.k = c.id")
    starts = ranking.tier_starts(asked.moment.settings.rfm)
    # sum by sum, so that a row's is computed once
    tiers = " ".join(
        f"WHEN {total} THEN {next((asked.bind(tier) for tier, start in starts.items() if total >= start), BRONZE)}"
        for total in SUMS
    )
    return f"CASE r.recency + r.frequency + r.monetary {tiers} END"
