"""What templates may print follows the tables."""

from __future__ import annotations

from orchestrator.store import tables
from orchestrator.store.mail_names import account_columns, contact_columns


def test_templates_know_every_column_of_a_contact_and_an_account() -> None:
    ours = {"id", "key", "extra"}
    contact = set(tables.Contact.model_fields) - ours - {"account", "email_key"} | {"contact_id"}
    account = set(tables.Account.model_fields) - ours - {"annual_revenue_cents"} | {"account_id", "annual_revenue"}
    assert set(contact_columns()) == contact
    assert set(account_columns()) == account
