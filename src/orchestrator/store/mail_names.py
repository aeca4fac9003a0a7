"""The names that ``contact`` and ``account`` always have in a template.

They are written down here, because loading the table classes takes longer than checking a workspace; a test compares
them with the tables.
"""

from __future__ import annotations

CONTACT = (
    "key", "email", "first_name", "last_name", "job_title", "role", "language", "country", "timezone", "created_at",
    "consent", "consent_at", "consent_source", "lead_score", "lifecycle_stage", "birth_date", "gender", "interests",
)  # fmt: skip
ACCOUNT = (
    "key", "name", "industry", "employees", "annual_revenue_cents", "customer_group", "price_list", "channel",
    "country", "city", "postcode", "latitude", "longitude", "legal_form", "order_method", "payment_terms",
    "delivery_terms", "sales_rep", "cost_to_serve",
)  # fmt: skip


def account_columns() -> tuple[str, ...]:
    """Names that ``account`` always has."""
    renamed = {"key": "account_id", "annual_revenue_cents": "annual_revenue"}
    return tuple(renamed.get(name, name) for name in ACCOUNT)


def contact_columns() -> tuple[str, ...]:
    """Names that ``contact`` always has."""
    return tuple({"key": "contact_id"}.get(name, name) for name in CONTACT)
