"""Whether the links and images of mails answer: addresses in, problems out. No other part of check uses a network.

A few at once, each with a time limit. HEAD first; servers that do not like it are asked with GET. What refuses robots
or cannot be reached from here may still work for a reader: that is a warning.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from html import unescape
from typing import TYPE_CHECKING

from orchestrator.problems import Level
from orchestrator.templates.addresses import address_fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

AT_ONCE = 4
SECONDS = 10
REFUSED = {401, 403, 405, 406, 408, 425, 429, 451, 999}
"""answers to robots and strangers"""
_FIRST_ERROR = 400
_AGENT = {"User-Agent": "Mozilla/5.0 (compatible; campaigns-check)"}
Answer = tuple[Level, str, str]


def faulty_links(addresses: Iterable[str], ask: Callable[[str], int] | None = None) -> dict[str, Answer]:
    """Of each address that does not answer well: how grave it is, what happened, and what to do.

    Only web addresses that readers can reach are asked, each once. ``ask`` gives the status of one; raises OSError.
    """
    wanted = sorted({one for one in addresses if _is_asked(one)})
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = pool.map(lambda address: _judged(address, ask or status), wanted)
        return {address: answer for address, answer in zip(wanted, answers, strict=True) if answer is not None}


def status(address: str) -> int:
    """The HTTP status of an address after redirections. Raises OSError where there is none."""
    import requests  # noqa: PLC0415 -- only where the network is asked

    address = unescape(address)
    with requests.Session() as session:
        session.headers.update(_AGENT)
        found = session.head(address, timeout=SECONDS, allow_redirects=True).status_code
        if found >= _FIRST_ERROR:
            with session.get(address, timeout=SECONDS, stream=True) as answer:
                found = answer.status_code
        return found


def _is_asked(address: str) -> bool:
    web = address.lower().startswith(("http://", "https://"))
    return web and "*|" not in address and "{{" not in address and address_fault(address) is None


def _judged(address: str, ask: Callable[[str], int]) -> Answer | None:
    try:
        code = ask(address)
    except OSError as fault:
        reason = "takes too long to answer" if "timed out" in str(fault).lower() else "cannot be reached from here"
        return Level.WARNING, f"{address} {reason}", "Open it in a browser: does it exist?"
    if code < _FIRST_ERROR:
        return None
    if code in REFUSED:
        return Level.WARNING, f"{address} answers {code}", "It may only refuse robots: open it in a browser."
    return Level.ERROR, f"{address} answers {code}", "Mend the address, or the page behind it."
