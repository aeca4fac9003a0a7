"""What should happen, worked out a second time: plain Python over the rows, without a line of the product.

One object lives through the days of a world. ``cycle`` and ``send`` say who gets which mail and who does not, and why,
in the order of the contract. What the contract leaves to the product is learned from its first answer and held against
it from then on: which accounts are the holdout.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

BUSINESS = ZoneInfo("Europe/Stockholm")
HOLIDAYS = {
    "SE": {date(2026, 1, 1), date(2026, 1, 6), date(2026, 4, 3), date(2026, 4, 6), date(2026, 5, 1), date(2026, 5, 14)},
    "DE": {
        date(2026, 1, 1),
        date(2026, 4, 3),
        date(2026, 4, 6),
        date(2026, 5, 1),
        date(2026, 5, 14),
        date(2026, 5, 25),
    },
    "US": {date(2026, 1, 1), date(2026, 1, 19), date(2026, 2, 16), date(2026, 5, 25)},
}
"""of the months that the scenarios play in"""
Rows = Mapping[str, Mapping[tuple[Any, ...], Mapping[str, Any]]]
Rule = Callable[["Facts", str, datetime], bool]


@dataclass(frozen=True, slots=True)
class Facts:
    """The rows, and the questions that segments ask of them."""

    rows: Rows

    def contact(self, who: str) -> Mapping[str, Any]:
        return self.rows["contacts"][(who,)]

    def cart(self, who: str, now: datetime) -> list[Mapping[str, Any]]:
        """Lines of the open carts, the latest cart first, each with its product, price and total."""
        carts = [
            cart
            for cart in self.rows["carts"].values()
            if cart["contact_id"] == who and cart["status"] == "open" and at(cart["modified_at"]) <= now
        ]
        found: list[Mapping[str, Any]] = []
        for cart in sorted(carts, key=lambda cart: at(cart["modified_at"]), reverse=True):
            for line in sorted(self.rows["cart_lines"].values(), key=lambda line: str(line["product_id"])):
                if line["cart_id"] == cart["cart_id"]:
                    product = self.rows["products"][(line["product_id"],)]
                    price = Decimal(line["unit_price"])
                    found.append({**line, "name": product["name"], "price": price, "total": price * line["quantity"]})
        return found

    def revenue(self, who: str, since: datetime, now: datetime) -> Decimal:
        orders = [row for row in self.rows["orders"].values() if row["contact_id"] == who]
        counted = [row for row in orders if row["status"] in {"completed", "returned"}]
        return sum((Decimal(row["total"]) for row in counted if since <= at(row["placed_at"]) < now), Decimal(0))

    def logins(self, who: str, since: datetime, now: datetime) -> int:
        events = [row for row in self.rows["events"].values() if row["contact_id"] == who and row["kind"] == "login"]
        return sum(since <= at(row["at"]) < now for row in events)

    def unit(self, who: str) -> str:
        """Account, or the contact itself where it has none."""
        return str(self.contact(who).get("account_id") or f"contact {who}")

    def country(self, who: str) -> str:
        account = self.rows["accounts"].get((self.contact(who).get("account_id"),), {})
        return str(self.contact(who).get("country") or account.get("country") or "")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def idle_cart(hours: int) -> Rule:
    def rule(facts: Facts, who: str, now: datetime) -> bool:
        carts = [
            cart for cart in facts.rows["carts"].values() if cart["contact_id"] == who and cart["status"] == "open"
        ]
        changes = [at(cart["modified_at"]) for cart in carts if at(cart["modified_at"]) <= now]
        return bool(facts.cart(who, now)) and now - max(changes) >= timedelta(hours=hours)

    return rule


def revenue_this_year(above: int) -> Rule:
    def rule(facts: Facts, who: str, now: datetime) -> bool:
        year = datetime(now.astimezone(BUSINESS).year, 1, 1, tzinfo=BUSINESS)
        return facts.revenue(who, year, now) > above

    return rule


def logins_in_days(days: int, least: int) -> Rule:
    return lambda facts, who, now: facts.logins(who, now - timedelta(days=days), now) >= least


def industry(name: str) -> Rule:
    def rule(facts: Facts, who: str, now: datetime) -> bool:
        account = facts.rows["accounts"].get((facts.contact(who).get("account_id"),), {})
        return account.get("industry") == name

    return rule


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign as its file says it. ``daily_at``: local hour, for those on schedule."""

    name: str
    segment: str
    subject: Callable[[Facts, str, datetime], str]
    sentences: Callable[[Facts, str, datetime], list[str]]
    """that stand in the mail, in this order"""
    on: str = "manual"
    after: timedelta = timedelta(0)
    again_after: timedelta | None = None
    existing: bool = False
    daily_at: int = 9
    missed_after: timedelta = timedelta(hours=6)
    exclude: tuple[str, ...] = ()
    holdout: bool = False
    priority: int = 50


@dataclass(frozen=True, slots=True)
class Limits:
    cap: int | None = None
    within: timedelta = timedelta(days=7)
    quiet: tuple[time, time] | None = None
    business_days: bool = False


@dataclass(slots=True)
class Run:
    """``open``: deferred contacts -> when they are looked at again."""

    campaign: Campaign
    decisions: dict[str, str] = field(default_factory=dict)
    open: dict[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail that has to arrive."""

    campaign: str
    contact: str
    subject: str
    sentences: tuple[str, ...]


@dataclass
class Oracle:
    """``provider``: address -> status at Mailchimp other than subscribed; ``refused``: addresses it refuses."""

    rows: Rows
    segments: dict[str, Rule]
    campaigns: list[Campaign]
    limits: Limits
    provider: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    held: dict[tuple[str, str], bool] = field(default_factory=dict)
    """(campaign, account) -> whether it is the holdout, once that was seen"""
    runs: list[Run] = field(default_factory=list)
    _members: dict[str, set[str]] = field(default_factory=dict)
    _entered: dict[tuple[str, str], datetime] = field(default_factory=dict)
    _baseline: set[tuple[str, str]] = field(default_factory=set)
    """those who were there when the segment was first computed: they have not entered"""
    _answered: set[tuple[str, str, datetime]] = field(default_factory=set)
    _occurred: set[tuple[str, datetime]] = field(default_factory=set)
    _sent: list[tuple[str, str, datetime]] = field(default_factory=list)
    _first: datetime | None = None

    # -- a cycle, a send

    def cycle(self, now: datetime, observed: Callable[[Campaign], Mapping[str, str]]) -> list[Mail]:
        """What `daemon --once` has to deliver. ``observed``: decisions of a campaign's latest run, for the holdout."""
        self._recompute(now)
        work: list[tuple[int, int, str, Run, list[str]]] = []
        for run in self.runs:
            ready = [who for who, moment in run.open.items() if moment <= now]
            if ready:
                work.append((-run.campaign.priority, 0, run.campaign.name, run, ready))
        for campaign in self.campaigns:
            due = self._due(campaign, now)
            if due is not None:
                work.append((-campaign.priority, 1, campaign.name, Run(campaign), due))
        mails: list[Mail] = []
        for _, is_new, _, run, contacts in sorted(work, key=lambda item: item[:3]):
            if is_new:
                self.runs.append(run)
            mails += self._decide(run, contacts, now, observed)
        return mails

    def send(self, name: str, now: datetime, observed: Callable[[Campaign], Mapping[str, str]]) -> list[Mail]:
        """What `campaigns send NAME` has to deliver."""
        self._recompute(now)
        run = Run(next(one for one in self.campaigns if one.name == name))
        self.runs.append(run)
        return self._decide(run, sorted(self._members[run.campaign.segment]), now, observed)

    def members(self, segment: str, now: datetime) -> set[str]:
        """Who is in, whatever their consent."""
        facts = Facts(self.rows)
        return {key[0] for key in self.rows["contacts"] if self.segments[segment](facts, key[0], now)}

    def tagged(self, segment: str) -> set[str]:
        """Addresses of members with consent whom Mailchimp may hold as subscribed."""
        return {
            self._address(who)
            for who in self._members[segment]
            if Facts(self.rows).contact(who)["consent"] == "opted_in"
            and self._address(who) not in {**self.provider, **self.refused}
        }

    # -- memberships and what is due

    def _recompute(self, now: datetime) -> None:
        self._first = self._first or now
        for name in self.segments:
            found = self.members(name, now)
            before = self._members.get(name)
            for who in found:
                if before is None:
                    self._baseline.add((name, who))
                if before is None or who not in before:
                    self._entered[name, who] = now
            self._baseline -= {(name, who) for who in (before or set()) - found}
            self._members[name] = found

    def _due(self, campaign: Campaign, now: datetime) -> list[str] | None:
        if campaign.on == "enter":
            return self._entries(campaign, now) or None
        if campaign.on == "schedule":
            return self._scheduled(campaign, now)
        return None

    def _entries(self, campaign: Campaign, now: datetime) -> list[str]:
        found = []
        for who in self._members[campaign.segment]:
            entered = self._entered[campaign.segment, who]
            key = (campaign.name, who, entered)
            if (campaign.segment, who) in self._baseline and not campaign.existing:
                continue
            if entered <= now - campaign.after and key not in self._answered:
                self._answered.add(key)
                found.append(who)
        return sorted(found)

    def _scheduled(self, campaign: Campaign, now: datetime) -> list[str] | None:
        local = now.astimezone(BUSINESS)
        moment = datetime.combine(local.date(), time(campaign.daily_at), BUSINESS)
        if moment > now:
            moment = datetime.combine(local.date() - timedelta(days=1), time(campaign.daily_at), BUSINESS)
        assert self._first is not None
        if moment < self._first or (campaign.name, moment) in self._occurred:
            return None
        self._occurred.add((campaign.name, moment))
        return None if now - moment > campaign.missed_after else sorted(self._members[campaign.segment])

    # -- decisions

    def _decide(
        self, run: Run, contacts: list[str], now: datetime, observed: Callable[[Campaign], Mapping[str, str]]
    ) -> list[Mail]:
        facts = Facts(self.rows)
        mails = []
        for who in contacts:
            run.open.pop(who, None)
            decision = self._reason(run, who, now, facts, observed)
            if decision is None:
                moment = self._next_open(who, now, facts)
                if moment > now:
                    run.open[who] = moment
                    run.decisions[who] = "deferred"
                    continue
                decision = "sent"
                self._sent.append((run.campaign.name, who, now))
                subject, sentences = run.campaign.subject(facts, who, now), run.campaign.sentences(facts, who, now)
                mails.append(Mail(run.campaign.name, who, subject, tuple(sentences)))
            run.decisions[who] = decision
        return mails

    def _reason(
        self, run: Run, who: str, now: datetime, facts: Facts, observed: Callable[[Campaign], Mapping[str, str]]
    ) -> str | None:
        campaign = run.campaign
        if facts.contact(who)["consent"] != "opted_in":
            return "no_consent"
        status = self.provider.get(self._address(who))
        if status in {"unsubscribed", "archived"}:
            return "suppressed"
        if status == "cleaned" or self._address(who) in self.refused:
            return "undeliverable"
        if any(who in self._members[name] for name in campaign.exclude):
            return "excluded"
        if campaign.holdout and self._is_held(campaign, who, facts, observed):
            return "held_out"
        if who not in self._members[campaign.segment]:
            return "left_segment"
        own = [moment for name, contact, moment in self._sent if (name, contact) == (campaign.name, who)]
        if now in own or any(who in other.open for other in self.runs if other.campaign == campaign):
            return "recently_mailed"  # two mails of one campaign never go out at the same moment
        if campaign.again_after is not None and own and now - max(own) < campaign.again_after:
            return "recently_mailed"
        lately = [m for _, contact, m in self._sent if contact == who and now - m < self.limits.within]
        if self.limits.cap is not None and len(lately) >= self.limits.cap:
            return "capped"
        return None

    def _is_held(
        self, campaign: Campaign, who: str, facts: Facts, observed: Callable[[Campaign], Mapping[str, str]]
    ) -> bool:
        key = (campaign.name, facts.unit(who))
        if key not in self.held:
            self.held[key] = observed(campaign).get(who) == "held_out"
        return self.held[key]

    def _next_open(self, who: str, now: datetime, facts: Facts) -> datetime:
        """Minute by minute, as slow as it is plain."""
        zone = ZoneInfo(facts.contact(who).get("timezone") or BUSINESS.key)
        moment = now
        while not self._is_open(moment.astimezone(zone), facts.country(who)):
            moment = moment.replace(second=0) + timedelta(minutes=1)
        return moment

    def _is_open(self, local: datetime, country: str) -> bool:
        if self.limits.business_days and (local.weekday() >= 5 or local.date() in HOLIDAYS.get(country, ())):
            return False
        if self.limits.quiet is None:
            return True
        start, end = self.limits.quiet
        return not (local.time() >= start or local.time() < end)

    def _address(self, who: str) -> str:
        return str(self.rows["contacts"][(who,)]["email"]).lower()
