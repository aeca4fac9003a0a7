"""UTM parameters on links of the workspace's own domains: a link in, the link with what it lacks out.

Existing parameters win, so adding twice changes nothing. Links with a Mailchimp tag (unsubscribe, archive) are
never touched.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# no user name: a link such as https://ours.example@elsewhere.example is not one of ours
_HOST = re.compile(r"https?://([^/?#:@\\\s]+)(?::\d+)?(?:[/?#]|\Z)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Utm:
    """What to add, and to whose links."""

    parameters: tuple[tuple[str, str], ...] = ()
    """names and values as they stand in a query, percent-encoded"""
    domains: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def of(cls, values: Mapping[str, str] | None, own_domains: Iterable[str]) -> Utm:
        """From a campaign's [utm] table; source and medium default to "newsletter" and "email"."""
        if not values:
            return cls()
        named = {"utm_source": "newsletter", "utm_medium": "email"}
        for key, value in values.items():
            named[f"utm_{key.removeprefix('utm_')}"] = value
        domains = frozenset(domain.lower().removeprefix("www.") for domain in own_domains)
        return cls(tuple((quote(key), quote(value, safe="")) for key, value in named.items() if value), domains)

    def owns(self, address: str) -> bool:
        """Whether ``address`` is an http(s) link to one of the domains or below it."""
        found = _HOST.match(address)
        if found is None or "*|" in address:
            return False
        host = found.group(1).lower()
        return any(host == domain or host.endswith("." + domain) for domain in self.domains)

    def added(self, address: str, separator: str = "&") -> str:
        """``address`` with the parameters that it lacks, before its fragment."""
        base, hash_sign, fragment = address.partition("#")
        missing = self.lacking(base)
        if missing:
            if "?" not in base:
                base += "?"
            elif not base.endswith(("?", separator)):
                base += separator
            base += separator.join(missing)
        return base + hash_sign + fragment

    def lacking(self, address: str) -> list[str]:
        """The parameters that ``address`` does not have, each as name=value."""
        return [
            f"{name}={value}"
            for name, value in self.parameters
            if f"{name}=" not in address or not re.search(rf"[?&;]{re.escape(name)}=", address)
        ]

    def tagged(self, address: str) -> str:
        """``address`` with parameters where it is one of ours, else unchanged."""
        return self.added(address) if self.parameters and self.owns(address) else address


ACTIVE: ContextVar[Utm] = ContextVar("utm", default=Utm())  # noqa: B039  # frozen
"""the parameters of the mail that is being rendered, for the filter ``utm``"""


def utm_filter(address: str | None) -> str:
    """``{{ link | utm }}``: the parameters on a link to any domain."""
    utm = ACTIVE.get()
    if not address:
        return ""
    return utm.added(str(address)) if utm.parameters and "*|" not in address else str(address)
