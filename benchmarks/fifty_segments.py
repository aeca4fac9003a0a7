"""Fifty segments: each condition in our language, and the same over the tables of ``by_hand.py``."""

from __future__ import annotations

DAY = 86_400


def _since(days: int) -> str:
    return f":now - {days * DAY}"


# name -> (condition of ours, the same by hand over c, a, o, ao, e, k, s, m, r)
WHERE: dict[str, tuple[str, str]] = {
    "eu-big-idle-cart": (
        "region = 'Europe' and revenue_this_year > 50000 and cart_items > 15 and days_since_login >= 14",
        f"region = 'Europe' and o.year_cents > 5000000 and k.items > 15 and e.login <= {_since(14)}",
    ),
    "lapsed": ("orders_total >= 1 and days_since_last_order >= 90", f"o.n >= 1 and o.last <= {_since(90)}"),
    "new": ("days_since_first_order < 30", f"o.first > {_since(30)}"),
    "loyal": ("orders_last_365_days >= 8", "o.n365 >= 8"),
    "big-spender": ("revenue_last_365_days > 10000", "o.c365 > 1000000"),
    "growing": ("revenue_last_90_days * 2 > revenue_last_180_days", "coalesce(o.c90, 0) * 2 > coalesce(o.c180, 0)"),
    "web-buyer": ("web_share_total >= 0.5", "o.web * 2 >= o.n and o.n > 0"),
    "large-orders": ("avg_order_value_total > 750.5", "o.done * 10 > 750500 * o.n and o.n > 0"),
    "returns": ("returns_last_365_days > 0", "o.returned365 > 0"),
    "idle": ("days_since_login >= 30", f"e.login <= {_since(30)}"),
    "active": ("logins_last_30_days >= 3", "e.n30 >= 3"),
    "never-in": ("days_since_login is null", "e.login is null"),
    "cart": ("cart_items > 0 and hours_since_cart_change >= 4", "k.items > 0 and k.changed <= :now - 14400"),
    "rich-cart": ("cart_value > 500", "k.value > 50000"),
    "food": ("industry = 'Food' and consent = 'opted_in'", "a.industry = 'Food' and c.consent = 'opted_in'"),
    "steel-large": ("industry = 'Steel' and employees >= 250", "a.industry = 'Steel' and a.employees >= 250"),
    "buyers": ("role in ('buyer', 'owner')", "c.role in ('buyer', 'owner')"),
    "swedish": ("country = 'SE' and language like 'sv%'", "country = 'SE' and c.language in ('sv', 'sv-SE')"),
    "dormant-rich": (
        "revenue_total > 20000 and (days_since_last_order > 180 or days_since_login > 180)",
        f"o.cents > 2000000 and (o.last <= {_since(181)} or e.login <= {_since(181)})",
    ),
    "quarter": ("revenue_this_year > 1000 and orders_last_90_days >= 2", "o.year_cents > 100000 and o.n90 >= 2"),
    "rfm-gold": ("rfm_tier in ('gold', 'vip')", "r.tier <= 2"),
    "rfm-vip": ("rfm_tier = 'vip'", "r.tier = 1"),
    "rfm-slipping": ("rfm_recency <= 2 and rfm_monetary >= 4", "r.recency <= 2 and r.monetary >= 4"),
    "rfm-frequent": ("rfm_frequency = 5", "r.frequency = 5"),
    "account-key": ("account_revenue_last_365_days > 100000", "ao.c365 > 10000000"),
    "account-asleep": ("account_days_since_last_order >= 60", f"ao.last <= {_since(60)}"),
    "account-many": ("account_orders_total > 40", "ao.n > 40"),
    "account-new": ("account_days_since_first_order <= 60", f"ao.first > {_since(61)}"),
    "alone-in-account": (
        "account_revenue_total = revenue_total and revenue_total > 0",
        "ao.cents = o.cents and o.cents > 0",
    ),
    "openers": ("opens_last_90_days >= 2", "m.opens90 >= 2"),
    "clickers": ("clicks_last_180_days >= 1", "m.clicks180 >= 1"),
    "silent": ("mails_last_180_days >= 1 and opens_last_180_days = 0", "s.n180 >= 1 and coalesce(m.opens180, 0) = 0"),
    "warm": ("days_since_open < 7", f"m.opened > {_since(7)}"),
    "cold": ("days_since_click > 120 or days_since_click is null", f"m.clicked <= {_since(121)} or m.clicked is null"),
    "mailed": ("mails_last_30_days > 0", "s.n30 > 0"),
    "browsers": ("count('page_view', last_30_days) >= 4", "e.views30 >= 4"),
    "came-back": (
        "days_since('page_view') <= 1 and days_since_last_order > 180",
        f"e.viewed > {_since(2)} and o.last <= {_since(181)}",
    ),
    "view-no-login": (
        "count('page_view', last_90_days) > logins_last_90_days * 3",
        "coalesce(e.views90, 0) > coalesce(e.n90, 0) * 3",
    ),
    "signed-up": ("days_since_signup < 14", f"c.created_at > {_since(14)}"),
    "old-friends": (
        "days_since_signup >= 1000 and orders_last_365_days > 0",
        f"c.created_at <= {_since(1000)} and o.n365 > 0",
    ),
    "never-bought": ("orders_total = 0 and logins_total > 0", "coalesce(o.n, 0) = 0 and e.n > 0"),
    "one-timers": ("orders_total = 1", "o.n = 1"),
    "monthly": ("orders_this_month > 0 and orders_last_month > 0", "o.month > 0 and o.month_before > 0"),
    "fading": ("revenue_this_year < revenue_last_year", "coalesce(o.year_cents, 0) < coalesce(o.year_before_cents, 0)"),
    "small-swedish": ("size = 'small' and country = 'SE'", "a.employees < 50 and country = 'SE'"),
    "medium-health": (
        "size = 'medium' and industry = 'Health'",
        "a.employees >= 50 and a.employees < 250 and a.industry = 'Health'",
    ),
    "overseas": ("region in ('North America', 'South America')", "region = 'other'"),
    "cart-week": (
        "hours_since_cart_change between 24 and 168",
        f"k.changed > :now - {169 * 3600} and k.changed <= {_since(1)}",
    ),
    "full-cart": ("cart_lines >= 4 and cart_value > 1000", "k.lines >= 4 and k.value > 100000"),
    "best-of-web": (
        "web_share_last_365_days > 0.6 and revenue_last_365_days > 5000 and not industry = 'Steel'",
        "o.web365 * 10 > o.n365 * 6 and o.n365 > 0 and o.c365 > 500000 and a.industry <> 'Steel'",
    ),
}  # fmt: skip
