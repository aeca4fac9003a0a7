"""What an answer of Mailchimp, or the lack of one, proves.

Only two things prove that nothing was done: a Problem Detail document, and a connection that never came about. A bare
status does not: 429 and 403 without a body, 502 and 504 come from the edge in front of Mailchimp, which does not know
what happened behind it.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError, ReadTimeoutError

from orchestrator.mailchimp.failures import Failure, Kind, scrubbed, sentence

if TYPE_CHECKING:
    from collections.abc import Iterator

_MANY_SIGNUPS = re.compile(r"signed up to a lot of lists", re.IGNORECASE)
_SERVER_ADVICE = "Check [mailchimp] base_url, and the proxy settings of this machine."
_ADVICE = {
    401: "Check [mailchimp] api_key, that the key was not revoked, and that base_url is in its data centre.",
    403: "The plan of the Mailchimp account, or the key's user, does not allow this: ask the account's owner.",
    **dict.fromkeys((301, 302, 303, 307, 308, 407, 426), _SERVER_ADVICE),
}
"""statuses that every further call would meet too, and what to do"""


def failure_of_answer(status: int, content_type: str, document: dict[str, Any] | None) -> Failure | None:
    """What is wrong with an answer, whose body is ``document``; None: it is a success (204, or 2xx with an object)."""
    if status == 204 or (200 <= status < 300 and document is not None):
        return None
    if 200 <= status < 300:
        form = content_type.partition(";")[0] or "no type"
        return Failure(Kind.BROKEN, f"the answer ({status}, {form}) is not one of Mailchimp's API", proof=False)
    problem = _Problem.of(document)
    if problem is None:
        return _without_words(status)
    kind = _kind(status, problem.detail)
    cause = f"Mailchimp says: {problem.said} ({status})"
    if status in _ADVICE:
        cause = f"{sentence(cause)} {_ADVICE[status]}"
    return Failure(kind, cause, kind is not Kind.BROKEN, problem.title, problem.detail)


def _kind(status: int, detail: str) -> Kind:
    """Of a refusal that Mailchimp explains."""
    match status:
        case 429:
            return Kind.THROTTLED
        case 404:
            return Kind.GONE
        case 400 if _MANY_SIGNUPS.search(detail):
            return Kind.LATER
        case _ if status in _ADVICE:
            return Kind.MISCONFIGURED
        case _ if status >= 500 or status == 408:
            return Kind.BROKEN
        case _:
            return Kind.REFUSED


def _without_words(status: int) -> Failure:
    """A bare status, or a page for browsers: not from Mailchimp's API but from something in front of it."""
    match status:
        case 429 | 403:
            return Failure(Kind.THROTTLED, f"too many calls at once ({status} without a word)", proof=False)
        case _ if status in _ADVICE:
            return Failure(Kind.MISCONFIGURED, f"the server answers {status}. {_ADVICE[status]}", proof=False)
        case _:
            return Failure(Kind.BROKEN, f"the server answers {status} without a word", proof=False)


def failure_of_exchange(error: requests.RequestException) -> Failure:
    """What an exchange without an answer proves: only a connection that never came about is proof."""
    reasons = tuple(_reasons(error))
    if any(isinstance(reason, ssl.SSLCertVerificationError) for reason in reasons):
        return Failure(
            Kind.MISCONFIGURED,
            "the server's certificate is not trusted. Check [mailchimp] base_url, and the certificates and proxies of "
            "this machine.",
            proof=True,
        )
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        return Failure(
            Kind.MISCONFIGURED, "the server's address is not usable. Check base_url and proxies.", proof=True
        )
    if isinstance(error, requests.exceptions.ProxyError):
        # raised while the connection through the proxy is made, before the request is written
        return Failure(Kind.UNREACHABLE, "the proxy of this machine gives no connection", proof=True)
    if isinstance(error, requests.exceptions.ConnectTimeout) or any(
        isinstance(reason, NewConnectionError) for reason in reasons
    ):
        return Failure(Kind.UNREACHABLE, f"there is no connection to the server ({_system_words(reasons)})", proof=True)
    if isinstance(error, requests.Timeout) or any(isinstance(reason, ReadTimeoutError) for reason in reasons):
        return Failure(Kind.BROKEN, "no answer came in time", proof=False, timed_out=True)
    return Failure(Kind.BROKEN, f"the connection broke before the answer ({_system_words(reasons)})", proof=False)


@dataclass(frozen=True, slots=True)
class _Problem:
    """A Problem Detail document, without addresses."""

    title: str
    detail: str
    said: str
    """all of it, for people"""

    @classmethod
    def of(cls, document: dict[str, Any] | None) -> _Problem | None:
        if document is None or not (document.get("title") or document.get("detail")):
            return None
        title = scrubbed(str(document.get("title") or ""))
        parts = [scrubbed(str(document.get("detail") or ""))]
        errors = document.get("errors")
        parts += (
            scrubbed(f"{entry.get('field') or 'request'}: {entry.get('message')}")
            for entry in (errors if isinstance(errors, list) else ())
            if isinstance(entry, dict)
        )
        detail = " ".join(part for part in parts if part)
        said = ": ".join(part for part in (title, detail) if part)
        instance = document.get("instance")
        if isinstance(instance, str) and instance:
            said += f" (request {scrubbed(instance)})"
        return cls(title, detail, said)


def json_object(body: bytes) -> dict[str, Any] | None:
    """The body of an answer, if it is one JSON object."""
    try:
        document = orjson.loads(body)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _reasons(error: BaseException) -> Iterator[BaseException]:
    """The error and everything that it was made from; requests and urllib3 wrap one another."""
    seen: set[int] = set()
    left: list[BaseException] = [error]
    while left:
        reason = left.pop()
        if id(reason) in seen:
            continue
        seen.add(id(reason))
        yield reason
        inner = [*reason.args, reason.__cause__, reason.__context__]
        if isinstance(reason, MaxRetryError):
            inner.append(reason.reason)
        left.extend(one for one in inner if isinstance(one, BaseException))


def _system_words(reasons: tuple[BaseException, ...]) -> str:
    """The operating system's words ("Connection refused"), else the innermost error's name; never the address."""
    for reason in reversed(reasons):
        if isinstance(reason, OSError) and reason.strerror:
            return reason.strerror
    return type(reasons[-1]).__name__
