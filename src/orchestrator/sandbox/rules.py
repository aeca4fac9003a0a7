"""How this sandbox behaves: the account's plan, its limits, and what is not known about the real service."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rules:
    """Choices made at the start.

    audience              id of an audience that exists from the start
    create_audiences      an audience asked for by an unknown id comes into being (else 404)
    plan                  monthly, pay_as_you_go or forever_free (no scheduling)
    verified_domains      None: every domain counts as verified
    sending_seconds       how long a campaign stays ``sending``
    escape_merge_values   escape merge values in HTML; whether Mailchimp does is not known, so rehearse both
    latency               seconds added to every answer
    """

    audience: str | None = None
    create_audiences: bool = True
    plan: str = "monthly"
    verified_domains: tuple[str, ...] | None = None
    sending_seconds: float = 0
    escape_merge_values: bool = False
    latency: float = 0
    connections: int = 10
    merge_field_limit: int = 30
